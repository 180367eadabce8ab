# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
from typing import Any

from absl.testing import absltest
import numpy as np

from ghn_tf.report import finetuning
from tests import programs

# The standard deviation of 25 and 26 is 0.71, of 40 and 44 it is 2.83.
_TABLE = """\
| network | recipe |     start | seeds | test, start | validation, start |    epoch 1 |    epoch 2 |  test, end |
| ------: | -----: | --------: | ----: | ----------: | ----------------: | ---------: | ---------: | ---------: |
|   small |   w4a4 | predicted |     2 |  25.5 ± 0.7 |        20.0 ± 0.0 | 30.0 ± 0.0 | 42.0 ± 2.8 | 41.0 ± 0.0 |
|   small |   w4a4 |        he |     1 |        10.0 |              11.0 |       20.0 |          - |       19.0 |"""  # noqa: E501


class FinetuningTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def _write(
    self, name: str, start: str, *top1: Any, before: float, after: float
  ) -> None:
    history = [
      {"epoch": epoch, "validation": value} for epoch, value in enumerate(top1)
    ]
    content: dict[str, Any] = {
      "network": "small",
      "recipe": "w4a4",
      "start": start,
      "accuracy": {"before": before, "after": after},
      "history": history,
    }
    path = self.folder / f"{name}{finetuning.SUFFIX}"
    path.write_text(json.dumps(content))

  def _write_three(self) -> None:
    self._write("a", "he", 0.11, 0.2, before=0.1, after=0.19)
    self._write("b", "predicted", 0.2, 0.3, 0.4, before=0.25, after=0.41)
    self._write("c", "predicted", 0.2, 0.3, 0.44, before=0.26, after=0.41)

  def test_the_program_prints_the_table_made_by_hand_and_draws(self):
    self._write_three()
    output = self.folder / "curve.png"
    done = programs.run_python(
      "tools/learning_curve.py",
      f"--finetuned={self.folder}",
      f"--output={output}",
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertEqual(done.stdout, f"{_TABLE}\n\nDrawn in {output}.\n")
    self.assertTrue(output.exists())

  def test_each_seed_is_a_line_and_each_start_a_colour(self):
    self._write_three()
    found = finetuning.read_all(self.folder)
    (panel,) = finetuning.figure(found).axes
    first, second, he = panel.lines
    np.testing.assert_allclose(first.get_ydata(), [20, 30, 40])
    np.testing.assert_allclose(he.get_ydata(), [11, 20])
    self.assertEqual(first.get_color(), second.get_color())
    self.assertNotEqual(first.get_color(), he.get_color())
    labels = [text.get_text() for text in panel.get_legend().get_texts()]
    self.assertEqual(labels, ["predicted", "he"])

  def test_seeds_of_a_kind_are_one_line_whatever_their_files_are_called(self):
    for name, start in (
      *(("0-he", "he"), ("0-m.keras", "m.keras")),
      *(("1-he", "he"), ("1-m.keras", "m.keras")),
    ):
      self._write(name, start, 0.1, before=0.1, after=0.2)
    _, _, *lines = finetuning.table(
      finetuning.read_all(self.folder)
    ).splitlines()
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    self.assertEqual(
      [row[3:5] for row in cells], [["he", "2"], ["m.keras", "2"]]
    )

  def test_what_cannot_be_read_is_named(self):
    with self.assertRaisesRegex(ValueError, "has no .*finetuning.json"):
      finetuning.read_all(self.folder)
    self._write("d", "he", "much", before=0.1, after=0.2)
    wrong = (self.folder / f"d{finetuning.SUFFIX}").read_text()
    for text in ("{", "[]", '{"network": "small"}', wrong):
      (self.folder / f"d{finetuning.SUFFIX}").write_text(text)
      with self.assertRaisesRegex(ValueError, "d.finetuning.json is .*damaged"):
        finetuning.read_all(self.folder)


if __name__ == "__main__":
  absltest.main()
