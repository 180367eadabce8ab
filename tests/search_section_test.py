# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
from typing import Any

from absl.testing import absltest

from ghn_tf.report import page
from ghn_tf.report import search_section
from tests import report_inputs


def _network(
  name: str,
  latency_ms: float,
  accuracy: float,
  *,
  index: int = 1,
  is_in_front: bool = True,
) -> dict[str, Any]:
  return {
    **{"index": index, "name": name, "macs": 1000, "num_params": 100},
    "costs": {"macs": 1000, "latency_ms": 1.5 * latency_ms},
    **{"score": 0.5, "accuracy": accuracy, "is_in_front": is_in_front},
    "measured": {"macs": 1000, "flash_bytes": 9, "latency_ms": latency_ms},
  }


def _content(**settings: Any) -> dict[str, Any]:
  candidate = _network("<c>", 4.0, 0.0, index=3)
  for name in ("accuracy", "is_in_front", "measured"):
    del candidate[name]
  return {
    **{"checkpoint": "a", "steps": 1, "dataset": "cifar10", "source": "edge"},
    "settings": {
      **{"recipe": "w8a8", "target": "cortex_m4", "strategy": "random"},
      **{"score": "hypernetwork", "test_images": 200},
      **{"num_images": 10, "num_refined": 8, "refined_images": 100},
      "num_confirmed": 3,
      **{"limits": {"latency_ms": 10.0}, "objectives": ["latency_ms"]},
      **settings,
    },
    "summary": {"candidates": 4, "refused": 1, "scored": 2, "failed": 1},
    "curve": [
      {"scored": 2, "processor_seconds": 1.5, "mean_best_score": 0.25},
      {"scored": 4, "processor_seconds": 2.5, "mean_best_score": 0.375},
    ],
    "networks": [
      _network("good", 5.0, 0.75),
      _network("worse", 6.0, 0.5, is_in_front=False),
      _network("fast", 1.0, 0.25),
    ],
    "candidates": [
      {"index": 0, "refused": {"latency_ms": 20.0}},
      {"index": 2, "error": "too deep"},
      candidate,
      {**candidate, "index": 1, "name": "good"},  # which became a file
    ],
  }


class SearchSectionTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def _sections(self, *contents: Any) -> list[Any]:
    folders = []
    for index, content in enumerate(contents):
      folder = self.folder / f"found{index}"
      folder.mkdir(exist_ok=True)
      (folder / "search.json").write_text(json.dumps(content))
      folders.append(str(folder))
    return search_section.sections(folders)

  def test_candidates_files_and_the_front_are_points_in_percent(self):
    (section,) = self._sections(_content())
    self.assertEqual(section.heading, "Search: found0")
    self.assertEqual(
      section.title, "Search of edge for cortex_m4 in w8a8, by a: found0"
    )
    self.assertIn("beyond the limits (latency at most 10 ms)", section.text)
    self.assertIn("1 could not be built or scored", section.text)
    self.assertStartsWith(
      section.text, "4 candidates of edge were drawn (random)"
    )
    # Of 8 that were asked for, there were 2.
    self.assertIn(
      "The 2 best were scored anew on 100, and of these 3 became", section.text
    )
    choice, _, _ = section.parts
    # What was weighed comes first; not all have an arena.
    self.assertEqual(
      [*choice.options],
      ["latency [ms]", "multiply-accumulates", "flash [bytes]"],
    )
    (chart,) = choice.options["latency [ms]"]
    candidates, files, front = chart.traces
    self.assertEqual((candidates["x"], candidates["y"]), ([6], [50]))
    self.assertStartsWith(candidates["text"][0], "&lt;c&gt;<br>")
    self.assertEqual((files["x"], files["y"]), ([6], [50]))
    self.assertEqual((front["x"], front["y"]), ([1, 5], [25, 75]))
    self.assertEqual(front["mode"], "lines+markers")
    (limit,) = chart.layout["shapes"]
    self.assertEqual((limit["x0"], limit["x1"]), (10, 10))
    (chart,) = choice.options["flash [bytes]"]
    self.assertNotIn("shapes", chart.layout)
    # By flash alone other networks would be the front.
    self.assertEqual(chart.traces[2]["mode"], "markers")
    self.assertEqual(chart.traces[0]["x"], [])  # nobody estimated it

  def test_what_was_scored_anew_is_told_as_it_was(self):
    content = _content(num_refined=0)
    content["summary"]["scored"] = 9
    (section,) = self._sections(content)
    self.assertNotIn("anew", section.text)
    # None becomes a file without that.
    content["settings"] |= {"num_refined": 2, "num_confirmed": 3}
    (section,) = self._sections(content)
    self.assertIn(
      "The 3 best were scored anew on 100, and of these 3 became", section.text
    )

  def test_limits_are_told_of_where_there_are_any(self):
    for limits in ({}, {"macs": 9}):
      (section,) = self._sections(_content(limits=limits))
      self.assertEqual("beyond a limit, dotted" in section.text, bool(limits))

  def test_a_score_that_is_no_accuracy_is_not_drawn_as_one(self):
    (section,) = self._sections(_content(score="naswot"))
    (chart,) = section.parts[0].options["latency [ms]"]
    self.assertLen(chart.traces, 2)
    self.assertNotIn("grey", section.text)
    table = section.parts[1]
    self.assertEqual(
      (table.header[3], table.rows[0][3]), ("score: naswot", 0.5)
    )

  def test_files_are_a_table_in_percent_the_best_first(self):
    content = _content()
    content["networks"].reverse()
    (section,) = self._sections(content)
    _, table, _ = section.parts
    self.assertEqual(table.header[2:4], ["accuracy [%]", "score [%]"])
    self.assertEqual(
      table.rows,
      [
        ["good", True, 75, 50, 100, 5.0, 1000, 9],
        ["worse", False, 50, 50, 100, 6.0, 1000, 9],
        ["fast", True, 25, 50, 100, 1.0, 1000, 9],
      ],
    )

  def test_the_front_is_drawn_as_it_was_chosen(self):
    content = _content()
    # By the score, and less accurate on test images.
    content["networks"].append(_network("slow", 9.0, 0.625, index=5))
    (section,) = self._sections(content)
    (chart,) = section.parts[0].options["latency [ms]"]
    self.assertEqual(chart.traces[2]["x"], [1, 5, 9])
    self.assertEqual(chart.traces[2]["y"], [25, 75, 62.5])

  def test_a_network_of_ones_own_is_told_apart(self):
    content = _content()
    good, worse, _ = content["networks"]
    good["varied"], worse["is_own"] = "window 1: 3", True
    (section,) = self._sections(content)
    (chart,) = section.parts[0].options["latency [ms]"]
    own = chart.traces[-1]
    self.assertEqual((own["name"], own["x"]), ("your network", [6]))
    table = section.parts[1]
    self.assertEqual(table.header[-1], "varied")
    self.assertEqual(
      [row[-1] for row in table.rows], ["window 1: 3", "your network", ""]
    )

  def test_several_are_compared(self):
    compared, *others = self._sections(
      _content(), _content(strategy="evolution")
    )
    self.assertEqual(
      page.title([compared, *others]), "Searches: found0, found1"
    )
    self.assertEqual(compared.text, "Their fronts beside each other.")
    choice, curves = compared.parts
    (chart,) = choice.options["latency [ms]"]
    one, _ = chart.traces
    self.assertEqual(
      (one["name"], one["x"], one["y"]), ("found0", [1, 5], [25, 75])
    )
    for effort, values in (
      ("scored candidates", [2, 4]),
      ("processor seconds", [1.5, 2.5]),
    ):
      (chart,) = curves.options[effort]
      self.assertEqual(chart.traces[1]["x"], values)
      self.assertEqual(chart.traces[1]["y"], [25, 37.5])

  def test_what_makes_curves_of_several_different_is_told(self):
    other = _content(recipe="w4a4", limits={"arena_bytes": 2**15})
    other |= {"checkpoint": "b", "dataset": "cifar10_sample"}
    compared, *_ = self._sections(_content(), other)
    self.assertEqual(
      compared.text,
      "Their fronts beside each other. They have different hypernetworks"
      " (found0: a; found1: b), different images (found0: cifar10; found1:"
      " cifar10_sample), different recipes (found0: w8a8; found1: w4a4),"
      " different limits (found0: latency at most 10 ms; found1: arena at most"
      " 32,768 bytes), so that their curves are not of the same task.",
    )

  def test_another_folder_is_an_error_that_names_the_file(self):
    contents: list[Any] = [[], {}, {"settings": {}}]
    for content in contents:
      with self.assertRaisesRegex(
        ValueError, "found0/search.json is not what ghn-search"
      ):
        self._sections(content)
    with self.assertRaisesRegex(ValueError, "has no search.json; expected the"):
      search_section.sections([str(self.folder)])

  def test_whatever_is_wrong_in_it_is_such_an_error(self):
    """Each value is replaced by others; what is taken makes a page."""
    whole = _content()
    places = [
      *((key,) for key in whole),
      *(("settings", key) for key in whole["settings"]),
      ("settings", "limits", "latency_ms"),
      *(("networks", 0, key) for key in whole["networks"][0]),
      ("networks", 0, "measured", "macs"),
      *(("candidates", 2, key) for key in whole["candidates"][2]),
      *(("candidates", 2), ("curve", 0)),
    ]
    values: list[Any] = [None, "text", 7, 10**400, [], {}, [1], {"a": 1}]
    values.append([[1], [2]])
    for content in report_inputs.wrong(whole, places, values):
      try:
        sections = self._sections(content)
      except ValueError as error:
        self.assertIn("search.json", str(error))
      else:
        page.render("title", sections)


if __name__ == "__main__":
  absltest.main()
