# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Dilated depthwise convolutions as TFLite's converter takes them."""

from collections.abc import Iterator
import contextlib
import functools

import tensorflow as tf
import tf_keras as keras


@contextlib.contextmanager
def whole(model: keras.Model) -> Iterator[None]:
  """Within it, each dilated depthwise convolution is one operation.

  TensorFlow takes them apart into interleaved images. The converter finds the
  parts and puts them together again, but not where two convolutions of one
  tensor have the first part in common: these stay apart, and in float. What is
  whole from the beginning needs not be found.

  The values are the same. The gradient of the whole operation is wrong on CPU
  (tensorflow issue 56498), so that this is for inference alone.
  """
  changed = []
  try:
    for layer in model.layers:
      layer = getattr(layer, "layer", layer)  # in a wrapper of TFMOT
      if (
        isinstance(layer, keras.layers.DepthwiseConv2D)
        and max(layer.dilation_rate) > 1
      ):
        layer.call = functools.partial(_call, layer)
        changed.append(layer)
    yield
  finally:
    for layer in changed:
      del layer.call


def _call(layer: keras.layers.DepthwiseConv2D, inputs: tf.Tensor) -> tf.Tensor:
  x = tf.raw_ops.DepthwiseConv2dNative(
    input=inputs,
    filter=layer.depthwise_kernel,
    strides=[1, 1, 1, 1],  # beside which Keras has no dilation
    padding=layer.padding.upper(),
    dilations=[1, *layer.dilation_rate, 1],
  )
  if layer.use_bias:
    x = tf.nn.bias_add(x, layer.bias)
  return layer.activation(x)
