# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Integer `.tflite` files, ours or somebody else's, read without native code.

What `read` returns is valid: every index is in range, constants are as long as
their shapes say, and operators stand after those whose outputs they read.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
from typing import Any

import numpy as np

from ghn_tf import flatbuffer
from ghn_tf import tflite_schema
from ghn_tf.edge import geometry
from ghn_tf.edge import tensors as tensors_lib

_VERSION = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Operator:
  """An operator.

  Attributes:
    index: in the order in which they run.
    name: as in the schema, `CONV_2D`; of a custom one `CUSTOM:its name`.
    version: of the operator.
    inputs: indices of tensors; -1 for an optional one that is not there.
    outputs: indices of tensors.
    options: as `tflite_schema.OPTIONS` names them; names for padding and
      activation.
    macs: multiply-accumulates of one inference.
  """

  index: int
  name: str
  version: int
  inputs: tuple[int, ...]
  outputs: tuple[int, ...]
  options: Mapping[str, Any]
  macs: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class ModelFile:
  """A file: one graph, whose operators are in the order in which they run.

  Attributes:
    tensors: by index.
    operators: none reads what is made after it.
    inputs, outputs: of the graph, indices of tensors.
    num_bytes: of the file.
  """

  tensors: tuple[tensors_lib.Tensor, ...]
  operators: tuple[Operator, ...]
  inputs: tuple[int, ...]
  outputs: tuple[int, ...]
  num_bytes: int

  @property
  def macs(self) -> int:
    """Returns the multiply-accumulates of one inference."""
    return sum(operator.macs for operator in self.operators)

  def operands(self, operator: Operator) -> geometry.Operands:
    """Returns the tensors of an operator; None for one that is not there."""
    return geometry.Operands(
      [self.tensors[i] if i >= 0 else None for i in operator.inputs],
      [self.tensors[i] for i in operator.outputs],
      operator.options,
    )

  @functools.cached_property
  def lifetimes(self) -> Mapping[int, tuple[int, int]]:
    """Returns the first and last operator that need a tensor, by its index.

    Of those that are no constants. An input of the graph is needed from the
    first operator on, an output to the last.
    """
    end = len(self.operators) - 1
    uses = {index: (0, 0) for index in self.inputs}
    for operator in self.operators:
      for index in (*operator.inputs, *operator.outputs):
        if index >= 0 and self.tensors[index].data is None:
          first, _ = uses.get(index, (operator.index, 0))
          uses[index] = first, operator.index
    for index in self.outputs:
      if self.tensors[index].data is None:
        uses[index] = uses[index][0], end
    return uses


def read(content: bytes) -> ModelFile:
  """Reads a file; time and memory are bounded by its length.

  Raises:
    ValueError: it is damaged, it has float tensors, dynamic shapes, several
      graphs or something else that no integer file for a device has. The
      message names what is wrong.
  """
  try:
    return _read(content)
  except ValueError as error:
    raise ValueError(
      f"Not an integer .tflite file that can be emulated: {error}."
    ) from error


def _read(content: bytes) -> ModelFile:
  reader = flatbuffer.Reader(content)
  if (identifier := bytes(content[4:8])) != tflite_schema.IDENTIFIER:
    raise ValueError(
      f"bytes 4 to 8 are {identifier!r}, expected {tflite_schema.IDENTIFIER!r}"
    )
  model = reader.root("the model")
  if (version := model.integer(0, "I")) != _VERSION:
    raise ValueError(f"its schema has version {version}, expected {_VERSION}")
  codes = [*map(_code, model.tables(1, "operator code"))]
  graphs = model.tables(2, "subgraph")
  if len(graphs) != 1:
    raise ValueError(f"it has {len(graphs)} subgraphs, expected 1")
  buffers = [*map(_buffer, model.tables(4, "buffer"))]
  (graph,) = graphs
  tensors = tuple(
    tensors_lib.read(reader, index, table, buffers)
    for index, table in enumerate(graph.tables(0, "tensor"))
  )
  operators = tuple(
    _operator(index, table, codes, tensors)
    for index, table in enumerate(graph.tables(3, "operator"))
  )
  inputs, outputs = (
    graph.integers(slot, "<i4", f"the {name}s of the graph")
    for slot, name in ((1, "input"), (2, "output"))
  )
  _check_order(tensors, operators, inputs, outputs)
  return ModelFile(tensors, operators, inputs, outputs, len(content))


def _code(table: flatbuffer.Table) -> tuple[str, int]:
  """Returns name and version."""
  return tflite_schema.operator_name(table), table.integer(2, "i", 1)


def _buffer(table: flatbuffer.Table) -> np.ndarray | None:
  """Returns the bytes of a buffer, None for an empty one."""
  if table.integer(1, "Q") or table.integer(2, "Q"):
    raise ValueError(f"{table.what} is outside of the FlatBuffer")
  data = table.array(0, "u1", f"the data of {table.what}")
  return data if data is not None and data.size else None


def _operator(
  index: int,
  table: flatbuffer.Table,
  codes: Sequence[tuple[str, int]],
  tensors: Sequence[tensors_lib.Tensor],
) -> Operator:
  number = table.integer(0, "I")
  if number >= len(codes):
    raise ValueError(f"operator {index} has code {number} of {len(codes)}")
  name, version = codes[number]
  what = table.what = f"operator {index} ({name:.80})"
  inputs, outputs = (
    table.integers(slot, "<i4", f"the {kind}s of {what}")
    for slot, kind in ((1, "input"), (2, "output"))
  )
  for tensor in (*(i for i in inputs if i != -1), *outputs):
    if not 0 <= tensor < len(tensors):
      raise ValueError(f"{what} has tensor {tensor} of {len(tensors)}")
  options = tflite_schema.options(name, table)
  operands = geometry.Operands(
    [tensors[i] if i >= 0 else None for i in inputs],
    [tensors[i] for i in outputs],
    options,
  )
  try:
    macs = geometry.macs(name, operands)
  except ValueError as error:
    raise ValueError(f"{what} {error}") from error
  return Operator(index, name, version, inputs, outputs, options, macs)


def _check_order(
  tensors: Sequence[tensors_lib.Tensor],
  operators: Sequence[Operator],
  inputs: Sequence[int],
  outputs: Sequence[int],
) -> None:
  """Raises ValueError unless each tensor is made once, before it is read."""
  for index in (*inputs, *outputs):
    if not 0 <= index < len(tensors):
      raise ValueError(f"the graph has tensor {index} of {len(tensors)}")
  if not inputs or not outputs or len({*inputs}) < len(inputs):
    raise ValueError(
      f"the inputs of the graph are {list(inputs)} and its outputs"
      f" {list(outputs)}; expected different ones, at least one each"
    )
  made = {tensor.index for tensor in tensors if tensor.data is not None}
  for index in inputs:
    if index in made:
      raise ValueError(f"tensor {index}, an input of the graph, is a constant")
    made.add(index)
  for operator in operators:
    what = f"operator {operator.index} ({operator.name:.80})"
    for index in operator.inputs:
      if index >= 0 and index not in made:
        raise ValueError(
          f"{what} reads tensor {index}, which nothing before it makes; the"
          " graph has a cycle or is not in order"
        )
    for index in operator.outputs:
      if index in made:
        raise ValueError(f"{what} makes tensor {index}, which is there already")
      made.add(index)
  for index in outputs:
    if index not in made:
      raise ValueError(f"tensor {index}, an output of the graph, is never made")
