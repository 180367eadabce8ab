# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of ghn_tf.evaluation.table, by hand."""

import dataclasses
import json

from absl.testing import absltest

from ghn_tf.evaluation import network_report
from ghn_tf.evaluation import settings
from ghn_tf.evaluation import table

_FLOAT = settings.Setting("float")
_FITTED = settings.Setting("float", head=settings.FITTED)
_W8A8 = settings.Setting("w8a8")


def _report(name, accuracy, *, unseen=True, tflite_bytes=None):
  return network_report.NetworkReport(
    name, unseen, None, 1_250_000, 4321, accuracy, {}, tflite_bytes, 1.5
  )


_REPORTS = {
  "val": [
    _report("a", {_FLOAT: 0.2, _FITTED: 0.3, _W8A8: 0.1}),
    _report("b", {_FLOAT: 0.4, _FITTED: 0.5, _W8A8: 0.2}),
    _report("c", {_FLOAT: 0.3, _FITTED: 0.4, _W8A8: 0.3}),
  ],
  "target": [_report("d", {_FLOAT: 0.9, _FITTED: 0.8, _W8A8: 0.7})],
}


class TableTest(absltest.TestCase):
  def test_rows(self):
    rows = table.to_json(table.rows(_REPORTS, 100))
    self.assertLen(rows, 6)
    first, *_, last = json.loads(json.dumps(rows))
    # The sample deviation of 0.2, 0.3 and 0.4 is 0.1.
    self.assertAlmostEqual(first.pop("standard_error"), 0.1 / 3**0.5)
    self.assertAlmostEqual(first.pop("mean"), 0.3)
    self.assertEqual(
      first,
      {
        "split": "val",
        "recipe": "float",
        "method": "predicted",
        "head": "own",
        "batch_norm": "stored",
        "best": 0.4,
        "num_networks": 3,
        "num_images": 100,
      },
    )
    self.assertEqual(last["split"], "target")
    self.assertIsNone(last["standard_error"])

  def test_splits_without_reports_have_no_rows(self):
    self.assertEmpty(table.rows({"val": []}, 100))

  def test_summary(self):
    lines = table.summary(table.rows(_REPORTS, 100)).splitlines()
    self.assertEqual({*map(len, lines)}, {len(lines[0])})
    self.assertRegex(lines.pop(1), r"\| -+ \| -+: \| -+ \| -+ \| -+ \| -+: ")
    self.assertEqual(
      [[c.strip() for c in line.strip("|").split("|")] for line in lines],
      [
        ["split", "networks", "params", "head", "BatchNorm", "float", "w8a8"],
        ["val", "3", "predicted", "own", "stored", "30.0 ± 5.8", "20.0 ± 5.8"],
        ["val", "3", "predicted", "fitted", "stored", "40.0 ± 5.8", ""],
        ["target", "1", "predicted", "own", "stored", "90.0", "70.0"],
        ["target", "1", "predicted", "fitted", "stored", "80.0", ""],
      ],
    )

  def test_a_network_that_lacks_a_setting_counts_in_the_others(self):
    first, *others = _REPORTS["val"]
    lacks = _report("a", {_FLOAT: first.accuracy[_FLOAT]})
    rows = table.rows({"val": [lacks, *others]}, 100)
    self.assertEqual(
      [(row.recipe, row.head, row.num_networks) for row in rows],
      [("float", "own", 3), ("float", "fitted", 2), ("w8a8", "own", 2)],
    )
    self.assertAlmostEqual(rows[0].mean, 0.3)
    self.assertAlmostEqual(rows[2].mean, 0.25)
    self.assertRegex(table.summary(rows), r"\n\| val +\| +2 to 3 \| predicted")
    (_, _, line, *_) = table.by_network([lacks, *others]).splitlines()
    cells = [cell.strip() for cell in line.split("|")]
    self.assertEqual(cells[4:7], ["20.0", "", ""])

  def test_by_network(self):
    reports = [
      _report("a", {_W8A8: 0.2, _FITTED: 0.3}, tflite_bytes=12345),
      _report("b", {_W8A8: 0.4, _FITTED: 1.0}, unseen=False),
    ]
    self.assertEqual(
      table.by_network(reports).splitlines()[2:],
      [
        "| a                      |   1.2 |  4,321 | 20.0 |          30.0 |"
        " 12,345 |     1.5 |",
        "| b (may have been seen) |   1.2 |  4,321 | 40.0 |         100.0 |"
        "        |     1.5 |",
      ],
    )
    self.assertIn("float, fitted", table.by_network(reports))

  def test_reports_survive_json(self):
    report = dataclasses.replace(
      _report("a", {_FLOAT: 0.2, _FITTED: 0.3}, tflite_bytes=7),
      errors=("w4a4, random+5: not finite",),
    )
    text = json.dumps(report.to_json())
    self.assertEqual(
      network_report.NetworkReport.from_json(json.loads(text)), report
    )


if __name__ == "__main__":
  absltest.main()
