# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The program `emulate`, as a user starts it."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from absl.testing import absltest
import numpy as np
import psutil

from ghn_tf.edge.cortexm import emulator
from tests import int8_files
from tests import micro
from tests import programs
from tests import reference_data


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
    self.assertIn(
      "<h1>Costs of one.tflite on ", (self.folder / "one.html").read_text()
    )
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

  def test_a_folder_is_gone_on_with(self):
    done = self._run("", output="all", targets="file", html=True)
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertEmpty(done.stderr)
    folder = self.folder / "all"
    names = {"one.json", "one.html", "two.json", "two.html"}
    self.assertEqual({path.name for path in folder.iterdir()}, names)
    self.assertLen(done.stdout.split("source"), 3)
    one = (folder / "one.json").read_text()
    (folder / "one.json").write_text(one.replace('"measured"', '"estimated"'))
    # Stopped between the page and the figures.
    (folder / "two.json").unlink()
    done = self._run("", output="all", targets="file", html=True)
    self.assertEqual(done.returncode, 0, done.stderr)
    first, *_ = done.stdout.splitlines()
    self.assertEqual(
      first, f"1 of 2 are in {folder} already; --overwrite redoes"
    )
    self.assertNotEqual((folder / "one.json").read_text(), one)
    self.assertLen(json.loads((folder / "two.json").read_text())["reports"], 1)
    done = self._run("", output="all", targets="file", overwrite=True)
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertEqual((folder / "one.json").read_text(), one)

  def _targets(self, name: str) -> list[str]:
    content = json.loads((self.folder / name).read_text())
    return [report["target"] for report in content["reports"]]

  def test_targets_that_failed_are_told_and_run_again(self):
    path = self.folder / "one.json"
    content = {"reports": [], "errors": {"file": "no disk", "tflm": "no wheel"}}
    path.write_text(json.dumps(content))
    done = self._run("one.tflite", output="one.json", targets="file")
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertEqual(self._targets("one.json"), ["file"])
    errors = json.loads(path.read_text())["errors"]
    self.assertEqual(errors, {"tflm": "no wheel"})
    flags = {"targets": "file,tflm", "html": True}
    done = self._run("one.tflite", output="one.json", **flags)
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertEqual(self._targets("one.json"), ["file", "tflm"])
    self.assertEmpty(json.loads(path.read_text())["errors"])
    done = self._run("one.tflite", output="one.json", **flags)
    self.assertEqual(done.returncode, 1)
    self.assertIn("one.json exists; choose another", done.stderr)

  def test_a_stop_is_fast_and_the_same_command_goes_on(self):
    inputs = int8_files.inputs([1, 8, 8, 3], 500_000)  # of an hour
    np.save(self.folder / "inputs.npy", inputs)
    command = [
      *(sys.executable, "tools/emulate.py", "--targets=edgetpu,tflm"),
      f"--model={self.folder / 'one.tflite'}",
      f"--output={self.folder / 'one.json'}",
      f"--inputs={self.folder / 'inputs.npy'}",
    ]
    with subprocess.Popen(
      command,
      cwd=reference_data.ROOT,
      start_new_session=True,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    ) as process:
      children: list[psutil.Process] = []
      while process.poll() is None and not children:
        time.sleep(0.1)
        children = psutil.Process(process.pid).children()
      os.killpg(process.pid, signal.SIGINT)
      begin = time.monotonic()
      _, errors = process.communicate()
    # On a machine that does other things, too.
    self.assertLess(time.monotonic() - begin, 10)
    self.assertEqual(process.returncode, 128 + signal.SIGINT)
    self.assertEqual(
      errors.splitlines()[-1], "Stopped; the same command goes on."
    )
    self.assertNotIn("Traceback", errors)
    self.assertFalse(any(child.is_running() for child in children))
    # Nothing was done, so nothing is there.
    self.assertFalse((self.folder / "one.json").exists())

  def test_what_fails_is_written(self):
    b = int8_files.Builder()
    image = b.tensor([1, 4, 4, 1])
    output = b.operator("RELU_0_TO_1", [image], b.tensor([1, 4, 4, 1]))
    content = b.build([image], [output])
    (self.folder / "odd.tflite").write_bytes(content)
    flags = {"output": "odd.json", "targets": "file,cortex_m4", "html": True}
    done = self._run("odd.tflite", **flags)
    self.assertEqual(done.returncode, 1)
    self.assertEqual(self._targets("odd.json"), ["file"])
    errors = json.loads((self.folder / "odd.json").read_text())["errors"]
    self.assertEqual([*errors], ["cortex_m4"])
    self.assertIn(errors["cortex_m4"], done.stderr)
    self.assertIn("RELU_0_TO_1", (self.folder / "odd.html").read_text())
    self.assertIn("Targets that failed", (self.folder / "odd.html").read_text())
    # Where it did not fail before, there is no report beside the error.
    (self.folder / "odd.html").unlink()
    (report,) = json.loads((self.folder / "odd.json").read_text())["reports"]
    before = {"reports": [report, {**report, "target": "cortex_m4"}]}
    (self.folder / "odd.json").write_text(json.dumps({**before, "errors": {}}))
    self._run("odd.tflite", **flags)
    self.assertEqual(self._targets("odd.json"), ["file"])

  def test_descriptions_of_others_stay(self):
    path = self.folder / "one.json"
    path.write_text('{"reports": [], "recipe": "w8a8"}')
    done = self._run("one.tflite", output="one.json", targets="file")
    self.assertEqual(done.returncode, 1)
    self.assertRegex(done.stderr, "'recipe', too.*another --output or --overw")
    self.assertIn("w8a8", path.read_text())

  @absltest.skipUnless(emulator.is_installed(), emulator.MISSING)
  def test_firmware_belongs_to_the_figures(self):
    flags = {
      "output": "one.json",
      "targets": "cortex_m4",
      "keep_firmware": True,
    }
    folder = self.folder / "one.cortex_m4"
    folder.mkdir()
    (folder / "main.c").write_text("mine")
    done = self._run("one.tflite", overwrite=True, **flags)
    self.assertEqual(done.returncode, 1)
    self.assertIn("is no C project that it has written; move it", done.stderr)
    self.assertEqual((folder / "main.c").read_text(), "mine")
    (folder / "main.c").unlink()
    folder.rmdir()
    done = self._run("one.tflite", **flags)
    self.assertEqual(done.returncode, 0, done.stderr)
    names = {path.name for path in folder.iterdir()}
    self.assertContainsSubset({"Makefile", "README.md", "network_one.c"}, names)
    # As after a stop between the firmware and the figures.
    (self.folder / "one.json").unlink()
    (folder / "Makefile").unlink()
    done = self._run("one.tflite", **flags)
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertEqual({path.name for path in folder.iterdir()}, names)

  def test_an_empty_folder_is_an_error(self):
    (self.folder / "none").mkdir()
    done = self._run("none", output="all")
    self.assertEqual(done.returncode, 1)
    self.assertIn("none of --model has no .tflite file", done.stderr)

  def test_a_pipe_is_an_error(self):
    os.mkfifo(self.folder / "pipe.tflite")
    done = self._run("pipe.tflite", output="one.json", targets="file")
    self.assertEqual(done.returncode, 1)
    self.assertIn("pipe.tflite' is a pipe or a device; give", done.stderr)


if __name__ == "__main__":
  absltest.main()
