# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
from typing import Any

from absl.testing import absltest
from absl.testing import parameterized
from matplotlib import image
import numpy as np

from ghn_tf.report import learning_curve
from ghn_tf.report import picture_files
from ghn_tf.training import metrics
from tests import programs

_TRAINING = {
  "meta_batch_size": 8,
  "evaluate_every_steps": 50,
  "evaluation_architectures": 4,
}


def _record(step: int, **scalars: float) -> dict[str, float]:
  hours = {"hours": step / 100, "processor_hours": step / 200}
  named = {
    f"validation/{name.removeprefix('val_')}_accuracy"
    if name.startswith("val_")
    else name: value
    for name, value in scalars.items()
  }
  return {"step": step, **named, **hours}


# Evaluated at steps 50, 100 and 1,250; the first two were not logged.
_RECORDS = (
  _record(40, loss=2.25, memory_bytes=9e9),
  _record(50, val_float=0.125),
  _record(70, loss=2.0, memory_bytes=8e9),
  _record(100, val_float=0.25, val_w4a4=0.1),
  _record(130, loss=1.75, memory_bytes=1.94e9),
  _record(1240, loss=1.5, memory_bytes=2.06e9),
  _record(1250, loss=1.25, memory_bytes=1.98e9, val_float=0.375, val_w4a4=0.3),
)
_TABLE = """\
run

|  step | network-steps | hours | processor hours | training loss | float, % | w4a4, % |
| ----: | ------------: | ----: | --------------: | ------------: | -------: | ------: |
|    50 |           400 |  0.50 |            0.25 |         2.250 |     12.5 |       - |
|   100 |           800 |  1.00 |            0.50 |         2.000 |     25.0 |    10.0 |
| 1,250 |        10,000 | 12.50 |            6.25 |         1.250 |     37.5 |    30.0 |

memory, GB: 1.9 to 2.1"""  # noqa: E501


def _write_run(folder: pathlib.Path, *records: Any, training: Any) -> str:
  """Writes the files of a run and returns its workdir."""
  folder.mkdir()
  config = json.dumps({"training": training})
  (folder / "config.json").write_text(config)
  lines = [f"{json.dumps(record)}\n" for record in records]
  (folder / metrics.FILE_NAME).write_text("".join(lines))
  return str(folder)


class LearningCurveTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def _run(self, *records: Any, name="run", training=_TRAINING) -> str:
    return _write_run(self.folder / name, *records, training=training)

  def _curve(self, *records: Any, **kwargs: Any) -> learning_curve.Curve:
    return learning_curve.read(self._run(*records, **kwargs))

  def test_the_table_is_the_one_made_by_hand(self):
    curve = self._curve(*_RECORDS)
    self.assertEqual(learning_curve.table(curve), _TABLE)

  def test_what_was_not_recorded_is_not_made_up(self):
    curve = self._curve(_record(50, val_float=0.125))
    self.assertIsNone(curve.evaluations[0].loss)
    table = learning_curve.table(curve)
    self.assertIn("|             - |     12.5 |", table)
    self.assertEndsWith(table, "memory, GB: not recorded")

  def test_a_run_is_named_after_its_folder(self):
    workdir = self._run(*_RECORDS, name="edge")
    for path in (workdir, f"{workdir}/", f"{workdir}/../edge"):
      self.assertEqual(learning_curve.read(path).name, "edge")

  def test_runs_of_one_folder_name_are_told_apart(self):
    for parent in ("a", "b"):
      (self.folder / parent).mkdir()
    runs = [
      self._run(*_RECORDS, name=name) for name in ("a/run", "b/run", "other")
    ]
    self.assertEqual(
      [curve.name for curve in learning_curve.read_all(runs)],
      ["a/run", "b/run", "other"],
    )
    with self.assertRaisesRegex(ValueError, f"{runs[0]}/ is named twice"):
      learning_curve.read_all([f"{runs[0]}/", runs[0]])

  @parameterized.parameters(
    ([], "no records yet; they come every --log_every_steps"),
    ([_record(40, loss=2.0)], "no evaluation up to step 40; .* every 50 steps"),
    ([{"step": 50, "hours": 1}], "older version: .* no processor_hours"),
  )
  def test_records_that_make_no_curve_are_an_error(self, records, message):
    workdir = self._run(*records)
    with self.assertRaisesRegex(ValueError, f"{workdir}.*{message}"):
      learning_curve.read(workdir)

  def test_a_damaged_file_is_an_error(self):
    for name in (metrics.FILE_NAME, "config.json"):
      workdir = self._run(*_RECORDS, name=f"damaged-{name}")
      path = pathlib.Path(workdir, name)
      path.write_text("{no JSON}\n")
      with self.assertRaisesRegex(ValueError, f"{path} is .*damaged"):
        learning_curve.read(workdir)
    workdir = self._run(*_RECORDS, training={"space": "edge"})
    with self.assertRaisesRegex(ValueError, "config.json .* lacks 'meta_batch"):
      learning_curve.read(workdir)

  def test_a_folder_that_is_no_run_is_an_error(self):
    for folder, told in (
      (self.folder, "has no config.json"),
      (self.folder / "missing", "is not there"),
    ):
      with self.assertRaisesRegex(
        ValueError, f"{folder} {told}; expected the folder of ghn-train"
      ):
        learning_curve.read(str(folder))

  def test_each_run_and_recipe_is_a_line_in_both_panels(self):
    curves = [
      self._curve(*_RECORDS, name="both"),
      self._curve(_record(50, val_float=0.5), name="one"),
    ]
    left, right = learning_curve.figure(curves).axes
    expected: dict[str, tuple[list[float], ...]] = {
      "both, float": ([0.25, 0.5, 6.25], [400, 800, 10_000], [12.5, 25, 37.5]),
      "both, w4a4": ([0.5, 6.25], [800, 10_000], [10, 30]),
      "one, float": ([0.25], [400], [50]),
    }
    for panel, place in ((left, 0), (right, 1)):
      self.assertLen(panel.lines, 3)
      for line in panel.lines:
        columns = expected[str(line.get_label())]
        np.testing.assert_array_equal(line.get_xdata(), columns[place])
        np.testing.assert_array_equal(line.get_ydata(), columns[2])
    # A run is told by its colour, a recipe by its style.
    both_float, both_w4a4, one_float = left.lines
    self.assertEqual(both_float.get_color(), both_w4a4.get_color())
    self.assertNotEqual(both_float.get_color(), one_float.get_color())
    self.assertEqual(both_float.get_linestyle(), one_float.get_linestyle())
    self.assertNotEqual(both_float.get_linestyle(), both_w4a4.get_linestyle())

  def test_no_two_of_many_runs_look_the_same(self):
    curves = [
      self._curve(_record(50, val_float=0.5), name=f"run{index}")
      for index in range(20)
    ]
    left, _ = learning_curve.figure(curves).axes
    looks = {(line.get_color(), line.get_marker()) for line in left.lines}
    self.assertLen(looks, 20)

  def test_no_two_of_all_recipes_look_the_same(self):
    accuracies = dict.fromkeys((f"val_{name}" for name in "abcde"), 0.5)
    curve = self._curve(_record(50, **accuracies), name="any")
    left, _ = learning_curve.figure([curve]).axes
    styles = {str(vars(line)["_dash_pattern"]) for line in left.lines}
    self.assertLen(styles, 5)

  def test_the_legend_names_every_line_and_is_inside_the_picture(self):
    curves = [
      self._curve(*_RECORDS, name=f"a_run_with_a_long_name_{index}")
      for index in range(4)
    ]
    figure = learning_curve.figure(curves)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    self.assertLen(legend.get_texts(), 8)
    box, whole = legend.get_window_extent(), figure.bbox
    self.assertTrue(whole.contains(box.x0, box.y0))
    self.assertTrue(whole.contains(box.x1, box.y1))
    for panel in figure.axes:
      self.assertLess(panel.get_window_extent().x1, box.x0)

  def test_nothing_to_draw_is_an_error(self):
    with self.assertRaisesRegex(ValueError, "at least one"):
      learning_curve.figure([])


class ProgramTest(absltest.TestCase):
  def test_prints_a_block_for_each_run_and_draws_them(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    runs = [
      _write_run(folder / name, *_RECORDS, training=_TRAINING)
      for name in ("run", "other")
    ]
    output = folder / "curve.png"
    done = programs.run_python(
      "tools/learning_curve.py",
      *(f"--run={run}" for run in runs),
      f"--output={output}",
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    other = _TABLE.replace("run", "other", 1)
    self.assertEqual(
      done.stdout, f"{_TABLE}\n\n{other}\n\nDrawn in {output}.\n"
    )
    height, width, _ = image.imread(output).shape
    self.assertGreater(width, height)
    # The file is the figure of both runs, in their order.
    expected = folder / "expected.png"
    curves = [learning_curve.read(run) for run in runs]
    picture_files.save(learning_curve.figure(curves), expected)
    self.assertEqual(output.read_bytes(), expected.read_bytes())

  def test_a_run_that_is_not_there_is_one_line(self):
    folder = self.create_tempdir().full_path
    done = programs.run_python(
      "tools/learning_curve.py", f"--run={folder}/missing"
    )
    self.assertEqual(done.returncode, 1)
    self.assertIn("missing is not there", done.stderr)
    self.assertNotIn("Traceback", done.stderr)


if __name__ == "__main__":
  absltest.main()
