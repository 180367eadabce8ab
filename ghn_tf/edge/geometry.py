# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Shapes of what operators read and make, and how much they multiply.

As TFLite's kernels compute them. Of operators that are not here nothing is
known, and nothing checked.
"""

from collections.abc import Callable, Mapping, Sequence
import functools
from typing import Any, NamedTuple

import numpy as np


class Window(NamedTuple):
  """A window that moves along one axis.

  Attributes:
    size: of the input.
    kernel: number of taps.
    stride: from one output to the next.
    dilation: from one tap to the next.
    padding: `SAME` or `VALID`.
  """

  size: int
  kernel: int
  stride: int
  dilation: int
  padding: str

  @property
  def extent(self) -> int:
    """Returns how much of the input one output sees."""
    return (self.kernel - 1) * self.dilation + 1

  @property
  def out_size(self) -> int:
    """Returns the size of the output; none is less than 1."""
    seen = self.size if self.padding == "SAME" else self.size - self.extent + 1
    return -(-seen // self.stride)

  @property
  def before(self) -> int:
    """Returns how many places of padding stand before the input."""
    needed = (self.out_size - 1) * self.stride + self.extent - self.size
    return max(0, needed) // 2


def windows(
  shape: Sequence[int], kernel: Sequence[int], options: Mapping[str, Any]
) -> tuple[Window, Window]:
  """Returns the windows of a convolution or pooling along height and width.

  Args:
    shape: of the input, [batch, height, width, channels].
    kernel: its height and width.
    options: of the operator.
  """
  high, wide = (
    Window(
      size,
      taps,
      options[f"stride_{axis}"],
      options.get(f"dilation_{axis}", 1),
      options["padding"],
    )
    for size, taps, axis in zip(shape[1:3], kernel, "hw", strict=True)
  )
  return high, wide


class Operands(NamedTuple):
  """What an operator reads and makes: tensors, None where there is none."""

  inputs: Sequence[Any]
  outputs: Sequence[Any]
  options: Mapping[str, Any]


def _expect(condition: bool, what: str) -> None:
  if not condition:
    raise ValueError(what)


def _shapes(operands: Operands) -> str:
  return " and ".join(
    str(list(t.shape)) for t in operands.inputs if t is not None
  )


def _expect_output(operands: Operands, shape: Sequence[int]) -> None:
  actual = operands.outputs[0].shape
  _expect(
    tuple(actual) == tuple(shape),
    f"makes {list(actual)} of {_shapes(operands)}, expected {list(shape)}",
  )


def _expect_numbers(operands: Operands, least: int, most: int) -> None:
  """Checks how many inputs there are, the first of which must be there."""
  given = len(operands.inputs)
  _expect(
    least <= given <= most and all(operands.inputs[:least]),
    f"has {given} inputs, expected {least} to {most}",
  )
  made = len(operands.outputs)
  _expect(made == 1, f"has {made} outputs, expected 1")


def _expect_rank(operands: Operands, rank: int) -> None:
  actual = len(operands.inputs[0].shape)
  _expect(actual == rank, f"reads {actual} axes, expected {rank}")


def _expect_window(operands: Operands, kernel: Sequence[int]) -> None:
  """Checks windows, and height and width of the output."""
  pair = windows(operands.inputs[0].shape, kernel, operands.options)
  _expect(
    all(min(w.kernel, w.stride, w.dilation) >= 1 for w in pair)
    and all(w.out_size >= 1 for w in pair),
    f"has windows that do not fit or move: {pair}",
  )
  out = operands.outputs[0].shape
  sizes = [w.out_size for w in pair]
  _expect(
    [*out[1:3]] == sizes and len(out) == 4,
    f"makes {list(out)} of {_shapes(operands)}, expected height and width"
    f" {sizes}",
  )


def _expect_kernel(operands: Operands, axis: int, channels: int) -> None:
  """Checks scales of a kernel, and the bias beside it."""
  kernel = operands.inputs[1]
  _expect(
    len(kernel.scales) <= 1 or kernel.axis == axis,
    f"has a kernel with scales along axis {kernel.axis}, expected {axis}",
  )
  bias = operands.inputs[2] if len(operands.inputs) > 2 else None
  if bias is not None:
    _expect(
      bias.size == channels and bias.dtype in ("INT32", "INT64"),
      f"has a bias of {bias.size} {bias.dtype}, expected {channels} INT32",
    )


def _conv(operands: Operands) -> int:
  _expect_numbers(operands, 2, 3)
  _expect_rank(operands, 4)
  image, kernel = operands.inputs[:2]
  _expect(len(kernel.shape) == 4, f"has a kernel of {len(kernel.shape)} axes")
  filters, high, wide, channels = kernel.shape
  groups, rest = divmod(image.shape[3], channels)
  _expect(
    not rest and not filters % max(groups, 1),
    f"reads {_shapes(operands)}, which do not fit",
  )
  _expect_window(operands, (high, wide))
  out = operands.outputs[0]
  _expect_output(operands, (image.shape[0], *out.shape[1:3], filters))
  _expect_kernel(operands, 0, filters)
  return out.size * high * wide * channels


def _depthwise(operands: Operands) -> int:
  _expect_numbers(operands, 2, 3)
  _expect_rank(operands, 4)
  image, kernel = operands.inputs[:2]
  _expect(len(kernel.shape) == 4, f"has a kernel of {len(kernel.shape)} axes")
  one, high, wide, channels = kernel.shape
  multiplier = operands.options["depth_multiplier"]
  _expect(
    one == 1 and channels == image.shape[3] * multiplier,
    f"reads {_shapes(operands)} with a multiplier of {multiplier}, which do"
    " not fit",
  )
  _expect_window(operands, (high, wide))
  out = operands.outputs[0]
  _expect_output(operands, (image.shape[0], *out.shape[1:3], channels))
  _expect_kernel(operands, 3, channels)
  return out.size * high * wide


def _dense(operands: Operands) -> int:
  _expect_numbers(operands, 2, 3)
  features, kernel = operands.inputs[:2]
  _expect(len(kernel.shape) == 2, f"has a kernel of {len(kernel.shape)} axes")
  units, size = kernel.shape
  _expect(
    not features.size % size, f"reads {_shapes(operands)}, which do not fit"
  )
  out = operands.outputs[0]
  _expect(
    out.size == features.size // size * units and out.shape[-1:] == (units,),
    f"makes {list(out.shape)} of {_shapes(operands)}",
  )
  _expect_kernel(operands, 0, units)
  return out.size * size


def _pool(operands: Operands) -> int:
  _expect_numbers(operands, 1, 1)
  _expect_rank(operands, 4)
  options = operands.options
  _expect_window(operands, (options["filter_h"], options["filter_w"]))
  shape, out = operands.inputs[0].shape, operands.outputs[0].shape
  _expect_output(operands, (shape[0], *out[1:3], shape[3]))
  return 0


def _binary(operands: Operands) -> int:
  _expect_numbers(operands, 2, 2)
  first, second = (tensor.shape for tensor in operands.inputs)
  try:
    shape = np.broadcast_shapes(first, second)
  except ValueError as error:
    raise ValueError(f"reads {_shapes(operands)}, which do not fit") from error
  _expect_output(operands, shape)
  return 0


def _unary(operands: Operands) -> int:
  _expect_numbers(operands, 1, 1)
  _expect_output(operands, operands.inputs[0].shape)
  return 0


def _prelu(operands: Operands) -> int:
  _expect_numbers(operands, 2, 2)
  _expect_output(operands, operands.inputs[0].shape)
  return 0


def _concatenation(operands: Operands) -> int:
  number = len(operands.inputs)
  _expect_numbers(operands, max(1, number), number)
  rank = len(operands.inputs[0].shape)
  axis = operands.options["axis"]
  _expect(-rank <= axis < rank, f"has axis {axis} of {rank}")
  axis %= rank
  others = {(*t.shape[:axis], 0, *t.shape[axis + 1 :]) for t in operands.inputs}
  _expect(len(others) == 1, f"reads {_shapes(operands)}, which do not fit")
  shape = [*operands.inputs[0].shape]
  shape[axis] = sum(tensor.shape[axis] for tensor in operands.inputs)
  _expect_output(operands, shape)
  return 0


def axes(operands: Operands) -> tuple[int, ...]:
  """Returns the axes, from 0, over which a reduction goes."""
  rank = len(operands.inputs[0].shape)
  tensor = operands.inputs[1]
  _expect(
    tensor.data is not None and tensor.dtype == "INT32",
    "reduces over axes that are no INT32 constant",
  )
  values = tensor.data.reshape(-1).tolist()
  _expect(
    all(-rank <= axis < rank for axis in values),
    f"reduces over axes {values[:9]} of {rank}",
  )
  return tuple(sorted({axis % rank for axis in values}))


def _reduction(operands: Operands) -> int:
  _expect_numbers(operands, 2, 2)
  over = axes(operands)
  keep = operands.options["keep_dims"]
  shape = [
    1 if axis in over else size
    for axis, size in enumerate(operands.inputs[0].shape)
    if keep or axis not in over
  ]
  _expect_output(operands, shape)
  return 0


def _reshape(operands: Operands) -> int:
  _expect_numbers(operands, 1, 2)
  before, after = operands.inputs[0].size, operands.outputs[0].size
  _expect(before == after, f"makes {after} elements of {before}")
  return 0


def _pad(operands: Operands) -> int:
  _expect_numbers(operands, 2, 3)
  margins = operands.inputs[1]
  shape = operands.inputs[0].shape
  _expect(
    margins.data is not None and margins.shape == (len(shape), 2),
    "has margins that are no constant of two per axis",
  )
  _expect(margins.data.min(initial=0) >= 0, "has a margin below 0")
  _expect_output(
    operands,
    [
      size + sum(pair)
      for size, pair in zip(shape, margins.data.tolist(), strict=True)
    ],
  )
  return 0


def blocks(operands: Operands) -> tuple[list[int], list[list[int]]]:
  """Returns a block's height and width, and margins of both: before, after.

  Of SPACE_TO_BATCH_ND, which adds the margins to the image, and of
  BATCH_TO_SPACE_ND, which cuts them off.
  """
  _expect_numbers(operands, 3, 3)
  _expect_rank(operands, 4)
  sizes, margins = operands.inputs[1:]
  _expect(
    all(t.data is not None and t.dtype == "INT32" for t in (sizes, margins))
    and sizes.shape == (2,)
    and margins.shape == (2, 2),
    "has blocks or margins that are no INT32 constants of two axes",
  )
  _expect(sizes.data.min() >= 1, f"has blocks of {sizes.data.tolist()}")
  _expect(margins.data.min() >= 0, "has a margin below 0")
  return sizes.data.tolist(), margins.data.tolist()


def _blocks(operands: Operands, *, apart: bool) -> int:
  sizes, margins = blocks(operands)
  parts, whole = operands.outputs[0], operands.inputs[0]
  if not apart:
    parts, whole = whole, parts
  _expect(len(parts.shape) == len(whole.shape) == 4, "makes no image")
  padded = [
    size + sum(pair)
    for size, pair in zip(whole.shape[1:3], margins, strict=True)
  ]
  in_blocks = [
    size * block for size, block in zip(parts.shape[1:3], sizes, strict=True)
  ]
  _expect(
    padded == in_blocks
    and parts.shape[0] == whole.shape[0] * sizes[0] * sizes[1]
    and parts.shape[3] == whole.shape[3],
    f"makes {list(operands.outputs[0].shape)} of {_shapes(operands)}, with"
    f" blocks of {sizes} and margins of {margins}",
  )
  return 0


_CHECKS: dict[str, Callable[[Operands], int]] = {
  "CONV_2D": _conv,
  "DEPTHWISE_CONV_2D": _depthwise,
  "FULLY_CONNECTED": _dense,
  "BATCH_TO_SPACE_ND": functools.partial(_blocks, apart=False),
  "CONCATENATION": _concatenation,
  "PAD": _pad,
  "PADV2": _pad,
  "PRELU": _prelu,
  "RESHAPE": _reshape,
  "SPACE_TO_BATCH_ND": functools.partial(_blocks, apart=True),
  **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), _pool),
  **dict.fromkeys(("ADD", "MAXIMUM", "MINIMUM", "MUL", "SUB"), _binary),
  **dict.fromkeys(("MEAN", "REDUCE_MAX", "REDUCE_MIN", "SUM"), _reduction),
  **dict.fromkeys(
    ("ABS", "ELU", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "QUANTIZE", "RELU")
    + ("RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "SOFTMAX", "TANH"),
    _unary,
  ),
}


def macs(name: str, operands: Operands) -> int:
  """Checks an operator and returns its multiply-accumulates.

  Those that meet padding are counted, as is usual. Operators without a kernel,
  and those that are not known here, have none.

  Raises:
    ValueError: the shapes do not fit together.
  """
  return _CHECKS[name](operands) if name in _CHECKS else 0
