# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Other classes and channels than those that a hypernetwork was trained for."""

import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf import data
from ghn_tf import export
from ghn_tf import predictor as predictor_lib
from ghn_tf import preparation
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import network
from ghn_tf.edge import tflite
from ghn_tf.ghn import graph
from ghn_tf.quant import recipe as recipe_lib
from tests import small_run


def _network(channels: int = 3, classes: int = 4) -> spec.Architecture:
  builder = spec.Builder((8, 8, channels))
  x = builder.add(ops.Op.MAX_POOL, builder.input, kernel=(3, 3))
  both = builder.add(ops.Op.CONCAT, builder.input, x)
  x = builder.add(ops.Op.CONV, both, filters=12, kernel=(3, 3))
  x = builder.add(ops.Op.RELU, builder.add(ops.Op.BATCH_NORM, x))
  x = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
  builder.add(ops.Op.DENSE, x, name="logits", filters=classes, use_bias=True)
  return builder.build("small")


def _examples(number: int, channels: int = 3, classes: int = 4):
  """Returns images whose class is told by where they are bright."""
  rng = np.random.default_rng(0)
  labels = rng.integers(classes, size=number)
  images = rng.integers(0, 100, (number, 8, 8, channels), np.uint8)
  images[labels % 2 == 1, ::2] += 100
  images[labels // 2 == 1, :, ::2] += 50
  return images, labels


class HeadTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    cls.predictor = predictor_lib.load(small_run.make(folder.name))

  @parameterized.parameters("float", "w8a8", "w4a4")
  def test_any_number_of_classes_is_fitted(self, recipe):
    images, labels = _examples(320)
    child = self.predictor.child(
      _network(), recipe, head="fit", images=images, labels=labels
    )
    logits = child.apply(tf.constant(self.predictor.normalize(images)))
    # Of four classes; the trunk's 12 features are those of no training.
    self.assertGreater((np.argmax(logits, axis=1) == labels).mean(), 0.7)
    if recipe == "w8a8":
      file = tflite.Interpreter(child.to_tflite())
      normalized = self.predictor.normalize(images)
      self.assertGreater(file.accuracy(normalized, labels), 0.7)

  def test_both_heads_are_compared_as_the_flags_say(self):
    dataset = self.predictor.load_data(data.SAMPLE, shape=(8, 8, 3))
    train, network_of_10 = dataset.train, _network(classes=10)
    fitted = self.predictor.child(
      network_of_10, head="fit", images=train.images, labels=train.labels
    )
    with mock.patch.object(
      self.predictor, "child", wraps=self.predictor.child
    ) as made:
      told = export.compare_heads(
        self.predictor,
        fitted,
        "fit",
        dataset,
        calibration_images=70,
        head_images=len(train),
      )
    self.assertLen(made.call_args.kwargs["calibration_images"], 70)
    self.assertEqual({*told["top1"]}, {"fit", "predict"})
    self.assertEqual(told["num_images"], len(train))

  def test_the_trunk_is_that_of_the_classes_of_training(self):
    images, labels = _examples(64)
    fitted = self.predictor.child(
      _network(), head="fit", images=images, labels=labels
    )
    predicted = self.predictor.child(
      _network(classes=10), calibration_images=images
    )
    for name, value in predicted.params.items():
      if not name.startswith("logits/"):
        np.testing.assert_array_equal(fitted.params[name], value, name)

  def test_gray_images_pass_as_those_of_equal_channels(self):
    images, _ = _examples(64, channels=1)
    gray, rgb = _network(1, 10), _network(3, 10)
    recipe = recipe_lib.get("float")
    normalized = self.predictor.normalize(images)
    gray_params, rgb_params = [
      preparation.predict(self.predictor.ghn, [architecture], recipe, 3)[0]
      for architecture in (gray, rgb)
    ]
    of_gray, of_rgb = [
      network.apply(
        architecture,
        params,
        tf.constant(normalized.repeat(architecture.input_shape[2], axis=3)),
        recipe=recipe,
        training=True,
      )
      for architecture, params in ((gray, gray_params), (rgb, rgb_params))
    ]
    # Three products in place of one, in float32.
    np.testing.assert_allclose(of_gray, of_rgb, atol=1e-4)

  def test_what_reads_all_pixels_is_summed_whatever_its_classes(self):
    builder = spec.Builder((8, 8, 1))
    pixels = builder.add(ops.Op.FLATTEN, builder.input)
    builder.add(ops.Op.DENSE, pixels, name="logits", filters=4)
    images, labels = _examples(64, channels=1)
    child = self.predictor.child(
      builder.build("linear"), head="fit", images=images, labels=labels
    )
    self.assertEqual(child.params["logits/kernel"].shape, (64, 4))

  @parameterized.parameters(
    (ops.Op.DEPTHWISE_CONV, {"kernel": (3, 3)}, r"kernel \[3, 3, 3, 1\] for"),
    (ops.Op.BATCH_NORM, {}, r"gamma \[3\] for"),
  )
  def test_what_has_params_for_each_channel_is_refused(self, op, layer, told):
    builder = spec.Builder((8, 8, 1))
    x = builder.add(op, builder.input, name="by_channel", **layer)
    x = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
    builder.add(ops.Op.DENSE, x, filters=10)
    architecture = builder.build("gray")
    images, _ = _examples(64, channels=1)
    message = rf"'by_channel' \({op}\) .* {told}"
    with self.assertRaisesRegex(ValueError, message):
      self.predictor.child(architecture, calibration_images=images)
    checked = self.predictor.check(architecture)
    self.assertFalse(checked.is_ok)
    self.assertRegex(str(checked), message)

  @parameterized.named_parameters(
    ("none", {"head": "fit"}, "give images, .* and their labels"),
    ("shape", {"head": "fit", "labels": [0]}, r"of shape \[64\], .* int64 of"),
    ("floats", {"head": "fit", "labels": [0.0] * 64}, r"got float64 of"),
    ("classes", {"head": "fit", "labels": [4] * 64}, "of 64 images .* as 4"),
    ("other", {"head": "solve"}, "Expected head='predict'.* got head='solve'"),
    ("idle", {"labels": [0] * 64}, "takes no labelled images"),
  )
  def test_wrong_labels_say_what_is_expected(self, arguments, message):
    images, _ = _examples(64)
    if "labels" in arguments:
      arguments = {**arguments, "images": images}
    with self.assertRaisesRegex(ValueError, message):
      self.predictor.predict(_network(), calibration_images=images, **arguments)

  def test_other_classes_tell_of_the_fitted_head(self):
    with self.assertRaisesRegex(ValueError, r"has 4 classes.*--head=fit"):
      self.predictor.child(_network())

  def test_two_classes_take_two_logits(self):
    images, labels = _examples(64, classes=2)
    with self.assertRaisesRegex(
      ValueError, "'small' ends in one value, .*; end it in two values, one for"
    ):
      self.predictor.predict(
        _network(classes=1), head="fit", images=images, labels=labels
      )
    with self.assertRaisesRegex(ValueError, "10 .* has 1; end it in 10 values"):
      self.predictor.load_data(data.SAMPLE, num_classes=1)

  def test_what_is_checked_is_what_can_be_predicted(self):
    fitted = self.predictor.check(_network(classes=4))
    self.assertTrue(fitted.is_ok)
    self.assertRegex(
      str(fitted), "has 4 classes, training 10: .*--head=fit.*\nsmall can be"
    )
    for other, message in (
      (_network(classes=1), "ends in one value, .*; end it in two"),
      (_network(channels=2), "2 channels, but training .* 3; build it for"),
      (_network(2, 1), "(?s)ends in one value.*2 channels"),
    ):
      checked = self.predictor.check(other)
      self.assertFalse(checked.is_ok)
      self.assertEmpty(checked.notes)
      self.assertRegex(str(checked), message)
    self.assertEmpty(self.predictor.check(_network(classes=10)).notes)
    with mock.patch.object(graph, "MAX_EDGES", 3):
      checked = self.predictor.check(_network(channels=1, classes=10))
    self.assertFalse(checked.is_ok)
    self.assertRegex(str(checked), "more than the 3 that a hypernetwork takes")

  def test_images_of_other_channels_are_named(self):
    with self.assertRaisesRegex(
      ValueError, "3 channels, but .* takes 2; give .* of 2, or build .* for 3"
    ):
      self.predictor.load_data(data.SAMPLE, shape=(8, 8, 2))

  def test_other_channels_are_named(self):
    with self.assertRaisesRegex(ValueError, "of 2 channels, but .* 3; build"):
      self.predictor.child(_network(channels=2, classes=10))


if __name__ == "__main__":
  absltest.main()
