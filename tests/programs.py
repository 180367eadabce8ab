# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs the project's programs as a user does, in the root of the repository."""

import os
import pathlib
import subprocess
import sys

from tests import reference_data


def run_python(
  *arguments: str, folder: pathlib.Path = reference_data.ROOT
) -> subprocess.CompletedProcess[str]:
  """Runs this Python in a folder and returns its exit status and output."""
  return subprocess.run(
    [sys.executable, *arguments],
    cwd=folder,
    env={**os.environ, "PYTHONPATH": str(reference_data.ROOT)},
    capture_output=True,
    text=True,
    check=False,
  )


def check_flags(*arguments: str) -> subprocess.CompletedProcess[str]:
  """Starts a program that parses and validates its flags and ends before main.

  In a process of its own, as programs may define the same flag differently.
  """
  return run_python(*arguments, "--only_check_args")
