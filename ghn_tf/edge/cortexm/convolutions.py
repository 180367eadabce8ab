# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Operators with kernels: convolutions and dense layers."""

from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np

from ghn_tf.edge import geometry
from ghn_tf.edge import tensors
from ghn_tf.edge.cortexm import calls
from ghn_tf.edge.cortexm import cores
from ghn_tf.edge.cortexm import requantize

_MAX_SIZE = 2**15 - 1
_POINTER_BYTES = 4


@dataclasses.dataclass(frozen=True)
class Layout:
  """How kernels of a core want weights and scratch memory; see `columns.h`.

  Attributes:
    pixels: that are laid out at a time.
    lanes: taps in a group.
    filters: whose weights lie beside each other.
    lane_bytes: of a code that is laid out.
    depthwise: channels at a time.
    is_paired: whether weights of depthwise kernels are in pairs of taps.
  """

  pixels: int
  lanes: int
  filters: int
  lane_bytes: int
  depthwise: int
  is_paired: bool


_SCALARS = Layout(3, 4, 2, 2, 4, True)
_VECTORS = Layout(1, 16, 4, 1, 8, False)


def layout(core: cores.Core) -> Layout:
  """Returns the layout for a core."""
  return _VECTORS if core.has_vectors else _SCALARS


def convolution(operands: geometry.Operands, lay: Layout) -> list[calls.Call]:
  """Returns the call for CONV_2D."""
  image, kernel = operands.inputs[:2]
  _check_kernel(kernel)
  pair = geometry.windows(image.shape, kernel.shape[1:3], operands.options)
  multipliers = _products(image, kernel, operands.outputs[0])
  codes = _of_all_channels(kernel.data, image.shape[3])
  return [_convolve(operands, codes, pair, multipliers, lay)]


