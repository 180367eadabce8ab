# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Fake quantization of tensors: float values on an integer grid.

Rounding follows Jacob et al., arXiv 1712.05877, equations 1 and 12:
q = clamp(round(x / scale) + zero_point), x' = scale * (q - zero_point), with
ranges nudged so that 0 is a grid value. The gradient that goes with it stands
in `child.gradients`. In training the ranges are those of the tensor itself, so
that nothing is clipped but for the nudge.
"""

import tensorflow as tf

from ghn_tf import constants
from ghn_tf.quant import recipe as recipe_lib

_raw = tf.raw_ops

# The least end of a range. The step of one narrower than 255 times the least
# float32 is taken for 0 in part of TensorFlow's kernel, which gives NaN.
LEAST_LIMIT = 1e-30


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
  """Returns a kernel on its grid, with its range taken from itself.

  Args:
    kernel: [kh, kw, c_in, c_out], depthwise [kh, kw, c, 1] or [c_in, c_out].
    quantization: a symmetric grid.
    channel_axis: the axis of output channels; None for one range in all.
    noise_seed: add one step of uniform noise instead of rounding.

  Raises:
    ValueError: the grid is not symmetric.
  """
  if not quantization.symmetric:
    raise ValueError(
      "Kernels need a symmetric grid, got an asymmetric one: integer runtimes"
      " have no zero point for kernels."
    )
  shape = tuple(kernel.shape)
  per_channel = quantization.per_channel and channel_axis is not None
  if per_channel and channel_axis not in (None, len(shape) - 1):
    # Seen as [kh * kw, c], a depthwise kernel [kh, kw, c, 1] has its channels
    # on the last axis, where the operations want them.
    matrix = _reshape(kernel, (-1, shape[channel_axis]))
    rounded = quantize_kernel(
      matrix, quantization, channel_axis=1, noise_seed=noise_seed
    )
    return _reshape(rounded, shape)
  axes = tuple(range(len(shape) - 1 if per_channel else len(shape)))
  magnitude = _raw.Abs(x=kernel)
  limit = _raw.Max(input=magnitude, axis=constants.constant(axes))
  limit = _at_least(limit)
  num_bits = quantization.num_bits
  if noise_seed is not None:
    step = limit / (2 ** (num_bits - 1) - 1)
    return _add_noise(kernel, step, noise_seed)
  rounding = (
    _raw.FakeQuantWithMinMaxVarsPerChannel
    if per_channel
    else _raw.FakeQuantWithMinMaxVars
  )
  return rounding(
    inputs=kernel,
    min=_raw.Neg(x=limit),
    max=limit,
    num_bits=num_bits,
    narrow_range=True,
  )


def _at_least(limit: tf.Tensor) -> tf.Tensor:
  least = constants.constant(LEAST_LIMIT, limit.dtype)
  return _raw.Maximum(x=limit, y=least)


def _reshape(x: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
  return _raw.Reshape(tensor=x, shape=constants.constant(shape))


def quantize_activation(
  x: tf.Tensor,
  low: tf.Tensor,
  high: tf.Tensor,
  num_bits: int,
  *,
  noise_seed: tuple[int, int] | None = None,
) -> tf.Tensor:
  """Returns a tensor on the asymmetric grid of 2^num_bits values.

  Args:
    x: of any shape.
    low: least representable value, at most 0, before nudging. Scalar.
    high: greatest representable value, at least 0, before nudging. Scalar.
    num_bits: 2 to 8.
    noise_seed: add one step of uniform noise instead of rounding.
  """
  if noise_seed is not None:
    step = (high - low) / (2**num_bits - 1)
    return _add_noise(x, step, noise_seed)
  return _raw.FakeQuantWithMinMaxVars(
    inputs=x, min=low, max=_at_least(high), num_bits=num_bits
  )
