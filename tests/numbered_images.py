# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""A set of images, each of which tells by its label which it is."""

import numpy as np

from ghn_tf import data


def make(number: int, size: int = 6) -> data.Dataset:
  """A set whose labels are the places of the images."""
  images = np.random.default_rng(0).integers(
    1, 256, (number, size, size, 3), dtype=np.uint8
  )
  split = data.Split(images, np.arange(number, dtype=np.int32))
  return data.Dataset("numbered", split, split, split, number)
