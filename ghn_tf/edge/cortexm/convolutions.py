# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Operators with kernels: convolutions and dense layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ghn_tf.edge import geometry
from ghn_tf.edge import tensors
from ghn_tf.edge.cortexm import calls
from ghn_tf.edge.cortexm import requantize

_LANES = 4
_PIXELS = 3
_MAX_SIZE = 2**15 - 1
_POINTER_BYTES = 4


def convolution(operands: geometry.Operands) -> list[calls.Call]:
  """Returns the call for CONV_2D."""
  image, kernel = operands.inputs[:2]
  if image.shape[3] != kernel.shape[3]:
    raise ValueError("has groups, which TFLite Micro does not run")
  pair = geometry.windows(image.shape, kernel.shape[1:3], operands.options)
  multipliers = _products(image, kernel, operands.outputs[0])
  return [_convolve(operands, kernel.data, pair, multipliers)]


def dense(operands: geometry.Operands) -> list[calls.Call]:
  """Returns the calls for FULLY_CONNECTED: a convolution of one pixel."""
  features, kernel = operands.inputs[:2]
  if operands.options["weights_format"] != "DEFAULT":
    raise ValueError("has shuffled weights")
  units, size = kernel.shape
  rows = features.size // size
  one = geometry.Window(1, 1, 1, 1, "VALID")
  multipliers = _products(features, kernel, operands.outputs[0])
  if len(kernel.scales) == 1:
    # TFLite multiplies these two in float32 where there is one scale.
    product = np.float32(features.grid[0]) * np.float32(kernel.scales[0])
    multipliers = [float(product) / operands.outputs[0].grid[0]]
  return [
    _convolve(
      operands,
      kernel.data.reshape(units, 1, 1, size),
      (one, one._replace(size=rows)),
      multipliers,
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
) -> dict[str, Any]:
  scale, zero_point = operands.outputs[0].grid
  low, high = requantize.activation_range(
    operands.options["activation"], scale, zero_point
  )
  pairs = [*map(requantize.quantize_multiplier, multipliers)]
  # Any shift will do for a factor of 0.
  pairs = [pair if pair[0] else (0, -1) for pair in pairs]
  pairs *= filters // len(pairs)
  numbers, shifts = zip(*pairs, strict=True)
  if max(shifts) > 30:
    raise ValueError("multiplies by more than 2^30")
  return {
    "multiplier": calls.Constant(np.array(numbers, np.int32)),
    "shift": calls.Constant(np.array(shifts, np.int8)),
    "zero": zero_point,
    "low": low,
    "high": high,
    "is_small": requantize.are_small(shifts, greatest_sum),
  }


def _check_symmetric(kernel: tensors.Tensor) -> None:
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
) -> calls.Call:
  image, kernel = operands.inputs[:2]
  _check_symmetric(kernel)
  filters, height, width, channels = codes.shape
  is_by_tap = not channels % _LANES or pair[1].dilation > 1
  rows = codes.reshape(filters, height, *((width,) * is_by_tap), -1)
  taps = _padded(rows, -1, _LANES).reshape(filters, -1)
  groups = taps.shape[1] // _LANES
  _check_size("groups of 4 taps", groups)
  _check_size("filters", filters)
  weights = _padded(taps, 0, 2).reshape(-1, 2, groups, _LANES)
  flat = codes.reshape(filters, -1)
  bias, greatest_sum = _bias(operands, flat, filters + filters % 2)
  fields = {
    "input": calls.Place(image.index),
    "output": calls.Place(operands.outputs[0].index),
    "weights": calls.Constant(np.ascontiguousarray(weights.swapaxes(1, 2))),
    "bias": calls.Constant(bias),
    "columns": calls.Scratch("int16_t *"),
    "window": window(pair, channels),
    "scale": _rescaling(operands, multipliers, greatest_sum, filters),
    "filters": filters,
    "groups": groups,
    "input_zero": image.grid[1],
    "is_by_tap": is_by_tap,
  }
  row = -(-width * channels // _LANES) * _LANES
  columns = 2 * _LANES * _PIXELS * groups
  return calls.Call("convolve", "convolution", fields, columns + row)


def depthwise(operands: geometry.Operands) -> list[calls.Call]:
  """Returns the call for DEPTHWISE_CONV_2D."""
  image, kernel = operands.inputs[:2]
  _check_symmetric(kernel)
  _, height, width, filters = kernel.shape
  channels = image.shape[3]
  pair = geometry.windows(image.shape, (height, width), operands.options)
  multipliers = _products(image, kernel, operands.outputs[0])
  codes = kernel.data.reshape(height * width, filters)
  if channels == 1:
    # Its filters see the only channel: a convolution.
    kernel_codes = codes.T.reshape(filters, height, width, 1)
    return [_convolve(operands, kernel_codes, pair, multipliers)]
  bias, greatest_sum = _bias(operands, codes.T, filters + -filters % _LANES)
  zero_point = image.grid[1]
  fields = {
    "input": calls.Place(image.index),
    "output": calls.Place(operands.outputs[0].index),
    "bias": calls.Constant(bias),
    "zeros": calls.Constant(
      np.full(channels + -channels % _LANES, zero_point, np.int8)
    ),
    "taps": calls.Scratch("const int8_t **"),
    "window": window(pair, channels),
    "scale": _rescaling(operands, multipliers, greatest_sum, filters),
  }
  scratch = _POINTER_BYTES * (len(codes) + 1)
  if channels != filters:
    fields["filters_per_channel"] = filters // channels
    fields["weights"] = calls.Constant(np.ascontiguousarray(codes.T))
    kernel_name, struct = "convolve_multiplied", "multiplied_convolution"
  else:
    fields["weights"] = calls.Constant(_channel_pairs(codes))
    kernel_name, struct = "convolve_depthwise", "depthwise_convolution"
  return [calls.Call(kernel_name, struct, fields, scratch)]


def _channel_pairs(codes: np.ndarray) -> np.ndarray:
  """Returns [channels / 4, pairs of taps, 4 channels, 2] of [taps, channels].

  The channels of four are in the order in which words fall apart into pairs.
  """
  padded = _padded(_padded(codes, 0, 2), 1, _LANES).astype(np.int16)
  fours = padded.reshape(len(padded) // 2, 2, -1, _LANES)[..., [0, 2, 1, 3]]
  return np.ascontiguousarray(fours.transpose(2, 0, 3, 1))
