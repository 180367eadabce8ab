# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The Keras layers of operations."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras as keras

from ghn_tf.arch import ops
from ghn_tf.quant import range_rules
from ghn_tf.quant import recipe as recipe_lib

_layers = keras.layers
# Operations whose layers have weights.
WITH_WEIGHTS = (
  *ops.CONVOLUTIONS,
  ops.Op.DENSE,
  ops.Op.BATCH_NORM,
  ops.Op.PRELU,
)


@keras.saving.register_keras_serializable("ghn_tf")
class HardSigmoid(keras.layers.Layer):
  """slope * x + 0.5, between 0 and 1.

  Where outputs are rounded it is a 1x1 depthwise convolution without the
  upper bound: the range of the outputs has it, and a file has one operator.
  """

  def __init__(self, slope: float, *, is_rounded: bool = False, **kwargs: Any):
    """Args: the slope; whether what it gives is rounded next."""
    super().__init__(**kwargs)
    self.slope = slope
    self.is_rounded = is_rounded

  def rounded(self) -> "HardSigmoid":
    """Returns the same where outputs are rounded."""
    return self.from_config({**self.get_config(), "is_rounded": True})

  def get_config(self) -> dict[str, Any]:
    """Returns the constructor's arguments, as JSON can hold them."""
    own = {"slope": self.slope, "is_rounded": self.is_rounded}
    return {**super().get_config(), **own}

  def call(self, inputs):
    """Returns the values between 0 and 1, of the same shape."""
    if not self.is_rounded:
      return tf.clip_by_value(self.slope * inputs + 0.5, 0.0, 1.0)
    channels = inputs.shape[-1]
    slopes = tf.fill((channels,), self.slope)
    kernel = tf.quantization.fake_quant_with_min_max_vars_per_channel(
      tf.reshape(slopes, (1, 1, -1)), -slopes, slopes, 8, narrow_range=True
    )
    is_image = inputs.shape.rank == 4
    x = inputs if is_image else tf.reshape(inputs, (-1, 1, 1, channels))
    x = tf.nn.depthwise_conv2d(
      x, tf.reshape(kernel, (1, 1, channels, 1)), (1, 1, 1, 1), "SAME"
    )
    x = tf.nn.bias_add(x, tf.fill((channels,), 0.5))
    x = tf.nn.relu(x)  # A range of 16 bits does not begin at 0.
    return x if is_image else tf.reshape(x, (-1, channels))


@keras.saving.register_keras_serializable("ghn_tf")
class RoundedPReLU(keras.layers.PReLU):
  """A PReLU whose slopes are on `recipe.SLOPES`, in training as well.

  They are rounded by plain operations: TFLite's converter makes its operator of
  slopes in float alone, and then finds them on this grid.
  """

  def call(self, inputs):
    """Returns x, and below 0 x times a slope, of the same shape."""
    greatest = range_rules.at_least(tf.reduce_max(tf.abs(self.alpha)))
    step = greatest / (2 ** (recipe_lib.SLOPES.num_bits - 1) - 1)
    rounded = tf.round(self.alpha / step) * step
    alpha = self.alpha + tf.stop_gradient(rounded - self.alpha)
    # The form in which the converter knows it.
    return tf.nn.relu(inputs) + -alpha * tf.nn.relu(-inputs)


