# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Networks of keras.applications and of MLPerf Tiny, unchanged."""

import collections

from absl.testing import parameterized
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from ghn_tf import data
from ghn_tf import predictor
from ghn_tf import targets
from ghn_tf.edge import tflite
from ghn_tf.reading import models
from tests import reference_data
from tests import twins

_SHAPE, _CLASSES = (96, 96, 3), 10


def _build(name: str, shape: tuple[int, int, int] = _SHAPE, **options):
  make = getattr(keras.applications, name)
  return make(weights=None, input_shape=shape, classes=_CLASSES, **options)


class _Applications(tf.test.TestCase, parameterized.TestCase):
  def check(self, name: str) -> None:
    """All that it has for parameters, the architecture has."""
    model = _build(name)
    architecture = models.read(model).architecture
    sizes = collections.Counter(
      int(np.prod(weight.shape)) for weight in model.trainable_weights
    )
    self.assertEqual(
      collections.Counter(
        int(np.prod(param.shape)) for param in architecture.param_specs
      ),
      sizes,
    )
    self.assertEqual(architecture.num_classes, _CLASSES)
    self.assertEqual(architecture.input_shape, _SHAPE)


class ApplicationsTest(_Applications):
  @parameterized.parameters("MobileNet", "MobileNetV3Small", "ResNet50")
  def test_is_read(self, name):
    self.check(name)

  def test_squeeze_and_excitation_goes_from_model_to_file(self):
    model = _build("MobileNetV3Small", (32, 32, 3), alpha=0.75)
    ghn = predictor.load("quickstart")
    images = data.load(data.SAMPLE).train.images[:64]
    self.assertTrue(ghn.check(model).is_ok)
    child = ghn.child(model, "w8a8", calibration_images=images)
    content = child.to_tflite()
    self.assertEmpty(tflite.float_operators(content))
    self.assertIn("MUL", tflite.operator_names(content))
    x = ghn.normalize(images[:4])
    interpreter = tflite.Interpreter(content)
    codes = interpreter.run(x).astype(int) - interpreter.output_zero_point
    steps = child.apply(tf.constant(x)) / interpreter.output_scale
    # A network of 50 layers that nobody has trained: see conformance_test.
    self.assertLess(np.abs(codes - np.round(steps)).max(), 40)

  def test_is_its_twin(self):
    model = _build("MobileNetV3Small", (32, 32, 3), alpha=0.75)
    reading = models.read(model)
    architecture = reading.architecture
    child = predictor.load("quickstart").child(
      architecture,
      "float",
      calibration_images=data.load(data.SAMPLE).train.images[:64],
    )
    twins.set_weights(model, reading, child.params)
    x = twins.images(architecture, 2)
    # The model prepares pixels; here it is given what it makes of them.
    expected = model(127.5 * (x + 1), training=False)
    actual = tf.nn.softmax(child.apply(x))
    self.assertAllClose(actual, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.large
class WholeApplicationsTest(_Applications):
  @parameterized.parameters(
    *("MobileNetV2", "EfficientNetB0", "DenseNet121", "NASNetMobile"),
    "Xception",
  )
  def test_is_read(self, name):
    self.check(name)

  @parameterized.parameters(
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "EfficientNetB0"),
    *("ResNet50", "DenseNet121", "NASNetMobile", "Xception"),
  )
  def test_goes_from_model_to_file(self, name):
    images = tf.image.resize(
      data.load(data.SAMPLE).train.images[:64], _SHAPE[:2]
    )
    child = predictor.load("edge_cifar10").child(
      _build(name),
      "w8a8",
      calibration_images=tf.cast(images, tf.uint8).numpy(),
    )
    content = child.to_tflite()
    self.assertEmpty(tflite.float_operators(content))
    # A byte for each weight, and operators and scales beside them.
    self.assertGreater(len(content), child.architecture.num_params)


class MlperfTinyTest(parameterized.TestCase):
  @parameterized.parameters(
    ("pretrainedResnet.h5", 78_186, 12_501_632),
    ("pretrainedResnet.tflite", 77_706, 12_501_632),
    ("pretrainedResnet_quant.tflite", 77_706, 12_501_632),
    ("vww_96_float.tflite", 210_850, 7_489_664),
    ("vww_96_int8.tflite", 210_850, 7_489_664),
  )
  def test_is_read(self, name, num_params, macs):
    path = reference_data.path(f"mlperf_tiny/{name}")
    architecture = targets.load(str(path))
    self.assertEqual(architecture.num_params, num_params)
    self.assertEqual(architecture.macs, macs)


if __name__ == "__main__":
  tf.test.main()
