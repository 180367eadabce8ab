# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import itertools

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.edge.cortexm import plan


class PlanTest(parameterized.TestCase):
  def test_what_is_needed_later_takes_the_place(self):
    needs = [plan.Need(100, 0, 1), plan.Need(60, 1, 2), plan.Need(80, 2, 3)]
    result = plan.plan(needs)
    # The second lies behind the first, and the third at the place of that.
    self.assertEqual(result.offsets, (0, 100, 0))
    self.assertEqual(result.num_bytes, 160)

  def test_a_gap_is_filled(self):
    needs = [
      plan.Need(100, 0, 9),
      plan.Need(50, 0, 3),
      plan.Need(40, 4, 9),
      plan.Need(30, 0, 9),
    ]
    result = plan.plan(needs)
    self.assertEqual(result.offsets, (0, 100, 100, 152))
    self.assertEqual(result.num_bytes, 182)

  def test_nothing_needs_nothing(self):
    self.assertEqual(plan.plan([]), plan.Plan((), 0))

  @parameterized.parameters(*range(20))
  def test_what_is_needed_at_once_lies_apart(self, seed: int):
    rng = np.random.default_rng(seed)
    needs = []
    for _ in range(40):
      first, last = sorted(rng.integers(0, 30, 2).tolist())
      needs.append(plan.Need(int(rng.integers(1, 500)), first, last))
    result = plan.plan(needs)
    placed = [*zip(needs, result.offsets, strict=True)]
    for (a, start), (b, other) in itertools.combinations(placed, 2):
      if a.first <= b.last and b.first <= a.last:
        self.assertTrue(
          start + a.num_bytes <= other or other + b.num_bytes <= start
        )
    for need, offset in placed:
      self.assertEqual(offset % 4, 0)
      self.assertLessEqual(offset + need.num_bytes, result.num_bytes)
    at_once = max(
      sum(n.num_bytes for n in needs if n.first <= moment <= n.last)
      for moment in range(30)
    )
    self.assertGreaterEqual(result.num_bytes, at_once)


if __name__ == "__main__":
  absltest.main()
