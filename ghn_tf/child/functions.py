# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The functions of operations: each gives its output and its gradient.

A child that is run once pays for everything that is done per operation. The
raw ones of TensorFlow are called by name, without the type checks of the public
ones, and each returns, beside its output, a function that takes the gradient of
the output to those of the inputs and params. A `tf.GradientTape` finds the same
out in several times the time.

Kernels come as they are used, rounded or not; the gradient of rounding is the
identity (straight-through, arXiv 1712.05877), so it does not appear here.
"""

from collections.abc import Callable, Mapping, Sequence
import functools
import threading
from typing import Any

import tensorflow as tf

from ghn_tf import constants
from ghn_tf.arch import ops
from ghn_tf.child import elementwise
from ghn_tf.child import linear

_raw = tf.raw_ops

Gradients = linear.Gradients
Pullback = linear.Pullback
# Takes a layer, the outputs it reads, and its params.
Function = Callable[
  [ops.Layer, Sequence[tf.Tensor], Mapping[str, tf.Tensor]],
  tuple[tf.Tensor, Pullback],
]

# TensorFlow 2.21 with oneDNN keeps the number of channels in a member of the
# kernel of this gradient, so that two threads that run it at once write beyond
# their tensors; tensorflow pull request 99852 mended the forward pass alone.
_BATCH_NORM_GRADIENT = threading.Lock()


def _margins(layer: ops.Layer) -> tuple[tuple[int, int], ...]:
  top, bottom, left, right = layer.margins
  return (0, 0), (top, bottom), (left, right), (0, 0)


@functools.lru_cache(maxsize=4096)
def _window(layer: ops.Layer) -> dict[str, Any]:
  return {
    "ksize": [1, *layer.kernel, 1],
    "strides": [1, *layer.strides, 1],
    "padding": layer.padding.upper(),
  }


def batch_norm(
  layer: ops.Layer, x: tf.Tensor, params: Mapping[str, tf.Tensor]
) -> tuple[tf.Tensor, Pullback, tuple[tf.Tensor, tf.Tensor]]:
  """Normalizes by the batch, (x - mean) / sqrt(variance + epsilon) and so on.

  Args:
    layer: with the epsilon.
    x: [B, H, W, C] or [B, C].
    params: gamma and beta, [C].

  Returns:
    The output, its pullback, and the mean and the unbiased variance of the
    batch, [C].
  """
  shape, gamma = x.shape, params["gamma"]
  images = x
  if len(shape) == 2:
    images = _raw.Reshape(
      tensor=x, shape=constants.constant((shape[0], 1, 1, shape[1]))
    )
  result = _raw.FusedBatchNormV3(
    x=images,
    scale=gamma,
    offset=params["beta"],
    mean=constants.constant((), tf.float32),
    variance=constants.constant((), tf.float32),
    epsilon=layer.epsilon,
    exponential_avg_factor=1.0,  # the default, an int, takes a slower way
  )

  def pullback(upstream: tf.Tensor, needed: bool) -> Gradients:
    del needed  # there is no other way
    with _BATCH_NORM_GRADIENT:
      gradient = _raw.FusedBatchNormGradV3(
        y_backprop=_like(upstream, images),
        x=images,
        scale=gamma,
        reserve_space_1=result.reserve_space_1,
        reserve_space_2=result.reserve_space_2,
        reserve_space_3=result.reserve_space_3,
        epsilon=layer.epsilon,
      )
    params = {"gamma": gradient.scale_backprop}
    params["beta"] = gradient.offset_backprop
    return (_like(gradient.x_backprop, x),), params

  moments = result.batch_mean, result.batch_variance
  return _like(result.y, x), pullback, moments


def _like(x: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
  """Returns x in the shape of another tensor."""
  if len(x.shape) == len(other.shape):
    return x
  return _raw.Reshape(tensor=x, shape=constants.shape(other))


@functools.lru_cache(maxsize=64)
def _max_pool_gradient(
  kernel: tuple[int, int],
  strides: tuple[int, int],
  padding: str,
  dtype: tf.DType,
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
  """Returns a function of the input and the gradient of the output."""
  images = tf.TensorSpec([None] * 4, dtype)

  # Compiled with its forward pass, this gradient is oneDNN's, which goes by
  # where each maximum was; without, it searches for them in several times the
  # time of both.
  @tf.function(input_signature=[images, images], autograph=False)
  def gradient(x: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    window = {
      "ksize": [1, *kernel, 1],
      "strides": [1, *strides, 1],
      "padding": padding,
    }
    y = _raw.MaxPool(input=x, **window)
    return _raw.MaxPoolGrad(
      orig_input=x, orig_output=y, grad=upstream, **window
    )

  return gradient


def _max_pool(layer, inputs, params):
  del params
  (x,) = inputs
  gradient = _max_pool_gradient(
    layer.kernel, layer.strides, layer.padding.upper(), x.dtype
  )
  return _raw.MaxPool(input=x, **_window(layer)), lambda upstream, needed: (
    (gradient(x, upstream),),
    {},
  )


def _avg_pool(layer, inputs, params):
  del params
  (x,), window = inputs, _window(layer)
  sizes = constants.shape(x)
  return _raw.AvgPool(value=x, **window), lambda upstream, needed: (
    (_raw.AvgPoolGrad(orig_input_shape=sizes, grad=upstream, **window),),
    {},
  )


def _global_avg_pool(layer, inputs, params):
  del layer, params
  (x,) = inputs
  batch, height, width, channels = x.shape

  def pullback(upstream: tf.Tensor, needed: bool) -> Gradients:
    del needed
    pixels = _raw.Reshape(
      tensor=upstream, shape=constants.constant((batch, 1, 1, channels))
    )
    pixels = _raw.Mul(
      x=pixels, y=constants.constant(1 / (height * width), pixels.dtype)
    )
    return (_raw.BroadcastTo(input=pixels, shape=constants.shape(x)),), {}

  return _raw.Mean(input=x, axis=constants.constant((1, 2))), pullback


def _global_max_pool(layer, inputs, params):
  del layer, params
  (x,) = inputs
  batch, _, _, channels = x.shape
  shape = constants.constant((batch, 1, 1, channels))
  axes = constants.constant((1, 2))
  y = _raw.Max(input=x, axis=axes, keep_dims=True)

  def pullback(upstream: tf.Tensor, needed: bool) -> Gradients:
    del needed
    # Equal maxima share the gradient, as in TensorFlow.
    is_greatest = _raw.Cast(x=_raw.Equal(x=x, y=y), DstT=x.dtype)
    number = _raw.Sum(input=is_greatest, axis=axes, keep_dims=True)
    share = _raw.Div(x=_raw.Reshape(tensor=upstream, shape=shape), y=number)
    return (_raw.Mul(x=is_greatest, y=share),), {}

  result = _raw.Reshape(tensor=y, shape=constants.constant((batch, channels)))
  return result, pullback


def _concat(layer, inputs, params):
  del layer, params
  axis = len(inputs[0].shape) - 1
  sizes = tuple(x.shape[-1] for x in inputs)
  y = _raw.ConcatV2(values=list(inputs), axis=constants.constant(axis))

  def pullback(upstream: tf.Tensor, needed: bool) -> Gradients:
    del needed
    parts = _raw.SplitV(
      value=upstream,
      size_splits=constants.constant(sizes),
      axis=constants.constant(axis),
      num_split=len(sizes),
    )
    return parts, {}

  return y, pullback


def _flatten(layer, inputs, params):
  del layer, params
  (x,) = inputs
  y = _raw.Reshape(tensor=x, shape=constants.constant((x.shape[0], -1)))
  return y, lambda upstream, needed: ((_like(upstream, x),), {})


def _slice(x: tf.Tensor, margins: tuple[tuple[int, int], ...]) -> tf.Tensor:
  begin = tuple(before for before, _ in margins)
  size = tuple(
    size - before - after
    for size, (before, after) in zip(x.shape, margins, strict=True)
  )
  return _raw.Slice(
    input=x, begin=constants.constant(begin), size=constants.constant(size)
  )


def _zero_pad(layer, inputs, params):
  del params
  margins = _margins(layer)
  y = _raw.Pad(input=inputs[0], paddings=constants.constant(margins))
  return y, lambda upstream, needed: ((_slice(upstream, margins),), {})


def _crop(layer, inputs, params):
  del params
  margins = _margins(layer)
  return _slice(inputs[0], margins), lambda upstream, needed: (
    (_raw.Pad(input=upstream, paddings=constants.constant(margins)),),
    {},
  )


# All but the input, and BatchNorm, which may use stored statistics.
FUNCTIONS: Mapping[ops.Op, Function] = {
  ops.Op.CONV: linear.conv,
  ops.Op.GROUPED_CONV: linear.conv,
  ops.Op.DEPTHWISE_CONV: linear.depthwise_conv,
  ops.Op.DENSE: linear.dense,
  ops.Op.RELU: elementwise.relu,
  ops.Op.RELU6: elementwise.relu6,
  ops.Op.LEAKY_RELU: elementwise.leaky_relu,
  ops.Op.PRELU: elementwise.prelu,
  ops.Op.SIGMOID: elementwise.sigmoid,
  ops.Op.HARD_SIGMOID: elementwise.hard_sigmoid,
  ops.Op.MAX_POOL: _max_pool,
  ops.Op.AVG_POOL: _avg_pool,
  ops.Op.GLOBAL_AVG_POOL: _global_avg_pool,
  ops.Op.GLOBAL_MAX_POOL: _global_max_pool,
  ops.Op.ADD: elementwise.add,
  ops.Op.SUBTRACT: elementwise.subtract,
  ops.Op.MULTIPLY: elementwise.multiply,
  ops.Op.CONCAT: _concat,
  ops.Op.FLATTEN: _flatten,
  ops.Op.ZERO_PAD: _zero_pad,
  ops.Op.CROP: _crop,
}
