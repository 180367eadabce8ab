# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Fake quantization of tensors: float values on an integer grid.

Rounding follows Jacob et al., arXiv 1712.05877, equations 1 and 12:
q = clamp(round(x / scale) + zero_point), x' = scale * (q - zero_point), with
ranges nudged so that 0 is a grid value. The gradient that goes with it stands
in `child.gradients`. How far ranges reach stands in `range_rules`.
"""

import tensorflow as tf

from ghn_tf import constants
from ghn_tf.quant import range_rules
from ghn_tf.quant import recipe as recipe_lib

_raw = tf.raw_ops


def _add_noise(
  x: tf.Tensor, step: tf.Tensor, seed: tuple[int, int]
) -> tf.Tensor:
  uniform = tf.random.stateless_uniform(x.shape, seed, -0.5, 0.5, x.dtype)
  return x + uniform * step


def quantize_kernel(
  kernel: tf.Tensor,
  quantization: recipe_lib.TensorQuantization,
  *,
  channel_axis: int | None,
  noise_seed: tuple[int, int] | None = None,
) -> tf.Tensor:
  """Returns a kernel on its grid, whose range it decides itself.

  Args:
    kernel: [kh, kw, c_in, c_out], depthwise [kh, kw, c, 1] or [c_in, c_out].
    quantization: a symmetric grid.
    channel_axis: the axis of output channels; None for one range in all.
    noise_seed: clip and add one step of uniform noise instead of rounding.

  Raises:
    ValueError: the grid is not symmetric.
  """
  if not quantization.symmetric:
    raise ValueError(
      "Kernels need a symmetric grid, got an asymmetric one: integer runtimes"
      " have no zero point for kernels."
    )
  limit = range_rules.kernel_limit(kernel, quantization, channel_axis)
  lowest = _raw.Neg(x=limit)
  shape, (*channels,) = tuple(kernel.shape), limit.shape
  # Seen as [kh * kw, c], a depthwise kernel [kh, kw, c, 1] has its channels
  # on the last axis, where the operations want them.
  is_turned = bool(channels) and channel_axis != len(shape) - 1
  x = _reshape(kernel, (-1, *channels)) if is_turned else kernel
  num_bits = quantization.num_bits
  if noise_seed is not None:
    step = limit / (2 ** (num_bits - 1) - 1)
    clipped = _raw.Maximum(x=_raw.Minimum(x=x, y=limit), y=lowest)
    rounded = _add_noise(clipped, step, noise_seed)
  else:
    rounding = (
      _raw.FakeQuantWithMinMaxVarsPerChannel
      if channels
      else _raw.FakeQuantWithMinMaxVars
    )
    rounded = rounding(
      inputs=x, min=lowest, max=limit, num_bits=num_bits, narrow_range=True
    )
  return _reshape(rounded, shape) if is_turned else rounded


def _reshape(x: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
  return _raw.Reshape(tensor=x, shape=constants.constant(shape))


def quantize_activation(
  x: tf.Tensor,
  low: tf.Tensor,
  high: tf.Tensor,
  num_bits: int,
  *,
  symmetric: bool = False,
  noise_seed: tuple[int, int] | None = None,
) -> tf.Tensor:
  """Returns a tensor on the grid of 2^num_bits values, one less if symmetric.

  Args:
    x: of any shape.
    low: least representable value, at most 0, before nudging. Scalar.
    high: greatest representable value, at least 0, before nudging. Scalar.
    num_bits: 2 to 8, or 16.
    symmetric: whether low is -high, and the grid narrow.
    noise_seed: clip and add one step of uniform noise instead of rounding.
  """
  if noise_seed is not None:
    step = (high - low) / (2**num_bits - 1 - symmetric)
    clipped = _raw.ClipByValue(t=x, clip_value_min=low, clip_value_max=high)
    return _add_noise(clipped, step, noise_seed)
  return _raw.FakeQuantWithMinMaxVars(
    inputs=x,
    min=low,
    max=range_rules.at_least(high),
    num_bits=num_bits,
    narrow_range=symmetric,
  )
