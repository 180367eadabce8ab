# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json

from absl.testing import absltest

from ghn_tf.evaluation import network_report
from ghn_tf.evaluation import ranking
from ghn_tf.evaluation import settings

_BEFORE = settings.Setting("w4a4")
_TRAINED = settings.Setting("w4a4", "random+5")
_FILE = settings.Setting(settings.FILE)


def _report(macs, before, trained, synflow):
  accuracy = {_BEFORE: before, _FILE: before, _TRAINED: trained}
  scores = {settings.SYNFLOW: synflow}
  return network_report.NetworkReport(
    f"n{macs}", True, None, macs, 100 - macs, accuracy, scores, None, 1.0
  )


_REPORTS = [
  _report(1, 0.1, 0.5, 3),
  _report(2, 0.2, 0.4, 2),
  _report(3, 0.3, 0.6, 1),
  _report(4, 0.4, 0.7, 0),
]


class RankTest(absltest.TestCase):
  def test_taus_by_hand(self):
    rows = {row.score: row for row in ranking.rank(_REPORTS)}
    before = "w4a4, predicted, own, stored"
    self.assertEqual(
      {*rows}, {before, "synflow", "macs", "parameters", "random"}
    )
    # Of the 6 pairs one is in the other order.
    self.assertAlmostEqual(rows[before].tau.value, 4 / 6)
    self.assertAlmostEqual(rows["synflow"].tau.value, -4 / 6)
    self.assertAlmostEqual(rows["parameters"].gain.value, -8 / 6)
    self.assertEqual(rows[before].gain, (0, 0, 0))  # as macs, in each sample
    self.assertEqual(rows["macs"].truth, "w4a4, random+5, own, stored")

  def test_the_best_stands_first(self):
    lines = ranking.markdown(ranking.rank(_REPORTS)).splitlines()
    self.assertRegex(lines[2], r"\| w4a4, predicted, own, stored \| +0\.67 \(")

  def test_reads_what_evaluation_wrote(self):
    content = {
      "networks": [{"split": "val", **report.to_json()} for report in _REPORTS]
    }
    read = ranking.reports(json.loads(json.dumps(content)))
    self.assertEqual(read, _REPORTS)

  def test_tables_are_joined_by_name(self):
    before, trained = (
      [
        dataclasses.replace(
          report, accuracy={s: report.accuracy[s]}, scores=scores
        )
        for report in _REPORTS
      ]
      for s, scores in ((_BEFORE, {settings.SYNFLOW: 1.0}), (_TRAINED, {}))
    )
    self.assertEqual(
      ranking.joined([before, trained[:0:-1]]),
      [
        dataclasses.replace(
          report,
          accuracy={s: report.accuracy[s] for s in (_BEFORE, _TRAINED)},
          scores={settings.SYNFLOW: 1.0},
        )
        for report in _REPORTS[1:]
      ],
    )

  def test_one_table_is_all_that_it_has(self):
    self.assertEqual(ranking.joined([_REPORTS[:1] * 2]), _REPORTS[:1] * 2)

  def test_tables_that_differ_are_not_joined(self):
    ours = [_report(1, 0.1, 0.5, 3)]
    for theirs, message in (
      (_report(1, 0.1, 0.6, 3), "'w4a4, random.*' of 'n1': 0.5 and 0.6"),
      (
        dataclasses.replace(ours[0], num_params=3),
        r"two networks 'n1', of \(1, 99\) and \(1, 3\)",
      ),
    ):
      with self.assertRaisesRegex(ValueError, message):
        ranking.joined([ours, [theirs]])

  def test_what_cannot_be_ranked(self):
    with self.assertRaisesRegex(
      ValueError, "two networks to rank, got 1: .*; evaluate more with --num"
    ):
      ranking.rank(_REPORTS[:1])
    with self.assertRaisesRegex(ValueError, "no score 'mac'; there are .*macs"):
      ranking.rank(_REPORTS, "mac")
    untrained = network_report.NetworkReport(
      "n", True, None, 1, 1, {_BEFORE: 0.5}, {}, None, 1.0
    )
    with self.assertRaisesRegex(ValueError, "No network of the table was"):
      ranking.rank([untrained] * 2)

  def test_of_another_file_it_is_told_what_it_lacks(self):
    fields = _REPORTS[0].to_json()
    for name in fields.keys() - {"scores", "errors"}:
      wrong = {key: value for key, value in fields.items() if key != name}
      with self.assertRaisesRegex(KeyError, name):
        ranking.reports({"networks": [wrong]})
    with self.assertRaisesRegex(TypeError, "accuracy is 0.4, expected list"):
      ranking.reports({"networks": [{**fields, "accuracy": 0.4}]})
    with self.assertRaisesRegex(TypeError, "scores is None, expected dict"):
      ranking.reports({"networks": [{**fields, "scores": None}]})
    with self.assertRaisesRegex(TypeError, "error is 7, expected str"):
      ranking.reports({"networks": [{**fields, "errors": [7]}]})

  def test_networks_with_errors_are_left_out_if_others_have_more(self):
    lacks = dataclasses.replace(
      _REPORTS[0],
      accuracy={_BEFORE: 0.1, _FILE: 0.1},
      errors=("w4a4, random+5: not finite",),
    )
    no_score = dataclasses.replace(
      _REPORTS[0], scores={}, errors=("synflow: not finite",)
    )

    def read(*reports):
      return ranking.reports({"networks": [r.to_json() for r in reports]})

    self.assertEqual(read(lacks, *_REPORTS[1:]), _REPORTS[1:])
    self.assertEqual(read(lacks, lacks), [lacks] * 2)
    self.assertEqual(read(no_score, *_REPORTS[1:]), _REPORTS[1:])
    self.assertEqual(read(no_score, no_score), [no_score] * 2)

  def test_what_older_versions_did_not_write_is_empty(self):
    fields = _REPORTS[0].to_json()
    del fields["scores"], fields["errors"]
    self.assertEqual(
      ranking.reports({"networks": [fields]}),
      [dataclasses.replace(_REPORTS[0], scores={})],
    )


if __name__ == "__main__":
  absltest.main()
