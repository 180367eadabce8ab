# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Fake quantization of tensors: float values on an integer grid.

Rounding follows Jacob et al., arXiv 1712.05877, equations 1 and 12:
q = clamp(round(x / scale) + zero_point), x' = scale * (q - zero_point), with
ranges nudged so that 0 is a grid value. The gradient that goes with it stands
in `child.gradients`. In training the ranges are those of the tensor itself, so
that nothing is clipped but for the nudge.
"""

import numpy as np
import tensorflow as tf

from ghn_tf.quant import recipe as recipe_lib

_raw = tf.raw_ops
_FIRST = np.array([0], np.int32)


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
  # A depthwise kernel [kh, kw, c, 1] has its channels on axis 2; seen as
  # [kh * kw, c] every per-channel kernel has them on the last axis.
  shape = kernel.shape
  per_channel = quantization.per_channel and channel_axis is not None
  magnitude = _raw.Abs(x=kernel)
  if per_channel:
    matrix_shape = np.array([-1, shape[channel_axis]], np.int32)
    magnitude = _raw.Reshape(tensor=magnitude, shape=matrix_shape)
    limit = _raw.Max(input=magnitude, axis=_FIRST)
  else:
    limit = _raw.Max(input=magnitude, axis=np.arange(len(shape)))
  num_bits = quantization.num_bits
  if noise_seed is not None:
    step = limit / (2 ** (num_bits - 1) - 1)
    if per_channel and channel_axis != len(shape) - 1:
      step = step[:, tf.newaxis]
    return _add_noise(kernel, step, noise_seed)
  grid = {"num_bits": num_bits, "narrow_range": True}
  lowest = _raw.Neg(x=limit)
  if not per_channel:
    return _raw.FakeQuantWithMinMaxVars(
      inputs=kernel, min=lowest, max=limit, **grid
    )
  rounded = _raw.FakeQuantWithMinMaxVarsPerChannel(
    inputs=_raw.Reshape(tensor=kernel, shape=matrix_shape),
    min=lowest,
    max=limit,
    **grid,
  )
  return _raw.Reshape(tensor=rounded, shape=np.array(shape, np.int32))


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
    inputs=x, min=low, max=high, num_bits=num_bits
  )
