# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
import numpy as np

from ghn_tf.report import pareto


def _dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
  return one != other and one[0] <= other[0] and one[1] >= other[1]


class ParetoTest(absltest.TestCase):
  def test_points_by_hand(self):
    costs = [3, 1, 2, 2, 4, 1]
    values = [5, 2, 2, 4, 5, 2]
    # 0 costs less than 4 and is worth as much; 3 costs what 2 does and is worth
    # more; 5 equals 1.
    self.assertEqual(pareto.front(costs, values), [1, 3, 0])
    self.assertEqual(pareto.front([], []), [])

  def test_no_point_on_it_is_dominated_and_every_other_is(self):
    rng = np.random.default_rng(0)
    for size in (1, 2, 5, 30, 30, 30):
      # Of few values, so that many are equal.
      points = [tuple(own) for own in rng.integers(0, 7, (size, 2)).tolist()]
      front = pareto.front(*zip(*points, strict=True))
      on_it = [points[index] for index in front]
      expected = {
        own for own in points if not any(_dominates(o, own) for o in points)
      }
      self.assertEqual(on_it, sorted(expected))

  def test_its_line_is_a_staircase(self):
    line = pareto.line([2, 1, 3], [20, 10, 5])
    self.assertEqual((line["x"], line["y"]), ([1, 2], [10, 20]))
    self.assertEqual(line["line"]["shape"], "hv")


if __name__ == "__main__":
  absltest.main()
