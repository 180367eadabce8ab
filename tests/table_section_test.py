# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import pathlib
from typing import Any

from absl.testing import absltest

from ghn_tf.report import page
from ghn_tf.report import table_section
from tests import report_inputs


class TableSectionTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def _section(self, content: Any = report_inputs.TABLE) -> Any:
    path = report_inputs.write_table(self.folder / "table.json", content)
    (section,) = table_section.sections([path])
    return section

  def test_tables_of_one_name_are_told_apart(self):
    paths = []
    for name in ("a", "b"):
      (self.folder / name).mkdir()
      path = self.folder / name / "table.json"
      paths.append(report_inputs.write_table(path))
    sections = table_section.sections(paths)
    headings = [section.heading for section in sections]
    self.assertEqual(headings, [f"Table: {path}" for path in paths])

  def test_means_are_bars_in_percent_with_their_errors(self):
    by_split, *_ = self._section().parts
    usual, fitted = by_split.options.values()
    (bars,) = usual[0].traces
    self.assertEqual(bars["name"], "float")
    self.assertEqual((bars["x"], bars["y"]), (["test", "wide"], [50, 25]))
    self.assertEqual(bars["error_y"]["array"], [1, None])
    # One or two bars are no wider than an eighth of the chart.
    self.assertEqual(usual[0].layout["xaxis"]["range"], [-0.5, 7.5])
    (bars,) = fitted[0].traces
    self.assertEqual((bars["name"], bars["y"]), ("w4a4", [40]))
    self.assertEqual(
      [*by_split.options][1],
      "predicted parameters, fitted classifier, stored statistics",
    )

  def test_accuracy_against_cost_has_the_pareto_front(self):
    _, by_cost, *_ = self._section().parts
    self.assertEqual([*by_cost.options], ["float", "w4a4, fitted"])
    macs, params = by_cost.options["float"]
    front, test, wide = macs.traces
    self.assertEqual((front["x"], front["y"]), ([1000, 3000], [50, 70]))
    self.assertEqual((test["x"], test["y"]), ([1000, 3000], [50, 70]))
    self.assertEqual((wide["x"], wide["y"]), ([2000], [40]))
    self.assertEqual(params.traces[0]["x"], [100, 300])
    front, *_ = by_cost.options["w4a4, fitted"][0].traces
    self.assertEqual((front["x"], front["y"]), ([1000, 2000], [40, 45]))

  def test_charts_take_names_as_text(self):
    _, by_cost, *_ = self._section().parts
    macs, _ = by_cost.options["float"]
    self.assertStartsWith(macs.traces[1]["text"][1], "&lt;large&gt;<br>3,000 ")

  def test_tables_have_every_figure(self):
    *_, means, networks = self._section().parts
    usual = ["predicted", "own", "stored"]
    self.assertEqual(
      means.rows[2], ["wide", "float", *usual, 25, None, 35, 2, 100]
    )
    self.assertEqual(
      networks.rows[1],
      ["<large>", "test", True, 0.003, 300, 70, 30, None, 1.5],
    )
    self.assertIn("w4a4, fitted [%]", networks.header)

  def test_settings_that_failed_are_told_with_the_reason(self):
    first, *others = report_inputs.TABLE["networks"]
    failed = {**first, "errors": ["w2a2, random+1: diverged: nan."]}
    content = {**report_inputs.TABLE, "networks": [failed, *others]}
    *_, table = self._section(content).parts
    self.assertEqual(table.title, "Settings that failed")
    self.assertEqual(
      table.rows, [[first["name"], "w2a2, random+1", "diverged: nan."]]
    )

  def test_another_file_is_an_error_that_names_it(self):
    contents: list[Any] = [[], {}, {"rows": []}, None, "text"]
    for content in contents:
      with self.assertRaisesRegex(
        ValueError, "table.json is not what ghn-evaluate writes, or damaged"
      ):
        self._section(content)

  def test_whatever_is_wrong_in_it_is_such_an_error(self):
    """Each value is replaced by others; what is taken makes a page."""
    places = [
      *((key,) for key in report_inputs.TABLE),
      *(("rows", 0, key) for key in report_inputs.TABLE["rows"][0]),
      *(("networks", 0, key) for key in report_inputs.TABLE["networks"][0]),
      *(("networks", 0, "accuracy", 0, key) for key in ("recipe", "top1")),
      ("networks", 0, "errors"),
    ]
    values: list[Any] = [None, "text", 7, -1.5, 10**400, [], {}, [1], {"a": 1}]
    for content in report_inputs.wrong(report_inputs.TABLE, places, values):
      try:
        section = self._section(content)
      except ValueError as error:
        self.assertIn("table.json", str(error))
      else:
        page.render("title", [section])


if __name__ == "__main__":
  absltest.main()
