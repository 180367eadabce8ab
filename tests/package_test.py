# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What is installed: the wheel, what it requires, and what it promises."""

import ast
import importlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from typing import Any
import venv
import zipfile

from absl.testing import absltest
from absl.testing import parameterized
from packaging import requirements
from packaging import specifiers
from packaging import utils

import ghn_tf
from tests import api_page
from tests import programs
from tests import reference_data

_ROOT = reference_data.ROOT
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
# As README.md has one.
_TARGET = """
{"name": "small", "input_shape": [32, 32, 3], "nodes": [
  {"name": "image", "op": "input", "inputs": []},
  {"name": "conv", "op": "conv", "inputs": ["image"], "filters": 4},
  {"name": "relu", "op": "relu", "inputs": ["conv"]},
  {"name": "mean", "op": "global_avg_pool", "inputs": ["relu"]},
  {"name": "logits", "op": "dense", "inputs": ["mean"], "filters": 10}
]}
"""


def _pip(*arguments: str) -> None:
  done = subprocess.run(
    [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments],
    capture_output=True,
    text=True,
    check=False,
  )
  if done.returncode:
    raise RuntimeError(done.stdout + done.stderr)


def _package_files() -> set[str]:
  """The files of ghn_tf that are neither Bazel's nor Python's own."""
  return {
    path.relative_to(_ROOT).as_posix()
    for path in (_ROOT / "ghn_tf").rglob("*")
    if path.is_file() and path.name != "BUILD" and path.suffix != ".pyc"
  }