def make(node: ops.Node, shape: Sequence[int]) -> keras.layers.Layer:
  """Returns the layer of a node, with the node's name; not for INPUT.

  Args:
    node: the node.
    shape: of its output, without the batch.
  """
  # Whatever policy the user has set for other models: ranges need float32.
  layer = node.layer
  named: dict[str, Any] = {"name": node.name, "dtype": "float32"}
  window = {"strides": layer.strides, "padding": layer.padding, **named}
  convolution = {
    "kernel_size": layer.kernel,
    "dilation_rate": layer.dilation,
    "use_bias": layer.use_bias,
    **window,
  }
  channels = shape[-1]
  top, bottom, left, right = layer.margins
  margins = ((top, bottom), (left, right))
  match node.op:
    case ops.Op.CONV | ops.Op.GROUPED_CONV:
      return _layers.Conv2D(channels, groups=layer.groups, **convolution)
    case ops.Op.DEPTHWISE_CONV:
      return _layers.DepthwiseConv2D(**convolution)
    case ops.Op.DENSE:
      return _layers.Dense(channels, use_bias=layer.use_bias, **named)
    case ops.Op.BATCH_NORM:
      return _layers.BatchNormalization(epsilon=layer.epsilon, **named)
    case ops.Op.RELU:
      return _layers.ReLU(**named)
    case ops.Op.RELU6:
      return _layers.ReLU(6.0, **named)
    case ops.Op.LEAKY_RELU:
      return _layers.LeakyReLU(layer.slope, **named)
    case ops.Op.PRELU:
      return _layers.PReLU(shared_axes=[*range(1, len(shape))] or None, **named)
    case ops.Op.SIGMOID:
      return _layers.Activation("sigmoid", **named)
    case ops.Op.HARD_SIGMOID:
      return HardSigmoid(layer.slope, **named)
    case ops.Op.MAX_POOL:
      return _layers.MaxPooling2D(layer.kernel, **window)
    case ops.Op.AVG_POOL:
      return _layers.AveragePooling2D(layer.kernel, **window)
    case ops.Op.GLOBAL_AVG_POOL:
      return _layers.GlobalAveragePooling2D(**named)
    case ops.Op.GLOBAL_MAX_POOL:
      return _layers.GlobalMaxPooling2D(**named)
    case ops.Op.MULTIPLY:
      return _layers.Multiply(**named)
    case ops.Op.SUBTRACT:
      return _layers.Subtract(**named)
    case ops.Op.ADD:
      return _layers.Add(**named)
    case ops.Op.CONCAT:
      return _layers.Concatenate(**named)
    case ops.Op.FLATTEN:
      return _layers.Flatten(**named)
    case ops.Op.ZERO_PAD:
      return _layers.ZeroPadding2D(margins, **named)
    case ops.Op.CROP:
      return _layers.Cropping2D(margins, **named)
  raise AssertionError(f"{node.op} has no layer")


# What a layer decides only for training: its weights' losses and bounds, and
# how fast BatchNorm's stored statistics follow.
_WEIGHTS = ("kernel", "depthwise", "bias", "gamma", "beta", "alpha")
_FOR_TRAINING = (
  "momentum",
  *(f"{weight}_regularizer" for weight in _WEIGHTS),
  *(f"{weight}_constraint" for weight in _WEIGHTS),
)


def train_alike(
  layer: keras.layers.Layer, model_layer: keras.layers.Layer
) -> None:
  """Gives a layer that is not built yet what another has for training."""
  separable = isinstance(
    model_layer, _layers.SeparableConv1D | _layers.SeparableConv2D
  )
  for name in _FOR_TRAINING:
    other = name
    if separable and not isinstance(layer, _layers.DepthwiseConv2D):
      other = name.replace("kernel", "pointwise")
    if hasattr(layer, name) and hasattr(model_layer, other):
      setattr(layer, name, getattr(model_layer, other))


def for_training(
  model_layer: keras.layers.Layer, name: str, shape: Sequence[int | None]
) -> keras.layers.Layer:
  """Returns what does the same in training as a layer of Dropout or noise.

  Args:
    model_layer: of a model.
    name: of the new layer.
    shape: of what it reads, which is [B, C] where the model may have
      [B, 1, 1, C], and [B, 1, T, C] where it has [B, T, C].
  """
  config = {**model_layer.get_config(), "name": name, "dtype": "float32"}
  kind = type(model_layer)
  if isinstance(model_layer, _layers.SpatialDropout1D):
    is_image = len(shape) == 4
    kind = _layers.SpatialDropout2D if is_image else _layers.Dropout
    config = {key: config[key] for key in ("name", "dtype", "rate")}
  elif isinstance(model_layer, _layers.SpatialDropout2D) and len(shape) == 2:
    kind = _layers.Dropout
    config = {key: config[key] for key in ("name", "dtype", "rate")}
  elif config.get("noise_shape") is not None:
    first, *middle, last = config["noise_shape"]
    middle = [1] * (len(shape) - 2 - len(middle)) + middle
    config["noise_shape"] = [first, *middle[: len(shape) - 2], last]
  return kind.from_config(config)
