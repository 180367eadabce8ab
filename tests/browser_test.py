# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pages in headless Chromium: what runs there, and how it looks."""

import functools
import pathlib
import tempfile
from typing import Any
import unittest

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.report import edge_section
from ghn_tf.report import page
from ghn_tf.report import parts
from ghn_tf.report import run_section
from ghn_tf.report import table_section
from tests import pages
from tests import report_inputs

_LONG = "a_name_without_any_place_to_break_it_" * 5
_SIZES = """
return {
  width: document.documentElement.scrollWidth,
  window: innerWidth,
  paper: getComputedStyle(document.body).backgroundColor,
  ink: getComputedStyle(document.body).color,
  tick: getComputedStyle(document.querySelector(".xtick text")).fill,
  line: getComputedStyle(document.querySelector(".js-line")).stroke,
};
"""


@functools.cache
def _page() -> str:
  """Returns a page with all kinds of sections."""
  model, report = report_inputs.edge()
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    sections = [
      run_section.section([report_inputs.write_run(folder / "run")]),
      *table_section.sections(
        [report_inputs.write_table(folder / "table.json")]
      ),
      edge_section.section(_LONG, [report], model),
      report_inputs.network("w4a4"),
    ]
  rows = [[_LONG, 1.5], ["b10", -2], ["b9", None], *[["c", 1_000]] * 9]
  told = parts.Table(_LONG, [_LONG, "told"], [["a", "in some words " * 4]])
  sections += [
    page.Section("Told", _LONG, [told]),
    page.Section("Sorted", _LONG, [parts.Table(_LONG, ["a", "b"], rows)]),
  ]
  return page.render(_LONG, sections)


@unittest.skipIf(pages.BROWSER is None, "needs the tool chromium")
class BrowserTest(parameterized.TestCase):
  def _ask(self, script: str, **kwargs: Any) -> Any:
    folder = pathlib.Path(self.create_tempdir().full_path)
    return pages.ask(_page(), folder, script, **kwargs)

  @parameterized.product(width=[390, 1200], is_dark=[False, True])
  def test_it_fits_and_has_the_reader_s_colours(self, width, is_dark):
    found = self._ask(_SIZES, width=width, is_dark=is_dark)
    self.assertEqual(found["window"], width)
    self.assertLessEqual(found["width"], width)
    dark, light = "rgb(16, 20, 27)", "rgb(255, 255, 255)"
    self.assertEqual(found["paper"], dark if is_dark else light)
    # Charts have them, too.
    self.assertEqual(found["tick"], found["ink"])
    blue = "rgb(47, 147, 214)" if is_dark else "rgb(0, 114, 178)"
    self.assertEqual(found["line"], blue)

  def test_charts_are_drawn_once_they_are_chosen_and_nothing_is_fetched(self):
    found = self._ask("""
      const drawn = (root) => root.querySelectorAll(".main-svg").length > 0;
      const plots = [...document.querySelectorAll(".plot")];
      const visible = plots.filter((plot) => plot.offsetWidth > 0);
      const before = visible.every(drawn);
      const [select] = document.querySelectorAll(".choice select");
      const hidden = select.closest(".choice").querySelector("[hidden] .plot");
      const early = drawn(hidden);
      select.selectedIndex = 1;
      select.dispatchEvent(new Event("change", { bubbles: true }));
      // On a busy machine the browser takes its time to find a width.
      for (let i = 0; i < 40 && !drawn(hidden); i++) await paint();
      return {
        before, early, late: drawn(hidden), number: visible.length,
        fetched: performance.getEntriesByType("resource").length,
        x: hidden.data[0].x,
      };
    """)
    self.assertTrue(found["before"])
    self.assertFalse(found["early"])
    self.assertTrue(found["late"])
    # Four of runs that have no norms, and the evaluations; a bar chart, two
    # against costs, a histogram and the ranges.
    self.assertEqual(found["number"], 5 + 1 + 2 + 1 + 1)
    self.assertEqual(found["fetched"], 0)
    self.assertEqual(found["x"], [0.5, 1])

  def test_tables_are_sorted_and_filtered(self):
    found = self._ask("""
      const table = [...document.querySelectorAll("table")].pop();
      const column = (index) =>
        [...table.tBodies[0].rows].filter((row) => !row.hidden)
          .map((row) => row.cells[index].textContent).slice(0, 4);
      const press = (index) => {
        table.tHead.rows[0].cells[index].querySelector("button").click();
        return column(index);
      };
      const result = {
        up: press(1), down: press(1), text: press(0),
        last: [...table.tBodies[0].rows].pop().cells[0].textContent,
      };
      press(1);
      result.absent = [...table.tBodies[0].rows].pop().cells[0].textContent;
      const input = table.closest("figure").querySelector("input");
      input.value = "B 9";
      input.dispatchEvent(new Event("input"));
      result.filtered = column(0);
      return result;
    """)
    self.assertEqual(found["up"], ["-2", "1.5", "1,000", "1,000"])
    self.assertEqual(found["down"], ["1,000"] * 4)
    self.assertEqual(found["text"][1:], ["b9", "b10", "c"])
    self.assertEqual(found["last"], "c")
    self.assertEqual(found["absent"], "b9")
    self.assertEqual(found["filtered"], ["b9"])

  def test_words_beside_a_wide_column_have_few_lines(self):
    height = self._ask(
      """
      const table = [...document.querySelectorAll("table")].at(-2);
      return table.tBodies[0].rows[0].offsetHeight;
      """,
      width=390,
    )
    self.assertLess(height, 3 * 24)  # each word would be on a line of its own

  def test_a_node_shows_its_own_virtual_edges(self):
    found = self._ask("""
      const graph = document.querySelector(".graph").closest("figure");
      const told = () => graph.querySelector(".told").textContent;
      const paths = (kind) =>
        [...graph.querySelectorAll(`.virtual .${kind}`)]
          .map((path) => path.getAttribute("d").split("M").length - 1)
          .reduce((a, b) => a + b, 0);
      const [slider] = graph.querySelectorAll("input");
      const all = paths("any");
      slider.value = 2;
      slider.dispatchEvent(new Event("input"));
      const near = paths("any");
      slider.value = 5;
      slider.dispatchEvent(new Event("input"));
      graph.querySelectorAll(".node")[3]
        .dispatchEvent(new Event("pointerenter"));
      return {
        all, near, into: paths("into"), out: paths("out"), told: told(),
      };
    """)
    # Of 7 nodes in a row 21 pairs; 7 of them are neighbours, by the shortcut.
    self.assertEqual(found["all"], 21 - 7)
    # From image to both behind conv; conv to mean; and so on to the bias.
    self.assertEqual(found["near"], 6)
    self.assertEqual((found["into"], found["out"]), (3, 3))
    self.assertEqual(found["told"], "add; 3 edges into it, 3 out of it")

  @parameterized.parameters(360, 800, 1280)
  def test_all_of_a_graph_is_seen_where_its_nodes_have_room(self, width):
    found = self._ask(
      """
      const graph = document.querySelector(".graph");
      const svg = graph.querySelector("svg");
      return { room: graph.clientWidth, width: svg.clientWidth };
    """,
      width=width,
    )
    self.assertLessEqual(found["width"], found["room"])
    # No wider than at first, either: 380 pixels to the points that bend curves.
    self.assertLessEqual(found["width"], 128 + 3 * 12 + 128 + 18 + 0.75 * 380)


if __name__ == "__main__":
  absltest.main()
