# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import importlib

from absl.testing import absltest
from absl.testing import parameterized
import tensorflow as tf
import tf_keras as keras

from ghn_tf.child import keras_io

_layers = keras.layers
_SHAPE = (8, 8, 4)


def _model(*layers: keras.layers.Layer) -> keras.Model:
  return keras.Sequential([keras.Input(_SHAPE), *layers], name="model")


class _OwnLayer(keras.layers.Layer):
  def __init__(self, factor):  # which get_config lacks
    super().__init__(name="own")
    self.factor = factor

  def call(self, inputs):
    return inputs * self.factor


def _own_activation(x):
  return x


class _OwnModel(keras.Model):
  def call(self, inputs):
    return inputs


class UnsupportedTest(parameterized.TestCase):
  @parameterized.named_parameters(
    (
      "kind",
      lambda: _layers.Conv2DTranspose(2, 3, name="up"),
      "'up' is a Conv2DTranspose, which is not supported; supported are",
    ),
    ("own_kind", lambda: _OwnLayer(2.0), "'own' is a _OwnLayer"),
    (
      "nested_model",
      lambda: keras.Sequential([_layers.ReLU()], name="inner"),
      "'inner' is a Sequential",
    ),
    (
      "groups",
      lambda: _layers.Conv2D(4, 1, groups=2, name="conv"),
      r"'conv' \(Conv2D\): groups=2 is not supported, only 1",
    ),
    (
      "depth_multiplier",
      lambda: _layers.DepthwiseConv2D(3, depth_multiplier=2, name="conv"),
      "'conv'.*depth_multiplier=2 is not supported",
    ),
    (
      "unequal_dilation",
      lambda: _layers.Conv2D(4, 3, dilation_rate=(1, 2), name="conv"),
      r"'conv'.*dilation_rate=\(1, 2\) is not supported, only equal rates",
    ),
    (
      "unequal_depthwise_strides",
      lambda: _layers.DepthwiseConv2D(3, (1, 2), name="conv"),
      "'conv'.*equal strides",
    ),
    (
      "stride_and_dilation",
      lambda: _layers.SeparableConv2D(4, 3, name="conv"),
      "'conv' is a SeparableConv2D",
    ),
    (
      "activity_regularizer",
      lambda: _layers.ReLU(activity_regularizer="l2", name="relu"),
      r"'relu' \(ReLU\): an activity_regularizer is not supported",
    ),
    (
      "softmax",
      lambda: _layers.Activation("softmax", name="soft"),
      "'soft'.*activation 'softmax' is not supported.*end at logits",
    ),
    (
      "swish",
      lambda: _layers.Conv2D(4, 3, activation="swish", name="conv"),
      "'conv'.*activation 'swish' is not supported, only",
    ),
    (
      "own_activation",
      lambda: _layers.Activation(_own_activation, name="mine"),
      "'mine'.*activation .* is not supported",
    ),
    (
      "batch_norm_without_scale",
      lambda: _layers.BatchNormalization(scale=False, name="bn"),
      r"'bn' \(BatchNormalization\): scale=False is not supported",
    ),
    (
      "batch_norm_without_center",
      lambda: _layers.BatchNormalization(center=False, name="bn"),
      "'bn'.*center=False",
    ),
    (
      "batch_norm_over_height",
      lambda: _layers.BatchNormalization(axis=1, name="bn"),
      r"'bn'.*axis=\(1,\) is not the last axis alone",
    ),
    (
      "batch_norm_over_two_axes",
      lambda: _layers.BatchNormalization(axis=[2, 3], name="bn"),
      r"'bn'.*axis=\(2, 3\) is not the last axis alone",
    ),
    (
      "leaky_relu",
      lambda: _layers.ReLU(negative_slope=0.1, name="leaky"),
      "'leaky'.*negative_slope",
    ),
    ("relu1", lambda: _layers.ReLU(1.0, name="r"), "'r'.*max_value=1.0"),
    (
      "channels_first",
      lambda: _layers.MaxPooling2D(1, data_format="channels_first", name="p"),
      "'p'.*data_format='channels_first' is not supported",
    ),
    (
      "channels_first_flatten",
      lambda: _layers.Flatten(data_format="channels_first", name="f"),
      "'f'.*data_format='channels_first' is not supported",
    ),
    (
      "keepdims",
      lambda: _layers.GlobalAveragePooling2D(keepdims=True, name="p"),
      "'p'.*keepdims=True",
    ),
    (
      "dense_of_an_image",
      lambda: _layers.Dense(3, name="d"),
      r"'d' \(dense\) needs an input of shape \[C\]",
    ),
  )
  def test_layer_is_named(self, make, message):
    with self.assertRaisesRegex(ValueError, message):
      keras_io.from_keras(_model(make(), _layers.Flatten()))

  def test_operator_layer(self):
    image = keras.Input(_SHAPE)
    model = keras.Model(image, _layers.Flatten()(tf.sqrt(image)))
    with self.assertRaisesRegex(ValueError, "'tf.math.sqrt' is a TFOpLambda"):
      keras_io.from_keras(model)

  def test_concatenation_over_height(self):
    image = keras.Input(_SHAPE)
    x = _layers.Concatenate(axis=1, name="stack")([image, image])
    with self.assertRaisesRegex(ValueError, r"'stack'.*axis=\(1,\) is not"):
      keras_io.from_keras(keras.Model(image, _layers.Flatten()(x)))

  def test_shared_layer(self):
    image = keras.Input(_SHAPE)
    conv = _layers.Conv2D(4, 1, name="shared")
    model = keras.Model(image, _layers.Flatten()(conv(conv(image))))
    with self.assertRaisesRegex(ValueError, "'shared' is called 2 times"):
      keras_io.from_keras(model)

  def test_two_inputs(self):
    images = [keras.Input(_SHAPE) for _ in range(2)]
    x = _layers.Flatten()(_layers.Add()(images))
    model = keras.Model(images, x, name="two")
    with self.assertRaisesRegex(ValueError, "'two' has 2 inputs and 1 outputs"):
      keras_io.from_keras(model)

  def test_input_that_is_no_image(self):
    model = keras.Sequential([keras.Input((5,)), _layers.Dense(3)], name="mlp")
    with self.assertRaisesRegex(ValueError, r"'mlp' takes .*\[5\]"):
      keras_io.from_keras(model)

  def test_input_of_any_size(self):
    model = keras.Sequential(
      [keras.Input((None, None, 3)), _layers.GlobalAveragePooling2D()],
      name="free",
    )
    with self.assertRaisesRegex(
      ValueError, r"'free' takes .*\[None, None, 3\]"
    ):
      keras_io.from_keras(model)

  def test_subclassed_model(self):
    with self.assertRaisesRegex(ValueError, "'mine' is subclassed"):
      keras_io.from_keras(_OwnModel(name="mine"))

  def test_sequential_without_input(self):
    model = keras.Sequential([_layers.Flatten()], name="open")
    with self.assertRaisesRegex(ValueError, "'open' has no input shape"):
      keras_io.from_keras(model)

  def test_model_of_keras_3(self):
    keras_3 = importlib.import_module("keras")  # not the one that is used here
    model = keras_3.Sequential(
      [keras_3.Input(_SHAPE), keras_3.layers.Flatten()]
    )
    with self.assertRaisesRegex(
      ValueError, r"tf_keras.Model, got .* \(Keras 2\)"
    ):
      keras_io.from_keras(model)

  def test_output_that_is_no_vector(self):
    with self.assertRaisesRegex(ValueError, "must end in logits of shape"):
      keras_io.from_keras(_model(_layers.ReLU(name="last")))


if __name__ == "__main__":
  absltest.main()
