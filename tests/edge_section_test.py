# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
import pathlib
import re
from typing import Any

from absl.testing import absltest

from ghn_tf.edge import report as report_lib
from ghn_tf.report import edge_section
from ghn_tf.report import page
from tests import pages
from tests import report_inputs


class EdgeSectionTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.model, self.report = report_inputs.edge()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def _page(self, *reports: report_lib.EdgeReport, **kwargs: Any) -> str:
    section = edge_section.section("net.tflite", reports, **kwargs)
    return page.render(section.title, [section])

  def _write(self, name: str, latency_ms: float, **fields: Any) -> str:
    report = dataclasses.replace(self.report, latency_ms=latency_ms)
    content = json.loads(report_lib.to_json([report]))
    path = self.folder / f"{name}.json"
    path.write_text(json.dumps({**content, **fields}))
    return str(path)

  def test_shows_every_operator_on_every_target(self):
    other = dataclasses.replace(self.report, target="other")
    shown = self._page(self.report, other, model=self.model)
    tags = [tag for tag, _ in pages.tags(shown)]
    # A box and two bars each, and one colour; and the tensors that live
    # meanwhile: image and convolution; with the depthwise one; with the sum;
    # and so on.
    self.assertEqual(tags.count("rect"), 5 * (1 + 2) + 1 + 2 + 2 + 3 + 2 + 2)
    # The sum reads the convolution past the depthwise one.
    self.assertEqual(tags.count("path"), 1)
    self.assertIn("256", shown)  # bytes of image and convolution
    self.assertIn('<td class="number">2,324</td>', shown)
    self.assertNotIn("plotly", shown)

  def test_bars_have_their_shares_beside_them(self):
    one = self.report.operators[0]
    operators = [
      dataclasses.replace(one, index=index, cycles=cycles)
      for index, cycles in enumerate((30, 10, 0))
    ]
    report = dataclasses.replace(self.report, operators=operators)
    found = re.findall(r"<text[^>]*>([\d.]+ %)</text>", self._page(report))
    self.assertEqual(found, ["75.0 %", "25.0 %", "0.0 %"])

  def test_shows_why_targets_failed(self):
    path = self._write("net", 1.0, errors={"other": "no <b>QEMU</b>"})
    shown = page.render("net", edge_section.sections([path]))
    self.assertIn("<td>no &lt;b&gt;QEMU&lt;/b&gt;</td>", shown)
    self.assertNotIn("failed", self._page(self.report))
    self.assertIn("Costs of net.tflite on no target</h1>", self._page())
    path = self._write("bad", 1.0, errors={"other": 1})
    with self.assertRaisesRegex(ValueError, "bad.json is .*damaged"):
      edge_section.sections([path])

  def test_without_the_file_it_shows_what_the_reports_say(self):
    tags = [tag for tag, _ in pages.tags(self._page(self.report))]
    self.assertEqual(tags.count("rect"), 5 * 2 + 1)
    self.assertEqual(tags.count("path"), 0)

  def test_names_of_others_are_text(self):
    evil = '"><script>alert(1)</script>'
    operators = [
      dataclasses.replace(own, tensor=evil, reason=evil, placement=evil)
      for own in self.report.operators
    ]
    figures = [report_lib.Figure(evil, evil, "estimated", evil, evil)]
    report = dataclasses.replace(
      self.report, operators=operators, figures=figures
    )
    tensors = [
      dataclasses.replace(tensor, name=evil) for tensor in self.model.tensors
    ]
    model = dataclasses.replace(self.model, tensors=tuple(tensors))
    tags = [tag for tag, _ in pages.tags(self._page(report, model=model))]
    self.assertEqual(tags.count("script"), 1)  # that of tables

  def test_several_files_are_compared(self):
    paths = [
      self._write("slow", 3.0, accuracy={"top1": 0.75}),
      self._write("fast", 1.0, accuracy={"top1": 0.5}),
      self._write("worse", 2.0, accuracy={"top1": 0.25}),
      self._write("unknown", 1.0),
    ]
    found: list[Any] = edge_section.sections(paths)
    compared, *others = found
    self.assertEqual(
      [section.heading for section in others],
      ["Devices: slow", "Devices: fast", "Devices: worse", "Devices: unknown"],
    )
    choice, table = compared.parts
    self.assertEqual(
      [row[:2] for row in table.rows][2:], [["worse", 25], ["unknown", None]]
    )
    ((chart,),) = choice.options.values()
    front, files = chart.traces
    self.assertEqual((front["x"], front["y"]), ([1, 3], [50, 75]))
    self.assertEqual((files["x"], files["y"]), ((3, 1, 2), (75, 50, 25)))
    self.assertEqual(files["text"], ["slow", "fast", "worse"])

  def test_one_file_is_compared_with_none(self):
    (section,) = edge_section.sections([self._write("a", 1.0)])
    self.assertEqual(section.heading, "Devices: a")
    self.assertEqual(section.title, "Costs of a on edgetpu")

  def test_accuracy_may_stand_in_a_report(self):
    figure = report_lib.Figure("accuracy", 0.5, "simulated", "a tool")
    self.report = dataclasses.replace(self.report, figures=[figure])
    paths = [self._write(name, 1.0) for name in ("a", "b")]
    compared: Any = edge_section.sections(paths)[0]
    self.assertEqual(compared.parts[-1].rows[0][1], 50)

  def test_another_file_is_an_error_that_names_it(self):
    operator = {**dataclasses.asdict(self.report.operators[0]), "index": "a"}
    record = {**report_lib.to_record(self.report), "operators": [operator]}
    contents: list[Any] = [[], {}, {"reports": [1]}, {"reports": [record]}]
    for content in contents:
      path = self.folder / "other.json"
      path.write_text(json.dumps(content))
      with self.assertRaisesRegex(
        ValueError, "other.json is not what ghn-emulate"
      ):
        edge_section.sections([str(path)])


if __name__ == "__main__":
  absltest.main()
