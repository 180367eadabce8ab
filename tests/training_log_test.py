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
      log.after_step()
      log.progress({"loss": 1.0})
      log.end("run")

  def test_the_expected_time_leaves_out_the_first_step(self):
    with mock.patch("time.monotonic", return_value=0.0) as clock:
      state = tiny_run.state(steps=100)
      log = training_log.TrainingLog(state)
      with self.assertLogs("absl", "INFO") as logs:
        for clock.return_value in range(60, 80):
          state.step += 1
          log.after_step()
    # 60 s for the first step, 1 s for each of the others.
    self.assertEqual(
      [record.getMessage() for record in logs.records[1:]],
      ["Expect to take 0:01:29 more."],
    )

  def test_near_the_end_nothing_is_expected(self):
    state = tiny_run.state(steps=20)
    log = training_log.TrainingLog(state)
    with self.assertLogs("absl", "INFO") as logs:
      for state.step in range(1, 21):
        log.after_step()
    self.assertLen(logs.records, 1)

  def test_the_first_step_is_told_whatever_is_recorded(self):
    with mock.patch("time.monotonic", return_value=0.0) as clock:
      state = tiny_run.state(steps=4, log_every_steps=100)
      log = training_log.TrainingLog(state)
      clock.return_value, state.step = 7.0, 1
      state.count_update(loss=2.5)
      with self.assertLogs("absl", "INFO") as logs:
        log.after_step()
    self.assertRegex(logs.output[0], "Step 1 took 0:00:07, .*: loss 2.5$")
    self.assertEqual(state.take_means(), {"loss": 2.5})  # still to be recorded

  def test_a_stopped_run_tells_what_is_not_recorded(self):
    state = tiny_run.state(steps=100, log_every_steps=20)
    log = training_log.TrainingLog(state)
    for state.step, loss in ((1, 3.0), (2, 2.0)):
      state.count_update(loss=loss)
    with self.assertLogs("absl", "INFO") as logs:
      log.end("run")
    self.assertIn("Last metrics: loss 2.5.", logs.output[0])


if __name__ == "__main__":
  absltest.main()
