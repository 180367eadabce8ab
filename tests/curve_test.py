# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.search import curve
from ghn_tf.search import settings as settings_lib

_SETTINGS = settings_lib.Settings(limits={"latency_ms": 10.0})


def _row(latency_ms: float, score: float):
  return {"costs": {"latency_ms": latency_ms}, "score": score}


class CurveTest(parameterized.TestCase):
  def test_both_strategies_tell_their_effort_after_each_part(self):
    parts = [
      {"rows": [_row(5, 0.5), {"refused": {}}], "seconds": 1.0},
      {"rows": [{"refused": {}}] * 2, "seconds": 0.25},
      # The first is within no limit, the second is worse and slower.
      {"rows": [_row(11, 0.9), _row(6, 0.4), _row(8, 0.75)], "seconds": 2.0},
    ]
    for strategy in settings_lib.STRATEGIES:
      settings = settings_lib.Settings(
        limits={"latency_ms": 10.0}, strategy=strategy
      )
      self.assertEqual(
        curve.curve(settings, parts),
        [
          # From 5 of 10 ms on the best has 50 %, from 8 on 75.
          curve.Point(2, 1, 1.0, 0.5 * 0.5),
          curve.Point(4, 1, 1.25, 0.5 * 0.5),
          curve.Point(7, 4, 3.25, (3 * 0.5 + 2 * 0.75) / 10),
        ],
      )

  def test_of_files_the_accuracy_is_told_of_those_that_the_score_chooses(self):
    rows = [
      {"measured": {"latency_ms": cost}, "score": score, "accuracy": accuracy}
      # The third is the most accurate on test images, which nobody knew.
      for cost, score, accuracy in ((2, 0.3, 0.5), (7, 0.6, 0.25), (5, 0.2, 1))
    ]
    found = curve.mean_best(_SETTINGS, rows, "measured", "accuracy")
    self.assertEqual(found, (5 * 0.5 + 3 * 0.25) / 10)
    self.assertEqual(curve.mean_best(_SETTINGS, [], "costs"), 0)

  def test_what_is_beyond_another_limit_does_not_count(self):
    settings = settings_lib.Settings(
      limits={"latency_ms": 10.0, "arena_bytes": 100}
    )
    rows = [
      {"costs": {"latency_ms": 1.0, "arena_bytes": 101}, "score": 0.9},
      {"costs": {"latency_ms": 5.0, "arena_bytes": 100}, "score": 0.5},
    ]
    found = [
      curve.mean_best(settings, rows[:number], "costs") for number in (1, 2)
    ]
    self.assertEqual(found, [0, 0.25])

  @parameterized.parameters(
    {"limits": {}},
    {"limits": {"flash_bytes": 10}},
    {"limits": {"latency_ms": 1}, "objectives": ("latency_ms", "macs")},
    {"limits": {"latency_ms": 1}, "score": "naswot"},
  )
  def test_not_all_settings_have_one(self, **changes):
    settings = settings_lib.Settings(**changes)
    parts = [{"rows": [_row(5, 0.5)], "seconds": 1.0}]
    self.assertEqual(curve.curve(settings, parts), [])


if __name__ == "__main__":
  absltest.main()
