# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import contextlib
import dataclasses
import io
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import time
from unittest import mock

from absl import flags
from absl.testing import absltest
from absl.testing import flagsaver
from absl.testing import parameterized
import numpy as np
import pytest
import tensorflow as tf

from ghn_tf import data
from ghn_tf import train
from ghn_tf.ghn import checkpoint
from ghn_tf.programs import program
from ghn_tf.training import config as training_config
from ghn_tf.training import errors as errors_lib
from ghn_tf.training import metrics
from ghn_tf.training import trainer as trainer_lib
from tests import programs
from tests import reference_data
from tests import tiny_run


class FlagsTest(absltest.TestCase):
  def test_every_field_of_the_configuration_is_a_flag_with_its_default(self):
    self.assertEqual(train.config_from_flags(), training_config.TrainConfig())
    for field in dataclasses.fields(training_config.TrainConfig):
      self.assertEqual(flags.FLAGS[field.name].default, field.default)

  def test_every_flag_can_sit_in_a_flagfile(self):
    # Of each kind: integer, float, enum, boolean, string, and without default.
    path = self.create_tempfile(
      content="# A comment.\n--steps=7\n--learning_rate=3e-4\n--recipe=w4a4\n"
      "--noper_channel\n--dataset=mnist\n--max_macs=5000\n"
    ).full_path
    with flagsaver.flagsaver():
      flags.FLAGS(["train", f"--flagfile={path}", "--workdir=w", "--steps=8"])
      self.assertEqual(
        train.config_from_flags(),
        training_config.TrainConfig(
          steps=8,  # the last value counts
          learning_rate=3e-4,
          recipe="w4a4",
          per_channel=False,
          dataset="mnist",
          max_macs=5000,
        ),
      )


