# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib

from absl.testing import absltest

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

  def test_an_unwritable_output_is_an_error_at_once(self):
    done = programs.run_python(
      "tools/benchmark.py", "--output=/dev/null/x.json"
    )
    self.assertEqual(done.returncode, 1)
    self.assertIn("/dev/null/x.json", done.stderr)


if __name__ == "__main__":
  absltest.main()
