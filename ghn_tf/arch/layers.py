# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers, nodes without a place, from which blocks are put together."""

import functools

from ghn_tf.arch import ops

RELU = ops.Layer(ops.Op.RELU)
RELU6 = ops.Layer(ops.Op.RELU6)
SIGMOID = ops.Layer(ops.Op.SIGMOID)
HARD_SIGMOID = ops.Layer(ops.Op.HARD_SIGMOID, slope=1 / 6)  # relu6(x + 3) / 6
ADD = ops.Layer(ops.Op.ADD)
MULTIPLY = ops.Layer(ops.Op.MULTIPLY)
CONCAT = ops.Layer(ops.Op.CONCAT)
FLATTEN = ops.Layer(ops.Op.FLATTEN)
GLOBAL_AVG_POOL = ops.Layer(ops.Op.GLOBAL_AVG_POOL)
GLOBAL_MAX_POOL = ops.Layer(ops.Op.GLOBAL_MAX_POOL)


@functools.cache
def leaky_relu(slope: float) -> ops.Layer:
  """Returns a ReLU that multiplies what is below 0 by a slope."""
  return ops.Layer(ops.Op.LEAKY_RELU, slope=slope)


@functools.cache
def batch_norm(epsilon: float = 1e-3) -> ops.Layer:
  """Returns a BatchNorm; the default is Keras's."""
  return ops.Layer(ops.Op.BATCH_NORM, epsilon=epsilon)


@functools.lru_cache(maxsize=4096)
def dense(units: int) -> ops.Layer:
  """Returns a dense layer with a bias."""
  return ops.Layer(ops.Op.DENSE, filters=units, use_bias=True)


@functools.lru_cache(maxsize=4096)
def conv(
  filters: int, kernel: int, stride: int = 1, use_bias: bool = False
) -> ops.Layer:
  """Returns a convolution with a square window."""
  return ops.Layer(
    ops.Op.CONV,
    filters=filters,
    kernel=(kernel, kernel),
    strides=(stride, stride),
    use_bias=use_bias,
  )


@functools.lru_cache(maxsize=4096)
def depthwise(
  kernel: int, stride: int = 1, dilation: int = 1, use_bias: bool = False
) -> ops.Layer:
  """Returns a depthwise convolution with a square window."""
  return ops.Layer(
    ops.Op.DEPTHWISE_CONV,
    kernel=(kernel, kernel),
    strides=(stride, stride),
    dilation=dilation,
    use_bias=use_bias,
  )


def separable(
  filters: int,
  kernel: int,
  stride: int = 1,
  dilation: int = 1,
  use_bias: bool = False,
) -> tuple[ops.Layer, ops.Layer]:
  """Returns a depthwise and a pointwise convolution (arXiv 1704.04861).

  TensorFlow cannot stride a dilated window; there the pointwise convolution
  has the stride, which computes the same values.

  Args:
    filters: output channels.
    kernel: size of the depthwise window.
    stride: of the two together.
    dilation: of the depthwise window.
    use_bias: whether both have a bias.
  """
  pointwise_stride = 1
  if dilation > 1:
    stride, pointwise_stride = 1, stride
  return (
    depthwise(kernel, stride, dilation, use_bias),
    conv(filters, 1, pointwise_stride, use_bias),
  )


@functools.cache
def pool(op: ops.Op, window: int, stride: int = 1) -> ops.Layer:
  """Returns a max or average pool with a square window."""
  return ops.Layer(op, kernel=(window, window), strides=(stride, stride))