class MainTest(parameterized.TestCase):
  """The program in this process, on a run that takes a second."""

  def setUp(self):
    super().setUp()
    self.workdir = self.create_tempdir().full_path
    self.enter_context(tiny_run.small_space())
    self.enter_context(mock.patch.object(data, "check"))
    self.enter_context(
      mock.patch.object(data, "load", return_value=tiny_run.dataset())
    )
    # It can be set only before TensorFlow starts.
    self.enter_context(
      mock.patch.object(tf.config.threading, "set_intra_op_parallelism_threads")
    )

  def _main(self, workdir: str | None = None, **changes) -> tuple[int, str]:
    """Runs the program; returns its exit status and what it says."""
    values = dataclasses.asdict(tiny_run.config(steps=1))
    errors = io.StringIO()
    with (
      flagsaver.flagsaver(
        workdir=workdir or self.workdir, **(values | changes)
      ),
      contextlib.redirect_stderr(errors),
    ):
      status = program.status(
        train.train, ["train"], (errors_lib.TrainingError,)
      )
    return status, errors.getvalue()

  def test_a_run_leaves_checkpoint_metrics_flags_and_configuration(self):
    status, _ = self._main()
    self.assertEqual(status, 0)
    self.assertContainsSubset(
      ["checkpoint-00000001.npz", "metrics.jsonl", "tensorboard"],
      os.listdir(self.workdir),
    )
    with open(os.path.join(self.workdir, "config.json")) as file:
      record = json.load(file)
    self.assertEqual(
      training_config.TrainConfig(**record["training"]),
      tiny_run.config(steps=1),
    )
    self.assertEqual(record["ghn"]["hidden_dim"], 8)

  def test_the_flags_of_a_run_repeat_it(self):
    self._main()
    path = os.path.join(self.workdir, "train.flags")
    with flagsaver.flagsaver():
      flags.FLAGS(["train", f"--flagfile={path}"])
      self.assertEqual(train.config_from_flags(), tiny_run.config(steps=1))
      self.assertEqual(flags.FLAGS["workdir"].value, self.workdir)

  def test_another_configuration_ends_with_one_line_and_changes_nothing(self):
    self._main()
    before = pathlib.Path(self.workdir, "train.flags").read_text()
    status, message = self._main(seed=5)
    self.assertEqual(status, 1)
    self.assertRegex(message, "error: .*seed is 0 there and 5 here.*\n$")
    self.assertEqual(message.count("\n"), 1)
    after = pathlib.Path(self.workdir, "train.flags").read_text()
    self.assertEqual(after, before)

  def test_a_workdir_that_cannot_be_made_ends_with_one_line(self):
    file = self.create_tempfile().full_path
    status, message = self._main(workdir=os.path.join(file, "run"))
    self.assertEqual(status, 1)
    self.assertRegex(message, f"^train: error: .*{file}/run.*\n$")

  def test_a_workdir_that_is_a_file_ends_with_one_line(self):
    file = self.create_tempfile().full_path
    status, message = self._main(workdir=file)
    self.assertEqual(status, 1)
    self.assertRegex(message, f"^train: error: .*'{file}' is a file.*\n$")

  @parameterized.parameters(
    ({"max_macs": 10}, "0 architectures within max_macs=10"),
    ({"max_macs": 10, "evaluation_architectures": 0}, "max_macs"),
    ({"init_checkpoint": "/nowhere.npz"}, "no checkpoint '/nowhere.npz'"),
  )
  def test_what_cannot_be_trained_leaves_no_folder(self, changes, reason):
    workdir = os.path.join(self.workdir, "run")
    status, message = self._main(workdir=workdir, **changes)
    self.assertEqual(status, 1)
    self.assertRegex(message, f"^train: error: .*{reason}.*\n$")
    self.assertFalse(os.path.exists(workdir))

  def test_a_missing_data_set_ends_with_one_line(self):
    with mock.patch.object(
      data, "load", side_effect=FileNotFoundError("not prepared")
    ):
      status, message = self._main()
    self.assertEqual(status, 1)
    self.assertEqual(message, "train: error: not prepared\n")
    self.assertEmpty(os.listdir(self.workdir))

  def test_a_full_disk_ends_with_one_line_and_keeps_what_was_saved(self):
    self._main()
    before = sorted(os.listdir(self.workdir))
    # The kernel refuses to write more than this to any one file.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
      status, message = self._main(
        schedule="constant", steps=2, log_every_steps=100
      )
    finally:
      resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    self.assertEqual(status, 1)
    self.assertRegex(
      message, "error: .*Cannot write '.*00000002.npz': File too large; .*\n$"
    )
    self.assertEqual(sorted(os.listdir(self.workdir)), before)
    checkpoint.load(os.path.join(self.workdir, "checkpoint-00000001.npz"))

  @parameterized.parameters(signal.SIGTERM, signal.SIGINT)
  def test_a_signal_saves_and_ends_with_its_own_status(self, number):
    step = trainer_lib.Trainer.step

    def step_and_signal(trainer):
      step(trainer)
      os.kill(os.getpid(), number)

    handler = signal.getsignal(number)
    with (
      mock.patch.object(trainer_lib.Trainer, "step", step_and_signal),
      self.assertLogs("absl", "INFO") as logs,
    ):
      status, _ = self._main(steps=4)
    name = signal.Signals(number).name
    self.assertIn(f"Received {name}: finishing step 2, ", "".join(logs.output))
    self.assertEqual(status, 128 + number)
    self.assertIn("checkpoint-00000001.npz", os.listdir(self.workdir))
    self.assertEqual(signal.getsignal(number), handler)

  def test_before_training_a_signal_ends_it_at_once(self):
    handlers = []

    def load(*args, **kwargs):
      del args, kwargs
      handlers.append(signal.getsignal(signal.SIGTERM))
      return tiny_run.dataset()

    before = signal.getsignal(signal.SIGTERM)
    with mock.patch.object(data, "load", load):
      self._main()
    self.assertEqual(handlers, [before])


