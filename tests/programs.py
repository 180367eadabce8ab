# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs the project's programs as a user does, in the root of the repository."""

import os
import pathlib
import re
import subprocess
import sys

from tests import reference_data

# Of what absl's logging writes, the file.
_LOGGED = re.compile(r"[IWE]\d{4} [\d:.]+ +\d+ (\w+\.py):\d+\] ")
_FILES = {p.name for p in (reference_data.ROOT / "ghn_tf").rglob("*.py")}


def run_python(
  *arguments: str,
  folder: pathlib.Path = reference_data.ROOT,
  python: str = sys.executable,
  path: str = str(reference_data.ROOT),
) -> subprocess.CompletedProcess[str]:
  """Runs Python in a folder and returns its exit status and output.

  Args:
    arguments: of Python.
    folder: to run it in.
    python: this Python, or another program.
    path: where it looks for modules first: this checkout.
  """
  env = {**os.environ, "PYTHONPATH": path}
  env.pop("TF_CPP_MIN_LOG_LEVEL")  # which conftest sets, and users do not
  return subprocess.run(
    [python, *arguments],
    cwd=folder,
    env=env,
    capture_output=True,
    text=True,
    check=False,
  )


def foreign_lines(errors: str) -> list[str]:
  """Returns the lines on standard error that other projects wrote."""
  return [
    line
    for line in errors.splitlines()
    if not (match := _LOGGED.match(line)) or match[1] not in _FILES
  ]


def check_flags(*arguments: str) -> subprocess.CompletedProcess[str]:
  """Starts a program that parses and validates its flags and ends before main.

  In a process of its own, as programs may define the same flag differently.
  """
  return run_python(*arguments, "--only_check_args")
