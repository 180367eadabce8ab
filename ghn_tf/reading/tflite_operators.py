# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The operators of a .tflite file, float or integer, with what they read.

Of damaged ones flatbuffer.DamagedError is raised.
"""

from collections.abc import Sequence
import functools
import math
import struct
from typing import Any

from ghn_tf import flatbuffer
from ghn_tf import tflite_schema
from ghn_tf.arch import bounds

_MOST = 4 * bounds.MAX_NODES  # operators; of tensors five times that
_AXES = 8
_CHARACTERS = 100  # of names
_ACTIVATIONS = {"NONE": "linear"}  # the others are called as in Keras


class Operator:
  """An operator with what it reads and gives."""

  def __init__(self, graph: "Graph", table: flatbuffer.Table):
    self.graph = graph
    self.name = graph.operator_name(table.integer(0, "I"))
    self.what = table.what = f"{table.what} ({self.name:.80})"
    self.inputs, self.outputs = (
      table.integers(slot, "<i4", f"the {kind}s of {self.what}")
      for slot, kind in ((1, "input"), (2, "output"))
    )
    self._table = table

  @functools.cached_property
  def options(self) -> dict[str, Any]:
    """Returns the options, as the schema names them."""
    return tflite_schema.options(self.name, self._table)

  def shape(self, position: int) -> tuple[int, ...]:
    """Returns the shape of an input."""
    return self.graph.shape(self.input(position))

  def input(self, position: int) -> int:
    """Returns the tensor of an input."""
    return self._tensor("input", self.inputs, position)

  def output(self) -> int:
    """Returns the tensor of the first output."""
    return self._tensor("output", self.outputs, 0)

  def _tensor(self, kind: str, tensors: Sequence[int], position: int) -> int:
    if position >= len(tensors):
      raise flatbuffer.DamagedError(f"{self.what} has {len(tensors)} {kind}s")
    return tensors[position]

  def has_bias(self) -> bool:
    """Whether a third input is there."""
    return len(self.inputs) > 2 and self.inputs[2] >= 0

  def activation(self) -> str:
    """Returns the name of the activation that is fused."""
    name = self.options["activation"]
    return _ACTIVATIONS.get(name, name.lower())

  def window(self, kernel: Sequence[int], size_key: str) -> dict[str, Any]:
    """Returns what convolutions and pools have in common."""
    return {
      size_key: list(kernel),
      "strides": [self.options["stride_h"], self.options["stride_w"]],
      "padding": self.options["padding"].lower(),
    }

  def dilation(self) -> list[int]:
    """Returns the distances of taps along height and width."""
    return [self.options["dilation_h"], self.options["dilation_w"]]


class Graph:
  """The first subgraph of a model."""

  def __init__(self, model: flatbuffer.Table):
    codes = model.tables(1, "operator code", _MOST)
    self._names = [*map(tflite_schema.operator_name, codes)]
    graphs = model.tables(2, "subgraph", _MOST)
    if not graphs:
      raise flatbuffer.DamagedError("it has no subgraph")
    self._buffers = [
      buffer.array(0, "u1", f"the data of {buffer.what}")
      for buffer in model.tables(4, "buffer", 10 * _MOST)
    ]
    graph = graphs[0]
    self._tensors = graph.tables(0, "tensor", 5 * _MOST)
    self.inputs, self.outputs = (
      graph.integers(slot, "<i4", f"the {kind}s of the graph")
      for slot, kind in ((1, "input"), (2, "output"))
    )
    operators = graph.tables(3, "operator", _MOST)
    self.operators = [Operator(self, table) for table in operators]

  def operator_name(self, index: int) -> str:
    """Returns the name of the operator that a code describes."""
    if index >= len(self._names):
      raise flatbuffer.DamagedError(
        f"an operator has code {index} of {len(self._names)}"
      )
    return self._names[index]

  def tensor(self, index: int) -> flatbuffer.Table:
    """Returns a tensor."""
    if not 0 <= index < len(self._tensors):
      raise flatbuffer.DamagedError(
        f"an operator or the graph has tensor {index} of {len(self._tensors)}"
      )
    return self._tensors[index]

  def shape(self, index: int) -> tuple[int, ...]:
    """Returns the shape of a tensor."""
    tensor = self.tensor(index)
    return tensor.integers(0, "<i4", f"the shape of {tensor.what}", _AXES)

  def name(self, index: int) -> str:
    """Returns the name of a tensor, of several that were fused the first."""
    tensor = self.tensor(index)
    name = tensor.text(3, f"the name of {tensor.what}").partition(";")[0]
    return name[:_CHARACTERS] or f"tensor_{index}"

  def constant(self, index: int) -> bytes:
    """Returns the first bytes of a tensor's data; none of a computed one."""
    tensor = self.tensor(index)
    buffer = tensor.integer(2, "I")
    if buffer >= len(self._buffers):
      raise flatbuffer.DamagedError(
        f"{tensor.what} has buffer {buffer} of {len(self._buffers)}"
      )
    data = self._buffers[buffer]
    return b"" if data is None else data[: 4 * _AXES].tobytes()

  def type(self, index: int) -> str:
    """Returns the name of a tensor's type."""
    tensor = self.tensor(index)
    code = tensor.integer(1, "b")
    what = f"type of {tensor.what}"
    return tflite_schema.name(tflite_schema.TENSOR_TYPES, code, what)

  def integers(self, index: int) -> list[int]:
    """Returns the few integers of a constant."""
    data, name = self.constant(index), self.type(index)
    if name != "INT32" or len(data) % 4:
      raise flatbuffer.DamagedError(
        f"tensor {index} should be integers, but is {len(data)} bytes of {name}"
      )
    return [*struct.unpack(f"<{len(data) // 4}i", data)]

  def number(self, index: int) -> float | None:
    """Returns a constant that is a single number, or None."""
    data = self.constant(index)
    if math.prod(self.shape(index)) != 1 or not data:
      return None
    if self.type(index) == "FLOAT32" and len(data) == 4:
      return struct.unpack("<f", data)[0]
    return None
