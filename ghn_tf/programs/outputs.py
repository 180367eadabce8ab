# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The files that a program writes, checked before it begins its work."""

from collections.abc import Sequence
import pathlib

from ghn_tf import files
from ghn_tf import targets


def with_description(
  output: str,
  suffixes: tuple[str, str],
  sources: Sequence[str],
  *,
  overwrite: bool,
) -> tuple[pathlib.Path, pathlib.Path]:
  """Returns the file of --output and its description, which may be written.

  Args:
    output: what --output says.
    suffixes: of the file and of its description beside it.
    sources: files and targets that are read, which neither may be.
    overwrite: whether they may replace others.

  Raises:
    ValueError: the suffix is another, or one is among the sources.
    OSError: one cannot be written, or exists and may not be replaced.
  """
  path = pathlib.Path(output)
  suffix, of_description = suffixes
  if path.suffix != suffix:
    raise ValueError(f"--output must end in {suffix}, got {output!r}.")
  description = path.with_suffix(of_description)
  for written in (path, description):
    targets.check_output(written, *sources)
    files.check_writable(written, overwrite=overwrite)
  return path, description
