# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
import tempfile

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.edge import report as report_lib
from tests import pages
from tests import programs
from tests import report_inputs


class ReportProgramTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    cls.folder = pathlib.Path(folder.name)
    report_inputs.write_run(cls.folder / "run")
    report_inputs.write_table(cls.folder / "table.json")
    _, report = report_inputs.edge()
    (cls.folder / "edge.json").write_text(report_lib.to_json([report]))

  def _run(self, *flags: str):
    return programs.run_python(
      "tools/report.py", *(flag.format(self.folder) for flag in flags)
    )

  def test_any_mix_is_one_page(self):
    done = self._run(
      "--run={}/run",
      "--table={}/table.json",
      "--edge={}/edge.json",
      "--output={}/all.html",
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertEqual(done.stdout, f"Written to {self.folder}/all.html.\n")
    self.assertEmpty(done.stderr)
    text = pages.text((self.folder / "all.html").read_text())
    for heading in ("Training", "Table: table", "Devices: edge"):
      self.assertIn(heading, text)
    # It says what it is of, unless it is told what to say.
    title = (
      "Training of run; Accuracy of runs/a on cifar10: table; Costs of edge on"
      " edgetpu"
    )
    self.assertIn(title, text)
    done = self._run("--run={}/run", "--output={}/a1.html", "--title=<all>")
    self.assertEqual(done.returncode, 0, done.stderr)
    text = pages.text((self.folder / "a1.html").read_text())
    self.assertIn("<all>", text)
    self.assertNotIn("Training of", text)

  def test_a_network_is_predicted_and_shown(self):
    network = self.folder / "net.json"
    nodes = [
      {"name": "image", "op": "input", "inputs": []},
      {"name": "stem", "op": "conv", "inputs": ["image"], "filters": 4},
      {"name": "mean", "op": "global_avg_pool", "inputs": ["stem"]},
      {"name": "logits", "op": "dense", "inputs": ["mean"], "filters": 10},
    ]
    content = {"name": "net", "input_shape": [32, 32, 3], "nodes": nodes}
    network.write_text(json.dumps(content))
    done = self._run(
      "--network={}/net.json",
      "--checkpoint=quickstart",
      "--dataset=cifar10_sample",
      "--recipe=w4a4+stem=w8a8",
      "--output={}/net.html",
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertEmpty(programs.foreign_lines(done.stderr))
    text = pages.text((self.folder / "net.html").read_text())
    self.assertIn("Network: net, w4a4+stem=w8a8", text)
    self.assertIn("lies outside of those", text)  # as it is so small
    self.assertRegex(
      text,
      r"Predicted by quickstart, which was trained for 600 steps on"
      r" cifar10_sample; as w4a4\+stem=w8a8, with stored statistics, its top-1"
      r" accuracy is \d+\.\d % on 500 test images of cifar10_sample\.",
    )

  @parameterized.parameters(
    (["--output={}/a.html"], "give one of --run, --table, --search"),
    (["--run={}/run", "--output={}/a.txt"], "must end in .html"),
    (["--run={}/none", "--output={}/a.html"], "none is not there"),
    (
      ["--table={}/edge.json", "--output={}/a.html"],
      "edge.json is not what ghn-evaluate",
    ),
    (["--table={}/none.json", "--output={}/a.html"], "There is no"),
    (
      ["--network=models.resnet:resnet8", "--output={}/a.html"],
      "--network and --checkpoint need each other",
    ),
    (["--run={}/run", "--output={}/table.json"], "must end in .html"),
  )
  def test_what_is_wrong_is_one_line(self, flags: list[str], message: str):
    done = self._run(*flags)
    self.assertEqual(done.returncode, 1)
    self.assertIn(message, done.stderr)
    self.assertLen(done.stderr.splitlines(), 1)
    self.assertFalse((self.folder / "a.html").exists())

  def test_an_output_that_exists_is_not_replaced_unasked(self):
    output = self.folder / "kept.html"
    output.write_text("kept")
    done = self._run("--run={}/run", "--output={}/kept.html")
    self.assertEqual(done.returncode, 1)
    self.assertEqual(output.read_text(), "kept")


if __name__ == "__main__":
  absltest.main()
