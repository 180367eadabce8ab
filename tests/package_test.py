# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What is installed: the wheel, what it requires, and what it promises."""

import ast
from collections.abc import Iterable
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
    # Whose own .pth files count, too: setuptools' brings distutils back, which
    # TFMOT needs and Python 3.12 has not.
    lines = [f"import site; site.addsitedir({path!r})" for path in here]
    packages.joinpath("dependencies.pth").write_text("\n".join(lines))

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


def _applying(
  texts: Iterable[str], python: str, platform: str = "linux"
) -> list[requirements.Requirement]:
  """The requirements that a Python on a platform has."""
  environment = {"python_version": python, "sys_platform": platform}
  return [
    requirement
    for requirement in map(requirements.Requirement, texts)
    if not requirement.marker or requirement.marker.evaluate(environment)
  ]


def _ranges(python: str, platform: str) -> dict[str, specifiers.SpecifierSet]:
  """Name -> versions, of what the package requires."""
  ranges: dict[str, specifiers.SpecifierSet] = {}
  for required in _applying(_PROJECT["dependencies"], python, platform):
    name = utils.canonicalize_name(required.name)
    before = ranges.get(name, specifiers.SpecifierSet())
    ranges[name] = before & required.specifier
  return ranges


def _pins(block: int) -> list[str]:
  """The lines of one of the blocks of requirements.txt.

  Args:
    block: 1 for what is required, 2 for what that brings.
  """
  text = (_ROOT / "requirements.txt").read_text().split("\n\n")[block]
  return [line for line in text.splitlines() if not line.startswith("#")]


class RequirementsTest(parameterized.TestCase):
  @parameterized.product(
    python=("3.11", "3.12", "3.13"), platform=("linux", "darwin")
  )
  def test_each_requirement_is_pinned_within_its_range(self, python, platform):
    self.assertIn(python, specifiers.SpecifierSet(_PROJECT["requires-python"]))
    ranges = _ranges(python, platform)
    pins = _applying(_pins(1), python, platform)
    self.assertCountEqual(ranges, [_name(str(pin)) for pin in pins])
    for pin in pins:
      version = str(pin.specifier).removeprefix("==")
      self.assertIn(version, ranges[_name(str(pin))], pin)

  # With NumPy 2 tflite-runtime fails when it is imported: "_ARRAY_API not
  # found". Later Pythons have no such interpreter, and 3.13 no NumPy 1.
  @parameterized.parameters(
    ("3.11", "linux", True), ("3.12", "linux", False), ("3.11", "darwin", False)
  )
  def test_numpy_is_one_that_the_interpreter_is_built_for(
    self, python, platform, has_runtime
  ):
    ranges = _ranges(python, platform)
    self.assertEqual("tflite-runtime" in ranges, has_runtime)
    self.assertEqual("2.0.0" in ranges["numpy"], not has_runtime)
    self.assertIn("1.26.4", ranges["numpy"])

  def test_python_3_13_gets_a_numpy_that_is_built_for_it(self):
    (numpy,) = (
      pin for pin in _applying(_pins(1), "3.13") if pin.name == "numpy"
    )
    self.assertGreaterEqual(str(numpy.specifier), "==2.1")

  def test_no_version_is_for_a_python_that_tensorflow_is_not_built_for(self):
    self.assertNotIn(
      "3.14", specifiers.SpecifierSet(_PROJECT["requires-python"])
    )

  @parameterized.parameters("3.11", "3.12", "3.13")
  def test_no_version_is_there_twice(self, python):
    extras = _PROJECT["optional-dependencies"].values()
    optional = [text for texts in extras for text in texts]
    texts = [*_pins(1), *_pins(2), *optional]
    names = [_name(str(found)) for found in _applying(texts, python)]
    self.assertIn("tflite-micro", names)
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
