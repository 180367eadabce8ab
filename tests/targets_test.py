# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import contextlib
import pathlib
import sys
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf import targets
from ghn_tf.arch import serialization
from ghn_tf.child import keras_io
from models import resnet


def needs_an_argument(classes):
  raise AssertionError(classes)


def returns_no_model():
  return "no model"


def raises():
  raise KeyError("width")


class FunctionTest(parameterized.TestCase):
  def test_is_the_architecture_of_the_model_that_it_returns(self):
    self.assertEqual(
      targets.load("models.resnet:resnet8"),
      keras_io.from_keras(resnet.resnet8()),
    )

  @parameterized.parameters(
    ("models.resnet", "expected package.module:function"),
    (":resnet8", "expected package.module:function"),
    ("models.nothing:resnet8", "no module named 'models.nothing' in /"),
    ("models.resnet:resnet9", "'models.resnet' has no function 'resnet9'"),
    (f"{__name__}:needs_an_argument", "without arguments .*'classes'"),
    (f"{__name__}:returns_no_model", "Expected a tf_keras.Model.*'str'"),
    (f"{__name__}:raises", r"raises\(\) raised KeyError: 'width'"),
  )
  def test_an_error_names_the_target(self, target, message):
    with self.assertRaisesRegex(ValueError, f"'{target}': .*{message}"):
      targets.load(target)

  def test_a_module_may_lie_in_the_current_folder(self):
    folder = self.create_tempdir().full_path
    pathlib.Path(folder, "network_of_a_user.py").write_text(
      "from models import resnet\n\ndef build():\n  return resnet.resnet8()\n"
    )
    self.enter_context(contextlib.chdir(folder))
    self.enter_context(mock.patch.object(sys, "path", sys.path[:]))
    for _ in range(2):
      architecture = targets.load("network_of_a_user:build")
      self.assertEqual(architecture.name, "resnet8")
    self.assertEqual(sys.path.count(folder), 1)

  def test_a_module_that_cannot_be_imported_is_named(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    (folder / "broken_module.py").write_text("width = 1 / 0\n")
    sys.path.insert(0, str(folder))
    self.addCleanup(sys.path.remove, str(folder))
    with self.assertRaisesRegex(
      ValueError,
      "Target 'broken_module:build': importing 'broken_module' raised"
      " ZeroDivisionError: division by zero",
    ):
      targets.load("broken_module:build")


class CheckOutputTest(absltest.TestCase):
  def test_only_the_file_of_a_target_is_refused(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    own, other, link = (folder / name for name in ("own", "other", "link"))
    own.touch()
    other.touch()
    link.symlink_to(own)
    names = ("models.resnet:resnet8", str(own))
    targets.check_output(other, *names)
    targets.check_output(folder / "new", *names)
    for path in (own, link):
      with self.assertRaisesRegex(
        ValueError, "itself; choose another --output"
      ):
        targets.check_output(path, *names)


class FileTest(parameterized.TestCase):
  def _write(self, content: bytes) -> str:
    return self.create_tempfile("network.json", content, mode="wb").full_path

  def test_is_the_architecture_that_was_written(self):
    architecture = keras_io.from_keras(resnet.resnet8())
    text = serialization.to_json(architecture)
    again = targets.load(self._write(text.encode()))
    self.assertEqual(again, architecture)

  @parameterized.parameters(
    (b"{}", "lacks the fields"),
    (b"\xff\xfe", "codec can't decode"),
  )
  def test_an_error_names_the_file(self, content, message):
    path = self._write(content)
    with self.assertRaisesRegex(ValueError, f"'{path}': .*{message}"):
      targets.load(path)

  def test_a_missing_file_is_named(self):
    with self.assertRaisesRegex(ValueError, "'no.json': .*No such file"):
      targets.load("no.json")


if __name__ == "__main__":
  absltest.main()
