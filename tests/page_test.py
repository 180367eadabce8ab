# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import json
import math
import re

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.report import page
from ghn_tf.report import parts
from tests import pages

_EVIL = '"><script>alert(1)</script>&<img src=x>'
_TABLE = parts.Table("all", ["a", "b"], [["x", 1], ["y", None]])
_CHART = parts.Chart("accuracy", [{"x": [1], "y": [2]}])


def _render(*own: page.Part, title: str = "title") -> str:
  return page.render(title, [page.Section("heading", "text", own)])


def _without_scripts(text: str) -> str:
  return re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)


class PageTest(parameterized.TestCase):
  def test_equal_sections_give_equal_pages(self):
    self.assertEqual(_render(_TABLE, _CHART), _render(_TABLE, _CHART))

  def test_names_of_others_are_text(self):
    every = [
      parts.Table(_EVIL, [_EVIL], [[_EVIL]]),
      parts.Table(_EVIL, [_EVIL], [[_EVIL]], is_folded=True),
      parts.Chart(_EVIL, [{"name": _EVIL}], {"title": {"text": _EVIL}}),
      parts.Drawing(_EVIL, "<svg></svg>"),
      parts.Choice(_EVIL, {_EVIL: [_TABLE], "other": [_TABLE]}),
    ]
    section = page.Section(_EVIL, _EVIL, every)
    found = page.render(_EVIL, [section, section])
    for tag, attributes in pages.tags(found):
      self.assertNotEqual(tag, "img")
      self.assertNotIn("src", attributes)
    # Scripts are those of the page: of tables, plotly.js, charts and choices.
    self.assertLen(re.findall("<script>", found), 4)
    self.assertIn(_EVIL, pages.text(found))

  def test_needs_nothing_from_elsewhere(self):
    found = _render(_TABLE, _CHART, parts.Choice("of", {"a": [_CHART]}))
    for tag, attributes in pages.tags(found):
      self.assertNotIn(tag, ("base", "iframe", "img", "link", "object"))
      self.assertEmpty({"src", "onload", "onclick"} & attributes.keys())
      self.assertStartsWith(attributes.get("href") or "#", "#")
    outside = _without_scripts(found)
    self.assertNotRegex(outside, r"(src|href)=.?http|url\(|@import")
    self.assertIn("default-src 'none'", outside)

  def test_plotly_comes_with_charts_alone(self):
    self.assertNotIn("plotly.js v", _render(_TABLE))
    with_chart = _render(parts.Choice("of", {"a": [_CHART], "b": [_CHART]}))
    self.assertEqual(with_chart.count("plotly.js v"), 1)

  def test_data_has_six_digits_and_nothing_that_ends_a_script(self):
    values = {
      "a": np.float32(1 / 3),
      "b": (math.nan, math.inf, 2),
      "c": np.arange(2),
      "d": "</script><!--",
      "e": 123_456_789,
    }
    text = page.data(values)
    self.assertEqual(text.count("<"), 2)
    content = re.sub("</?script[^>]*>", "", text)
    self.assertEqual(
      json.loads(content),
      {
        "a": 0.333333,
        "b": [None, None, 2],
        "c": [0, 1],
        "d": "</script><!--",
        "e": 123_456_789,
      },
    )

  @parameterized.parameters(
    (None, "-"),
    (True, "yes"),
    (1234567, "1,234,567"),
    (12.3456, "12.35"),
    (0.000012345, "1.234e-05"),
    (12345.6, "12,346"),
    ("<b>", "<b>"),
  )
  def test_a_cell_shows(self, value: parts.Cell, expected: str):
    self.assertEqual(parts.shown(value), expected)

  def test_a_column_of_numbers_is_marked(self):
    rows = [["x", 1, None, True], ["y", None, 0.5, False]]
    text = parts.Table("t", ["a", "b", "c", "d"], rows).html()
    marks = re.findall(r"<th( class=\"number\")?>", text)
    self.assertEqual([bool(mark) for mark in marks], [False, True, True, False])

  @parameterized.parameters(
    ([65.0, 65.2, None, 0.0], ["65.0", "65.2", "-", "0.0"]),
    ([54.1, 43.72, 17.0], ["54.10", "43.72", "17.00"]),
    ([1.085, 0.9549, 0.0], ["1.085", "0.955", "0.000"]),
    # None has fewer than three of its digits for a greater one.
    ([1234.5, 0.01234, 12.0], ["1,234", "0.01234", "12.00"]),
    ([1e-6, 0.5, 2, "text"], ["1e-06", "0.5", "2", "text"]),
    ([math.nan, -3.0, -2.5], ["nan", "-3.0", "-2.5"]),
  )
  def test_a_column_has_the_same_decimals(self, values, expected):
    text = parts.Table("t", ["a"], [[value] for value in values]).html()
    self.assertEqual(re.findall(r"<td[^>]*>(.*?)</td>", text), expected)

  def test_a_column_without_values_is_left_out(self):
    rows = [["x", None, "", 0], ["y", None, "", None]]
    text = parts.Table("t", ["a", "b", "c", "d"], rows).html()
    self.assertEqual(re.findall(r"<button>(.*?)</button>", text), ["a", "d"])
    self.assertEqual(text.count("<td"), 4)
    # Of a table without rows the names tell what there might have been.
    self.assertIn("<button>a</button>", parts.Table("t", ["a"], []).html())

  def test_a_page_is_called_by_what_it_is_of(self):
    sections = [
      page.Section("a", "", [], "Training of a"),
      page.Section("b", "", []),
      page.Section("c", "", [], "Costs of c"),
    ]
    self.assertEqual(page.title(sections), "Training of a; Costs of c")

  def test_a_choice_shows_the_first_and_one_alone_is_none(self):
    text = parts.Choice("of", {"a": [_TABLE], "b": [_TABLE]}).html()
    self.assertEqual(
      re.findall(r'<div class="parts"( hidden)?>', text), ["", " hidden"]
    )
    self.assertNotIn("<label hidden", text)
    self.assertIn("<label hidden", parts.Choice("of", {"a": [_TABLE]}).html())

  def test_colours_are_those_of_the_style_sheet(self):
    style = page.render("", [])
    for color in parts.SERIES:
      name = color.removeprefix("var(").removesuffix(")")
      self.assertIn(f"{name}: #", style)


if __name__ == "__main__":
  absltest.main()
