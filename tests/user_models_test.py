# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Models of all kinds that people bring, from model to file."""

import importlib
import pathlib

from absl.testing import parameterized
import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import keras_io
from ghn_tf.child import network
from ghn_tf.edge import tflite
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.reading import models
from ghn_tf.reading import network as reading_lib
from ghn_tf.reading import stored
from tests import twins
from tests import user_models

_FLOAT, _W8A8 = recipe_lib.get("float"), recipe_lib.get("w8a8")
_EACH = user_models.UNDERSTOOD.items()


class UserModelsTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.named_parameters(*_EACH)
  def test_a_model_and_its_architecture_give_the_same(self, build):
    model = build(keras)
    reading = models.read(model)
    architecture = reading.architecture
    params = twins.calibrated(architecture, _FLOAT)
    twins.set_weights(model, reading, params)
    x = twins.images(architecture)
    actual = network.apply(
      architecture, params, x, recipe=_FLOAT, training=False
    )
    if any("probabilities" in change for change in reading.changes):
      last = tf.nn.sigmoid if model.name == "gated" else tf.nn.softmax
      actual = last(actual)
    expected = twins.logits(model, reading, x)
    # Both in float32, summed in another order.
    self.assertAllClose(actual, expected, rtol=1e-4, atol=1e-5)

  @parameterized.named_parameters(*_EACH)
  def test_a_model_of_keras_3_is_the_same_network(self, build):
    architecture = keras_io.from_keras(build(keras))
    other = keras_io.from_keras(build(importlib.import_module("keras")))
    if architecture.name != "gated":  # hard sigmoids have another slope
      self.assertEqual(other.fingerprint, architecture.fingerprint)
    self.assertEqual(other.macs, architecture.macs)
    self.assertEqual(other.num_params, architecture.num_params)

  def test_rows_that_become_a_vector_are_a_gray_image(self):
    # As those of MNIST, in TensorFlow's tutorial for beginners.
    architecture = keras_io.from_keras(user_models.UNDERSTOOD["mlp"](keras))
    self.assertEqual(architecture.input_shape, (12, 12, 1))

  @parameterized.parameters("tf_keras", "keras")
  def test_the_image_may_be_that_of_a_model_in_front(self, name):
    layers = (module := importlib.import_module(name)).layers
    conv = layers.Conv2D(4, 3)
    base = module.Sequential([module.Input((9, 9, 3)), conv], name="base")
    head = [layers.GlobalAveragePooling2D(), layers.Dense(5)]
    architecture = keras_io.from_keras(module.Sequential([base, *head]))
    expected = module.Sequential([module.Input((9, 9, 3)), conv, *head])
    expected = keras_io.from_keras(expected)
    self.assertEqual(architecture.fingerprint, expected.fingerprint)

  @parameterized.parameters("tf_keras", "keras")
  def test_activations_of_other_forms_are_the_same(self, name):
    layers = (module := importlib.import_module(name)).layers

    def read(activation, behind, softmax):
      image = module.Input((9, 9, 3))
      x = behind(layers.Conv2D(4, 3, activation=activation)(image))
      x = layers.GlobalAveragePooling2D()(x)
      x = layers.Dense(5, activation=softmax)(x)
      return keras_io.from_keras(module.Model(image, x))

    prelu = layers.PReLU(shared_axes=[1, 2])
    inner = read(prelu, lambda x: x, tf.nn.softmax)
    own = layers.PReLU(shared_axes=[1, 2])
    self.assertEqual(inner.fingerprint, read(None, own, "softmax").fingerprint)

  @parameterized.parameters("tf_keras", "keras")
  def test_preparing_images_for_resnet_is_absorbed(self, name):
    module = importlib.import_module(name)
    image = module.Input((9, 9, 3))
    x = module.applications.resnet50.preprocess_input(image)
    x = module.layers.Dense(5)(module.layers.Flatten()(x))
    reading = models.read(module.Model(image, x))
    self.assertIsNone(reading.refusal)
    self.assertLen(reading.architecture.nodes, 3)

  @parameterized.named_parameters(
    item for item in _EACH if item[0] in ("nested", "noise", "one_dimension")
  )
  def test_what_it_has_for_training_comes_back(self, build):
    model = build(keras)
    reading = models.read(model)
    architecture = reading.architecture
    params = twins.calibrated(architecture, _W8A8)
    again = keras_io.to_keras(architecture, params, _W8A8, model)
    kept = [layer.name for layer in again.layers]
    for finding in reading.findings:
      if finding.treatment == "training":
        self.assertIn(finding.layer, kept)
    x = twins.images(architecture)
    self.assertAllClose(
      again(x, training=False),
      network.apply(architecture, params, x, recipe=_W8A8, training=False),
      atol=1e-5,
    )
    self.assertFalse(np.isnan(again(x, training=True)).any())

  @parameterized.named_parameters(*_EACH)
  def test_its_file_is_fully_integer(self, build):
    architecture = keras_io.from_keras(build(keras))
    params = twins.calibrated(architecture, _W8A8)
    content = tflite.convert(keras_io.to_keras(architecture, params, _W8A8))
    x = twins.images(architecture, 16)
    expected = network.apply(
      architecture, params, x, recipe=_W8A8, training=False
    )
    interpreter = tflite.Interpreter(content)
    steps = np.round(expected / interpreter.output_scale)
    codes = interpreter.run(x.numpy()).astype(int)
    codes -= interpreter.output_zero_point
    # At most 2 was measured, and 5 through nine convolutions one behind the
    # other; other CPUs may round another code up.
    bound = 6 if architecture.name == "keyword_spotting" else 3
    self.assertLessEqual(np.abs(codes - steps).max(), bound)


