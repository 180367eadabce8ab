# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import functools
import math

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf import predictor
from ghn_tf.child import grids
from ghn_tf.child import keras_io
from ghn_tf.quant import fake_quant
from ghn_tf.quant import range_rules
from ghn_tf.quant import recipe as recipe_lib
from models import ds_cnn
from models import resnet

_RELU = (0.0, math.inf)


def _grid(
  num_bits: int, rule: str = "least_squares", *, symmetric: bool = False
) -> recipe_lib.TensorQuantization:
  return recipe_lib.TensorQuantization(
    num_bits, symmetric, symmetric, recipe_lib.RangeRule(rule)
  )


def _tensor(values) -> tf.Tensor:
  return tf.constant(values, tf.float32)


class KernelLimitTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(
    ("max", 8, 4), ("max", 2, 4),
    # E[w^2] / E[|w|] = (1 + 1 + 16) / (1 + 1 + 4), times the factor.
    ("least_squares", 2, 3), ("least_squares", 3, 1.74 * 3),
  )  # fmt: skip
  def test_by_hand(self, rule, num_bits, expected):
    kernel = _tensor([1, -1, -4, 0]), _tensor([1, 1, 1, 1])
    limit = range_rules.kernel_limit(
      tf.stack(kernel, axis=1), _grid(num_bits, rule, symmetric=True), 1
    )
    # Values of equal magnitude are all kept; 4 is the greatest of the first.
    self.assertAllClose(limit, [min(expected, 4), 1], 1e-6)

  @parameterized.product(
    rule=tuple(recipe_lib.RangeRule), num_bits=(2, 4, 8), axis=(3, 2, None)
  )
  def test_a_channel_does_not_know_the_others(self, rule, num_bits, axis):
    kernel = tf.random.stateless_normal(
      (3, 3, 4, 1 if axis == 2 else 5), (1, 2)
    )
    grid = _grid(num_bits, rule, symmetric=True)
    limit = range_rules.kernel_limit(kernel, grid, axis)
    if axis is None:
      self.assertEqual(limit.shape, ())
      return
    for channel, alone in enumerate(tf.unstack(kernel, axis=axis)):
      # Sums in another order.
      self.assertAllClose(
        limit[channel], range_rules.kernel_limit(alone, grid, None), 1e-6
      )

  @parameterized.parameters(2, 4)
  def test_codes_are_those_of_the_kernel_with_its_batch_norm(self, num_bits):
    # Folding scales each channel, so a range that does not scale with it would
    # give other codes in the file than in training.
    kernel = tf.random.stateless_normal((3, 3, 4, 6), (1, 2))
    gain = _tensor([0.01, -0.3, 1, 2, -17, 1000])
    grid = _grid(num_bits, symmetric=True)
    rounded, folded = (
      fake_quant.quantize_kernel(k, grid, channel_axis=3)
      for k in (kernel, kernel * gain)
    )
    self.assertAllClose(folded / gain, rounded, 1e-5, 1e-6)

  @parameterized.product(
    rule=tuple(recipe_lib.RangeRule), num_bits=(2, 4), value=(0.0, 1e-25, 1e-36)
  )
  def test_is_positive_where_squares_vanish(self, rule, num_bits, value):
    kernel = tf.fill((3, 3, 2, 4), value)
    grid = _grid(num_bits, rule, symmetric=True)
    limit = range_rules.kernel_limit(kernel, grid, 3)
    least = range_rules.LEAST_LIMIT
    self.assertAllInRange(limit, least, np.float32(max(value, least)))


class ActivationRangeTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(
    ([-1, 0.5, 3], (-1, 3)), ([1, 3], (0, 3)), ([-3, -1], (-3, 0))
  )
  def test_of_max_holds_all_and_zero(self, x, expected):
    bounds = range_rules.UNBOUNDED
    found = range_rules.activation_range(_tensor(x), _grid(8, "max"), bounds)
    self.assertAllEqual(found, expected)

  @parameterized.parameters(
    # (9 + 16) / (3 + 4), times the factor.
    ([3, 4, 0, 0], _RELU, (0, 1.74 * 25 / 7)),
    # Nothing is above 6 behind a ReLU6.
    ([3, 4, 0, 0], (0.0, 6.0), (0, 6)),
    # The mean is 1, the root of the mean square sqrt(28 / 4).
    ([-1, -1, 1, 5], range_rules.UNBOUNDED,
     (1 - 1.82 * 7**0.5, 1 + 1.82 * 7**0.5)),
    # Zero stays in.
    ([9, 10, 11], range_rules.UNBOUNDED, (10 - 1.82 * (302 / 3)**0.5,
                                          10 + 1.82 * (302 / 3)**0.5)),
    ([0, 0, 0], _RELU, (0, 0)),
    ([0, 0, 0], range_rules.UNBOUNDED, (0, 0)),
  )  # fmt: skip
  def test_by_hand(self, x, bounds, expected):
    found = range_rules.activation_range(_tensor(x), _grid(2), bounds)
    self.assertAllClose(found, expected, 1e-6)

  @parameterized.product(bounds=(_RELU, range_rules.UNBOUNDED), bits=(2, 4))
  def test_is_finite_where_squares_are_not(self, bounds, bits):
    # Without BatchNorm, the outputs of a deep network may get there.
    x = _tensor([1e25, 3e30, 2e28])
    low, high = range_rules.activation_range(x, _grid(bits), bounds)
    self.assertTrue(math.isfinite(high - low))
    rounded = fake_quant.quantize_activation(x, low, high, bits)
    self.assertTrue(np.isfinite(rounded).all())

  @parameterized.parameters(_RELU, range_rules.UNBOUNDED)
  def test_is_the_same_where_the_size_of_the_batch_is_unknown(self, *bounds):
    x = tf.abs(tf.random.stateless_normal((7, 4, 4, 3), (1, 2)))
    traced = tf.function(
      lambda x: range_rules.activation_range(x, _grid(4), bounds),
      input_signature=[tf.TensorSpec((None, 4, 4, 3))],
    )
    expected = range_rules.activation_range(x, _grid(4), bounds)
    # Of the root of the number, float32 knows 7 digits.
    self.assertAllClose(traced(x), expected, 1e-6)


# Magnitudes of the Laplace distribution, of mean 1, and their weights.
_MAGNITUDES = np.linspace(0, 40, 40_001)
_WEIGHTS = np.exp(-_MAGNITUDES)


def _laplace_error(step: float, codes: int) -> float:
  """Squared error, but for a constant, on the grid of 0 to `codes` steps."""
  rounded = np.minimum(np.floor(_MAGNITUDES / step + 0.5), codes) * step
  return np.sum(_WEIGHTS * (_MAGNITUDES - rounded) ** 2)


