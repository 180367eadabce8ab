# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import contextlib
import os
import pathlib
import sys
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf import targets
from ghn_tf.arch import serialization
from ghn_tf.child import keras_io
from models import resnet
from tests import programs


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
    ("models.resnet:", "expected package.module:function"),
    ("models..resnet:resnet8", "expected package.module:function"),
    ("models/resnet.py:resnet8", "; give models.resnet:resnet8.$"),
    ("./models/resnet.py", "; give models.resnet:function.$"),
    ("models/resnet:resnet8", "; give models.resnet:resnet8.$"),
    ("resnet.py:resnet8", "; give resnet:resnet8.$"),
    ("../resnet.py:resnet8", r"; give resnet:resnet8, in the folder \.\..$"),
    ("/a/b/resnet.py:resnet8", "; give resnet:resnet8, in the folder /a/b.$"),
    ("a/resnet.tflite", "No such file"),
    ("a/x.h5", "No such file"),
    ("x.keras", "No such file"),
    ("tests", "an architecture.$"),
    (f"{__name__}:needs_an_argument", "without arguments .*'classes'"),
    (
      f"{__name__}:returns_no_model",
      "Expected a Keras model or an Architecture, got str 'no model'; build",
    ),
    (f"{__name__}:raises", r"raises\(\) raised KeyError: 'width'"),
  )
  def test_an_error_names_the_target(self, target, message):
    with self.assertRaisesRegex(ValueError, f"'{target}': .*{message}"):
      targets.load(target)

  @parameterized.parameters(None, 3, b"models.resnet:resnet8")
  def test_what_is_no_string_is_no_target(self, target):
    with self.assertRaisesRegex(
      ValueError, f"^Target {target!r}: expected a s"
    ):
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

  def test_the_current_folder_comes_before_the_path(self):
    here, elsewhere = (
      pathlib.Path(self.create_tempdir(name).full_path)
      for name in ("here", "elsewhere")
    )
    name = "module_in_two_folders"
    for folder, size in ((here, 8), (elsewhere, 20)):
      (folder / f"{name}.py").write_text(
        f"from models import resnet\n\nbuild = resnet.resnet{size}\n"
      )
    self.enter_context(
      mock.patch.object(sys, "path", [str(elsewhere), *sys.path])
    )
    with contextlib.chdir(here):
      self.assertEqual(targets.load(f"{name}:build").name, "resnet8")
    # What Python has loaded is not loaded again under the same name.
    with (
      contextlib.chdir(elsewhere),
      self.assertRaisesRegex(ValueError, f"'{name}' in .* rename it"),
    ):
      targets.load(f"{name}:build")

  @parameterized.parameters("random", "secrets", "numpy")
  def test_a_module_named_as_a_library_is_refused(self, name):
    folder = pathlib.Path(self.create_tempdir().full_path)
    (folder / f"{name}.py").write_text("def build():\n  pass\n")
    self.enter_context(contextlib.chdir(folder))
    with self.assertRaisesRegex(ValueError, f"'{name}' in {folder} has the na"):
      targets.load(f"{name}:build")

  def test_files_beside_a_target_shadow_no_library(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    # There is a package models beside ghn_tf, too.
    (folder / "models.py").write_text(
      "import random\nfrom blocks_of_mine import build\n\nrandom.random()\n"
    )
    (folder / "blocks_of_mine.py").write_text(
      "import tf_keras as keras\n\ndef build():\n"
      "  layers = [keras.Input((4, 4, 1)), keras.layers.Flatten()]\n"
      "  return keras.Sequential(layers, name='mine')\n"
    )
    libraries = ("random", "requests", "PIL", "cycler", "tensorflow")
    for name in libraries:
      (folder / f"{name}.py").write_text("raise RuntimeError(__file__)\n")
    result = programs.run_python(
      "-P",  # like a program; with -c, Python itself puts the folder first
      "-c",
      "from ghn_tf import targets; print(targets.load('models:build').name);"
      f" import {', '.join(libraries)}",
      folder=folder,
    )
    self.assertEqual(result.returncode, 0, result.stderr)
    self.assertEqual(result.stdout, "mine\n")

  def test_what_the_folder_lacks_is_found_elsewhere(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    (folder / "models.py").touch()
    self.enter_context(contextlib.chdir(folder))
    architecture = targets.load("models.resnet:resnet8")
    self.assertEqual(architecture.name, "resnet8")

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
    for mark in (b"", b"\xef\xbb\xbf"):  # as some editors write it first
      again = targets.load(self._write(mark + text.encode()))
      self.assertEqual(again, architecture)

  @parameterized.parameters(
    (b"{}", "lacks the fields"),
    (b"\xff\xfe", "codec can't decode"),
  )
  def test_an_error_names_the_file(self, content, message):
    path = self._write(content)
    with self.assertRaisesRegex(ValueError, f"'{path}': .*{message}"):
      targets.load(path)

  def test_an_endless_file_is_refused(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    long, endless = folder / "long.json", folder / "zero.json"
    long.write_bytes(bytes(5_120_001))
    with self.assertRaisesRegex(ValueError, "more than 5,120,000 characters"):
      targets.load(str(long))
    endless.symlink_to("/dev/zero")
    with self.assertRaisesRegex(ValueError, "a pipe or a device; give a file"):
      targets.load(str(endless))

  @parameterized.parameters("x.keras", "x.h5", "x.tflite", "x.json")
  def test_a_pipe_is_refused_and_not_waited_for(self, name):
    path = pathlib.Path(self.create_tempdir().full_path, name)
    os.mkfifo(path)
    with self.assertRaisesRegex(ValueError, f"{name}' is a pipe or a device"):
      targets.load(str(path))

  def test_a_missing_file_is_named(self):
    with self.assertRaisesRegex(ValueError, "'no.json': .*No such file"):
      targets.load("no.json")


if __name__ == "__main__":
  absltest.main()
