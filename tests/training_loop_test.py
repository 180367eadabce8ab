# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import os
import tempfile
import threading
from unittest import mock

from absl.testing import absltest
import numpy as np

from ghn_tf.ghn import checkpoint
from ghn_tf.training import loop
from ghn_tf.training import metrics
from ghn_tf.training import state as training_state
from ghn_tf.training import trainer as trainer_lib
from tests import tiny_run


class TrainTest(absltest.TestCase):
  """Runs of four steps, some of them cut off, beside one that was not."""

  # Records average over three steps, so that a stop after two falls between.
  CONFIG = tiny_run.config(recipe="w4a4", log_every_steps=3)

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.enterClassContext(tiny_run.small_space())
    cls.whole = cls.enterClassContext(tempfile.TemporaryDirectory())
    with cls().assertLogs("absl", "INFO") as logs:
      cls.finished = cls._train(cls.whole)
    cls.log = logs.output

  @classmethod
  def _train(cls, workdir, stop=None) -> bool:
    state = training_state.open_run(cls.CONFIG, tiny_run.dataset(), workdir)
    trainer = trainer_lib.Trainer(state)
    return loop.train(trainer, workdir, stop or threading.Event())

  def _assert_same_run(self, workdir: str) -> None:
    """Compares all but the time: records and the last checkpoint."""
    for actual, expected in zip(
      metrics.read(workdir), metrics.read(self.whole), strict=True
    ):
      of_machine = ("hours", "processor_hours", "networks_per_second")
      for record in (actual, expected):
        for name in (*of_machine, "memory_bytes"):
          self.assertGreater(record.pop(name, 1), 0)
      self.assertEqual(actual, expected)
    (arrays, metadata), (expected_arrays, expected_metadata) = (
      checkpoint.load(os.path.join(folder, "checkpoint-00000004.npz"))
      for folder in (workdir, self.whole)
    )
    time = {"seconds": 0, "processor_seconds": 0}
    self.assertEqual(metadata | time, expected_metadata | time)
    self.assertEqual(arrays.keys(), expected_arrays.keys())
    for name, array in arrays.items():
      np.testing.assert_array_equal(array, expected_arrays[name], name)

  def test_a_stopped_run_goes_on_bit_for_bit(self):
    workdir = self.create_tempdir().full_path
    stop = threading.Event()
    step = trainer_lib.Trainer.step

    def step_and_stop(trainer):
      step(trainer)
      if trainer.state.step == 2:
        stop.set()

    with mock.patch.object(trainer_lib.Trainer, "step", step_and_stop):
      self.assertFalse(self._train(workdir, stop))
    newest = checkpoint.run_paths(workdir)[0]
    self.assertEndsWith(newest, "checkpoint-00000002.npz")
    self.assertTrue(self._train(workdir))
    self._assert_same_run(workdir)

  def test_steps_after_the_last_checkpoint_are_repeated_bit_for_bit(self):
    workdir = self.create_tempdir().full_path
    save = training_state.save

    def save_or_fail(state, workdir):
      if state.step == 4:
        raise OSError("cut off")
      return save(state, workdir)

    with mock.patch.object(training_state, "save", save_or_fail):
      with self.assertRaisesRegex(OSError, "cut off"):
        self._train(workdir)
    self.assertEqual(metrics.read(workdir)[-1]["step"], 4)
    self._train(workdir)
    self._assert_same_run(workdir)

  def test_a_finished_run_has_nothing_left_to_do(self):
    self.assertTrue(self.finished)
    records = metrics.read(self.whole)
    with mock.patch.object(trainer_lib.Trainer, "step") as step:
      self.assertTrue(self._train(self.whole))
    step.assert_not_called()
    self.assertEqual(metrics.read(self.whole), records)

  def test_records_and_evaluations_come_at_their_steps_and_at_the_end(self):
    records = metrics.read(self.whole)
    self.assertEqual([r["step"] for r in records], [2, 3, 4])
    evaluated = {"validation/float_accuracy", "validation/w4a4_accuracy"}
    self.assertEqual(
      [evaluated <= r.keys() for r in records], [True, False, True]
    )
    self.assertEqual(["loss" in r for r in records], [False, True, True])

  def test_a_summary_stands_at_the_begin_and_at_the_end(self):
    self.assertRegex(self.log[0], "Train hypernetwork edge .*steps 0 to 4")
    self.assertRegex(self.log[-1], "Done at step 4: 8 networks in")


if __name__ == "__main__":
  absltest.main()