class WheelTest(parameterized.TestCase):
  """The wheel, installed beside what is installed here, used from outside."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    # Outside of the repository, which setuptools builds in, and empty.
    source, cls.folder = (pathlib.Path(folder.name, n) for n in ("src", "run"))
    cls.folder.mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(_ROOT / "ghn_tf", source / "ghn_tf", ignore=ignored)
    for name in ("LICENSE", "README.md", "pyproject.toml"):
      shutil.copy(_ROOT / name, source)
    # Neither of both needs the network.
    offline = ("--quiet", "--no-deps", "--no-index")
    build = ("wheel", "--no-build-isolation", f"--wheel-dir={folder.name}")
    _pip(*build, *offline, str(source))
    (cls.wheel,) = pathlib.Path(folder.name).glob("*.whl")
    environment = pathlib.Path(folder.name, "venv")
    venv.create(environment, symlinks=True)
    cls.bin = environment / "bin"
    _pip("--python", str(environment), "install", *offline, str(cls.wheel))
    (packages,) = environment.glob("lib/python*/site-packages")
    here = [p for p in sys.path if pathlib.Path(p).name == "site-packages"]
    packages.joinpath("dependencies.pth").write_text("\n".join(here))

  def _run(self, name: str, *arguments: str):
    return programs.run_python(
      *arguments, folder=self.folder, python=str(self.bin / name), path=""
    )

  def test_holds_the_package_and_nothing_beside_it(self):
    with zipfile.ZipFile(self.wheel) as wheel:
      names = {n for n in wheel.namelist() if ".dist-info/" not in n}
      self.assertEqual(names, _package_files())
      for name in names:
        self.assertEqual(wheel.read(name), (_ROOT / name).read_bytes(), name)

  def test_the_readme_s_lines_run(self):
    blocks = re.findall(
      r"^```python\n(.*?)^```$",
      (_ROOT / "README.md").read_text(),
      re.DOTALL | re.MULTILINE,
    )
    self.assertNotEmpty(blocks)
    tell = "import ghn_tf; print(ghn_tf.__file__)"
    done = self._run("python", "-c", "\n".join([*blocks, tell]))
    self.assertEqual(done.returncode, 0, done.stderr)
    installed = done.stdout.splitlines()[-1]
    self.assertTrue(pathlib.Path(installed).is_relative_to(self.bin.parent))

  @parameterized.parameters(*_PROJECT["scripts"])
  def test_command_tells_what_it_does(self, name: str):
    module = _PROJECT["scripts"][name].partition(":")[0].replace(".", "/")
    source = (_ROOT / f"{module}.py").read_text()
    (head, *_) = (ast.get_docstring(ast.parse(source)) or "").splitlines()
    done = self._run(name, "--help")
    self.assertIn(head, done.stdout, done.stderr)
    self.assertIn(f"/{name}:\n  --", done.stdout)

  def test_a_command_writes_a_file(self):
    (self.folder / "small.json").write_text(_TARGET)
    done = self._run(
      "ghn-to-tflite",
      "--checkpoint=quickstart",
      "--target=small.json",
      "--output=out.tflite",
      "--calibration_images=64",
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertEmpty(programs.foreign_lines(done.stderr))
    described = json.loads((self.folder / "out.json").read_text())
    content = (self.folder / "out.tflite").read_bytes()
    self.assertLen(content, described["bytes"])


def _name(requirement: str) -> str:
  return utils.canonicalize_name(requirements.Requirement(requirement).name)


def _ranges(**environment: str) -> dict[str, specifiers.SpecifierSet]:
  """Name -> versions, of what the package requires.

  Args:
    **environment: of markers, where it is not that of this Python.
  """
  ranges: dict[str, specifiers.SpecifierSet] = {}
  for text in _PROJECT["dependencies"]:
    requirement = requirements.Requirement(text)
    if requirement.marker and not requirement.marker.evaluate(environment):
      continue
    before = ranges.get(_name(text), specifiers.SpecifierSet())
    ranges[_name(text)] = before & requirement.specifier
  return ranges


def _pins(block: int) -> dict[str, str]:
  """Name -> version, in one of the blocks of requirements.txt.

  Args:
    block: 1 for what is required, 2 for what that brings.
  """
  text = (_ROOT / "requirements.txt").read_text().split("\n\n")[block]
  pins = [
    requirements.Requirement(line)
    for line in text.splitlines()
    if not line.startswith("#")
  ]
  return {
    utils.canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
    for pin in pins
  }


class RequirementsTest(absltest.TestCase):
  def test_each_requirement_is_pinned_within_its_range(self):
    pins = _pins(1)
    ranges = _ranges()
    self.assertEqual(ranges.keys(), pins.keys())
    for name, version in pins.items():
      self.assertIn(version, ranges[name], name)

  def test_numpy_is_one_that_the_interpreter_is_built_for(self):
    # With NumPy 2 tflite-runtime fails when it is imported: "_ARRAY_API not
    # found". Later Pythons have no such interpreter, and 3.13 no NumPy 1.
    for python, has_runtime in (("3.11", True), ("3.12", False)):
      ranges = _ranges(python_version=python, sys_platform="linux")
      self.assertEqual("tflite-runtime" in ranges, has_runtime)
      self.assertEqual("2.0.0" in ranges["numpy"], not has_runtime)
      self.assertIn("1.26.4", ranges["numpy"])

  def test_no_version_is_there_twice(self):
    extras = _PROJECT["optional-dependencies"].values()
    optional = [_name(text) for texts in extras for text in texts]
    self.assertIn("tflite-micro", optional)
    names = [*_pins(1), *_pins(2), *optional]
    self.assertCountEqual(names, set(names))


def _resolve(name: str) -> Any:
  module, _, attribute = name.rpartition(".")
  return getattr(importlib.import_module(f"ghn_tf.{module}"), attribute)


class PublicNamesTest(parameterized.TestCase):
  @parameterized.parameters(*api_page.names())
  def test_is_there_and_documented(self, name: str):
    self.assertNotEmpty(_resolve(name).__doc__)

  def test_are_sorted(self):
    names = api_page.names()
    self.assertEqual(names, sorted(names, key=str.lower))

  def test_those_that_the_readme_uses_are_public(self):
    readme = (_ROOT / "README.md").read_text()
    modules = re.findall(r"^from ghn_tf import (\w+)$", readme, re.MULTILINE)
    self.assertIn("predictor", modules)
    for module in modules:
      for used in re.findall(rf"\b{module}\.\w+(?=\()", readme):
        self.assertIn(used, api_page.names())


class CheckoutTest(absltest.TestCase):
  def test_tests_are_of_the_checkout_that_they_are_in(self):
    self.assertEqual(
      pathlib.Path(ghn_tf.__file__).resolve(), _ROOT / "ghn_tf/__init__.py"
    )


if __name__ == "__main__":
  absltest.main()
