# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import itertools

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.evaluation import correlation


def _by_pairs(truth, score):
  """Tau-b by its definition: concordant less discordant pairs, and ties."""
  agree = ties_truth = ties_score = 0
  for i, j in itertools.combinations(range(len(truth)), 2):
    a, b = np.sign(truth[i] - truth[j]), np.sign(score[i] - score[j])
    agree += a * b
    ties_truth += a == 0
    ties_score += b == 0
  pairs = len(truth) * (len(truth) - 1) / 2
  return agree / np.sqrt((pairs - ties_truth) * (pairs - ties_score))


def _tau(truth, score):
  return correlation.interval(correlation.resampled(truth, score))


def _difference(truth, score, other):
  taus = [correlation.resampled(truth, own) for own in (score, other)]
  return correlation.interval(taus[0] - taus[1])


class TauTest(parameterized.TestCase):
  @parameterized.parameters(
    ([1, 2, 3, 4], [10, 20, 30, 40], 1),
    ([1, 2, 3, 4], [4, 3, 2, 1], -1),
    ([1, 2, 3, 4], [1, 2, 4, 3], 2 / 3),  # 5 pairs of 6 agree
    ([1, 2, 3], [5, 5, 5], 0),
  )
  def test_by_hand(self, truth, score, expected):
    self.assertAlmostEqual(correlation.kendall_tau(truth, score), expected)

  def test_ties_are_as_by_the_definition(self):
    rng = np.random.default_rng(0)
    for _ in range(20):
      truth, score = rng.integers(0, 5, (2, 12))
      self.assertAlmostEqual(
        correlation.kendall_tau(truth, score), _by_pairs(truth, score)
      )

  def test_what_rounds_to_zero_has_no_sign(self):
    interval = correlation.Interval(-0.001, -0.0, -0.006)
    self.assertEqual(str(interval), "0.00 (0.00 to -0.01)")

  def test_an_interval_is_around_its_value_and_the_same_again(self):
    rng = np.random.default_rng(1)
    truth = rng.normal(size=40)
    score = truth + rng.normal(size=40)
    found = _tau(truth, score)
    self.assertBetween(found.value, found.low, found.high)
    self.assertGreater(found.low, 0)
    self.assertLess(found.high - found.low, 0.5)
    self.assertEqual(found, _tau(truth, score))

  def test_an_interval_covers_the_truth_as_often_as_it_says(self):
    # Of normal pairs with correlation r, tau is 2 / pi * asin(r).
    expected = 2 / np.pi * np.arcsin(0.6)
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(20):
      truth = rng.normal(size=30)
      score = 0.6 * truth + 0.8 * rng.normal(size=30)
      found = _tau(truth, score)
      covered += found.low <= expected <= found.high
    # Of 20, less than 15 are covered with a probability of 0.0003.
    self.assertGreaterEqual(covered, 15)

  def test_a_difference_is_narrower_where_scores_are_alike(self):
    rng = np.random.default_rng(3)
    truth = rng.normal(size=40)
    score = truth + rng.normal(size=40)
    alike, apart = score + 0.01 * rng.normal(size=40), rng.normal(size=40)
    close = _difference(truth, score, alike)
    self.assertBetween(0, close.low, close.high)
    self.assertLess(close.high - close.low, 0.1)
    self.assertGreater(_difference(truth, score, apart).low, 0)

  @parameterized.parameters(([1], [1]), ([1, 2], [1]), ([1, 2], [1, np.nan]))
  def test_what_cannot_be_ranked(self, truth, score):
    with self.assertRaisesRegex(ValueError, "Expected"):
      _tau(truth, score)


if __name__ == "__main__":
  absltest.main()
