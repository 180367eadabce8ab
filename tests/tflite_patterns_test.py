# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers that the converter writes as several operators."""

from collections.abc import Callable
import pathlib
import struct

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf.child import keras_io
from ghn_tf.reading import network
from ghn_tf.reading import stored

_layers = keras.layers
_SHAPE = (12, 12, 3)


def _dilated(x):
  x = _layers.Conv2D(4, 3, dilation_rate=2, activation="relu")(x)
  # 8 rows, which 3 does not divide.
  x = _layers.Conv2D(4, (3, 2), dilation_rate=3, padding="same")(x)
  return _layers.DepthwiseConv2D(3, dilation_rate=2, padding="same")(x)


def _dilated_series(x):
  x = _layers.Conv1D(4, 3, dilation_rate=2, padding="causal")(x)
  return _layers.Conv1D(4, 2, dilation_rate=4, padding="same")(x)


def _product_with_a_vector(x):
  x = _layers.Conv2D(4, 3)(x)
  y = _layers.GlobalAveragePooling2D()(x)
  return _layers.Multiply()([x, _layers.Dense(4, activation="sigmoid")(y)])


def _hard_sigmoids(x):
  # The first is a part of the convolution, the second is not.
  x = _layers.Conv2D(4, 3, activation="hard_sigmoid")(x)
  return _layers.Activation("hard_sigmoid")(_layers.Add()([x, x]))


def _dense_on_images(x):
  x = _layers.Dense(4, activation="relu")(x)
  y = _layers.GlobalAveragePooling2D(keepdims=True)(x)
  y = _layers.Dense(2, activation="relu")(y)
  y = _layers.Dense(4, activation="sigmoid", use_bias=False)(y)
  return _layers.Multiply()([x, y])


def _cropped(x):
  x = _layers.Cropping2D(((1, 2), (0, 3)))(_layers.Conv2D(4, 3)(x))
  return _layers.Cropping2D(1)(x)


def _of_integers(x):
  return _layers.Conv2D(4, 3)(_layers.Rescaling(1 / 255)(x))


class TFLitePatternsTest(parameterized.TestCase):
  def _read(
    self, build: Callable, shape=_SHAPE, **options
  ) -> tuple[keras.Model, network.Reading]:
    """Returns a model, and its file as it is read."""
    image = keras.Input(shape, **options)
    x = _layers.Flatten()(build(image))
    model = keras.Model(image, _layers.Dense(5)(x))
    rng = np.random.default_rng(0)  # the converter leaves out biases of zero
    model.set_weights(
      [rng.uniform(0.1, 1, w.shape) for w in model.get_weights()]
    )
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    path = pathlib.Path(self.create_tempdir().full_path, "model.tflite")
    path.write_bytes(content)
    return model, network.read(stored.network(path))

  @parameterized.parameters(
    (_dilated,),
    (_dilated_series, (16, 3)),
    (_product_with_a_vector,),
    (_hard_sigmoids,),
    (_dense_on_images,),
    (_cropped,),
    (lambda x: _layers.Conv2D(4, 3)(x[..., ::-1]),),
  )
  def test_they_are_the_layers_of_the_model(self, build, shape=_SHAPE):
    model, reading = self._read(build, shape)
    expected = keras_io.from_keras(model)
    self.assertIsNone(reading.refusal)
    self.assertEqual(reading.architecture.fingerprint, expected.fingerprint)

  def test_an_image_of_integers_is_an_image(self):
    model, reading = self._read(_of_integers, dtype="uint8")
    expected = keras_io.from_keras(model)
    self.assertEqual(reading.architecture.fingerprint, expected.fingerprint)

  def test_without_zero_bias_they_are_the_same(self):
    image = keras.Input(_SHAPE)
    x = _layers.Flatten()(_dense_on_images(_dilated(image)))
    model = keras.Model(image, _layers.Dense(5)(x))
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    path = pathlib.Path(self.create_tempdir().full_path, "model.tflite")
    path.write_bytes(content)
    architecture = network.read(stored.network(path)).architecture
    self.assertEqual(architecture.macs, keras_io.from_keras(model).macs)

  def test_tensors_without_axes_are_refused(self):
    image = keras.Input((7, 9, 5))
    x = _layers.Flatten()(_layers.BatchNormalization()(image))
    model = keras.Model(image, _layers.Dense(5)(x))
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    shape = struct.pack("<5i", 4, 1, 7, 9, 5)  # their number comes first
    self.assertIn(shape, content)
    content = content.replace(shape, bytes(4) + shape[4:])
    path = pathlib.Path(self.create_tempdir().full_path, "model.tflite")
    path.write_bytes(content)
    reading = network.read(stored.network(path))
    self.assertRegex(reading.refusal, r"it has the shape \[None\]; give the")

  @parameterized.parameters(
    (lambda x: x[:, ::2, 1:], "takes a part of .*; use Cropping2D"),
    (lambda x: x[:, 0], "STRIDED_SLICE of .*; give the Keras model"),
    (lambda x: tf.cast(x, tf.int32), "CAST to INT32 .*; give the Keras model"),
  )
  def test_others_are_refused(self, function, message):
    def build(x):
      return tf.cast(function(_layers.Conv2D(4, 3)(x)), tf.float32)

    _, reading = self._read(build)
    self.assertRegex(reading.refusal, message)


if __name__ == "__main__":
  absltest.main()
