# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The functions of operations that have a kernel; see `functions`."""

from collections.abc import Callable, Mapping, Sequence
import functools
from typing import Any

import tensorflow as tf

from ghn_tf import constants
from ghn_tf.arch import ops

_raw = tf.raw_ops

# Gradients of the inputs (None where nobody reads it) and of the params.
Gradients = tuple[Sequence[tf.Tensor | None], Mapping[str, tf.Tensor]]
# Takes the gradient of the output, and whether those of inputs are needed.
Pullback = Callable[[tf.Tensor, bool], Gradients]


@functools.lru_cache(maxsize=4096)
def _window(layer: ops.Layer) -> dict[str, Any]:
  return {
    "strides": [1, *layer.strides, 1],
    "padding": layer.padding.upper(),
    "dilations": [1, layer.dilation, layer.dilation, 1],
  }


def _with_bias(
  y: tf.Tensor, params: Mapping[str, tf.Tensor], pullback: Pullback
) -> tuple[tf.Tensor, Pullback]:
  """Adds the bias, if there is one."""
  if "bias" not in params:
    return y, pullback

  def with_bias(upstream: tf.Tensor, needed: bool) -> Gradients:
    inputs, gradients = pullback(upstream, needed)
    bias = _raw.BiasAddGrad(out_backprop=upstream)
    return inputs, {**gradients, "bias": bias}

  return _raw.BiasAdd(value=y, bias=params["bias"]), with_bias


def _convolution(
  operation: str, x: tf.Tensor, kernel: tf.Tensor, window: Mapping[str, Any]
) -> tuple[tf.Tensor, Pullback]:
  """Convolves by the raw operation of a name."""
  backprop_filter = getattr(_raw, f"{operation}BackpropFilter")
  backprop_input = getattr(_raw, f"{operation}BackpropInput")

  def pullback(upstream: tf.Tensor, needed: bool) -> Gradients:
    gradient = backprop_filter(
      input=x,
      filter_sizes=constants.shape(kernel),
      out_backprop=upstream,
      **window,
    )
    back = needed and backprop_input(
      input_sizes=constants.shape(x),
      filter=kernel,
      out_backprop=upstream,
      **window,
    )
    return (back,), {"kernel": gradient}

  return getattr(_raw, operation)(input=x, filter=kernel, **window), pullback


def conv(layer, inputs, params):
  """Convolves all channels, or those of each group."""
  (x,), kernel, window = inputs, params["kernel"], _window(layer)
  is_plain = layer.groups == layer.dilation == 1
  if is_plain or _has_all_gradients(x.dtype):
    y, pullback = _convolution("Conv2D", x, kernel, window)
  elif layer.dilation == 1:
    y, pullback = _grouped(layer.groups, x, kernel, window)
  else:
    convolve = functools.partial(_grouped, layer.groups)
    y, pullback = _dilated(layer, convolve, x, kernel)
  return _with_bias(y, params, pullback)


def depthwise_conv(layer, inputs, params):
  """Convolves each channel by itself."""
  (x,), kernel = inputs, params["kernel"]
  convolve = functools.partial(_convolution, "DepthwiseConv2dNative")
  if layer.dilation == 1:
    y, pullback = convolve(x, kernel, _window(layer))
  else:
    # The raw operation has a wrong gradient for dilations on CPU (tensorflow
    # issue 56498).
    y, pullback = _dilated(layer, convolve, x, kernel)
  return _with_bias(y, params, pullback)


@functools.cache
def _has_all_gradients(dtype: tf.DType) -> bool:
  """Tells whether TensorFlow has gradients of dilated and grouped convolutions.

  On CPUs oneDNN alone has them, which not every processor has and which is
  chosen when TensorFlow is imported, maybe before this package.
  """
  pixel = tf.zeros((1, 1, 1, 2), dtype)
  try:
    _raw.Conv2DBackpropFilter(
      input=pixel,
      filter_sizes=(1, 1, 1, 2),
      out_backprop=pixel,
      strides=[1] * 4,
      padding="VALID",
    )
  except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
    return False
  return True


def _grouped(
  groups: int, x: tf.Tensor, kernel: tf.Tensor, window: Mapping[str, Any]
) -> tuple[tf.Tensor, Pullback]:
  """Convolves each group of channels by itself."""
  axis = constants.constant(3)

  def split(value: tf.Tensor) -> Sequence[tf.Tensor]:
    return _raw.Split(axis=axis, value=value, num_split=groups)

  def join(values: Sequence[tf.Tensor]) -> tf.Tensor:
    # One alone cannot be concatenated.
    return _raw.ConcatV2(values=values, axis=axis) if groups > 1 else values[0]

  parts, pullbacks = zip(
    *(
      _convolution("Conv2D", *operands, window)
      for operands in zip(split(x), split(kernel), strict=True)
    ),
    strict=True,
  )

  def pullback(upstream: tf.Tensor, needed: bool) -> Gradients:
    gradients = [
      own(part, needed)
      for own, part in zip(pullbacks, split(upstream), strict=True)
    ]
    back = needed and join([back for (back,), _ in gradients])
    return (back,), {"kernel": join([own["kernel"] for _, own in gradients])}

  return join(parts), pullback


def _dilated(
  layer: ops.Layer,
  convolve: Callable[..., tuple[tf.Tensor, Pullback]],
  x: tf.Tensor,
  kernel: tf.Tensor,
) -> tuple[tf.Tensor, Pullback]:
  """Convolves each of the interleaved images that dilation keeps apart."""
  block = constants.constant((layer.dilation,) * 2)
  pads, crops = _interleaved(layer, *x.shape[1:3])
  window = {"strides": [1, 1, 1, 1], "padding": "VALID"}
  batch = _raw.SpaceToBatchND(input=x, block_shape=block, paddings=pads)
  y, inner = convolve(batch, kernel, window)

  def pullback(upstream: tf.Tensor, needed: bool) -> Gradients:
    upstream = _raw.SpaceToBatchND(
      input=upstream, block_shape=block, paddings=crops
    )
    (back,), gradients = inner(upstream, needed)
    if needed:
      back = _raw.BatchToSpaceND(input=back, block_shape=block, crops=pads)
    return (back,), gradients

  return _raw.BatchToSpaceND(input=y, block_shape=block, crops=crops), pullback


@functools.lru_cache(maxsize=4096)
def _interleaved(
  layer: ops.Layer, height: int, width: int
) -> tuple[tf.Tensor, tf.Tensor]:
  """Returns what to pad before images are taken apart, and to crop after."""
  pads, crops = [], []
  for size, kernel in zip((height, width), layer.kernel, strict=True):
    total = (kernel - 1) * layer.dilation if layer.padding == "same" else 0
    excess = -(size + total) % layer.dilation
    pads.append((total // 2, total - total // 2 + excess))
    crops.append((0, excess))
  return constants.constant(tuple(pads)), constants.constant(tuple(crops))


def dense(layer, inputs, params):
  """Returns the matrix product."""
  del layer
  (x,), kernel = inputs, params["kernel"]

  def pullback(upstream: tf.Tensor, needed: bool) -> Gradients:
    gradient = _raw.MatMul(a=x, b=upstream, transpose_a=True)
    back = needed and _raw.MatMul(a=upstream, b=kernel, transpose_b=True)
    return (back,), {"kernel": gradient}

  return _with_bias(_raw.MatMul(a=x, b=kernel), params, pullback)
