# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Targets: a user's own networks, by the names that commands take."""

from collections.abc import Iterator, Sequence
import contextlib
import importlib
from importlib import abc
from importlib import machinery
import inspect
import os
import pathlib
import re
import sys
import types
from typing import Any

from ghn_tf import files
from ghn_tf.arch import serialization
from ghn_tf.arch import spec
from ghn_tf.reading import models
from ghn_tf.reading import network
from ghn_tf.reading import stored

# Of the flags that take a target.
HELP = (
  "package.module:function of a function that returns a Keras model; a .keras,"
  " .h5 or .tflite file or the folder of a SavedModel, of which nothing is run;"
  " or path/to/network.json of an architecture"
)


def read(target: str) -> network.Reading:
  """Returns a target as it is understood, which it may not be.

  TensorFlow is imported for functions alone, by their modules.

  Args:
    target: see `load`.

  Raises:
    ValueError: naming the target and why it gives no network.
  """
  if not isinstance(target, str):
    raise ValueError(f"Target {target!r:.200}: expected a string, {HELP}.")
  try:
    if target.endswith(".json"):
      files.check_regular(target)
      with open(target, encoding="utf-8") as file:
        # One more than it takes, which it then refuses.
        text = file.read(serialization.MAX_CHARACTERS + 1)
      return network.of_architecture(serialization.from_json(text))
    if stored.is_stored(target):
      return network.read(stored.network(target))
    return network.read(models.network(_call(target)))
  except (OSError, ValueError) as error:
    raise ValueError(f"Target {target!r}: {error}") from error


def load(target: str) -> spec.Architecture:
  """Returns the architecture of a target; see `understood`.

  Args:
    target: "package.module:function" of a function without required arguments
      that returns a Keras model, such as "models.resnet:resnet8"; the path of a
      `.keras`, `.h5` or `.tflite` file or of a SavedModel; or that of a file,
      ending in ".json", that `arch.serialization` reads.

  Raises:
    ValueError: naming the target and why it gives no architecture.
  """
  return understood(target).architecture


def understood(target: str) -> network.Reading:
  """Returns a target that is understood; `changes` tells what it leaves out.

  Raises:
    ValueError: naming the target and why it gives no architecture.
  """
  if (reading := read(target)).refusal is not None:
    raise ValueError(f"Target {target!r}: {reading.refusal}")
  return reading


def check_output(path: str | os.PathLike[str], *targets: str) -> None:
  """Raises ValueError if a file to be written is that of a target."""
  for target in targets:
    if os.path.exists(target) and os.path.exists(path):
      if os.path.samefile(target, path):
        raise ValueError(
          f"{os.fspath(path)!r} is the target {target!r} itself; choose another"
          " --output."
        )


def _correction(target: str) -> str:
  """Returns what to write instead, where that is known, after a semicolon."""
  path, _, function_name = target.partition(":")
  function_name = function_name or "function"
  *folders, file = pathlib.PurePath(path).parts or ("",)
  name, suffix = os.path.splitext(file)
  if suffix not in ("", ".py") or not (suffix or folders):
    return ""
  if os.path.isabs(path) or ".." in folders:
    where = os.path.join(*folders)
    return f"; give {name}:{function_name}, in the folder {where}"
  return f"; give {'.'.join([*folders, name])}:{function_name}"


class _InFolder(abc.MetaPathFinder):
  """Finds a top-level module in a folder, whatever else has its name."""

  def __init__(self, name: str, folder: str):
    self._name, self._folder = name, folder

  def find_spec(
    self,
    fullname: str,
    path: Sequence[str] | None = None,
    target: types.ModuleType | None = None,
  ) -> machinery.ModuleSpec | None:
    """See `importlib.abc.MetaPathFinder`."""
    del path, target
    if fullname != self._name:
      return None
    return machinery.PathFinder.find_spec(fullname, [self._folder])


@contextlib.contextmanager
def _first_in(folder: str, name: str) -> Iterator[None]:
  """Within it, a module that lies in a folder comes before all of its name.

  What it imports is looked for there last. So a user's models.py is found
  whatever package of that name is installed, and random.py beside it is not
  taken for Python's own.

  Raises:
    ValueError: a library of its name is in use.
  """
  if folder not in sys.path:
    sys.path.append(folder)
  place = pathlib.Path(folder, *name.split("."))
  files = (place.with_suffix(".py"), place / "__init__.py")
  if not any(file.is_file() for file in files):
    yield
    return
  top = name.partition(".")[0]
  finder = _InFolder(top, folder)
  used = getattr(sys.modules.get(top), "__spec__", None)
  is_other = used and _places(used) != _places(finder.find_spec(top))
  if is_other or top in sys.stdlib_module_names:
    raise ValueError(
      f"{top!r} in {folder} has the name of a library that is in use; rename"
      " it."
    )
  sys.meta_path.insert(0, finder)
  try:
    yield
  finally:
    sys.meta_path.remove(finder)


def _places(spec: machinery.ModuleSpec | None) -> list[str]:
  """Returns the folders of a package, or the file of a module."""
  if spec is None:
    return []
  places = spec.submodule_search_locations or [spec.origin or ""]
  return [os.path.realpath(place) for place in places]


def _call(path: str) -> Any:
  """Returns what the function "package.module:function" returns."""
  module_name, _, function_name = path.partition(":")
  is_dotted = re.fullmatch(r"\w+(\.\w+)*:\w+", path)
  if not is_dotted or module_name.endswith(".py"):
    raise ValueError(f"expected {HELP}{_correction(path)}.")
  folder = os.getcwd()
  with _first_in(folder, module_name):
    # Of the user's own code, any exception.
    try:
      module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
      raise ValueError(
        f"no module named {error.name!r} in {folder} or elsewhere on the Python"
        " path; run from the folder that holds it, or add that to PYTHONPATH."
      ) from error
    except Exception as error:
      raise ValueError(
        f"importing {module_name!r} raised {type(error).__name__}: {error}"
      ) from error
  function = getattr(module, function_name, None)
  if not callable(function):
    raise ValueError(
      f"module {module_name!r} has no function {function_name!r}."
    )
  try:
    inspect.signature(function).bind()
  except TypeError as error:
    raise ValueError(
      f"it cannot be called without arguments ({error}); write a function that"
      " gives them."
    ) from error
  try:
    return function()
  except Exception as error:
    raise ValueError(
      f"{function_name}() raised {type(error).__name__}: {error}"
    ) from error