def _of_all_channels(codes: np.ndarray, channels: int) -> np.ndarray:
  """Returns a kernel whose filters see all channels, as that of the groups.

  There is one kernel for all: it multiplies by zeros what is of other groups,
  and takes the time and the memory of a convolution without groups.

  Args:
    codes: [filters, height, width, channels of a group].
    channels: of the image.
  """
  filters, *window_shape, own = codes.shape
  groups = channels // own
  if groups == 1:
    return codes
  shape = (groups, filters // groups, *window_shape, channels)
  result = np.zeros(shape, np.int8)
  parts = codes.reshape(groups, -1, *window_shape, own)
  for group, part in enumerate(parts):
    result[group, ..., group * own : (group + 1) * own] = part
  return result.reshape(filters, *window_shape, channels)


def dense(operands: geometry.Operands, lay: Layout) -> list[calls.Call]:
  """Returns the calls for FULLY_CONNECTED: a convolution of one pixel."""
  features, kernel = operands.inputs[:2]
  _check_kernel(kernel)
  if operands.options["weights_format"] != "DEFAULT":
    raise ValueError("has shuffled weights")
  units, size = kernel.shape
  rows = features.size // size
  one = geometry.Window(1, 1, 1, 1, "VALID")
  multipliers = _products(features, kernel, operands.outputs[0])
  if len(kernel.scales) == 1:
    # TFLite multiplies these two in float32 where there is one scale.
    with np.errstate(over="ignore"):  # what is too much is refused below
      product = np.float32(features.grid[0]) * np.float32(kernel.scales[0])
    multipliers = [float(product) / operands.outputs[0].grid[0]]
  return [
    _convolve(
      operands,
      kernel.data.reshape(units, 1, 1, size),
      (one, one._replace(size=rows)),
      multipliers,
      lay,
    )
  ]


def _products(
  image: tensors.Tensor, kernel: tensors.Tensor, output: tensors.Tensor
) -> list[float]:
  """Returns per channel, or once, how many output steps a product's step is."""
  return [image.grid[0] * s / output.grid[0] for s in kernel.scales]


def window(pair: Sequence[geometry.Window], channels: int) -> dict[str, Any]:
  """Returns the fields of struct window."""
  rows, columns = pair
  fields = {
    "in_height": rows.size,
    "in_width": columns.size,
    "channels": channels,
    "out_height": rows.out_size,
    "out_width": columns.out_size,
    "height": rows.kernel,
    "width": columns.kernel,
    "stride_y": rows.stride,
    "stride_x": columns.stride,
    "dilation_y": rows.dilation,
    "dilation_x": columns.dilation,
    "top": rows.before,
    "left": columns.before,
  }
  for name, value in fields.items():
    _check_size(name, value)
  return fields


def _check_size(name: str, value: int) -> None:
  if value > _MAX_SIZE:
    raise ValueError(f"has {name} {value}; {_MAX_SIZE} is the most")


def _bias(
  operands: geometry.Operands, codes: np.ndarray, padded: int
) -> tuple[np.ndarray, int]:
  """Returns biases less the share of the input's zero point, and a bound.

  Args:
    operands: of the operator.
    codes: [filters, taps], of the kernel.
    padded: to how many filters.

  Returns:
    [padded] int32, and the greatest sum that there can be.
  """
  _, zero_point = operands.inputs[0].grid
  weights = codes.astype(np.int64)
  bias = np.zeros(padded, np.int64)
  if len(operands.inputs) > 2 and operands.inputs[2] is not None:
    data = operands.inputs[2].data
    if data is None:
      raise ValueError("has a bias that is no constant")
    bias[: len(codes)] = data.reshape(-1)
  bias[: len(codes)] -= zero_point * weights.sum(axis=1)
  most = np.abs(bias[: len(codes)]) + 128 * np.abs(weights).sum(axis=1)
  return bias.astype(np.int32), int(most.max())


def _rescaling(
  operands: geometry.Operands,
  multipliers: Sequence[float],
  greatest_sum: int,
  filters: int,
  padded: int,
) -> dict[str, Any]:
  scale, zero_point = operands.outputs[0].grid
  low, high = requantize.activation_range(
    operands.options["activation"], scale, zero_point
  )
  pairs = [*map(requantize.bounded_factor, multipliers)]
  # Any shift will do for a factor of 0.
  pairs = [pair if pair[0] else (0, -1) for pair in pairs]
  pairs *= filters // len(pairs)
  pairs += [(0, -1)] * (padded - filters)
  numbers, shifts = zip(*pairs, strict=True)
  return {
    "multiplier": calls.Constant(np.array(numbers, np.int32)),
    "shift": calls.Constant(np.array(shifts, np.int8)),
    "zero": zero_point,
    "low": low,
    "high": high,
    "is_small": requantize.are_small(shifts, greatest_sum),
  }


def _check_kernel(kernel: tensors.Tensor | None) -> None:
  if kernel is None or kernel.data is None or kernel.data.dtype != np.int8:
    raise ValueError("has a kernel that is no constant of at most 8 bits")
  if not kernel.scales:
    raise ValueError("has a kernel without scales")
  if any(kernel.zero_points):
    raise ValueError("has a kernel with a zero point other than 0")


def _padded(codes: np.ndarray, axis: int, multiple: int) -> np.ndarray:
  margins = [(0, 0)] * codes.ndim
  margins[axis] = 0, -codes.shape[axis] % multiple
  return np.pad(codes, margins)


def _convolve(
  operands: geometry.Operands,
  codes: np.ndarray,
  pair: Sequence[geometry.Window],
  multipliers: Sequence[float],
  lay: Layout,
) -> calls.Call:
  image = operands.inputs[0]
  filters, height, width, channels = codes.shape
  is_by_tap = not channels % lay.lanes or pair[1].dilation > 1
  rows = codes.reshape(filters, height, *((width,) * is_by_tap), -1)
  taps = _padded(rows, -1, lay.lanes).reshape(filters, -1)
  groups = taps.shape[1] // lay.lanes
  _check_size("groups of taps", groups)
  _check_size("filters", filters)
  weights = _padded(taps, 0, lay.filters).reshape(
    -1, lay.filters, groups, lay.lanes
  )
  flat = codes.reshape(filters, -1)
  padded = filters + -filters % lay.filters
  bias, greatest_sum = _bias(operands, flat, padded)
  fields = {
    "input": calls.Place(image.index),
    "output": calls.Place(operands.outputs[0].index),
    "weights": calls.Constant(np.ascontiguousarray(weights.swapaxes(1, 2))),
    "bias": calls.Constant(bias),
    "columns": calls.Scratch("void *"),
    "window": window(pair, channels),
    "scale": _rescaling(operands, multipliers, greatest_sum, filters, padded),
    "filters": filters,
    "groups": groups,
    "input_zero": image.grid[1],
    "is_by_tap": is_by_tap,
  }
  row = -(-width * channels // lay.lanes) * lay.lanes
  columns = lay.lane_bytes * lay.lanes * lay.pixels * groups
  return calls.Call("convolve", "convolution", fields, columns + row)


def depthwise(operands: geometry.Operands, lay: Layout) -> list[calls.Call]:
  """Returns the call for DEPTHWISE_CONV_2D."""
  image, kernel = operands.inputs[:2]
  _check_kernel(kernel)
  _, height, width, filters = kernel.shape
  channels = image.shape[3]
  pair = geometry.windows(image.shape, (height, width), operands.options)
  multipliers = _products(image, kernel, operands.outputs[0])
  codes = kernel.data.reshape(height * width, filters)
  if channels == 1:
    # Its filters see the only channel: a convolution.
    kernel_codes = codes.T.reshape(filters, height, width, 1)
    return [_convolve(operands, kernel_codes, pair, multipliers, lay)]
  padded = filters + -filters % lay.depthwise
  bias, greatest_sum = _bias(operands, codes.T, padded)
  zero_point = image.grid[1]
  fields = {
    "window": window(pair, channels),
    "input": calls.Place(image.index),
    "output": calls.Place(operands.outputs[0].index),
    "bias": calls.Constant(bias),
    "zeros": calls.Constant(
      np.full(channels + -channels % lay.depthwise, zero_point, np.int8)
    ),
    "taps": calls.Scratch("const int8_t **"),
    "scale": _rescaling(operands, multipliers, greatest_sum, filters, padded),
  }
  scratch = _POINTER_BYTES * (len(codes) + 1)
  if channels != filters:
    fields["filters_per_channel"] = filters // channels
    fields["weights"] = calls.Constant(np.ascontiguousarray(codes.T))
    kernel_name, struct = "convolve_multiplied", "multiplied_convolution"
  else:
    fields["weights"] = calls.Constant(_channel_groups(codes, lay))
    kernel_name, struct = "convolve_depthwise", "depthwise_convolution"
  return [calls.Call(kernel_name, struct, fields, scratch)]


def _channel_groups(codes: np.ndarray, lay: Layout) -> np.ndarray:
  """Returns the weights of a depthwise kernel [taps, channels] as laid out."""
  padded = _padded(codes, 1, lay.depthwise)
  if not lay.is_paired:
    groups = padded.reshape(len(padded), -1, lay.depthwise)
    return np.ascontiguousarray(groups.swapaxes(0, 1))
  padded = _padded(padded, 0, 2).astype(np.int16)
  fours = padded.reshape(len(padded) // 2, 2, -1, 4)
  # In the order in which words fall apart into pairs of bytes.
  return np.ascontiguousarray(fours[..., [0, 2, 1, 3]].transpose(2, 0, 3, 1))
