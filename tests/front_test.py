# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
import hypothesis
from hypothesis import strategies
from hypothesis.extra import numpy as arrays
import numpy as np

from ghn_tf.search import front

# Few different values, so that there are ties.
_VALUES = strategies.integers(1, 3).flatmap(
  lambda k: arrays.arrays(
    np.float64,
    strategies.tuples(strategies.integers(1, 25), strategies.just(k)),
    elements=strategies.integers(0, 6),
  )
)


def _dominates(one: np.ndarray, other: np.ndarray) -> bool:
  return bool((one <= other).all() and (one < other).any())


class FrontTest(absltest.TestCase):
  @hypothesis.given(_VALUES)
  @hypothesis.settings(deadline=None, max_examples=60)
  def test_has_all_that_nothing_dominates_and_nothing_else(self, values):
    expected = [
      not any(_dominates(other, row) for other in values) for row in values
    ]
    self.assertEqual(front.front(values).tolist(), expected)

  @hypothesis.given(_VALUES.filter(lambda values: values.shape[1] > 1))
  @hypothesis.settings(deadline=None, max_examples=60)
  def test_all_rows_are_spread_and_the_best_comes_early(self, values):
    spread = front.spread(values, len(values))
    self.assertCountEqual(spread, range(len(values)))
    costs = values.shape[1] - 1
    best = values[spread[: 8 * costs], 0].min()
    self.assertEqual(best, values[:, 0].min())

  def test_parts_take_turns_the_dearest_first(self):
    values = [[-1, 10], [-2, 11], [-2, 20], [-3, 21], [-2, 30], [-2, 31]]
    # Parts of two, as these are 7 wide; of equal quality the cheaper.
    self.assertEqual(front.spread(np.array(values), 3), [4, 3, 1])
    self.assertEqual(front.spread(np.array(values), 0), [])

  def test_costs_take_turns(self):
    values = [[-1, 1, 9], [-9, 2, 8], [-3, 8, 2], [-8, 9, 1]]
    # By the first cost 3, then 1; by the second, 1 and 3.
    self.assertEqual(front.spread(np.array(values), 3), [3, 1, 2])

  def test_of_noisy_scores_rows_are_taken_up_to_the_greatest_cost(self):
    """Accuracy grows with cost by 10 points, a score is uncertain by 4."""
    rng = np.random.default_rng(0)
    # Few are cheap, as small networks are among random ones.
    costs = 10 + 50 * rng.beta(3, 2, 2000)
    accuracy = 0.55 + 0.1 * (costs - 10) / 50
    score = rng.normal(accuracy, np.sqrt(0.6 * 0.4 / 128))
    refined = front.spread(np.stack([-score, costs], 1), 64)
    score = rng.normal(accuracy, np.sqrt(0.6 * 0.4 / 1000))[refined]
    files = front.spread(np.stack([-score, costs[refined]], 1), 16)
    found = costs[refined][files]
    self.assertEqual(
      np.histogram(found, np.linspace(10, 60, 6))[0].min(), 2, found
    )


if __name__ == "__main__":
  absltest.main()
