# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Bazel is not run in CI, so the BUILD files are compared with the sources."""

from collections.abc import Iterable, Iterator, Mapping
import functools
import graphlib
import itertools
import pathlib
import sys
from typing import Any

from absl.testing import absltest
from absl.testing import parameterized

from tests import reference_data
from tests import sources

_ROOT = reference_data.ROOT


def _build_files() -> Iterator[pathlib.Path]:
  yield _ROOT / "BUILD"
  for folder in sources.FOLDERS:
    yield from sorted((_ROOT / folder).rglob("BUILD"))


@functools.cache
def _targets() -> dict[str, dict[str, Any]]:
  """Label -> arguments of every rule; BUILD files are valid Python."""
  targets: dict[str, dict[str, Any]] = {}
  for path in _build_files():
    folder = path.parent.relative_to(_ROOT).as_posix().removeprefix(".")

    def rule(folder=folder, **arguments):
      label = f"//{folder}:{arguments['name']}"
      if label in targets:
        raise ValueError(f"{label} is defined twice.")
      targets[label] = arguments

    def glob(include, exclude=(), folder=folder):
      def find(patterns):
        here = _ROOT / folder
        return {
          str(path.relative_to(here)) for p in patterns for path in here.glob(p)
        }

      return sorted(find(include) - find(exclude))

    stubs = {
      "glob": glob,
      "load": lambda *_: None,
      "package": lambda **_: None,
      "py_binary": rule,
      "py_library": rule,
      "py_test": rule,
    }
    exec(compile(path.read_text(), str(path), "exec"), stubs)
  return targets


def _package(label: str) -> str:
  return label.removeprefix("//").split(":")[0]


def _absolute(label: str, package: str) -> str:
  """`:a` as `//package:a`, and `//a` as `//a:a`."""
  if label.startswith(":"):
    return f"//{package}{label}"
  return label if ":" in label else f"{label}:{label.rsplit('/', 1)[-1]}"


@functools.cache
def _owners() -> dict[str, str]:
  """Module -> label of the target that has it among its sources."""
  owners: dict[str, str] = {}
  for label, arguments in _targets().items():
    for source in arguments.get("srcs", ()):
      path = f"{_package(label)}/{source}".removesuffix(".py")
      module = path.removesuffix("/__init__").replace("/", ".")
      if module in owners:
        raise ValueError(f"{module} is in {owners[module]} and in {label}.")
      owners[module] = label
  return owners


def _needed(module: str, source: str) -> set[str]:
  """Labels that provide what a module imports."""
  needed = set()
  for name in sources.imports(source):
    top = name.split(".")[0]
    if top in sources.FOLDERS:
      # `a.b` is a module, or a name in module a.
      needed.add(_owners().get(name) or _owners()[name.rpartition(".")[0]])
    elif top not in sys.stdlib_module_names:
      needed.add(f"//:pip_{top}")
  if module.startswith("ghn_tf."):
    # Importing a module of a package runs the package.
    needed.add(_owners()["ghn_tf"])
  return needed


def _circle(deps: Mapping[str, Iterable[str]]) -> list[str]:
  """Targets each of which depends on the next, the first again at the end.

  Args:
    deps: of each label.

  Returns:
    Nothing where there is no circle.
  """
  try:
    graphlib.TopologicalSorter(deps).prepare()
  except graphlib.CycleError as error:
    return error.args[1][::-1]
  return []


class BuildTest(parameterized.TestCase):
  def test_every_file_is_in_a_target(self):
    modules = set(sources.modules(*sources.FOLDERS))
    self.assertEqual(modules - {"tests.conftest"}, set(_owners()))

  @parameterized.parameters(
    label for label in _targets() if not label.startswith("//:pip_")
  )
  def test_deps_are_what_the_sources_import(self, label: str):
    package = _package(label)
    declared = [
      _absolute(d, package) for d in _targets()[label].get("deps", ())
    ]
    needed: set[str] = set()
    for module, source in sources.modules(package).items():
      if _owners().get(module) == label:
        needed |= _needed(module, source)
    self.assertEqual(sorted(declared), sorted(needed - {label}), label)

  def test_every_dependency_is_a_target(self):
    for label, arguments in _targets().items():
      for dependency in arguments.get("deps", ()):
        self.assertIn(_absolute(dependency, _package(label)), _targets())

  def test_no_target_depends_on_itself(self):
    deps = {
      label: [_absolute(d, _package(label)) for d in arguments.get("deps", ())]
      for label, arguments in _targets().items()
    }
    self.assertEmpty(_circle(deps))

  def test_a_circle_is_found(self):
    deps = {"//:a": ["//:b"], "//:b": ["//:c"], "//:c": ["//:d"], "//:d": []}
    self.assertEmpty(_circle(deps))
    deps["//:d"] = ["//:b"]
    circle = _circle(deps)
    self.assertCountEqual(circle[1:], ["//:b", "//:c", "//:d"])
    self.assertEqual(circle[0], circle[-1])
    for target, dependency in itertools.pairwise(circle):
      self.assertIn(dependency, deps[target])


if __name__ == "__main__":
  absltest.main()
