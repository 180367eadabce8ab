# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests that what a Keras model has for training comes back."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf.arch import spec
from ghn_tf.child import calibrate
from ghn_tf.child import keras_io
from ghn_tf.edge import tflite
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.reading import models
from ghn_tf.reading import network

_layers = keras.layers
_SHAPE = (8, 8, 4)
_IMAGES = tf.constant(
  np.random.default_rng(1).normal(size=(4, *_SHAPE)), tf.float32
)


def _calibrated(architecture: spec.Architecture, recipe):
  rng = np.random.default_rng(0)
  params = {
    param.name: tf.constant(rng.normal(size=param.shape), tf.float32)
    for param in architecture.param_specs
  }
  return calibrate.calibrate(architecture, params, [_IMAGES], recipe=recipe)


def _dropouts(model: keras.Model):
  return network.read(models.network(model)).dropouts


def _with_settings_for_training() -> keras.Model:
  """A model whose layers say how they are trained, with Dropout everywhere."""
  l2 = keras.regularizers.L2(0.01)
  image = keras.Input(_SHAPE, name="image")
  x = _layers.Dropout(0.1, name="of_image")(image)
  x = _layers.Conv2D(
    4,
    3,
    activation="relu",
    kernel_regularizer=l2,
    bias_regularizer="l1",
    kernel_constraint=keras.constraints.MaxNorm(2),
    name="conv",
  )(x)
  dropped = _layers.Dropout(0.2, noise_shape=(None, 1, 1, 4), name="one")(x)
  y = _layers.DepthwiseConv2D(3, depthwise_regularizer=l2, name="dw")(dropped)
  y = _layers.BatchNormalization(
    momentum=0.7, gamma_regularizer=l2, name="folded"
  )(y)
  y = _layers.Dropout(0.3, name="before_relu")(y)
  y = _layers.ReLU(name="relu")(y)
  y = _layers.GlobalAveragePooling2D(name="mean")(y)
  z = _layers.GlobalAveragePooling2D(name="other")(dropped)
  w = _layers.GlobalAveragePooling2D(name="without")(x)
  y = _layers.Add(name="add")([z, y, _layers.Dropout(0.4, name="two")(w)])
  y = _layers.Dropout(0.6, name="four")(_layers.Dropout(0.5, name="three")(y))
  y = _layers.BatchNormalization(
    momentum=0.6, beta_regularizer=l2, beta_constraint="NonNeg", name="alone"
  )(y)
  y = _layers.Dense(3, kernel_regularizer=l2, name="dense")(y)
  y = _layers.Dropout(0.7, name="of_logits")(y)
  return keras.Model(image, y, name="trained")


class TrainingTest(tf.test.TestCase, parameterized.TestCase):
  """What a model has for training comes back."""

  def _again(self, name: str) -> tuple[keras.Model, keras.Model]:
    model = _with_settings_for_training()
    architecture, recipe = keras_io.from_keras(model), recipe_lib.get(name)
    params = _calibrated(architecture, recipe)
    return model, keras_io.to_keras(architecture, params, recipe, model)

  @parameterized.parameters("float", "w8a8")
  def test_momentum_regularizers_and_constraints_are_kept(self, name):
    _, again = self._again(name)
    weights = {}
    for layer in again.layers:
      for weight in layer.weights:
        key = weight.name.split("/")[-1].removesuffix(":0")
        weights[f"{layer.name.removeprefix('quant_')}/{key}"] = weight
    self.assertEqual(again.get_layer("folded").momentum, 0.7)
    self.assertEqual(again.get_layer("alone").momentum, 0.6)
    self.assertEqual(weights["conv/kernel"].constraint.max_value, 2)
    constraint = weights["alone/beta"].constraint
    self.assertIsInstance(constraint, keras.constraints.NonNeg)
    expected = sum(
      np.square(weights[key]).sum()
      for key in (
        "conv/kernel",
        "dw/depthwise_kernel",
        "folded/gamma",
        "alone/beta",
        "dense/kernel",
      )
    )
    expected += np.abs(weights["conv/bias"]).sum()
    self.assertLen(again.losses, 6)
    self.assertAllClose(sum(again.losses), 0.01 * expected)

  def test_dropout_is_where_it_was(self):
    model, again = self._again("float")
    self.assertEqual(_dropouts(again), _dropouts(model))
    for layer in model.layers:
      if isinstance(layer, _layers.Dropout):
        config = again.get_layer(layer.name).get_config()
        self.assertEqual(config, layer.get_config())
    first, second = again(_IMAGES, training=True), again(_IMAGES, training=True)
    self.assertNotAllClose(first, second)

  def test_dropout_follows_rounding(self):
    _, again = self._again("w4a4")
    for name, source in (
      ("of_image", "quant_image_range"),
      ("one", "quant_conv_relu1_range"),
      ("two", "quant_without_range"),
      ("before_relu", "folded"),
      ("four", "three"),
      ("of_logits", "quant_dense_range"),
    ):
      (node,) = again.get_layer(name).inbound_nodes
      self.assertEqual(node.inbound_layers.name, source)

  def test_a_file_is_that_without(self):
    model, again = self._again("w8a8")
    architecture, recipe = keras_io.from_keras(model), recipe_lib.get("w8a8")
    params = _calibrated(architecture, recipe)
    plain = keras_io.to_keras(architecture, params, recipe)
    with_dropout, without = map(tflite.convert, (again, plain))
    self.assertEqual(
      tflite.operator_names(with_dropout), tflite.operator_names(without)
    )
    self.assertAllEqual(
      again(_IMAGES, training=False), plain(_IMAGES, training=False)
    )

  def test_another_model_is_an_error(self):
    architecture = keras_io.from_keras(_with_settings_for_training())
    with self.assertRaisesRegex(
      ValueError, "'trained' is not that of model 'model'; give the one"
    ):
      keras_io.to_keras(
        architecture,
        {},
        recipe_lib.get("float"),
        keras.Sequential(
          [keras.Input(_SHAPE), _layers.GlobalAveragePooling2D()], name="model"
        ),
      )


if __name__ == "__main__":
  absltest.main()
