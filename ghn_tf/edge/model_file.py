# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Integer `.tflite` files, ours or somebody else's, read without native code.

What `read` returns is valid: every index is in range, constants are as long as
their shapes say, and operators stand after those whose outputs they read.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import math
from typing import Any

import numpy as np

from ghn_tf.edge import flatbuffer
from ghn_tf.edge import schema

_IDENTIFIER = b"TFL3"
_VERSION = 3
_MAX_RANK = 8
# Of one tensor: what an int32 can count, as the runtimes do.
_MAX_BYTES = 2**31 - 1
# TensorType -> bits of an element and how NumPy has it here.
_DTYPES = {
  "INT2": (2, np.int8),
  "INT4": (4, np.int8),
  "INT8": (8, np.int8),
  "UINT8": (8, np.uint8),
  "BOOL": (8, np.bool_),
  "INT16": (16, np.int16),
  "INT32": (32, np.int32),
  "INT64": (64, np.int64),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
  """A tensor; real value = scale * (code - zero point).

  Attributes:
    index: of the tensor in the file.
    name: as the file has it; not necessarily a unique one.
    shape: sizes of at least 1.
    dtype: `INT8`, `INT4`, `INT2`, `INT16`, `INT32`, `INT64`, `UINT8` or `BOOL`.
    scales: none, one, or one per index along the axis.
    zero_points: as many.
    axis: of several scales.
    data: the values of a constant, of the shape; 4 and 2 bits unpacked to int8.
  """

  index: int
  name: str
  shape: tuple[int, ...]
  dtype: str
  scales: tuple[float, ...] = ()
  zero_points: tuple[int, ...] = ()
  axis: int = 0
  data: np.ndarray | None = None

  @property
  def size(self) -> int:
    """Returns the number of elements."""
    return math.prod(self.shape)

  @property
  def num_bytes(self) -> int:
    """Returns the bytes that its elements take, packed as in the file."""
    return -(-self.size * _DTYPES[self.dtype][0] // 8)

  @property
  def grid(self) -> tuple[float, int]:
    """Returns the one scale and zero point of an activation.

    Raises:
      ValueError: it has none, or several.
    """
    if len(self.scales) != 1:
      raise ValueError(
        f"Tensor {self.index} ({self.name!r:.80}) has {len(self.scales)}"
        " scales; expected one."
      )
    return self.scales[0], self.zero_points[0]


@dataclasses.dataclass(frozen=True, eq=False)
class Operator:
  """An operator.

  Attributes:
    index: in the order in which they run.
    name: as in the schema, `CONV_2D`; of a custom one `CUSTOM:its name`.
    version: of the operator.
    inputs: indices of tensors; -1 for an optional one that is not there.
    outputs: indices of tensors.
    options: as `schema.OPTIONS` names them; names for padding and activation.
  """

  index: int
  name: str
  version: int
  inputs: tuple[int, ...]
  outputs: tuple[int, ...]
  options: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class ModelFile:
  """A file: one graph, whose operators are in the order in which they run.

  Attributes:
    tensors: by index.
    operators: none reads what is made after it.
    inputs, outputs: of the graph, indices of tensors.
    num_bytes: of the file.
  """

  tensors: tuple[Tensor, ...]
  operators: tuple[Operator, ...]
  inputs: tuple[int, ...]
  outputs: tuple[int, ...]
  num_bytes: int

  @functools.cached_property
  def last_uses(self) -> Mapping[int, tuple[int, int]]:
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
  if (identifier := bytes(content[4:8])) != _IDENTIFIER:
    raise ValueError(
      f"bytes 4 to 8 are {identifier!r}, expected {_IDENTIFIER!r}"
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
    _tensor(reader, index, table, buffers)
    for index, table in enumerate(graph.tables(0, "tensor"))
  )
  operators = tuple(
    _operator(index, table, codes, len(tensors))
    for index, table in enumerate(graph.tables(3, "operator"))
  )
  inputs, outputs = (
    graph.integers(slot, "<i4", f"the {name}s of the graph")
    for slot, name in ((1, "input"), (2, "output"))
  )
  _check_order(tensors, operators, inputs, outputs)
  return ModelFile(tensors, operators, inputs, outputs, len(content))


def _name(names: Sequence[str], code: int, what: str) -> str:
  if not 0 <= code < len(names):
    raise ValueError(
      f"{what} is {code}, expected 0 to {len(names) - 1}; a file of a newer"
      " TensorFlow?"
    )
  return names[code]


def _code(table: flatbuffer.Table) -> tuple[str, int]:
  """Returns name and version."""
  code = max(table.integer(0, "b"), table.integer(3, "i"))
  name = _name(schema.OPERATORS, code, table.what)
  if name == schema.CUSTOM:
    name = f"{name}:{table.text(1, f'the name of {table.what}')}"
  return name, table.integer(2, "i", 1)


def _buffer(table: flatbuffer.Table) -> np.ndarray | None:
  """Returns the bytes of a buffer, None for an empty one."""
  if table.integer(1, "Q") or table.integer(2, "Q"):
    raise ValueError(f"{table.what} is outside of the FlatBuffer")
  data = table.array(0, "u1", f"the data of {table.what}")
  return data if data is not None and data.size else None


def _tensor(
  reader: flatbuffer.Reader,
  index: int,
  table: flatbuffer.Table,
  buffers: Sequence[np.ndarray | None],
) -> Tensor:
  name = table.text(3, f"the name of tensor {index}")
  what = table.what = f"tensor {index} ({name!r:.80})"
  dtype = _name(schema.TENSOR_TYPES, table.integer(1, "b"), f"type of {what}")
  if dtype not in _DTYPES:
    raise ValueError(f"{what} is {dtype}, so it is not fully integer")
  for slot, reason in (
    (5, "is a variable"),
    (6, "is sparse"),
    (9, "has variants"),
    (10, "is outside of the FlatBuffer"),
  ):
    if table.has(slot) and (slot != 5 or table.integer(slot, "?")):
      raise ValueError(f"{what} {reason}")
  tensor = Tensor(
    index, name, _shape(table), dtype, *_quantization(table, dtype)
  )
  if tensor.num_bytes > _MAX_BYTES:
    raise ValueError(
      f"{what} of shape {list(tensor.shape)} has {tensor.num_bytes:,} bytes,"
      f" more than {_MAX_BYTES:,}"
    )
  if len(tensor.scales) > 1:
    if not 0 <= tensor.axis < len(tensor.shape):
      raise ValueError(
        f"{what} has scales along axis {tensor.axis} of {len(tensor.shape)}"
      )
    if len(tensor.scales) != tensor.shape[tensor.axis]:
      raise ValueError(
        f"{what} has {len(tensor.scales)} scales, expected 1 or"
        f" {tensor.shape[tensor.axis]}"
      )
  number = table.integer(2, "I")
  if not 0 <= number < len(buffers):
    raise ValueError(f"{what} has buffer {number} of {len(buffers)}")
  data = buffers[number]
  if data is None:
    return tensor
  if data.size != tensor.num_bytes:
    raise ValueError(
      f"{what} of shape {list(tensor.shape)} and type {dtype} needs"
      f" {tensor.num_bytes:,} bytes, but its buffer has {data.size:,}"
    )
  if _DTYPES[dtype][0] < 8:
    reader.spend(tensor.size)
  values = _values(data, tensor).reshape(tensor.shape)
  values.flags.writeable = False
  return dataclasses.replace(tensor, data=values)


def _values(data: np.ndarray, tensor: Tensor) -> np.ndarray:
  """Returns the elements of a constant: the first in the lowest bits."""
  bits, dtype = _DTYPES[tensor.dtype]
  if bits >= 8:
    if tensor.dtype == "BOOL":
      return data != 0
    return data.view(np.dtype(dtype).newbyteorder("<"))
  shifts = np.arange(0, 8, bits, dtype=np.uint8)
  codes = (data[:, np.newaxis] >> shifts) & (2**bits - 1)
  codes = codes.reshape(-1)[: tensor.size].astype(np.int8)
  return codes - ((codes >> (bits - 1)) << bits)


def _shape(table: flatbuffer.Table) -> tuple[int, ...]:
  shape = table.integers(0, "<i4", f"the shape of {table.what}")
  signature = table.integers(7, "<i4", f"the shape signature of {table.what}")
  # A batch of any size is one of the size that the file has.
  if min(shape, default=1) < 1 or min(signature[1:], default=1) < 0:
    raise ValueError(
      f"{table.what} has the dynamic or empty shape"
      f" {list(signature or shape)!s:.80}; sizes must be known, and from 1"
    )
  if signature and len(signature) != len(shape):
    raise ValueError(
      f"{table.what} has {len(shape)} axes, but {len(signature)} in its"
      " signature"
    )
  if len(shape) > _MAX_RANK:
    raise ValueError(f"{table.what} has {len(shape)} axes; {_MAX_RANK} may be")
  return shape


def _quantization(
  table: flatbuffer.Table, dtype: str
) -> tuple[tuple[float, ...], tuple[int, ...], int]:
  """Returns scales, as many zero points, and the axis."""
  what = table.what
  quantization = table.table(4, f"the quantization of {what}")
  if quantization is None:
    return (), (), 0
  if quantization.integer(4, "B"):
    raise ValueError(f"{what} has a quantization that is not by scales")
  scales = quantization.array(2, "<f4", f"the scales of {what}")
  zeros = quantization.array(3, "<i8", f"the zero points of {what}")
  if scales is None or not scales.size:
    return (), (), 0
  wrong = scales[~(np.isfinite(scales) & (scales > 0))]
  if wrong.size:
    raise ValueError(f"{what} has the scale {wrong[0]}; it must be positive")
  if zeros is None or not zeros.size:
    zeros = np.zeros(1, np.int64)
  if zeros.size not in (1, scales.size):
    raise ValueError(
      f"{what} has {scales.size} scales and {zeros.size} zero points"
    )
  bits, _ = _DTYPES[dtype]
  low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
  if dtype == "UINT8":
    low, high = 0, 255
  outside = zeros[(zeros < low) | (zeros > high)]
  if outside.size:
    raise ValueError(
      f"{what} has the zero point {outside[0]}, expected {low} to {high}"
    )
  zeros = np.broadcast_to(zeros, scales.shape)
  return (
    tuple(scales.tolist()),
    tuple(zeros.tolist()),
    quantization.integer(6, "i"),
  )


def _operator(
  index: int,
  table: flatbuffer.Table,
  codes: Sequence[tuple[str, int]],
  num_tensors: int,
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
    if not 0 <= tensor < num_tensors:
      raise ValueError(f"{what} has tensor {tensor} of {num_tensors}")
  return Operator(index, name, version, inputs, outputs, _options(name, table))


def _options(name: str, table: flatbuffer.Table) -> dict[str, Any]:
  if name not in schema.OPTIONS:
    return {}
  expected, *fields = schema.OPTIONS[name]
  options = table.table(4, f"the options of {table.what}")
  code = table.integer(3, "B")
  if options is not None and code != expected:
    raise ValueError(
      f"{table.what} has options of code {code}, expected {expected}"
    )
  result: dict[str, Any] = {}
  for field in fields:
    value = field.default
    if options is not None:
      value = options.scalar(field.slot, field.code, field.default)
    if field.names:
      what = f"{field.name} of {table.what}"
      result[field.name] = _name(field.names, int(value), what)
    else:
      result[field.name] = value
  return result


def _check_order(
  tensors: Sequence[Tensor],
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
