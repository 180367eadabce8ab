# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures as files: .png and .svg.

Programs check the name of a picture before they do anything slow, so that
matplotlib is imported by the function that needs it.
"""

from __future__ import annotations

import io
import os
import pathlib
import typing

from ghn_tf import files

if typing.TYPE_CHECKING:
  from matplotlib import figure as figure_lib

_DPI = 150


def file_format(path: str | os.PathLike[str]) -> str:
  """Returns the format of a picture, "png" or "svg", by the suffix of its path.

  Raises:
    ValueError: the path has another suffix.
  """
  suffix = pathlib.Path(path).suffix
  if suffix not in (".png", ".svg"):
    raise ValueError(
      f"Cannot write a picture to {os.fspath(path)!r}: its suffix is"
      f' {suffix!r}, expected ".png" or ".svg".'
    )
  return suffix[1:]


def encode(figure: figure_lib.Figure, format_name: str) -> bytes:
  """Returns a figure as a file has it; equal figures give equal ones.

  Args:
    figure: what to draw.
    format_name: as `file_format` returns it.
  """
  import matplotlib

  content = io.BytesIO()
  # By default an SVG holds the date and random names.
  dateless = {"Date": None} if format_name == "svg" else None
  with matplotlib.rc_context({"svg.hashsalt": "ghn_tf"}):
    figure.savefig(content, format=format_name, dpi=_DPI, metadata=dateless)
  return content.getvalue()


def save(figure: figure_lib.Figure, path: str | os.PathLike[str]) -> None:
  """Writes a figure. See `file_format`.

  Raises:
    OSError: the file cannot be written.
  """
  files.write(path, encode(figure, file_format(path)))
