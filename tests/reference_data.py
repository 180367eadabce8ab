# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Finds reference files that are too large, or not ours, to be in here."""

import os
import pathlib
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
_VARIABLE = "GHN_TF_REFERENCE_DATA"


def path(name: str) -> pathlib.Path:
  """Returns the path of a reference file; skips the test where it is absent.

  Args:
    name: relative to the folder in the environment variable
      GHN_TF_REFERENCE_DATA, or else to shared/data beside the repository.
  """
  folder = os.environ.get(_VARIABLE) or ROOT.parent / "shared" / "data"
  file = pathlib.Path(folder) / name
  if not file.exists():
    raise unittest.SkipTest(
      f"{file} is absent; set {_VARIABLE} to the folder of reference data."
    )
  return file
