# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The program `emulate`, as a user starts it."""

import json
import pathlib

from absl.testing import absltest
import numpy as np

from tests import int8_files
from tests import micro
from tests import programs


@absltest.skipUnless(micro.IS_INSTALLED, micro.MISSING)
class EmulateTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    for seed, name in enumerate(("one", "two")):
      content = int8_files.network(seed)
      (self.folder / f"{name}.tflite").write_bytes(content)

  def _run(self, *models: str, output: str, **flags: object):
    return programs.run_python(
      "tools/emulate.py",
      *(f"--model={self.folder / name}" for name in models),
      f"--output={self.folder / output}",
      *(f"--{name}={value}" for name, value in flags.items()),
    )

  def test_writes_what_it_prints(self):
    inputs = int8_files.inputs([1, 8, 8, 3], 6)
    np.save(self.folder / "inputs.npy", inputs)
    np.save(self.folder / "labels.npy", np.zeros(6, np.uint8))
    done = self._run(
      "one.tflite",
      output="one.json",
      targets="tflm",
      html=True,
      inputs=self.folder / "inputs.npy",
      labels=self.folder / "labels.npy",
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertEmpty(done.stderr)
    (report,) = json.loads((self.folder / "one.json").read_text())["reports"]
    expected = {
      "target": "tflm",
      "source": "measured",
      "latency_ms": None,
      "macs": 2_324,
      "instructions": None,
      "flash_bytes": len(int8_files.network()),
    }
    self.assertEqual({key: report[key] for key in expected}, expected)
    self.assertLen(report["operators"], 5)
    self.assertIn("accuracy", {f["name"] for f in report["figures"]})
    self.assertIn("<h1>one.tflite</h1>", (self.folder / "one.html").read_text())
    _, header, line = done.stdout.splitlines()
    self.assertStartsWith(header, "target ")
    self.assertIn(f"{report['arena_bytes']:,}", line)

  def test_of_several_files_those_that_can_be_are_written(self):
    (self.folder / "bad.tflite").write_bytes(b"no file")
    models = ("one.tflite", "bad.tflite", "two.tflite")
    done = self._run(*models, output="all", targets="tflm")
    self.assertEqual(done.returncode, 1)
    self.assertRegex(done.stderr, "error: .*bad.tflite: Not an integer .tflite")
    written = {path.name for path in (self.folder / "all").iterdir()}
    self.assertEqual(written, {"one.json", "two.json"})


if __name__ == "__main__":
  absltest.main()
