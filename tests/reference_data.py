# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Finds reference files: one that is in here, and those too large for that."""

import os
import pathlib
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
# A run of the public GHN-2, of which a part is in here.
GHN2 = pathlib.Path(__file__).parent / "reference" / "ghn2.npz"
WHOLE_GHN2 = "ghn2_reference.npz"
_VARIABLE = "GHN_TF_REFERENCE_DATA"


def path(name: str) -> pathlib.Path:
  """Returns the path of a reference file; skips the test where it is absent.

  Args:
    name: relative to the folder in the environment variable
      GHN_TF_REFERENCE_DATA.
  """
  folder = os.environ.get(_VARIABLE)
  if not folder:
    raise unittest.SkipTest(
      f"{name} needs {_VARIABLE}, the folder of reference data."
    )
  file = pathlib.Path(folder) / name
  if not file.exists():
    raise unittest.SkipTest(f"{file}, which {_VARIABLE} names, is absent.")
  return file
