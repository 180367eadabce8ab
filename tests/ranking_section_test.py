# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib

from absl.testing import absltest

from ghn_tf.evaluation import network_report
from ghn_tf.evaluation import ranking_section
from ghn_tf.evaluation import settings

_BEFORE = settings.Setting("w4a4")
_TRAINED = settings.Setting("w4a4", "random+5")
_BEFORE_LABEL = "w4a4, predicted, own, stored"
_TRAINED_LABEL = "w4a4, random+5, own, stored"


def _report(macs, before, trained, synflow):
  accuracy = {_BEFORE: before} | ({_TRAINED: trained} if trained else {})
  scores = {settings.SYNFLOW: synflow}
  return network_report.NetworkReport(
    f"<n{macs}>", True, None, macs, 100 - macs, accuracy, scores, None, 1.0
  )


_REPORTS = [
  _report(1, 0.125, 0.5, 3),
  _report(2, 0.25, 0.375, 2),
  _report(3, 0.5, 0.625, 1),
  _report(4, 0.75, 0.75, 0),
]


class RankingSectionTest(absltest.TestCase):
  def _sections(self, reports):
    path = self.create_tempfile("table.json").full_path
    networks = [report.to_json() for report in reports]
    pathlib.Path(path).write_text(json.dumps({"networks": networks}))
    return ranking_section.sections([path])

  def _options(self):
    (section,) = self._sections(_REPORTS)
    self.assertEqual(section.heading, "Ranking: table")
    (choice,) = section.parts
    self.assertEqual([*choice.options], [_TRAINED_LABEL])
    return choice.options[_TRAINED_LABEL]

  def test_taus_stand_in_their_order(self):
    taus, _ = self._options()
    first, *_, last = taus.rows
    # Of the 6 pairs one is in the other order.
    self.assertEqual(first[:2], [_BEFORE_LABEL, 0.67])
    self.assertEqual(
      first[3:], [0, "0.00\xa0to\xa00.00"]
    )  # ranks them as macs do
    self.assertRegex(first[2], r"^-?\d\.\d\d\xa0to\xa01\.00$")
    self.assertEqual(last[1::2], [-0.67, -1.33])

  def test_networks_are_points_by_each_score(self):
    _, by_score = self._options()
    (chart,) = by_score.options[_BEFORE_LABEL]
    self.assertStartsWith(
      chart.title, f"Accuracy after training against {_BEFORE_LABEL}: tau 0.67 "
    )
    (points,) = chart.traces
    self.assertEqual(points["x"], [12.5, 25, 50, 75])
    self.assertEqual(points["y"], [50, 37.5, 62.5, 75])
    self.assertStartsWith(points["text"][0], "&lt;n1&gt;<br>1 ")
    (chart,) = by_score.options["synflow"]
    self.assertEqual(chart.traces[0]["x"], [3, 2, 1, 0])
    (chart,) = by_score.options["macs"]
    self.assertEqual(chart.layout["xaxis"]["type"], "log")

  def test_what_is_not_trained_or_alone_is_not_ranked(self):
    untrained = [_report(1, 0.1, None, 3), _report(2, 0.2, None, 2)]
    for measured in ([], _REPORTS[:1], untrained):
      self.assertEmpty(self._sections(measured))


if __name__ == "__main__":
  absltest.main()
