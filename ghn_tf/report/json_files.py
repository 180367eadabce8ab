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


def names(paths: Sequence[str]) -> list[str]:
  """Returns the names of files or folders, or their paths if two are equal."""
  found = [pathlib.Path(path).name.removesuffix(".json") for path in paths]
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
      the file.
    OSError: it cannot be read.
  """
  try:
    files.check_regular(path)
    content = pathlib.Path(path).read_bytes()
    fields = strict_json.loads(content)
    check(fields, {})
    yield fields
  except (ArithmeticError, LookupError, TypeError, ValueError) as error:
    raise ValueError(
      f"{os.fspath(path)} is damaged, or not what {writer} writes: {error!r}."
    ) from error


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
      raise TypeError(f"{name} is {fields[name]!r:.50}, expected {kind}")
