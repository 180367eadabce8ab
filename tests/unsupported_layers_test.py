# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import importlib

from absl.testing import absltest
from absl.testing import parameterized
import tensorflow as tf
import tf_keras as keras

from ghn_tf.child import keras_io
from ghn_tf.reading import keras_config
from ghn_tf.reading import models
from ghn_tf.reading import network

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


def _ops():
  return importlib.import_module("keras").ops


class _OwnModel(keras.Model):
  def call(self, inputs):
    return inputs


class UnsupportedTest(parameterized.TestCase):
  @parameterized.named_parameters(
    (
      "kind",
      lambda: _layers.Conv2DTranspose(2, 3, name="up"),
      r"'up' \(Conv2DTranspose\): it makes images larger; predict the part",
    ),
    (
      "own_kind",
      lambda: _OwnLayer(2.0),
      r"'own' \(custom _OwnLayer\): it is a class of its own.*; build it from",
    ),
    (
      "lambda",
      lambda: _layers.Lambda(lambda x: x, name="code"),
      r"'code' \(Lambda\): it holds Python code.*; write its function",
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
      "softmax",
      lambda: _layers.Activation("softmax", name="soft"),
      r"\(Flatten\): reads what 'soft' made probabilities of; put it before",
    ),
    (
      "gelu",
      lambda: _layers.Conv2D(4, 3, activation="gelu", name="conv"),
      "'conv'.*activation 'gelu' is not supported, only .*; use relu, hard_",
    ),
    (
      "own_activation",
      lambda: _layers.Activation(_own_activation, name="mine"),
      "'mine'.*activation .* is not supported",
    ),
    (
      "activation_of_tensorflow",
      lambda: _layers.Conv2D(4, 3, activation=tf.identity, name="conv"),
      "'conv'.*'identity', not a function of Keras, is.*; give one by its name",
    ),
    (
      "activation_that_is_a_layer",
      lambda: _layers.Conv2D(4, 3, activation=_layers.ELU(), name="conv"),
      "'conv'.*activation 'ELU' is not supported, only .*; use relu",
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
      "leaky_relu6",
      lambda: _layers.ReLU(6.0, negative_slope=0.1, name="leaky"),
      "'leaky'.*negative_slope=0.1.* is not supported with a max_value; use",
    ),
    (
      "depth_multiplier",
      lambda: _layers.DepthwiseConv2D(3, depth_multiplier=65, name="conv"),
      "'conv'.*depth_multiplier=65 is not supported, only 1 to 64; use a",
    ),
    (
      "prelu",
      lambda: _layers.PReLU(name="leaky"),
      r"'leaky' \(PReLU\): has slopes for every.*; use .*shared_axes=\[1, 2\]",
    ),
    (
      "prelu_of_all_channels",
      lambda: _layers.PReLU(shared_axes=[1, 2, 3], name="leaky"),
      r"'leaky'.* one slope for all.*; use PReLU\(shared_axes=\[1, 2\]\)",
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
  )
  def test_layer_is_named(self, make, message):
    with self.assertRaisesRegex(ValueError, message):
      keras_io.from_keras(_model(make(), _layers.Flatten()))

  def test_operator_layer(self):
    image = keras.Input(_SHAPE)
    model = keras.Model(image, _layers.Flatten()(tf.sqrt(image)))
    with self.assertRaisesRegex(
      ValueError, r"'tf.math.sqrt' \(tf.math.sqrt\): the function is not"
    ):
      keras_io.from_keras(model)

  @parameterized.parameters("tf_keras", "keras")
  def test_constant_factors_are_told_to_be_folded(self, name):
    module = importlib.import_module(name)
    layers = module.layers
    image = module.Input(_SHAPE)
    x = layers.Conv2D(4, 3, padding="same")(image)
    for y in (0.2 * x, layers.Rescaling(0.2)(x), x + 0.5):
      model = module.Model(image, layers.Flatten()(layers.Add()([x, y])))
      with self.assertRaisesRegex(ValueError, "out: fold it into the convol"):
        keras_io.from_keras(model)

  @parameterized.parameters(
    ("tf_keras", lambda x: tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), "Zero"),
    ("tf_keras", lambda x: tf.nn.max_pool2d(x, 2, 2, "SAME"), "MaxPooling2D"),
    ("tf_keras", lambda x: tf.nn.avg_pool2d(x, 2, 2, "SAME"), "AveragePool"),
    ("tf_keras", lambda x: tf.expand_dims(x, 1), "Reshape"),
    ("tf_keras", lambda x: tf.clip_by_value(x, 0, 6), r"ReLU\(6.0\)"),
    ("tf_keras", lambda x: tf.split(x, 2, axis=-1)[0], "a 1x1 Conv2D"),
    ("keras", lambda x: _ops().pad(x, [[0, 0]] + [[1, 1]] * 3), "ZeroPadding"),
    ("keras", lambda x: _ops().max_pool(x, 2), "MaxPooling2D"),
    ("keras", lambda x: _ops().average_pool(x, 2), "AveragePooling2D"),
    ("keras", lambda x: _ops().expand_dims(x, 1), "Reshape"),
    ("keras", lambda x: _ops().clip(x, 0, 6), r"ReLU\(6.0\)"),
    ("keras", lambda x: _ops().split(x, 2, axis=-1)[0], "a 1x1 Conv2D"),
  )
  def test_functions_are_told_their_layers(self, name, function, layer):
    module = importlib.import_module(name)
    image = module.Input(_SHAPE)
    model = module.Model(image, module.layers.Flatten()(function(image)))
    with self.assertRaisesRegex(ValueError, f"not supported; use {layer}"):
      keras_io.from_keras(model)

  @parameterized.parameters("tf_keras", "keras")
  def test_parts_of_images(self, name):
    module = importlib.import_module(name)
    flatten = module.layers.Flatten()
    image = module.Input(_SHAPE)
    for part in (
      image[..., :3],
      image[:, 1:7, 1:7],
      image[:, ::2],
      image[:, 0],
      image[..., None],
    ):
      with self.assertRaisesRegex(ValueError, "a part of .*; use Cropping2D"):
        keras_io.from_keras(module.Model(image, flatten(part)))
    for order in (image[..., ::-1], image[:, :, :, ::-1]):
      model = module.Model(image, flatten(order))
      self.assertEqual(keras_io.from_keras(model).num_classes, 8 * 8 * 4)

  @parameterized.parameters(
    ("kernel_size", [1e308], r"\[1e\+308\], expected 2 integers; correct it"),
    ("filters", -3, "needs filters >= 1, got -3; give it some"),
    ("filters", "x", "'x' is not an integer; correct it"),
    ("use_bias", 3, "is neither true nor false; correct it"),
  )
  def test_values_that_no_layer_has_are_told_where_to_correct(
    self, key, value, message
  ):
    model = _model(_layers.Conv2D(4, 3, name="conv"), _layers.Flatten())
    config = model.get_config()
    config["layers"][1]["config"][key] = value
    record = {"class_name": "Sequential", "module": "keras", "config": config}
    reading = network.read(keras_config.network(record))
    self.assertRegex(reading.refusal, f"'conv'.*{message}")

  @parameterized.parameters(((0, 0, 2),), ((2, 1),), ((0, 1, 2), 1))
  def test_channels_that_are_no_image_again(self, places, axis=-1):
    module = importlib.import_module("keras")
    image = module.Input((8, 8, 3))
    parts = [image[..., place] for place in places]
    x = module.layers.Flatten()(module.ops.stack(parts, axis=axis))
    with self.assertRaisesRegex(ValueError, "'stack.*; use Concatenate"):
      keras_io.from_keras(module.Model(image, x))

  def test_slopes_of_an_activation_are_shared_by_no_calls(self):
    image = keras.Input(_SHAPE)
    leaky = _layers.Activation(_layers.PReLU(shared_axes=[1, 2]), name="leaky")
    model = keras.Model(image, _layers.Flatten()(leaky(leaky(image))))
    with self.assertRaisesRegex(ValueError, "'leaky'.*share slopes; give each"):
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
    with self.assertRaisesRegex(ValueError, "'shared'.*share weights; give"):
      keras_io.from_keras(model)

  def test_two_inputs(self):
    images = [keras.Input(_SHAPE) for _ in range(2)]
    x = _layers.Flatten()(_layers.Add()(images))
    model = keras.Model(images, x, name="two")
    with self.assertRaisesRegex(
      ValueError, "several inputs, '.*; give it one image"
    ):
      keras_io.from_keras(model)

  def test_input_that_is_no_image(self):
    model = keras.Sequential([keras.Input((5,)), _layers.Dense(3)], name="mlp")
    with self.assertRaisesRegex(ValueError, r"takes vectors \[5\].*; give it"):
      keras_io.from_keras(model)

  def test_anomaly_autoencoder(self):
    # MLPerf Tiny's, for spectrograms as vectors.
    x = image = keras.Input((640,))
    for units in (128, 128, 128, 128, 8, 128, 128, 128, 128):
      x = _layers.BatchNormalization()(_layers.Dense(units)(x))
      x = _layers.Activation("relu")(x)
    model = keras.Model(image, _layers.Dense(640)(x), name="autoencoder")
    with self.assertRaisesRegex(
      ValueError, r"takes vectors \[640\].*autoencoders are not predicted"
    ):
      keras_io.from_keras(model)

  def test_input_of_any_size(self):
    model = keras.Sequential(
      [keras.Input((None, None, 3)), _layers.GlobalAveragePooling2D()],
      name="free",
    )
    with self.assertRaisesRegex(
      ValueError, r"shape \[None, None, 3\].*; give the input"
    ):
      keras_io.from_keras(model)

  def test_subclassed_model(self):
    with self.assertRaisesRegex(ValueError, "'mine' is subclassed"):
      keras_io.from_keras(_OwnModel(name="mine"))

  def test_sequential_without_input(self):
    model = keras.Sequential([_layers.Flatten()], name="open")
    with self.assertRaisesRegex(ValueError, "'open' has no input shape"):
      keras_io.from_keras(model)

  def test_output_that_is_no_vector(self):
    last = _layers.Conv2D(10, 1, name="last")
    reading = models.read(_model(_layers.ReLU(name="first"), last))
    names = [finding.layer for finding in reading.findings]
    self.assertEqual(names[1:], ["first", "last", "last"])  # all are listed
    self.assertRegex(
      reading.refusal, r"'last'.* in the shape \[8, 8, 10\].*; add Global"
    )


if __name__ == "__main__":
  absltest.main()
