# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Fake quantization of tensors: float values on an integer grid.

Rounding follows Jacob et al., arXiv 1712.05877, equations 1 and 12:
q = clamp(round(x / scale) + zero_point), x' = scale * (q - zero_point), with
ranges nudged so that 0 is a grid value. No gradient flows to the ranges, and
the gradient of rounding is the identity (straight-through). In training the
ranges are those of the tensor itself, so nothing is clipped and the identity
is exact but for the nudge.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ghn_tf.quant import recipe as recipe_lib

# What a custom gradient returns: the output, and upstream -> gradients.
_Differentiable = tuple[tf.Tensor, Callable[[tf.Tensor], Any]]


@tf.custom_gradient
def _round_per_tensor(
  x: tf.Tensor, low: tf.Tensor, high: tf.Tensor, num_bits: int, narrow: bool
) -> _Differentiable:
  y = tf.quantization.fake_quant_with_min_max_vars(
    x, low, high, num_bits=num_bits, narrow_range=narrow
  )
  return y, lambda upstream: (upstream, None, None, None, None)


@tf.custom_gradient
def _round_per_channel(
  x: tf.Tensor, low: tf.Tensor, high: tf.Tensor, num_bits: int
) -> _Differentiable:
  y = tf.quantization.fake_quant_with_min_max_vars_per_channel(
    x, low, high, num_bits=num_bits, narrow_range=True
  )
  return y, lambda upstream: (upstream, None, None, None)


def _add_noise(
  x: tf.Tensor, step: tf.Tensor, seed: tuple[int, int]
) -> tf.Tensor:
  uniform = tf.random.stateless_uniform(tf.shape(x), seed, -0.5, 0.5, x.dtype)
  return x + uniform * tf.stop_gradient(step)


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
  fixed = tf.stop_gradient(kernel)
  # A depthwise kernel [kh, kw, c, 1] has its channels on axis 2; seen as
  # [kh * kw, c] every per-channel kernel has them on the last axis.
  shape = kernel.shape
  per_channel = quantization.per_channel and channel_axis is not None
  if per_channel:
    matrix_shape = [-1, shape[channel_axis]]
    limit = tf.reduce_max(tf.abs(tf.reshape(fixed, matrix_shape)), axis=0)
  else:
    limit = tf.reduce_max(tf.abs(fixed))
  num_bits = quantization.num_bits
  if noise_seed is not None:
    step = limit / (2 ** (num_bits - 1) - 1)
    if per_channel and channel_axis != len(shape) - 1:
      step = step[:, tf.newaxis]
    return _add_noise(kernel, step, noise_seed)
  if not per_channel:
    return _round_per_tensor(kernel, -limit, limit, num_bits, True)
  rounded = _round_per_channel(
    tf.reshape(kernel, matrix_shape), -limit, limit, num_bits
  )
  return tf.reshape(rounded, shape)


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
  return _round_per_tensor(x, low, high, num_bits, False)
