# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The tensors of integer `.tflite` files."""

from collections.abc import Sequence
import dataclasses
import math

import numpy as np

from ghn_tf import flatbuffer
from ghn_tf import tflite_schema

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


def read(
  reader: flatbuffer.Reader,
  index: int,
  table: flatbuffer.Table,
  buffers: Sequence[np.ndarray | None],
) -> Tensor:
  """Reads a tensor.

  Args:
    reader: of the file.
    index: of the tensor.
    table: that describes it.
    buffers: bytes of constants, None for what is none.

  Raises:
    ValueError: it is not one of an integer file, or its parts do not fit.
  """
  name = table.text(3, f"the name of tensor {index}")
  what = table.what = f"tensor {index} ({name!r:.80})"
  dtype = tflite_schema.name(
    tflite_schema.TENSOR_TYPES, table.integer(1, "b"), f"type of {what}"
  )
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
  what = f"the shape of {table.what}"
  shape = table.integers(0, "<i4", what, _MAX_RANK)
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
