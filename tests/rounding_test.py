# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import fractions
import math

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.edge import rounding
from ghn_tf.edge.cortexm import requantize


class RoundingTest(parameterized.TestCase):
  @parameterized.parameters(
    # A quarter is 2^30 of the 31 bits and a shift by one: 2.5 is 5 after the
    # first rounding, and then halves go away from 0, up, or to even.
    (10, 0.25, 3, 3, 2),
    (-10, 0.25, -3, -2, -2),
    (14, 0.25, 4, 4, 4),
    # 2.25 is 4.5, which is rounded to 5, and that to 3.
    (9, 0.25, 3, 2, 2),
    (-1, 2.0, -2, -2, -2),
    (100, 0.0, 0, 0, 0),
  )
  def test_by_hand(self, value, factor, double, single, float32):
    by = rounding.factors([factor])
    got = [
      rounding.rescale(np.array([value]), by, variant).item()
      for variant in (rounding.DOUBLE, rounding.SINGLE, rounding.FLOAT32)
    ]
    self.assertEqual(got, [double, single, float32])

  def test_rounded_once_it_is_the_nearest(self):
    rng = np.random.default_rng(0)
    values = rng.integers(-(2**30), 2**30, 200)
    real = np.exp(rng.uniform(-20, -5, 200))
    by = rounding.factors(real.tolist())
    once = rounding.rescale(values, by, rounding.SINGLE)
    for value, multiplier, shift, got in zip(
      values.tolist(),
      by.multipliers.tolist(),
      by.shifts.tolist(),
      once.tolist(),
      strict=True,
    ):
      exact = value * multiplier * fractions.Fraction(2) ** (shift - 31)
      self.assertEqual(got, math.floor(exact + fractions.Fraction(1, 2)))
    for variant in (rounding.DOUBLE, rounding.FLOAT32):
      other = rounding.rescale(values, by, variant)
      # Products are below 2^23, which float32 has exactly.
      self.assertLessEqual(np.abs(other - once).max(), 1, variant)

  def test_what_leaves_32_bits_wraps_as_in_tflite(self):
    rng = np.random.default_rng(0)
    values = rng.integers(-(2**31), 2**31, 100)
    by = rounding.factors([4.5])
    found = rounding.rescale(values, by, rounding.DOUBLE)
    factor = by.multipliers.item(), by.shifts.item()
    self.assertEqual(
      found.tolist(),
      [requantize.rescale(value, *factor) for value in values.tolist()],
    )


if __name__ == "__main__":
  absltest.main()
