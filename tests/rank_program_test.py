# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib

from absl.testing import absltest

from ghn_tf.evaluation import network_report
from ghn_tf.evaluation import settings
from tests import programs


def _network(index: int) -> dict[str, object]:
  accuracy = {
    settings.Setting("w4a4", method): index / 10
    for method in ("predicted", "random+5")
  }
  report = network_report.NetworkReport(
    f"n{index}", True, None, index, index, accuracy, {}, None, 1.0
  )
  return {"split": "test", **report.to_json()}


class RankProgramTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    table = {"networks": [*map(_network, range(1, 4))]}
    (self.folder / "table.json").write_text(json.dumps(table))

  def test_the_parts_of_a_setting_are_told_below(self):
    done = programs.run_python(
      "tools/rank.py", f"--table={self.folder}/table.json"
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    *_, blank, last = done.stdout.splitlines()
    self.assertEmpty(blank)
    self.assertRegex(last, "recipe, .*random.*classifier.*statistics of BatchN")

  def test_another_file_is_told_in_plain_words(self):
    path = self.folder / "search.json"
    found = {"name": "n", "unseen": True, "outside_of_training": None}
    found |= {"macs": 1, "num_params": 1, "accuracy": 0.5}
    path.write_text(json.dumps({"networks": [found], "candidates": []}))
    done = programs.run_python("tools/rank.py", f"--table={path}")
    self.assertEqual(
      (done.returncode, done.stderr),
      (
        1,
        f"rank: error: {path} is not what ghn-evaluate writes, or damaged:"
        " accuracy is 0.5, expected list. It looks like a search of ghn-search,"
        " which ghn-report shows by --search, with its folder.\n",
      ),
    )

  def test_the_output_is_written_though_nobody_reads_what_is_printed(self):
    path = self.folder / "rank.json"
    done = programs.run_python(
      "-c",
      "import subprocess, sys\n"
      "program = subprocess.Popen(\n"
      "  [sys.executable, *sys.argv[1:]], stdout=subprocess.PIPE)\n"
      "program.stdout.close()\n"
      "sys.exit(program.wait())",
      "tools/rank.py",
      f"--table={self.folder}/table.json",
      f"--output={path}",
    )
    self.assertEqual((done.returncode, done.stderr), (141, ""))
    self.assertLen(json.loads(path.read_text())["rows"], 4)


if __name__ == "__main__":
  absltest.main()
