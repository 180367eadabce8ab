# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import pathlib
from typing import Any

from absl.testing import absltest

from ghn_tf.report import parts
from ghn_tf.report import run_section
from tests import report_inputs


class RunSectionTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def _section(self, *names: str) -> Any:
    folders = (self.folder / name for name in names)
    return run_section.section([*map(report_inputs.write_run, folders)])

  def _charts(self, section: Any, cost: str) -> dict[str, Any]:
    choice, *_ = section.parts
    return {chart.title: chart for chart in choice.options[cost]}

  def test_accuracy_is_in_percent_against_each_cost(self):
    section = self._section("run")
    for cost, x in (
      ("network-steps", [800, 1600]),
      ("processor time", [0.5, 1]),
      ("time on the clock", [1, 2]),
    ):
      chart = self._charts(section, cost)["Accuracy on held-out networks"]
      in_float, in_w4a4 = chart.traces
      self.assertEqual((in_float["x"], in_float["y"]), (x, [50, 25]))
      self.assertEqual((in_w4a4["x"], in_w4a4["y"]), (x[1:], [20]))
      self.assertEqual(in_w4a4["name"], "run, w4a4")
      self.assertNotEqual(in_float["line"], in_w4a4["line"])
    self.assertIn("at best 50.0 % on held-out networks in float", section.text)

  def test_what_was_recorded_is_there_and_what_was_not_is_not(self):
    section = self._section("run")
    charts = self._charts(section, "network-steps")
    self.assertNotIn("Norm of the gradient", charts)
    (memory,) = charts["Memory in use"].traces
    self.assertEqual(memory["x"], [400, 800, 1200, 1600])
    self.assertEqual(memory["y"], [2.0] * 4)
    (accuracy,) = charts["Accuracy in training"].traces
    self.assertEqual(accuracy["y"], [12.5, 25, 37.5, 50])
    # Of so few records nothing is a median, and nothing is said of it.
    self.assertNotIn("median", section.text)

  def test_of_many_records_there_is_a_running_median_that_is_told(self):
    with absltest.mock.patch.object(run_section, "_WINDOW", 1 / 2):  # of three
      section = self._section("run")
    pale, median = self._charts(section, "network-steps")["Speed"].traces
    accuracy = self._charts(section, "network-steps")["Accuracy in training"]
    self.assertEqual(accuracy.traces[0]["y"], [12.5, 25, 37.5, 50])
    self.assertEqual(accuracy.traces[1]["y"], [18.75, 25, 37.5, 43.75])
    self.assertLess(pale["line"]["width"], median["line"]["width"])
    self.assertIn("running median, of up to 3 records", section.text)

  def test_a_run_without_evaluation_has_its_other_curves(self):
    run = report_inputs.write_run(self.folder / "run", is_evaluated=False)
    charts = self._charts(run_section.section([run]), "network-steps")
    self.assertNotIn("Accuracy on held-out networks", charts)
    self.assertIn("Loss in training", charts)

  def test_runs_have_colours_and_settings_of_their_own(self):
    section = self._section("a", "b")
    charts = self._charts(section, "network-steps")
    traces = charts["Accuracy on held-out networks"].traces
    looks = {(t["line"]["color"], t["line"]["dash"]) for t in traces}
    self.assertLen(looks, 4)
    self.assertLen({color for color, _ in looks}, 2)
    settings = section.parts[-1]
    self.assertEqual(settings.header, ["setting", "a", "b"])
    self.assertIn(["space", "<b>", "<b>"], settings.rows)

  def test_evaluations_are_a_table(self):
    section = self._section("run")
    _, table, _ = section.parts
    self.assertIsInstance(table, parts.Table)
    self.assertEqual(
      table.rows[1], ["run", 200, 1600, 2.0, 1.0, 0.5, 25.0, 20.0]
    )
    self.assertIsNone(table.rows[0][-1])  # not in w4a4

  def test_the_running_median_is_that_of_a_fortieth(self):
    self.assertEqual(run_section.running_median([3, 1, 2]), [3, 1, 2])
    values = [0.0] * 80
    values[5], values[40:43] = 9.0, [1.0, 2.0, 3.0]
    found = run_section.running_median(values)  # of three
    self.assertEqual(found[5], 0)
    self.assertEqual(found[39:44], [0, 1, 2, 2, 0])


if __name__ == "__main__":
  absltest.main()
