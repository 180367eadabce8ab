# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from unittest import mock

from absl.testing import absltest

from ghn_tf.training import log as training_log
from tests import tiny_run


class TrainingLogTest(absltest.TestCase):
  def test_only_the_first_worker_speaks(self):
    state = tiny_run.state()
    log = training_log.TrainingLog(state, is_chief=False)
    with self.assertNoLogs("absl", "INFO"):
      log.begin("run")
      state.step += 1
      log.expect()
      log.progress({"loss": 1.0})
      log.end("run")

  def test_the_expected_time_leaves_out_the_first_step(self):
    with mock.patch("time.monotonic", return_value=0.0) as clock:
      state = tiny_run.state(steps=100)
      log = training_log.TrainingLog(state)
      with self.assertLogs("absl", "INFO") as logs:
        for clock.return_value in range(60, 80):
          state.step += 1
          log.expect()
    # 60 s for the first step, 1 s for each of the others.
    self.assertEqual(
      [record.getMessage() for record in logs.records],
      ["Expect to take 0:01:29 more."],
    )

  def test_near_the_end_nothing_is_expected(self):
    state = tiny_run.state(steps=20)
    log = training_log.TrainingLog(state)
    with self.assertNoLogs("absl", "INFO"):
      for state.step in range(1, 21):
        log.expect()


if __name__ == "__main__":
  absltest.main()
