# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
from typing import Any

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.report import json_files
from tests import report_inputs

_WRITERS = {
  "--table": "ghn-evaluate",
  "--edge": "ghn-emulate or ghn-to-tflite --emulate",
  "--search": "ghn-search",
}
_ARCHITECTURE = {"name": "net", "input_shape": [8, 8, 3], "nodes": []}
_SEARCH: dict[str, Any] = {"candidates": [], "networks": []}


class JsonFilesTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def _refused(self, name: str, writer: str, error=ValueError) -> str:
    path = self.folder / name
    with self.assertRaises(error) as caught:
      with json_files.opened(path, writer) as content:
        json_files.check(content, {"what is asked for": int})
    text = str(caught.exception)
    self.assertIn(str(path), text)
    self.assertIn(writer, text)
    return text

  @parameterized.parameters(
    (_ARCHITECTURE, "--network"),
    (report_inputs.TABLE, "--table"),
    ({"reports": []}, "--edge"),
    (_SEARCH, "--search"),
    ({"training": {}}, "--run"),
  )
  def test_what_is_for_another_flag_is_told_which(self, content, flag):
    (self.folder / "a.json").write_text(json.dumps(content))
    for own, writer in _WRITERS.items():
      text = self._refused("a.json", writer)
      self.assertIn("it lacks 'what is asked for'.", text)
      # Of the flag itself it is damaged, or of another version.
      self.assertEqual(
        f"which ghn-report shows by {flag}" in text, flag != own, text
      )

  @parameterized.parameters(
    ("no JSON", "line 1 column 1"),
    ("[]", "expected an object, got []"),
    ('{"what is asked for": "a"}', "is 'a', expected int"),
  )
  def test_what_nothing_takes_is_told_why(self, content, reason):
    (self.folder / "a.json").write_text(content)
    text = self._refused("a.json", "ghn-evaluate")
    self.assertIn(reason, text)
    self.assertNotIn("ghn-report", text)

  def test_a_file_that_is_not_there_is_told_what_it_should_have_been(self):
    text = self._refused("a.json", "ghn-evaluate", FileNotFoundError)
    self.assertNotIn("Errno", text)
    self.assertIn("expected a JSON file of ghn-evaluate", text)

  def test_a_folder_is_told_what_takes_it(self):
    (self.folder / "a").mkdir()
    self._refused("a", "ghn-evaluate", IsADirectoryError)
    (self.folder / "a" / "search.json").touch()
    text = self._refused("a", "ghn-evaluate", IsADirectoryError)
    self.assertIn("which ghn-report shows by --search", text)

  def test_a_folder_is_found_by_its_file(self):
    own = self.folder / "search.json"
    own.write_text(json.dumps(_SEARCH))
    found = json_files.find(self.folder, "search.json", "ghn-search")
    self.assertEqual(found, str(own))
    for folder, told in (
      (self.folder / "none", "none is not there; expected the folder of"),
      (own, "is a file.* which ghn-report shows by --search, with its folder"),
    ):
      with self.assertRaisesRegex(ValueError, told):
        json_files.find(folder, "search.json", "ghn-search")
    with self.assertRaisesRegex(
      ValueError, "has no config.json.* which ghn-report shows by --search"
    ):
      json_files.find(self.folder, "config.json", "ghn-train")


if __name__ == "__main__":
  absltest.main()
