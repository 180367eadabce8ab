# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Finds reference files: one that is in here, and those too large for that."""

from collections.abc import Mapping
import os
import pathlib
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
# A run of the public GHN-2, of which a part is in here.
GHN2 = pathlib.Path(__file__).parent / "reference" / "ghn2.npz"
WHOLE_GHN2 = "ghn2_reference.npz"
_VARIABLE = "GHN_TF_REFERENCE_DATA"


def weights(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Returns the weights in a run of GHN-2, those that are left out as zeros.

  What is kept of its results, which is not NaN, does not depend on these.
  """
  return {
    name.removeprefix("state/"): np.nan_to_num(array)
    for name, array in arrays.items()
    if name.startswith("state/")
  }


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
