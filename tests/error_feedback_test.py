# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.child import error_feedback
from ghn_tf.quant import fake_quant
from ghn_tf.quant import recipe as recipe_lib


def _grid(
  num_bits: int,
  rule: recipe_lib.RangeRule = recipe_lib.RangeRule.LEAST_SQUARES,
) -> recipe_lib.TensorQuantization:
  return recipe_lib.TensorQuantization(num_bits, True, True, rule)


def _problem(size: int, seed: int = 0):
  """Returns a kernel, and correlated inputs of very different scales."""
  rng = np.random.default_rng(seed)
  common = rng.standard_normal((500, 4)) @ rng.standard_normal((4, size))
  inputs = common + 0.5 * rng.standard_normal((500, size))
  inputs *= np.geomspace(0.3, 3, size)
  kernel = rng.laplace(size=(size, 3)) / inputs.std(axis=0)[:, np.newaxis]
  return kernel, inputs


def _round(kernel: np.ndarray, inputs: np.ndarray, grid) -> np.ndarray:
  scale = inputs.std(axis=0)
  moments = (inputs / scale).T @ (inputs / scale) / len(inputs)
  inverse = np.linalg.inv(moments + 1e-6 * np.eye(len(scale)))
  return error_feedback.round_kernel(kernel, scale, inverse, grid)


def _again(kernel: np.ndarray, grid) -> np.ndarray:
  return fake_quant.quantize_kernel(
    tf.constant(kernel, tf.float32), grid, channel_axis=None
  ).numpy()


class RoundKernelTest(parameterized.TestCase):
  @parameterized.product(num_bits=(2, 4, 8), rule=[*recipe_lib.RangeRule])
  def test_rounding_again_changes_nothing(self, num_bits, rule):
    grid = _grid(num_bits, rule)
    kernel, inputs = _problem(40)
    rounded = _round(kernel, inputs, grid)
    # The range is found again to 1e-5 of itself.
    np.testing.assert_allclose(
      _again(rounded, grid), rounded, atol=2e-5 * np.abs(rounded).max()
    )
    codes = np.unique(np.round(rounded / np.abs(rounded).max(), 4))
    self.assertLessEqual(len(codes), 2**num_bits - 1)

  @parameterized.parameters(2, 4, 8)
  def test_outputs_change_less_than_by_rounding_alone(self, num_bits):
    kernel, inputs = _problem(40)
    grid = _grid(num_bits)

    def error(rounded: np.ndarray) -> float:
      return float(((inputs @ (rounded - kernel)) ** 2).mean())

    with_feedback = error(_round(kernel, inputs, grid))
    # Inputs that share four causes leave much to make up for: it is a tenth.
    self.assertLess(with_feedback, 0.25 * error(_again(kernel, grid)))

  def test_an_input_makes_up_for_one_that_is_alike(self):
    # Of three equal inputs the sum of weights counts, 0.4 + 0.4 + 1 = 1.8.
    inputs = np.random.default_rng(0).standard_normal((100, 1)).repeat(3, 1)
    kernel = np.array([[0.4], [0.4], [1.0]])
    rounded = _round(kernel, inputs, _grid(2))
    # Three weights of one size in a range that is tried make 1 to 3 of it; the
    # sizes are 16 % apart.
    self.assertAlmostEqual(rounded.sum(), 1.8, delta=0.15)
    # Alone, each goes to the mean size, (2 * 0.16 + 1) / 1.8 = 0.73.
    self.assertAlmostEqual(_again(kernel, _grid(2)).sum(), 2.2, places=5)

  def test_zeros_stay_zeros(self):
    rounded = _round(np.zeros((4, 2)), _problem(4)[1], _grid(4))
    np.testing.assert_array_equal(rounded, np.zeros((4, 2)))


if __name__ == "__main__":
  absltest.main()
