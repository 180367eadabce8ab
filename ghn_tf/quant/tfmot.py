# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Recipes as TFMOT quantize configurations for Keras layers.

The grids are those of `fake_quant`; here they hold their ranges in variables,
so that a Keras model can be trained on, saved and converted. Training it has
TensorFlow's gradient of fake quantization: 0 for a value that is clipped.
"""

from collections.abc import Mapping
import dataclasses
import math
from typing import Any

import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras

from ghn_tf.quant import range_rules
from ghn_tf.quant import recipe as recipe_lib

# Under the names that these give, Keras finds the classes of a saved model.
_registered = keras.saving.register_keras_serializable("ghn_tf")


@_registered
class Wrapper(tfmot.quantization.keras.QuantizeWrapperV2):
  """TFMOT's wrapper of a layer, which Keras can read from a file by itself."""

  # All of its control flow is Python's: to convert it, for each layer anew,
  # changes nothing and takes a tenth to a fifth of the time of making a model.
  @tf.autograph.experimental.do_not_convert
  def call(self, inputs, training=None, **kwargs):
    """See TFMOT's wrapper."""
    return super().call(inputs, training=training, **kwargs)


class KernelQuantizer(tfmot.quantization.keras.quantizers.LastValueQuantizer):
  """Symmetric narrow grid of a kernel, with the range it has now.

  Differs from the stock quantizer in three ways: how far the range goes is what
  the rule of the grid says; a depthwise kernel [kh, kw, c, 1] has a range for
  each of its c channels, as in TFLite (the stock one takes the last axis and so
  has a single range); and a range that all channels share is stored once for
  each, because the converter folds BatchNorm only into kernels with per-channel
  scales.
  """

  def __init__(
    self, grid: recipe_lib.TensorQuantization, channel_axis: int | None
  ):
    """Args: the grid; channel_axis as in `quantize_kernel`."""
    super().__init__(grid.num_bits, channel_axis is not None, True, True)
    self.grid = grid
    self.channel_axis = channel_axis

  def build(
    self,
    tensor_shape: tf.TensorShape,
    name: str,
    layer: keras.layers.Layer,
  ) -> dict[str, tf.Variable]:
    """Adds the range variables, [channels] or scalar for a dense kernel."""
    shape = None
    if self.channel_axis is not None:
      shape = (tensor_shape[self.channel_axis],)
    return {
      f"{end}_var": layer.add_weight(
        f"{name}_{end}",
        shape=shape,
        initializer=keras.initializers.Constant(sign),
        trainable=False,
      )
      for end, sign in (("min", -1.0), ("max", 1.0))
    }

  def limit(self, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the greatest magnitude on the grid, [channels] or scalar."""
    limit = range_rules.kernel_limit(kernel, self.grid, self.channel_axis)
    if self.channel_axis is None or self.grid.per_channel:
      return limit
    return tf.fill((kernel.shape[self.channel_axis],), limit)

  def __call__(self, inputs, training, weights, **kwargs):
    """Returns the kernel on its grid; in training the range follows it."""
    low, high = weights["min_var"], weights["max_var"]
    if training:
      limit = tf.stop_gradient(self.limit(inputs))
      low, high = low.assign(-limit), high.assign(limit)
    if self.channel_axis is None:
      return tf.quantization.fake_quant_with_min_max_vars(
        inputs, low, high, self.num_bits, narrow_range=True
      )
    # The operation's channels are the last axis. One reshape before and one
    # after is the only form of a depthwise kernel that the converter takes.
    shape = inputs.shape
    rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(
      tf.reshape(inputs, shape[: self.channel_axis + 1]),
      low,
      high,
      self.num_bits,
      narrow_range=True,
    )
    return tf.reshape(rounded, shape)


class OutputQuantizer(
  tfmot.quantization.keras.quantizers.MovingAverageQuantizer
):
  """Grid of an output, on a moving average of batches' ranges.

  Differs from the stock quantizer in the range of a batch, which the rule of
  the grid says, and in how soon the average follows. At the stock 0.999,
  outputs of networks without BatchNorm that begin at random params and a high
  rate outgrow their ranges; no gradient comes back through what is clipped,
  and they diverge.
  """

  _DECAY = 0.98

  def __init__(
    self, grid: recipe_lib.TensorQuantization, bounds: range_rules.Bounds
  ):
    """Args as `range_rules.activation_range`."""
    symmetric = grid.symmetric
    super().__init__(grid.num_bits, False, symmetric, symmetric)
    self.grid = grid
    self.bounds = bounds

  def __call__(self, inputs, training, weights, **kwargs):
    """Returns the output on its grid; in training the range moves first."""
    ends = low, high = weights["min_var"], weights["max_var"]
    if training:
      least, greatest = range_rules.activation_range(
        inputs, self.grid, self.bounds
      )
      # The average of an output that has become 0 would fall without end.
      batch = least, range_rules.at_least(greatest)
      low, high = (
        tf.__internal__.train.assign_moving_average(
          end, tf.stop_gradient(value), self._DECAY, zero_debias=False
        )
        for end, value in zip(ends, batch, strict=True)
      )
    return tf.quantization.fake_quant_with_min_max_vars(
      inputs, low, high, self.num_bits, narrow_range=self.narrow_range
    )


class _Config(tfmot.quantization.keras.QuantizeConfig):
  """A configuration that quantizes nothing; the two below override parts."""

  def get_weights_and_quantizers(self, layer):
    return []

  def get_activations_and_quantizers(self, layer):
    return []

  def set_quantize_weights(self, layer, quantize_weights):
    pass

  def set_quantize_activations(self, layer, quantize_activations):
    pass

  def get_output_quantizers(self, layer):
    return []


@_registered
class KernelConfig(_Config):
  """Rounds the kernel of a Conv2D, DepthwiseConv2D or Dense layer."""

  def __init__(
    self, grid: recipe_lib.TensorQuantization, channel_axis: int | None
  ):
    """Args as `KernelQuantizer`."""
    self.quantizer = KernelQuantizer(grid, channel_axis)

  @staticmethod
  def _attribute(layer: keras.layers.Layer) -> str:
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    return "depthwise_kernel" if depthwise else "kernel"

  def get_weights_and_quantizers(self, layer):
    """See TFMOT's `QuantizeConfig`."""
    return [(getattr(layer, self._attribute(layer)), self.quantizer)]

  def set_quantize_weights(self, layer, quantize_weights):
    """See TFMOT's `QuantizeConfig`."""
    (kernel,) = quantize_weights
    setattr(layer, self._attribute(layer), kernel)

  def get_config(self) -> dict[str, Any]:
    """Returns the constructor's arguments, as JSON can hold them."""
    return {
      "grid": dataclasses.asdict(self.quantizer.grid),
      "channel_axis": self.quantizer.channel_axis,
    }

  @classmethod
  def from_config(cls, config: Mapping[str, Any]) -> "KernelConfig":
    """Returns the configuration that gave `get_config`."""
    return cls(_grid(config["grid"]), config["channel_axis"])


@_registered
class OutputConfig(_Config):
  """Rounds the output of a layer to its grid."""

  def __init__(
    self, grid: recipe_lib.TensorQuantization, bounds: range_rules.Bounds
  ):
    """Args as `OutputQuantizer`."""
    self.quantizer = OutputQuantizer(grid, bounds)

  def get_output_quantizers(self, layer):
    """See TFMOT's `QuantizeConfig`."""
    return [self.quantizer]

  def get_config(self) -> dict[str, Any]:
    """Returns the constructor's arguments, as JSON can hold them."""
    # JSON has no infinite numbers, though Python writes some.
    bounds = [
      end if math.isfinite(end) else None for end in self.quantizer.bounds
    ]
    return {
      "grid": dataclasses.asdict(self.quantizer.grid),
      "bounds": bounds,
    }

  @classmethod
  def from_config(cls, config: Mapping[str, Any]) -> "OutputConfig":
    """Returns the configuration that gave `get_config`."""
    least, greatest = (
      unbounded if end is None else end
      for end, unbounded in zip(
        config["bounds"], range_rules.UNBOUNDED, strict=True
      )
    )
    return cls(_grid(config["grid"]), (least, greatest))


def _grid(config: Mapping[str, Any]) -> recipe_lib.TensorQuantization:
  """Returns the grid of which these are the fields."""
  rule = recipe_lib.RangeRule(config["range_rule"])
  return recipe_lib.TensorQuantization(**{**config, "range_rule": rule})


@_registered
class StandaloneBatchNormalization(keras.layers.BatchNormalization):
  """A BatchNormalization that no convolution absorbs.

  With stored statistics it is a 1x1 depthwise convolution, which an integer
  runtime has, while it has no BatchNorm. Rounding its kernel to 8 bits per
  channel changes nothing: each channel is a single value and its own scale.
  """

  def call(self, inputs, training=None, **kwargs):
    """Returns the normalized inputs, of the same shape."""
    if training:
      return super().call(inputs, training=True, **kwargs)
    gain = self.gamma * tf.math.rsqrt(self.moving_variance + self.epsilon)
    limit = tf.maximum(tf.abs(gain), range_rules.LEAST_LIMIT)
    kernel = tf.quantization.fake_quant_with_min_max_vars_per_channel(
      tf.reshape(gain, (1, 1, -1)), -limit, limit, 8, narrow_range=True
    )
    channels = inputs.shape[-1]
    # A reshape of images would keep the converter from fusing a ReLU.
    is_image = inputs.shape.rank == 4
    x = inputs if is_image else tf.reshape(inputs, (-1, 1, 1, channels))
    x = tf.nn.depthwise_conv2d(
      x, tf.reshape(kernel, (1, 1, channels, 1)), (1, 1, 1, 1), "SAME"
    )
    x = tf.nn.bias_add(x, self.beta - self.moving_mean * gain)
    return x if is_image else tf.reshape(x, (-1, channels))


def quantize_kernel(
  layer: keras.layers.Layer,
  grid: recipe_lib.TensorQuantization,
  channel_axis: int | None,
) -> keras.layers.Layer:
  """Returns the layer, wrapped so that its kernel is rounded.

  Args:
    layer: Conv2D, DepthwiseConv2D or Dense.
    grid: symmetric.
    channel_axis: the axis of the kernel's output channels; None for Dense.
  """
  config = KernelConfig(grid, channel_axis)
  return Wrapper(layer, config, dtype="float32")


def quantize_output(
  name: str, grid: recipe_lib.TensorQuantization, bounds: range_rules.Bounds
) -> keras.layers.Layer:
  """Returns a layer that rounds what it is given, and holds the range.

  Args:
    name: of the layer, without the wrapper's prefix.
    grid: its bits and rule.
    bounds: between which all that it is given lies.
  """
  return Wrapper(
    keras.layers.Activation("linear", name=name, dtype="float32"),
    OutputConfig(grid, bounds),
    dtype="float32",
  )


def set_kernel_range(wrapper: keras.layers.Layer, kernel: tf.Tensor) -> None:
  """Sets the range of a layer from `quantize_kernel` to that of a kernel."""
  limit = wrapper.quantize_config.quantizer.limit(kernel)
  _set_range(wrapper, "kernel", -limit, limit)


def set_output_range(
  wrapper: keras.layers.Layer, low: tf.Tensor, high: tf.Tensor
) -> None:
  """Sets the range of a layer from `quantize_output`, two scalars."""
  _set_range(wrapper, "output", low, high)


def output_range(wrapper: keras.layers.Layer) -> list[tf.Tensor]:
  """Returns the range of a layer from `quantize_output`, two scalars."""
  return [tf.convert_to_tensor(end) for end in _ends(wrapper, "output")]


def has_kernel(wrapper: keras.layers.Layer) -> bool:
  """Whether a layer is from `quantize_kernel`, not from `quantize_output`."""
  return isinstance(wrapper.quantize_config, KernelConfig)


def grid(wrapper: keras.layers.Layer) -> recipe_lib.TensorQuantization:
  """Returns the grid of a layer from `quantize_kernel` or `quantize_output`."""
  return wrapper.quantize_config.quantizer.grid


def _set_range(
  wrapper: keras.layers.Layer, name: str, low: tf.Tensor, high: tf.Tensor
) -> None:
  ends = _ends(wrapper, name)
  for end, value in zip(ends, (low, high), strict=True):
    end.assign(value)


def _ends(wrapper: keras.layers.Layer, name: str) -> list[tf.Variable]:
  """Returns the variables of the least and of the greatest value."""
  ends = []
  for end in (f"{name}_min:0", f"{name}_max:0"):
    found = [v for v in wrapper.weights if v.name.endswith(end)]
    if len(found) != 1:
      raise ValueError(
        f"Layer {wrapper.name!r} has {len(found)} variables named *{end},"
        f" expected one; quantize the layer with quantize_{name} and call it"
        " before its range is asked for."
      )
    ends += found
  return ends