class ProcessTest(absltest.TestCase):
  """The program as a user starts it, on the embedded sample."""

  def _start(self, workdir: str, *arguments: str) -> subprocess.Popen[str]:
    command = [
      *(sys.executable, "-m", "ghn_tf.train", f"--workdir={workdir}"),
      *("--dataset=cifar10_sample", "--max_macs=1100000", "--ghn=edge"),
      *("--hidden_dim=8", "--steps=6", "--meta_batch_size=2"),
      *("--image_batch_size=4", "--evaluation_architectures=0"),
      *("--log_every_steps=2", "--checkpoint_every_steps=2"),
      *("--recipe=w4a4", "--quantization_mode=noise"),
    ]
    return subprocess.Popen(
      [*command, *arguments],
      cwd=reference_data.ROOT,
      stderr=subprocess.PIPE,
      text=True,
    )

  def _wait_for(self, path: str, process: subprocess.Popen[str]) -> None:
    while not os.path.exists(path):
      self.assertIsNone(process.poll(), "It ended too early.")
      time.sleep(0.01)

  def test_a_killed_run_goes_on_bit_for_bit(self):
    whole, killed = (self.create_tempdir().full_path for _ in range(2))
    process = self._start(killed)
    self._wait_for(os.path.join(killed, "checkpoint-00000002.npz"), process)
    process.kill()  # SIGKILL, in the third step or soon after
    process.communicate()
    self.assertFalse(
      os.path.exists(os.path.join(killed, "checkpoint-00000006.npz"))
    )
    for workdir in (killed, whole):
      process = self._start(workdir)
      _, errors = process.communicate()
      self.assertEqual(process.returncode, 0, errors)
      self.assertEmpty(programs.foreign_lines(errors))
    self._check_equal(killed, whole, [2, 4, 6])

  @pytest.mark.large
  def test_twenty_kills_at_random_moments_change_nothing(self):
    whole, killed = (self.create_tempdir().full_path for _ in range(2))
    rng = random.Random(0)
    arguments = ("--steps=150", "--keep_checkpoints=2")
    num_killed = 0
    while num_killed < 20:
      process = self._start(killed, *arguments)
      try:
        # Some before the first step, some while a checkpoint is written.
        process.communicate(timeout=rng.uniform(5, 15))
        self.fail(f"The run ended after {num_killed} kills.")
      except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        num_killed += 1
    for workdir in (killed, whole):
      process = self._start(workdir, *arguments)
      _, errors = process.communicate()
      self.assertEqual(process.returncode, 0, errors)
    self._check_equal(killed, whole, list(range(2, 151, 2)))

  def _check_equal(self, killed: str, whole: str, steps: list[int]) -> None:
    """Two runs wrote the same metrics and came to the same state."""
    for workdir in (killed, whole):
      recorded = [record["step"] for record in metrics.read(workdir)]
      self.assertEqual(recorded, steps)
    for actual, expected in zip(
      metrics.read(killed), metrics.read(whole), strict=True
    ):
      self.assertEqual(actual["loss"], expected["loss"])
      self.assertEqual(actual["gradient_norm"], expected["gradient_norm"])
    arrays, expected_arrays = (
      checkpoint.load(checkpoint.run_paths(workdir)[0])[0]
      for workdir in (killed, whole)
    )
    for name, array in arrays.items():
      np.testing.assert_array_equal(array, expected_arrays[name], name)

  def test_an_unknown_flag_value_ends_with_the_allowed_ones(self):
    process = self._start(self.create_tempdir().full_path, "--recipe=w3a3")
    _, errors = process.communicate()
    self.assertNotEqual(process.returncode, 0)
    self.assertIn(
      "should be one of <float|w8a16|w8a8|w4a8|w4a4|w2a2|any>", errors
    )
    self.assertNotIn("Traceback", errors)


if __name__ == "__main__":
  absltest.main()