class FilesOfModelsTest(parameterized.TestCase):
  def _path(self, name: str) -> str:
    return str(pathlib.Path(self.create_tempdir().full_path, name))

  @parameterized.product(
    name=["tutorial", "nested", "shared", "functions"],
    version=[2, 3],
    kind=["model.keras", "model.h5", "model"],
  )
  def test_a_file_is_the_model_that_was_saved(self, name, version, kind):
    module = keras if version == 2 else importlib.import_module("keras")
    model = user_models.UNDERSTOOD[name](module)
    path = self._path(kind)
    if kind == "model":
      if version == 3:
        self.skipTest("Keras 3 writes no SavedModel that tells layers.")
      model.save(path, save_format="tf")
    else:
      model.save(path)
    architecture = reading_lib.read(stored.network(path)).architecture
    self.assertEqual(architecture, keras_io.from_keras(model))
    self.assertEqual(architecture.name, model.name)

  @parameterized.parameters(
    "tutorial", "nested", "mobilenet_head", "squeezenet_head", "reshaped_mean"
  )
  def test_a_tflite_file_is_the_model_without_batch_norm(self, name):
    model = user_models.UNDERSTOOD[name](keras)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    path = self._path("model.tflite")
    pathlib.Path(path).write_bytes(converter.convert())
    architecture = reading_lib.read(stored.network(path)).architecture
    expected = keras_io.from_keras(model)
    self.assertEqual(architecture.input_shape, expected.input_shape)
    self.assertEqual(architecture.macs, expected.macs)
    self.assertEqual(architecture.num_classes, expected.num_classes)

  def test_for_an_operator_that_is_no_layer_there_is_the_model(self):
    image = keras.Input((8, 8, 3))
    x = keras.layers.Dense(4)(keras.layers.Flatten()(tf.sqrt(image)))
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(image, x))
    path = self._path("model.tflite")
    pathlib.Path(path).write_bytes(converter.convert())
    refusal = reading_lib.read(stored.network(path)).refusal
    self.assertRegex(refusal, r"SQRT of TFLite\).*; give the Keras model that")

  def test_the_file_of_an_integer_network_is_that_network(self):
    architecture = keras_io.from_keras(user_models.UNDERSTOOD["nested"](keras))
    params = twins.calibrated(architecture, _W8A8)
    model = keras_io.to_keras(architecture, params, _W8A8)
    path = self._path("network.tflite")
    pathlib.Path(path).write_bytes(tflite.convert(model))
    again = reading_lib.read(stored.network(path)).architecture
    self.assertEqual(again.fingerprint, architecture.fingerprint)

  def test_the_file_of_squeeze_and_excitation_is_that_network(self):
    # There a vector is multiplied, [1, C].
    builder = spec.Builder((8, 8, 3))
    x = builder.add(ops.Op.CONV, 0, filters=8, kernel=(3, 3), use_bias=True)
    y = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
    y = builder.add(ops.Op.DENSE, y, filters=8, use_bias=True)
    x = builder.add(ops.Op.MULTIPLY, x, builder.add(ops.Op.SIGMOID, y))
    x = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
    builder.add(ops.Op.DENSE, x, filters=10, use_bias=True)
    architecture = builder.build("squeezed")
    params = twins.calibrated(architecture, _W8A8)
    again = keras_io.from_keras(keras_io.to_keras(architecture, params, _FLOAT))
    self.assertEqual(again.fingerprint, architecture.fingerprint)
    model = keras_io.to_keras(architecture, params, _W8A8)
    path = self._path("network.tflite")
    pathlib.Path(path).write_bytes(tflite.convert(model))
    again = reading_lib.read(stored.network(path)).architecture
    self.assertEqual(again.fingerprint, architecture.fingerprint)

  def test_a_function_takes_no_vector_for_a_pixel(self):
    # It would multiply row n of all images by vector n.
    image = keras.Input((5, 4, 8))
    x = tf.multiply(image, keras.layers.GlobalAveragePooling2D()(image))
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(10)(x))
    with self.assertRaisesRegex(
      ValueError, r"of the shapes \[\[5, 4, 8\], \[8\]"
    ):
      keras_io.from_keras(model)


if __name__ == "__main__":
  tf.test.main()
