# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of ghn_tf.child.head, with explicit matrices as oracle."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import classifiers
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import head
from ghn_tf.child import network
from ghn_tf.quant import fake_quant
from ghn_tf.quant import recipe as recipe_lib

_CLASSES = 3


def _images(number: int, num_features: int, seed: int = 0):
  """Returns features of very different scales, and labels they tell of."""
  rng = np.random.default_rng(seed)
  labels = rng.integers(_CLASSES, size=number)
  features = rng.standard_normal((number, num_features))
  features[:, :_CLASSES] += 0.8 * np.eye(_CLASSES)[labels]
  return features * np.geomspace(1e-3, 1e3, num_features) + 5, labels


def _solve(features: np.ndarray, labels: np.ndarray, **kwargs: bool):
  moments = head.Moments(features.shape[1], _CLASSES)
  for start in range(0, len(features), 7):
    part = slice(start, start + 7)
    moments.add(features[part], labels[part])
  return moments.solve(**kwargs)


def _by_matrices(features: np.ndarray, labels: np.ndarray, penalty: float):
  """Returns outputs of ridge regression, its GCV error, and leave-one-out's."""
  number = len(features)
  x = (features - features.mean(axis=0)) / features.std(axis=0)
  x = np.concatenate([np.ones((number, 1)), x], axis=1)
  y = np.eye(_CLASSES)[labels]
  penalties = number * penalty * np.eye(x.shape[1])
  penalties[0, 0] = 0
  hat = x @ np.linalg.solve(x.T @ x + penalties, x.T)
  residuals = y - hat @ y
  gcv = (residuals**2).sum() / number / (1 - np.trace(hat) / number) ** 2
  left_out = residuals / (1 - np.diag(hat))[:, np.newaxis]
  return hat @ y, gcv, (left_out**2).sum() / number


class MomentsTest(tf.test.TestCase, parameterized.TestCase):
  def test_is_ridge_regression_of_least_gcv_error(self):
    features, labels = _images(60, 20)
    kernel, bias = _solve(features, labels)
    found = [_by_matrices(features, labels, p) for p in head._PENALTIES]
    expected, _, _ = min(found, key=lambda x: x[1])
    # float32's precision of features of 1e3 times a kernel.
    self.assertAllClose(features @ kernel + bias, expected, atol=1e-4)

  @parameterized.product(
    shape=[(30, 20), (60, 20), (200, 20), (60, 50), (40, 60)], seed=[0, 1, 2]
  )
  def test_chooses_as_leaving_one_out_does(self, shape, seed):
    number, size = shape
    features, labels = _images(number, size, seed)
    found = [_by_matrices(features, labels, p) for p in head._PENALTIES]
    _, _, left_out = min(found, key=lambda x: x[1])
    # The next penalty was chosen once of 15 times, at 1.0023 times the error.
    self.assertLess(left_out, 1.01 * min(x[2] for x in found))

  def test_features_that_never_change_have_no_weight(self):
    features, labels = _images(60, 20)
    with_constant = np.concatenate([features, np.full((60, 1), 7.1)], axis=1)
    kernel, bias = _solve(with_constant, labels)
    self.assertAllEqual(kernel[-1], np.zeros(_CLASSES))
    expected, expected_bias = _solve(features, labels)
    self.assertAllClose(kernel[:-1], expected, rtol=1e-4, atol=1e-7)
    self.assertAllClose(bias, expected_bias, atol=1e-4)

  def test_the_scale_of_a_feature_does_not_matter(self):
    features, labels = _images(60, 8)
    kernel, bias = _solve(features, labels)
    scaled, scaled_bias = _solve(features * 16, labels)
    self.assertAllClose(16 * scaled, kernel, rtol=1e-5)
    self.assertAllClose(scaled_bias, bias, atol=1e-5)

  def test_without_bias_scores_are_around_zero(self):
    features, labels = _images(600, 8)
    kernel, bias = _solve(features - 5, labels, with_bias=False)
    self.assertAllEqual(bias, np.zeros(_CLASSES))
    hits = np.argmax((features - 5) @ kernel, axis=1) == labels
    self.assertGreater(hits.mean(), 0.6)

  def test_refuses_too_few_images_and_features_that_are_not_finite(self):
    with self.assertRaisesRegex(ValueError, "two images, got 1"):
      _solve(np.ones((1, 4)), np.zeros(1, int))
    with self.assertRaisesRegex(ValueError, "not finite"):
      _solve(np.array([[np.nan], [1.0]]), np.zeros(2, int))


