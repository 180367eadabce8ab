# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
import pathlib
import tempfile

from absl.testing import absltest

from ghn_tf.edge import tflite
from tests import programs
from tests import small_run


class ToTfliteTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    cls.folder = pathlib.Path(folder.name)
    cls.checkpoint = small_run.make(str(cls.folder))

  def _run(self, *, target="models.resnet:resnet8", output="net.tflite", **kw):
    flags = {"checkpoint": self.checkpoint, "target": target, **kw}
    return programs.run_python(
      "tools/to_tflite.py",
      f"--output={self.folder / output}",
      *(f"--{name}={value}" for name, value in flags.items()),
    )

  def test_writes_an_integer_file_and_its_description(self):
    done = self._run(recipe="w4a8", output="w4a8.tflite")
    self.assertEqual(done.returncode, 0, done.stderr)
    content = (self.folder / "w4a8.tflite").read_bytes()
    self.assertEmpty(tflite.float_operators(content))
    described = json.loads((self.folder / "w4a8.json").read_text())
    self.assertEqual(described["sha256"], hashlib.sha256(content).hexdigest())
    self.assertEqual(described["bytes"], len(content))
    self.assertEqual(described["recipe"]["weights"]["num_bits"], 4)
    self.assertEqual(
      described["input"]["scale"], tflite.Runner(content).input_scale
    )
    self.assertEqual(described["accuracy"]["num_images"], 500)
    with self.subTest("does not replace it unasked"):
      again = self._run(recipe="w4a8", output="w4a8.tflite")
      self.assertEqual(again.returncode, 1)
      self.assertIn("--overwrite", again.stderr)

  def test_bad_input_is_one_clear_line_and_writes_nothing(self):
    cases = {
      "no function 'resnet9'": {"target": "models.resnet:resnet9"},
      "No module named": {"target": "no_such:network"},
      "no checkpoint": {"checkpoint": "/nowhere.npz"},
      "must end in .tflite": {"output": "bad.bin"},
      "should be one of": {"recipe": "w3a3"},
      "is not prepared": {"dataset": "cifar10", "data_dir": self.folder},
    }
    for message, changes in cases.items():
      with self.subTest(message):
        done = self._run(**{"output": "bad.tflite", **changes})
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr + done.stdout, f"(?i){message}")
        self.assertNotIn("Traceback", done.stderr)
        self.assertEmpty(list(self.folder.glob("*bad*")))


class EvaluateTest(absltest.TestCase):
  def test_report_has_every_network_and_column(self):
    folder = self.create_tempdir().full_path
    small_run.make(folder)
    output = pathlib.Path(folder) / "report.json"
    done = programs.run_python(
      "tools/evaluate.py",
      f"--checkpoint={folder}",
      "--unseen=1",
      "--target=models.resnet:resnet8",
      "--num_images=64",
      f"--output={output}",
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    report = json.loads(output.read_text())
    self.assertLen(report["networks"], 2)
    for network in report["networks"]:
      self.assertTrue(network["unseen"])
      self.assertContainsSubset(
        ("float", "w8a8", "w4a4", "w2a2", "tflite_w8a8"), network["accuracy"]
      )
      self.assertIn(network["name"], done.stdout)
    self.assertGreaterEqual(report["seconds"], report["evaluation_seconds"])

  def test_nothing_to_evaluate(self):
    folder = self.create_tempdir().full_path
    small_run.make(folder)
    done = programs.run_python(
      "tools/evaluate.py", f"--checkpoint={folder}", "--unseen=0"
    )
    self.assertEqual(done.returncode, 1)
    self.assertIn("give --unseen or --target", done.stderr)


if __name__ == "__main__":
  absltest.main()