class FactorTest(parameterized.TestCase):
  """They are those of least squared error for the Laplace distribution."""

  @parameterized.parameters(*range(1, 9))
  def test_of_magnitudes(self, num_bits):
    codes = 2**num_bits - 1
    self._check(
      range_rules._MAGNITUDES[num_bits - 1],
      # E[x^2] / E[|x|] is 2.
      lambda factor: _laplace_error(2 * factor / codes, codes),
    )

  @parameterized.parameters(*range(2, 9))
  def test_of_signed_values(self, num_bits):
    # An odd number of steps, of which one side has one more.
    codes = 2**num_bits - 1
    self._check(
      range_rules._SIGNED[num_bits - 2],
      lambda factor: sum(
        # The mean is 0, and E[x^2] is 2.
        _laplace_error(2 * factor * 2**0.5 / codes, side)
        for side in (codes // 2, codes // 2 + 1)
      ),
    )

  def _check(self, factor: float, error) -> None:
    relative = np.linspace(0.95, 1.05, 21)
    errors = [error(factor * change) for change in relative]
    # Of the factors two decimals are known.
    self.assertAlmostEqual(relative[np.argmin(errors)], 1, delta=0.011)


def _best_kernel_error(x: np.ndarray, num_bits: int) -> np.ndarray:
  """The least squared error of each channel [n, c], by trying 80 ranges."""
  codes = 2 ** (num_bits - 1) - 1
  greatest = np.abs(x).max(axis=0)
  errors = []
  for part in np.geomspace(0.1, 1.05, 80):
    step = np.maximum(part * greatest / codes, 1e-30)
    rounded = np.clip(np.floor(x / step + 0.5), -codes, codes) * step
    errors.append(((x - rounded) ** 2).sum(axis=0))
  return np.min(errors, axis=0)


def _best_activation_error(x: np.ndarray, num_bits: int) -> float:
  """The least squared error, by trying 80 steps and every place for zero."""
  steps = 2**num_bits - 1
  width = max(x.max(), 0) - min(x.min(), 0)
  return min(
    np.sum((x - np.clip(codes, -below, steps - below) * step) ** 2)
    for step in np.geomspace(0.05, 1.05, 80) * width / steps
    for codes in [np.floor(x / step + 0.5)]
    for below in ([0] if x.min() >= 0 else range(steps + 1))
  )


def _sample(name: str, number: int) -> np.ndarray:
  rng = np.random.default_rng(0)
  normal, laplace = rng.normal(size=number), rng.laplace(size=number)
  return {
    "normal": normal,
    "laplace": laplace,
    "shifted_normal": normal + 1,
    "half_normal": np.abs(normal),
    "relu_of_normal": np.maximum(normal, 0),
    "relu_of_laplace": np.maximum(laplace, 0),
    "mostly_zeros": np.maximum(laplace - 1, 0),
  }[name].astype(np.float32)


@functools.cache
def _predicted_kernels() -> list[tuple[tf.Tensor, int | None]]:
  """Kernels of two networks, each with the axis of its channels."""
  architectures = [
    keras_io.from_keras(build((32, 32, 3), 10))
    for build in (resnet.resnet8, ds_cnn.ds_cnn)
  ]
  ghn = predictor.load("edge_cifar10").ghn
  return [
    (params[f"{node.name}/kernel"], grids.CHANNEL_AXIS[node.op])
    for architecture, params in zip(
      architectures, ghn(architectures), strict=True
    )
    for node in architecture.nodes
    if node.op in grids.CHANNEL_AXIS
  ]


class BestRangeTest(parameterized.TestCase):
  """The squared error against that of a search for the best range."""

  @parameterized.parameters(
    ("normal", 2, 1.01), ("normal", 4, 1.3),
    ("laplace", 2, 1.01), ("laplace", 4, 1.02),
  )  # fmt: skip
  def test_of_kernels(self, name, num_bits, bound):
    x = _sample(name, 20_000).reshape(-1, 2)
    self.assertLess(self._kernel_excess(tf.constant(x), 1, num_bits), bound)

  # The most is of a depthwise kernel with channels of one large tap, for which
  # the range of 2 bits ends too early; all others have 1.14 and 1.33 at most.
  @parameterized.parameters((2, 2.2), (4, 1.4))
  def test_of_predicted_kernels(self, num_bits, bound):
    excesses = [
      self._kernel_excess(kernel, axis, num_bits)
      for kernel, axis in _predicted_kernels()
    ]
    self.assertLess(np.max(excesses), bound)
    self.assertLess(np.mean(excesses), 1.2)

  def _kernel_excess(
    self, kernel: tf.Tensor, axis: int | None, num_bits: int
  ) -> float:
    rounded = fake_quant.quantize_kernel(
      kernel, _grid(num_bits, symmetric=True), channel_axis=axis
    )
    error = np.sum((kernel.numpy() - rounded.numpy()) ** 2)
    channels = 1 if axis is None else kernel.shape[axis]
    x = kernel.numpy().reshape(-1, channels)
    return error / _best_kernel_error(x, num_bits).sum()

  @parameterized.parameters(
    ("laplace", 2, 1.01), ("laplace", 4, 1.02),
    ("relu_of_laplace", 2, 1.01), ("relu_of_laplace", 4, 1.02),
    ("mostly_zeros", 2, 1.01), ("mostly_zeros", 4, 1.05),
    # Shorter tails.
    ("normal", 2, 1.15), ("normal", 4, 1.65),
    ("half_normal", 2, 1.15), ("half_normal", 4, 1.65),
    ("relu_of_normal", 2, 1.15), ("relu_of_normal", 4, 1.65),
    # As far from zero as it is wide.
    ("shifted_normal", 2, 1.9), ("shifted_normal", 4, 3.3),
  )  # fmt: skip
  def test_of_activations(self, name, num_bits, bound):
    x = _sample(name, 20_000)
    bounds = _RELU if x.min() == 0 else range_rules.UNBOUNDED
    if name == "half_normal":
      bounds = _RELU
    low, high = range_rules.activation_range(
      tf.constant(x), _grid(num_bits), bounds
    )
    rounded = fake_quant.quantize_activation(
      tf.constant(x), low, high, num_bits
    )
    error = np.sum((x - rounded.numpy()) ** 2)
    self.assertLess(error, bound * _best_activation_error(x, num_bits))


if __name__ == "__main__":
  absltest.main()