def _network(last_bias: bool = True) -> spec.Architecture:
  builder = spec.Builder((4, 4, 3))
  x = builder.add(ops.Op.CONV, builder.input, filters=6)
  x = builder.add(ops.Op.RELU, builder.add(ops.Op.BATCH_NORM, x))
  x = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
  builder.add(
    ops.Op.DENSE, x, name="logits", filters=_CLASSES, use_bias=last_bias
  )
  return builder.build("small")


class FitTest(tf.test.TestCase):
  def test_only_the_classifier_changes_and_it_classifies(self):
    architecture = _network()
    rng = np.random.default_rng(0)
    params = {
      param.name: tf.constant(rng.standard_normal(param.shape), tf.float32)
      for param in architecture.param_specs
    }
    labels = rng.integers(_CLASSES, size=256)
    images = rng.standard_normal((256, 4, 4, 3)).astype(np.float32)
    images += np.eye(3, dtype=np.float32)[labels][:, None, None]
    batches = [(images[i : i + 64], labels[i : i + 64]) for i in (0, 64, 128)]
    recipe = recipe_lib.get("w4a4")
    fitted = head.fit(architecture, params, batches, recipe)
    for name, value in params.items():
      if not name.startswith("logits/"):
        self.assertAllEqual(fitted[name], value)
    logits = network.apply(
      architecture, fitted, images[192:], recipe=recipe, training=True
    )
    hits = np.argmax(logits, axis=1) == labels[192:]
    self.assertGreater(hits.mean(), 0.8)

  def test_a_classifier_without_bias_gets_none(self):
    architecture = _network(last_bias=False)
    params = {
      param.name: tf.ones(param.shape) for param in architecture.param_specs
    }
    images = np.random.default_rng(0).standard_normal((8, 4, 4, 3), np.float32)
    fitted = head.fit(
      architecture,
      params,
      [(images, np.arange(8) % 3)],
      recipe_lib.get("float"),
    )
    self.assertEqual(fitted.keys(), params.keys())

  def test_refuses_a_network_without_dense_classifier(self):
    builder = spec.Builder((4, 4, 3))
    builder.add(ops.Op.GLOBAL_AVG_POOL, builder.input, name="mean")
    architecture = builder.build("headless")
    with self.assertRaisesRegex(ValueError, "'headless' ends in 'mean'"):
      head.fit(architecture, {}, [], recipe_lib.get("float"))

  def test_refuses_more_features_than_memory_holds(self):
    builder = spec.Builder((64, 64, 3))
    x = builder.add(ops.Op.FLATTEN, builder.input)
    builder.add(ops.Op.DENSE, x, filters=2)
    with self.assertRaisesRegex(ValueError, "12,288 features, more than the"):
      classifiers.check(builder.build("wide"))

  def test_a_rounded_classifier_stays_as_it_is_when_rounded_again(self):
    features, labels = _images(200, 20)
    for recipe in ("w2a2", "w4a4", "w8a8"):
      grid = recipe_lib.get(recipe).weights
      moments = head.Moments(20, _CLASSES)
      moments.add(features, labels)
      kernel, bias = moments.solve(grid=grid)
      rounded = fake_quant.quantize_kernel(
        tf.constant(kernel), grid, channel_axis=None
      )
      # The range is found again to 1e-5 of itself.
      self.assertAllClose(rounded, kernel, atol=2e-5 * np.abs(kernel).max())
      # The bias makes up for what rounding does to the mean.
      share = np.bincount(labels) / len(labels)
      self.assertAllClose(
        features.mean(axis=0) @ kernel + bias, share, atol=1e-4
      )


if __name__ == "__main__":
  tf.test.main()
