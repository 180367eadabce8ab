# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""JSON files that programs have written, read back."""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import os
import pathlib
import types
from typing import Any

from ghn_tf import files
from ghn_tf import strict_json

NUMBER = int | float
Kind = type | types.UnionType
# What has such fields, or a folder such a file, with its writer at the end; and
# what takes it.
_Known = tuple[str, str]
_OBJECTS: tuple[tuple[set[str], _Known], ...] = (
  ({"input_shape", "nodes"}, ("an architecture", "--network")),
  (
    {"candidates", "networks"},
    ("a search of ghn-search", "--search, with its folder"),
  ),
  ({"rows", "networks"}, ("a table of ghn-evaluate", "--table")),
  ({"reports"}, ("a report of ghn-emulate", "--edge")),
  ({"training"}, ("a run of ghn-train", "--run, with its folder")),
)
_FOLDERS: dict[str, _Known] = {
  "search.json": ("a search of ghn-search", "--search"),
  "config.json": ("a run of ghn-train", "--run"),
}


def names(paths: Sequence[str]) -> list[str]:
  """Returns the names of files or folders, or their paths if two are equal.

  Without what tells their kind: x of x.report.json.
  """
  found = [
    pathlib.Path(path).name.removesuffix(".json").removesuffix(".report")
    for path in paths
  ]
  return found if len({*found}) == len(found) else [*paths]


@contextlib.contextmanager
def opened(
  path: str | os.PathLike[str], writer: str
) -> Iterator[dict[str, Any]]:
  """Gives what a file holds; within it, what that lacks is a ValueError.

  Args:
    path: of the file.
    writer: the program that writes such files.

  Raises:
    ValueError: it is no JSON object, or another than was expected; it names
      the file, and says what takes it if it is known.
    OSError: it cannot be read.
  """
  fields = None
  try:
    files.check_regular(path)
    fields = strict_json.loads(pathlib.Path(path).read_bytes())
    check(fields, {})
    yield fields
  except FileNotFoundError as error:
    raise FileNotFoundError(
      f"There is no {os.fspath(path)}; expected a JSON file of {writer}."
    ) from error
  except IsADirectoryError as error:
    raise IsADirectoryError(
      f"{os.fspath(path)} is a folder; expected a JSON file of {writer}."
      f"{_told(_of_folder(path), writer)}"
    ) from error
  except (ArithmeticError, LookupError, TypeError, ValueError) as error:
    lack = "it lacks " if isinstance(error, KeyError) else ""
    reason = str(error).removesuffix(".")
    raise ValueError(
      f"{os.fspath(path)} is not what {writer} writes, or damaged:"
      f" {lack}{reason}.{_told(_of_object(fields), writer)}"
    ) from error


def find(folder: str | os.PathLike[str], name: str, writer: str) -> str:
  """Returns the path of the file by which a folder is what a program writes.

  Args:
    folder: that a user names.
    name: of the file in it.
    writer: the program that writes such folders.

  Raises:
    ValueError: there is none; it says what takes what is there instead.
  """
  path = os.path.join(folder, name)
  if os.path.exists(path):
    return path
  found, told = os.fspath(folder), "is not there"
  known = None
  if os.path.isdir(found):
    told, known = f"has no {name}", _of_folder(found)
  elif os.path.exists(found):
    told = "is a file"
    with contextlib.suppress(OSError, ValueError):
      files.check_regular(found)
      known = _of_object(strict_json.loads(pathlib.Path(found).read_bytes()))
  raise ValueError(
    f"{found} {told}; expected the folder of {writer}.{_told(known)}"
  )


def _told(known: _Known | None, writer: str = "") -> str:
  """Returns what to do with what was not expected, if it is known."""
  if known is None or known[0].split()[-1] in writer:
    return ""
  return f" It looks like {known[0]}, which ghn-report shows by {known[1]}."


def _of_folder(path: str | os.PathLike[str]) -> _Known | None:
  for name, known in _FOLDERS.items():
    if os.path.exists(os.path.join(path, name)):
      return known
  return None


def _of_object(fields: Any) -> _Known | None:
  if isinstance(fields, dict):
    for names, known in _OBJECTS:
      if names <= fields.keys():
        return known
  return None


def check(fields: Any, kinds: Mapping[str, Kind]) -> None:
  """Raises TypeError or LookupError if fields are not as they should be.

  Args:
    fields: a JSON object; it may have others, too.
    kinds: of its fields.
  """
  if not isinstance(fields, dict):
    raise TypeError(f"expected an object, got {fields!r:.50}")
  for name, kind in kinds.items():
    if not isinstance(fields[name], kind):
      told = kind.__name__ if isinstance(kind, type) else kind
      raise TypeError(f"{name} is {fields[name]!r:.50}, expected {told}")
