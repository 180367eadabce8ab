# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of the optimizers of hypernetworks."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf.ghn import config as ghn_config
from ghn_tf.ghn import model
from ghn_tf.training import optimizer
from tests import tiny_run


def _matrix(singular_values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
  """Returns a random matrix with these singular values, in float64."""
  rng = np.random.default_rng(0)
  rows, columns = shape
  left, _ = np.linalg.qr(rng.standard_normal((rows, rows)))
  right, _ = np.linalg.qr(rng.standard_normal((columns, rows)))
  return left * singular_values @ right.T


class OrthogonalizeTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters((8, 8), (8, 50), (50, 8))
  def test_it_is_the_iteration_on_the_matrix_itself(self, rows, columns):
    # In float64, as Muon's authors define it, on X instead of XX'.
    short, long = sorted((rows, columns))
    matrix = _matrix(np.linspace(0.05, 1, short), (short, long))
    expected = matrix / np.linalg.norm(matrix)
    for _ in range(5):
      gram = expected @ expected.T
      expected = (
        3.4445 * expected + (-4.7750 * gram + 2.0315 * gram @ gram) @ expected
      )
    if rows > columns:
      matrix, expected = matrix.T, expected.T
    actual = optimizer.orthogonalize(tf.constant(matrix, tf.float32))
    # float32, and condition numbers of 20.
    self.assertAllClose(actual, expected, atol=1e-3)

  def test_singular_values_come_near_one(self):
    matrix = _matrix(np.logspace(0, -1.5, 32), (32, 96))
    actual = optimizer.orthogonalize(tf.constant(matrix, tf.float32))
    values = np.linalg.svd(actual.numpy(), compute_uv=False)
    # Those below 1e-2 of the norm need more than five iterations.
    self.assertGreater(values.min(), 0.3)
    self.assertLess(values.max(), 1.3)

  def test_zero_stays_zero(self):
    # As the momentum of a matrix without a gradient.
    zeros = tf.zeros((4, 6))
    self.assertAllEqual(optimizer.orthogonalize(zeros), zeros)


class MuonTest(tf.test.TestCase):
  def test_two_updates_by_hand(self):
    # With orthogonal gradients all momenta are multiples of them, and what is
    # orthogonal becomes itself, up to a factor near 1. The second update takes
    # 0.5 * 0.1 of the first off.
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.standard_normal((8, 8)))
    gradient = tf.constant(3 * q, tf.float32)
    kernel = tf.Variable(tf.zeros((8, 8)), name="kernel")
    muon = optimizer.Muon(
      lambda v: (8, 8), rate=0.25, decay=0.1, learning_rate=0.5
    )
    muon.build([kernel])
    for _ in range(2):
      muon.apply_gradients([(gradient, kernel)])
    factor = 1 / 8**0.5  # all singular values of what is normalized
    for _ in range(5):
      a, b, c = 3.4445, -4.7750, 2.0315
      factor = a * factor + b * factor**3 + c * factor**5
    # 0.5 * 0.25 times a root mean square of 1 / sqrt(8) times sqrt(8).
    update = -0.5 * 0.25 * factor * 8**0.5 * q
    expected = (1 - 0.5 * 0.1) * update + update
    self.assertAllClose(kernel, expected, atol=1e-5)

  def test_what_is_no_matrix_is_updated_by_adam(self):
    rng = np.random.default_rng(0)
    value = rng.standard_normal((3, 4)).astype(np.float32)
    gradient = tf.constant(rng.standard_normal((3, 4)), tf.float32)
    results = []
    for candidate in (
      optimizer.Muon(lambda v: None, 1.0, 0.5, learning_rate=0.1),
      keras.optimizers.Adam(learning_rate=0.1),
    ):
      variable = tf.Variable(value)
      candidate.build([variable])
      candidate.apply_gradients([(gradient, variable)])
      results.append(variable.numpy())
    self.assertAllEqual(*results)

  def test_kernels_are_matrices_tables_and_biases_are_not(self):
    ghn = model.GHN(ghn_config.CONFIGS["ghn2"])
    shapes = {
      v.name.removesuffix(":0"): optimizer.as_matrix(v)
      for v in ghn.trainable_variables
    }
    self.assertEqual(
      {name for name, shape in shapes.items() if shape is not None},
      {name for name in shapes if name.endswith("kernel")},
    )
    # [inputs, outputs]; messages of two kinds of 16 inputs each are added up.
    self.assertEqual(shapes["kernel/taps_kernel"], (32, 11 * 11 * 128))
    self.assertEqual(shapes["kernel/output_kernel"], (256, 64 * 64))
    self.assertEqual(shapes["message/kernel"], (32, 32))

  def test_a_run_has_the_optimizer_that_its_configuration_says(self):
    adam, muon = (
      tiny_run.state(optimizer=name).optimizer for name in ("adam", "muon")
    )
    self.assertIs(type(adam), keras.optimizers.Adam)
    self.assertIs(type(muon), optimizer.Muon)


if __name__ == "__main__":
  tf.test.main()
