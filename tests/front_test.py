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

  @hypothesis.given(_VALUES)
  @hypothesis.settings(deadline=None, max_examples=60)
  def test_nothing_stands_before_what_dominates_it(self, values):
    order = front.order(values, len(values))
    self.assertCountEqual(order, range(len(values)))
    for place, index in enumerate(order):
      for later in order[place + 1 :]:
        self.assertFalse(_dominates(values[later], values[index]))
    self.assertEqual(front.order(values, 3), order[:3])

  def test_ends_of_a_front_come_first_and_crowded_ones_last(self):
    values = np.array([[0, 9], [4, 4.1], [4.1, 4], [4.2, 3.9], [9, 0], [9, 9]])
    self.assertEqual(front.order(values, 6)[:2], [0, 4])
    self.assertEqual(front.order(values, 6)[-2:], [2, 5])

  def test_hypervolume_by_hand(self):
    # Steps of 1 x 3, 2 x 2 and what lies beyond the reference.
    values = np.array([[1, 3], [3, 1], [3, 2], [0, 6]])
    self.assertEqual(front.hypervolume(values, (4, 5)), 3 * 2 + 1 * 2)
    self.assertEqual(front.hypervolume(values[:0], (4, 5)), 0)

  @hypothesis.given(
    arrays.arrays(np.float64, (6, 2), elements=strategies.integers(0, 5))
  )
  @hypothesis.settings(deadline=None, max_examples=40)
  def test_hypervolume_counts_cells(self, values):
    cells = sum(
      any((row <= [x, y]).all() for row in values)
      for x in range(5)
      for y in range(5)
    )
    self.assertEqual(front.hypervolume(values, (5, 5)), cells)


if __name__ == "__main__":
  absltest.main()
