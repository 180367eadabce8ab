# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""JSON files that programs have written, read back."""

from collections.abc import Iterator
import contextlib
import os
import pathlib
from typing import Any

from ghn_tf import strict_json


def read(path: str | os.PathLike[str], writer: str) -> dict[str, Any]:
  """Returns what a file holds.

  Args:
    path: of the file.
    writer: the program that writes such files.

  Raises:
    ValueError: it is no JSON object.
    OSError: it cannot be read.
  """
  with checked(path, writer):
    content = strict_json.loads(pathlib.Path(path).read_bytes())
    if not isinstance(content, dict):
      raise TypeError(f"it is {content!r:.50}")
  return content


@contextlib.contextmanager
def checked(path: str | os.PathLike[str], writer: str) -> Iterator[None]:
  """Within it, what a file lacks is a ValueError that names the file."""
  try:
    yield
  except (ArithmeticError, LookupError, TypeError, ValueError) as error:
    raise ValueError(
      f"{os.fspath(path)} is damaged, or not what {writer} writes: {error!r}."
    ) from error
