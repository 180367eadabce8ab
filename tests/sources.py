# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The Python files of the project and what they import, read and not run."""

import ast
from collections.abc import Sequence
import functools

from tests import reference_data

FOLDERS = ("ghn_tf", "models", "tools", "tests")


@functools.cache
def modules(*folders: str) -> dict[str, str]:
  """Returns dotted name -> source of every Python file in the folders."""
  sources = {}
  for folder in folders:
    for path in sorted((reference_data.ROOT / folder).rglob("*.py")):
      parts = path.relative_to(reference_data.ROOT).with_suffix("").parts
      name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
      sources[name] = path.read_text()
  return sources


@functools.cache
def imports(source: str) -> Sequence[str]:
  """Returns the dotted names a source imports, `from a import b` as a.b."""
  names: list[str] = []
  for node in ast.walk(ast.parse(source)):
    if isinstance(node, ast.Import):
      names += [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      module = "." * node.level + (node.module or "")
      names += [f"{module}.{alias.name}" for alias in node.names]
  return names
