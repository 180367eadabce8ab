# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""TFLite's fixed-point arithmetic, computed by hand, and in the emulator."""

import math

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.edge.cortexm import exponential
from ghn_tf.edge.cortexm import requantize


class RequantizeTest(parameterized.TestCase):
  @parameterized.parameters(
    (0.5, 2**30, 0),
    (0.25, 2**30, -1),
    (0.75, 3 * 2**29, 0),
    (1.0, 2**30, 1),
    # The fraction 1 - 2^-40 rounds to 1, which goes into the shift.
    (1 - 2.0**-40, 2**30, 1),
    (2.0**-33, 0, 0),
    (0.0, 0, 0),
  )
  def test_multiplier_and_shift(self, real: float, multiplier: int, shift: int):
    self.assertEqual(requantize.quantize_multiplier(real), (multiplier, shift))

  @parameterized.parameters(
    (3, 2**30, 2),  # 1.5 goes up
    (-3, 2**30, -1),  # -1.5 does, too
    (-(2**31), -(2**31), 2**31 - 1),  # 2^31 is cut off
  )
  def test_high_product(self, a: int, b: int, expected: int):
    self.assertEqual(requantize.high_product(a, b), expected)

  @parameterized.parameters(
    (6, 2, 2),  # 1.5
    (-6, 2, -2),
    (5, 2, 1),  # 1.25
    (-5, 2, -1),
    (7, 0, 7),
  )
  def test_division_goes_away_from_zero_at_halves(
    self, value: int, exponent: int, expected: int
  ):
    self.assertEqual(requantize.divide_by_power(value, exponent), expected)

  def test_rounds_twice(self):
    # 0.75 of 2 * 1/8 is 0.1875 of 1, which is 0. But 3 times 3/4 is 2.25, which
    # is 2 first, and a fourth of that 0.5, which is 1; rounded once, 0.5625 is
    # 1, too. 1 times 3/4 is 1 first, of which a half is 1; 0.375 would be 0.
    self.assertEqual(requantize.rescale(3, 3 * 2**29, -2), 1)
    self.assertEqual(requantize.rescale(1, 3 * 2**29, -1), 1)

  @parameterized.parameters(
    ("NONE", -128, 127),
    ("RELU", 10, 127),
    ("RELU6", 10, 70),
    ("RELU_N1_TO_1", 0, 20),
  )
  def test_activation_range(self, name: str, low: int, high: int):
    self.assertEqual(requantize.activation_range(name, 0.1, 10), (low, high))

  def test_a_limit_beyond_32_bits_is_refused(self):
    most = requantize.activation_range("RELU6", 3e-9, 7)
    self.assertEqual(most, (7, 127))
    # As in TFLite Micro, which leaves undefined what its RELU6 makes of it.
    with self.assertRaisesRegex(ValueError, "RELU6 has a limit of inf steps"):
      requantize.activation_range("RELU6", 1e-45, 7)

  def test_an_activation_that_does_more_than_clamp_is_refused(self):
    with self.assertRaisesRegex(ValueError, "TANH"):
      requantize.activation_range("TANH", 0.1, 0)

  @parameterized.parameters(
    ([-1, -22], 2**30 - 1, True),
    ([0], 1, False),
    ([-23], 1, False),
    ([-5], 2**30, False),
  )
  def test_small_sums(self, shifts: list[int], most: int, expected: bool):
    self.assertEqual(requantize.are_small(shifts, most), expected)


class ExponentialTest(parameterized.TestCase):
  @parameterized.parameters(-0.01, -0.25, -0.3, -1.0, -4.7, -9.9)
  def test_is_near_exp(self, x: float):
    value = exponential.of_negative(round(x * 2**26))
    # gemmlowp's series has about 23 good bits.
    self.assertAlmostEqual(value / 2**31, math.exp(x), delta=2**-22)

  @parameterized.parameters(0.0, 0.1, -0.1, 2.5, -7.0)
  def test_is_near_the_logistic_function(self, x: float):
    value = exponential.logistic(round(x * 2**27))
    self.assertAlmostEqual(value / 2**31, 1 / (1 + math.exp(-x)), delta=2**-22)


if __name__ == "__main__":
  absltest.main()
