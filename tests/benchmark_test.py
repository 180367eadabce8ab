# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
from unittest import mock

from absl.testing import absltest

from ghn_tf import data
from ghn_tf.training import benchmark
from ghn_tf.training import config as training_config
from ghn_tf.training import trainer
from tests import programs


class BenchmarkTest(absltest.TestCase):
  def test_a_round_of_small_steps(self):
    output = pathlib.Path(self.create_tempdir().full_path, "tiny.json")
    done = programs.run_python(
      "tools/benchmark.py",
      "--space=tiny",
      "--ghn=edge",
      "--meta_batch_size=2",
      "--image_batch_size=4",
      "--rounds=1",
      "--warmup_steps=1",
      f"--output={output}",
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    result = json.loads(output.read_text())
    (step,), (floor,) = result["step_seconds"], result["floor_seconds"]
    self.assertAlmostEqual(result["step_over_floor"], step / floor)
    self.assertAlmostEqual(result["network_steps_per_second"], 2 / step)
    self.assertAlmostEqual(sum(result["shares"].values()), 1)
    for name, share in result["shares"].items():
      self.assertBetween(share, 0, 1, name)
    self.assertGreater(result["predict_seconds"], 0)
    self.assertGreater(result["peak_memory_bytes"], 1e8)

  def test_images_are_of_the_size_of_the_configuration(self):
    config = training_config.TrainConfig(
      dataset=data.SAMPLE, image_size=16, ghn="edge"
    )
    with mock.patch.object(
      trainer, "Trainer", side_effect=InterruptedError
    ) as made:
      with self.assertRaises(InterruptedError):
        benchmark.benchmark(config, warmup_steps=1, rounds=1)
    (state,) = made.call_args.args
    self.assertEqual(state.dataset.image_shape, (16, 16, 3))

  def test_an_unwritable_output_is_an_error_at_once(self):
    done = programs.run_python(
      "tools/benchmark.py", "--output=/dev/null/x.json"
    )
    self.assertEqual(done.returncode, 1)
    self.assertIn("/dev/null/x.json", done.stderr)


if __name__ == "__main__":
  absltest.main()
