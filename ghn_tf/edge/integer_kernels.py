# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Operators on int8 codes in NumPy, with a choice of how they round.

With `rounding.DOUBLE` they give the codes of TFLite Micro, but for two: SOFTMAX
is computed in float and may be a step away, and RELU6 rescales, as in TFLite,
where TFLite Micro clamps codes on the grid of its input. In files of ours both
grids of a RELU6 are one (`tidying`).
"""

from collections.abc import Callable, Sequence
import functools
import math
from typing import Any

import numpy as np

from ghn_tf.edge import exact_kernels
from ghn_tf.edge import geometry
from ghn_tf.edge import model_file
from ghn_tf.edge import rounding
from ghn_tf.edge.cortexm import requantize

# Of the windows of a convolution that are laid out at once.
_CHUNK_VALUES = 1 << 24
# Bits by which ADD enlarges its inputs, so that both have one scale.
_ADD_SHIFT = 20


def _finish(
  values: np.ndarray, output: Any, activation: str = "NONE"
) -> np.ndarray:
  """Returns codes of what is left to shift and clamp."""
  low, high = requantize.activation_range(activation, *output.grid)
  return np.clip(values + output.grid[1], low, high).astype(np.int8)


def _centred(codes: np.ndarray, tensor: Any) -> np.ndarray:
  return codes.astype(np.int64) - tensor.grid[1]


def _windows(
  codes: np.ndarray, pair: Sequence[geometry.Window], fill: int
) -> np.ndarray:
  """Returns [B, oh, ow, kh, kw, C]: what each output sees."""
  margins = []
  for window in pair:
    needed = (window.out_size - 1) * window.stride + window.extent
    after = max(0, needed - window.size - window.before)
    margins.append((window.before, after))
  codes = np.pad(codes, ((0, 0), *margins, (0, 0)), constant_values=fill)
  high, wide = pair
  seen: np.ndarray = np.lib.stride_tricks.sliding_window_view(
    codes,
    (high.extent, wide.extent),
    axis=(1, 2),  # type: ignore[call-overload]  # NumPy's stubs say one
  )
  seen = seen[
    :,
    :: high.stride,
    :: wide.stride,
    :,
    :: high.dilation,
    :: wide.dilation,
  ][:, : high.out_size, : wide.out_size]
  return seen.transpose(0, 1, 2, 4, 5, 3)


def _products(operands: geometry.Operands) -> rounding.Factors:
  """Returns the factors between an accumulator and the output."""
  image, kernel = operands.inputs[:2]
  return rounding.factors(
    [
      image.grid[0] * scale / operands.outputs[0].grid[0]
      for scale in kernel.scales
    ]
  )


def _bias(operands: geometry.Operands) -> np.ndarray | int:
  if len(operands.inputs) < 3 or operands.inputs[2] is None:
    return 0
  return exact_kernels.constant(operands.inputs[2]).astype(np.int64).reshape(-1)


def _convolve(
  codes: Sequence[np.ndarray], operands: geometry.Operands, variant: str
) -> np.ndarray:
  image, kernel = operands.inputs[:2]
  values = exact_kernels.constant(kernel).astype(np.int64)
  zeros = np.array(kernel.zero_points).reshape(-1, 1, 1, 1)
  values = (values - zeros).astype(np.float64)
  filters, high, wide, channels = values.shape
  groups = image.shape[3] // channels
  pair = geometry.windows(image.shape, (high, wide), operands.options)
  centred = _centred(codes[0], image).astype(np.float64)
  parts = []
  for group in range(groups):
    own = slice(group * channels, (group + 1) * channels)
    seen = _windows(centred[..., own], pair, 0)
    per = filters // groups
    taps = values[group * per : (group + 1) * per].reshape(per, -1)
    # Exact: sums of products of bytes are far below 2^53.
    flat = seen.reshape(-1, taps.shape[1]) @ taps.T
    parts.append(flat.reshape(*seen.shape[:3], per))
  sums = np.concatenate(parts, axis=-1).astype(np.int64) + _bias(operands)
  scaled = rounding.rescale(sums, _products(operands), variant)
  return _finish(scaled, operands.outputs[0], operands.options["activation"])


def _depthwise(
  codes: Sequence[np.ndarray], operands: geometry.Operands, variant: str
) -> np.ndarray:
  image, kernel = operands.inputs[:2]
  zeros = np.array(kernel.zero_points)
  values = (exact_kernels.constant(kernel)[0].astype(np.int64) - zeros).astype(
    np.float64
  )
  high, wide, channels = values.shape
  pair = geometry.windows(image.shape, (high, wide), operands.options)
  centred = _centred(codes[0], image).astype(np.float64)
  repeated = np.repeat(centred, channels // image.shape[3], axis=3)
  seen = _windows(repeated, pair, 0)
  taps = [(i, j) for i in range(high) for j in range(wide)]
  total = sum(seen[:, :, :, i, j] * values[i, j] for i, j in taps)
  sums = np.asarray(total).astype(np.int64) + _bias(operands)
  scaled = rounding.rescale(sums, _products(operands), variant)
  return _finish(scaled, operands.outputs[0], operands.options["activation"])


def _dense(
  codes: Sequence[np.ndarray], operands: geometry.Operands, variant: str
) -> np.ndarray:
  features, kernel = operands.inputs[:2]
  output = operands.outputs[0]
  zeros = np.array(kernel.zero_points).reshape(-1, 1)
  values = exact_kernels.constant(kernel).astype(np.int64) - zeros
  flat = _centred(codes[0], features).reshape(-1, values.shape[1])
  sums = flat.astype(np.float64) @ values.T.astype(np.float64)
  sums = sums.astype(np.int64) + _bias(operands)
  scaled = rounding.rescale(sums, _products(operands), variant)
  made = _finish(scaled, output, operands.options["activation"])
  return made.reshape(-1, *output.shape[1:])


def _both(
  codes: Sequence[np.ndarray], operands: geometry.Operands
) -> list[np.ndarray]:
  """Returns two inputs, centred, that NumPy broadcasts as the file does.

  It has a batch of 1, so that of the images may stay in front where an input
  has fewer axes than the other, as the factors of channels have.
  """
  rank = max(len(tensor.shape) for tensor in operands.inputs)
  centred = []
  for own, tensor in zip(codes, operands.inputs, strict=True):
    if tensor.data is None:
      ones = [1] * (rank - own.ndim)
      own = own.reshape(len(own), *ones, *own.shape[1:])
    centred.append(_centred(own, tensor))
  return centred


def _add(
  codes: Sequence[np.ndarray],
  operands: geometry.Operands,
  variant: str,
  sign: int = 1,
) -> np.ndarray:
  output = operands.outputs[0]
  scales = [tensor.grid[0] for tensor in operands.inputs]
  first, second = _both(codes, operands)
  # One scale for both inputs, finer by 20 bits than the greater one twice.
  common = 2 * max(scales)
  one, two = (
    rounding.rescale(
      values << _ADD_SHIFT, rounding.factors([scale / common]), variant
    )
    for values, scale in zip((first, second), scales, strict=True)
  )
  last = rounding.factors([common / (2**_ADD_SHIFT * output.grid[0])])
  scaled = rounding.rescale(one + sign * two, last, variant)
  return _finish(scaled, output, operands.options["activation"])


def _multiply(
  codes: Sequence[np.ndarray], operands: geometry.Operands, variant: str
) -> np.ndarray:
  output = operands.outputs[0]
  scales = [tensor.grid[0] for tensor in operands.inputs]
  first, second = _both(codes, operands)
  by = rounding.factors([math.prod(scales) / output.grid[0]])
  scaled = rounding.rescale(first * second, by, variant)
  return _finish(scaled, output, operands.options["activation"])


def _slope(
  codes: Sequence[np.ndarray], operands: geometry.Operands, variant: str
) -> np.ndarray:
  output = operands.outputs[0]
  scale, alpha = (tensor.grid[0] for tensor in operands.inputs)
  image, slopes = _both(codes, operands)
  above, below = (
    rounding.rescale(values, rounding.factors([step / output.grid[0]]), variant)
    for values, step in ((image, scale), (image * slopes, scale * alpha))
  )
  return _finish(np.where(image >= 0, above, below), output)


def _mean(
  codes: Sequence[np.ndarray], operands: geometry.Operands, variant: str
) -> np.ndarray:
  source, output = operands.inputs[0], operands.outputs[0]
  over = geometry.axes(operands)
  if 0 in over:
    raise ValueError("MEAN over the batch is not emulated.")
  number = math.prod(source.shape[axis] for axis in over)
  sums = _centred(codes[0], source).sum(axis=over)
  by = rounding.factors([source.grid[0] / output.grid[0]])
  if variant == rounding.FLOAT32:
    by = rounding.factors([source.grid[0] / output.grid[0] / number])
  else:  # The number divides the multiplier, with the bits that it has.
    (shift,) = by.shifts.tolist()
    bits = min(number.bit_length() - 1, 32, 31 + shift)
    by = rounding.Factors(
      by.real, (by.multipliers << bits) // number, by.shifts - bits
    )
  scaled = rounding.rescale(sums, by, variant)
  return _finish(scaled, output).reshape(-1, *output.shape[1:])


def _average(
  codes: Sequence[np.ndarray], operands: geometry.Operands, variant: str
) -> np.ndarray:
  del variant  # The input has the scale of the output, so nothing is rescaled.
  image, options = operands.inputs[0], operands.options
  kernel = (options["filter_h"], options["filter_w"])
  pair = geometry.windows(image.shape, kernel, options)
  values = codes[0].astype(np.int64)
  sums = _windows(values, pair, 0).sum(axis=(3, 4))
  number = _windows(np.ones_like(values[:1]), pair, 0).sum(axis=(3, 4))
  half = np.where(sums > 0, number // 2, -(number // 2))
  rounded = np.trunc((sums + half) / number).astype(np.int64)
  output = operands.outputs[0]
  return _finish(rounded - output.grid[1], output, options["activation"])


def _maximum_pool(
  codes: Sequence[np.ndarray], operands: geometry.Operands, variant: str
) -> np.ndarray:
  del variant
  options = operands.options
  kernel = (options["filter_h"], options["filter_w"])
  pair = geometry.windows(operands.inputs[0].shape, kernel, options)
  values = _windows(codes[0], pair, -128).max(axis=(3, 4)).astype(np.int64)
  output = operands.outputs[0]
  return _finish(values - output.grid[1], output, options["activation"])


def _requantize(
  codes: Sequence[np.ndarray],
  operands: geometry.Operands,
  variant: str,
  activation: str = "NONE",
) -> np.ndarray:
  (source,), (output,) = operands.inputs, operands.outputs
  by = rounding.factors([source.grid[0] / output.grid[0]])
  scaled = rounding.rescale(_centred(codes[0], source), by, variant)
  return _finish(scaled, output, activation)


def _softmax(
  codes: Sequence[np.ndarray], operands: geometry.Operands, variant: str
) -> np.ndarray:
  del variant
  (source,), (output,) = operands.inputs, operands.outputs
  values = source.grid[0] * operands.options["beta"] * codes[0]
  powers = np.exp(values - values.max(axis=-1, keepdims=True))
  shares = powers / powers.sum(axis=-1, keepdims=True)
  return _finish(np.rint(shares / output.grid[0]).astype(np.int64), output)


# These take the variant, too.
_KERNELS: dict[str, Callable[..., np.ndarray]] = {
  "ADD": _add,
  "AVERAGE_POOL_2D": _average,
  "CONV_2D": _convolve,
  "DEPTHWISE_CONV_2D": _depthwise,
  "FULLY_CONNECTED": _dense,
  "MAX_POOL_2D": _maximum_pool,
  "MEAN": _mean,
  "MUL": _multiply,
  "PRELU": _slope,
  "QUANTIZE": _requantize,
  "SOFTMAX": _softmax,
  "SUB": functools.partial(_add, sign=-1),
  **{
    name: functools.partial(_requantize, activation=name)
    for name in ("RELU", "RELU6", "RELU_N1_TO_1")
  },
}


def _at_once(operands: geometry.Operands) -> int:
  """Returns how many images an operator may take together."""
  taps = operands.options.get("filter_h", 1) * operands.options.get(
    "filter_w", 1
  )
  if len(operands.inputs) > 1 and len(operands.inputs[1].shape) == 4:
    taps = math.prod(operands.inputs[1].shape[1:3])
  values = taps * max(operands.inputs[0].size, operands.outputs[0].size)
  return max(1, _CHUNK_VALUES // values)


def _run(
  name: str,
  operands: geometry.Operands,
  codes: Sequence[np.ndarray],
  variant: str,
) -> np.ndarray:
  """Returns what an operator makes of all images.

  Args:
    name: of the operator.
    operands: its tensors.
    codes: [B, ...] of those of its inputs that are no constants, in order.
    variant: of rounding.
  """
  if name in exact_kernels.KERNELS:
    kernel = exact_kernels.KERNELS[name]
  else:
    kernel = functools.partial(_KERNELS[name], variant=variant)
  number, at_once = len(codes[0]), _at_once(operands)
  made = []
  for start in range(0, number, at_once):
    parts = iter([own[start : start + at_once] for own in codes])
    made.append(
      kernel(
        [
          next(parts) if tensor.data is None else tensor.data
          for tensor in operands.inputs
          if tensor is not None
        ],
        operands,
      )
    )
  return np.concatenate(made)


def run(
  model: model_file.ModelFile, inputs: np.ndarray, variants: Sequence[str]
) -> dict[int, np.ndarray]:
  """Returns what every operator makes, by the index of the tensor.

  Args:
    model: of one input, in int8, with a batch of 1.
    inputs: codes [B, ...] of the input.
    variants: of `rounding.VARIANTS`, one for each operator.

  Raises:
    ValueError: an operator, or what it reads, is not emulated.
  """
  tensors = {model.inputs[0]: inputs}
  for operator, variant in zip(model.operators, variants, strict=True):
    what = f"Operator {operator.index} ({operator.name:.80})"
    if operator.name not in {*_KERNELS, *exact_kernels.KERNELS}:
      raise ValueError(f"{what} is not emulated.")
    operands = model.operands(operator)
    changing = [i for i in operator.inputs if i in tensors]
    ends = [model.tensors[i] for i in (*changing, *operator.outputs)]
    if not changing or any(
      t.dtype != "INT8" or t.shape[:1] != (1,) for t in ends
    ):
      raise ValueError(f"{what} is emulated on INT8 with a batch of 1 only.")
    codes = [tensors[i] for i in changing]
    try:
      made = _run(operator.name, operands, codes, variant)
    except ValueError as error:
      raise ValueError(f"{what}: {error}") from error
    tensors[operator.outputs[0]] = made
  del tensors[model.inputs[0]]
  return tensors
