# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import base64
import dataclasses
import json
import pathlib
import re
from typing import Any

from absl.testing import absltest

from ghn_tf.arch import serialization
from ghn_tf.edge import report as report_lib
from ghn_tf.report import edge_section
from ghn_tf.report import parts
from ghn_tf.search import costs
from ghn_tf.search import output
from ghn_tf.search import run
from ghn_tf.search import settings as settings_lib
from ghn_tf.spaces import space as space_lib
from tests import documents

_SETTINGS = settings_lib.Settings(limits={"latency_ms": 60.0})
_CONTENT = {
  "command": "ghn-search --space=edge --max_latency_ms=60",
  "checkpoint": "edge_cifar10",
  "dataset": "cifar10",
  "source": "edge",
  "seconds": 65.4,
}


def _row(name: str, latency_ms: float, accuracy: float) -> dict[str, Any]:
  """Returns what a search has of a file."""
  figure = report_lib.Figure(
    "accuracy", accuracy, "measured", "a test", "top-1, 1000 images"
  )
  report = report_lib.EdgeReport(
    "cortex_m4", "simulated", "a test", latency_ms, figures=[figure]
  )
  network = space_lib.sample(space_lib.SPACES["tiny"], 0, 0)
  return {
    **{"index": int(name[-1]), "name": name, "macs": 2_000_000},
    **{"num_params": 1234, "score": accuracy - 0.1, "accuracy": accuracy},
    "costs": {"latency_ms": latency_ms},
    "measured": {"macs": 2_000_000, "latency_ms": latency_ms},
    "beyond": {"latency_ms": latency_ms} if latency_ms > 60 else {},
    "report": report_lib.to_record(report),
    "file": base64.b64encode(b"a file").decode(),
    "architecture": serialization.to_json(network),
  }


def _result() -> run.Result:
  files = [
    _row("n-1", 30.0, 0.6),
    _row("n-2", 9.0, 0.5),
    _row("n-3", 62.0, 0.7),
  ]
  rows = [
    *files,
    {"index": 4, "refused": {"latency_ms": 99.0}},
    {"index": 5, "error": "too wide"},
  ]
  model = costs.Model({"latency_ms": costs.Estimate({}, 0.12)}, 12)
  return run.Result(rows, model, files, files[:2], [], [], 2.0)


class OutputTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    output.write(self.folder, _result(), _SETTINGS, _CONTENT)

  def test_a_page_of_the_reports_tells_accuracies(self):
    names = ("n-1", "n-2")
    paths = [str(self.folder / f"{name}.report.json") for name in names]
    *_, table = edge_section.sections(paths)[0].parts
    assert isinstance(table, parts.Table)
    self.assertEqual([row[1] for row in table.rows], [60, 50])

  def test_a_summary_counts_and_compares(self):
    summary = json.loads((self.folder / "search.json").read_text())["summary"]
    self.assertEqual(
      summary,
      {
        **{"candidates": 5, "refused": 1, "scored": 3, "failed": 1},
        **{"files": 3, "files_beyond": 1, "processor_seconds": 2.0},
        "candidates_per_core_second": 2.5,
        "scored_per_core_second": 1.5,
        # From 9 ms on the best has a score of 40 %, from 30 of 60 on 50.
        "mean_best_score": 0.39,
        "mean_best_accuracy": 0.475,
      },
    )

  def test_the_table_tells_what_was_asked_and_what_was_found(self):
    told = (self.folder / "search.md").read_text()
    title, command, table, *paragraphs = told.split("\n\n")
    self.assertEqual(
      title, "# Networks for cortex_m4 in w8a8, latency ms at most 60"
    )
    self.assertIn(_CONTENT["command"], command)
    head, _, *rows = [
      [cell.strip() for cell in line.strip("| ").split("|")]
      for line in table.split("\n")
    ]
    self.assertEqual(
      head, ["network", "top-1 %", "score", "MMACs", "params", "latency ms"]
    )
    self.assertEqual(
      rows,
      [
        ["n-1", "60.0", "50.0", "2.00", "1,234", "30.00"],
        ["n-2", "50.0", "40.0", "2.00", "1,234", "9.00"],
      ],
    )
    told = " ".join(" ".join(paragraphs).split())
    for sentence in (
      "5 networks of edge were drawn (random): 1 were refused, as their"
      " estimated costs are beyond the limits, 3 were scored on 128 validation"
      " images, and 1 could not be drawn, predicted or run. 3 became files, of"
      " which 1 are beyond the limits after all.",
      "The front is of the score and the costs of files; test images choose"
      " nothing, so that top-1 is not too high by the choice, as the score"
      " is.",
      "In each second of a core 2.5 were drawn and 1.5 of them scored.",
      "Costs are estimated from 12 probes; of these, told from the others, nine"
      " in ten are off by at most: latency_ms 12 %.",
      "a score of 39.0 % among all and a top-1 of 47.5 % among the files, where"
      " none within it counts as 0.",
      # The standard error of a share of 1,000, which of a half is greatest.
      "on 1,000 test images of cifar10 (standard error at most 1.6 points). The"
      " score is the accuracy of the network that edge_cifar10 predicts, on"
      " 1,000 validation images (standard error at most 1.6 points).",
    ):
      self.assertIn(sentence, told)

  def test_a_network_of_the_user_has_a_row_and_files(self):
    for latency_ms, note in (
      (62.0, ", beyond the limit of latency ms"),
      (31.0, ", not of the front"),
    ):
      own = {**_row("resnet8-9", latency_ms, 0.55), "is_own": True}
      result = _result()
      other = {**result.front[0], "varied": "width 1.5"}
      result = dataclasses.replace(
        result, confirmed=[*result.confirmed, own], front=[other]
      )
      output.write(self.folder, result, _SETTINGS, _CONTENT)
      told = (self.folder / "search.md").read_text()
      self.assertIn(f"| resnet8-9 (your network{note}) ", told)
      self.assertRegex(told, r"\| n-1 .* width 1.5 +\|\n")
      self.assertTrue((self.folder / "resnet8-9.tflite").is_file())

  def test_files_of_the_search_before_are_removed_and_no_others(self):
    others = ("n-2.txt", "trained.tflite", "edge-0-1.json")
    for name in others:
      (self.folder / name).write_text("of the user")
    row = _row("m-1", 30.0, 0.6)
    result = dataclasses.replace(_result(), confirmed=[row], front=[row])
    output.write(self.folder, result, _SETTINGS, _CONTENT)
    self.assertCountEqual(
      [path.name for path in self.folder.iterdir()],
      [
        *others,
        *("m-1.tflite", "m-1.json", "m-1.report.json"),
        *("search.md", "search.png", "search.json"),
      ],
    )

  def test_a_file_that_is_no_search_names_no_files(self):
    for content in ("[", "[]", "{}", '{"networks": [{"name": 1}]}', '"a"'):
      (self.folder / "search.json").write_text(content)
      with self.assertLogs(level="WARNING") as logs:
        output._remove(self.folder)
      self.assertIn("stay where they are", logs.output[0])
    (self.folder.parent / "x.json").write_text("of the user")
    content = json.dumps({"networks": [{"name": "../x"}]})
    (self.folder / "search.json").write_text(content)
    output._remove(self.folder)
    self.assertTrue((self.folder.parent / "x.json").is_file())

  def test_a_column_has_the_same_decimals(self):
    self.assertEqual(output._numbers([46.88, 17.0]), ["46.9", "17.0"])
    self.assertEqual(output._numbers([0.0474, 1.25]), ["0.0474", "1.2500"])
    self.assertEqual(output._numbers([512, 7411]), ["512", "7,411"])

  def test_the_networks_that_the_document_goes_on_with_are_in_its_table(self):
    text = documents.read("docs/search.md")
    names = re.findall(r"found/([\w-]+)\.json", text)
    self.assertNotEmpty(names)
    for name in names:
      self.assertIn(f"\n| {name} |", text)


if __name__ == "__main__":
  absltest.main()
