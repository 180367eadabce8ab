# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Wider hypernetworks that compute what a narrower one does.

Units are copied (Net2Net, arXiv 1511.05641, section 2.3): a copy takes in what
the unit does, and what the unit gives is divided among its copies, at random,
so that they learn apart from there on. All units of a layer have equally many
copies, so that mean and variance of a state are what they were, on which a
layer norm depends.
"""

from collections.abc import Mapping

import numpy as np


def grow(
  arrays: Mapping[str, np.ndarray],
  larger: Mapping[str, np.ndarray],
  seed: int,
) -> dict[str, np.ndarray]:
  """Returns the arrays of a larger hypernetwork that computes the same.

  Args:
    arrays: of the smaller one, as `GHN.get_arrays` returns them.
    larger: of the larger one, which decide what is returned of arrays that the
      smaller one lacks (see `config.FROM_ZERO`), and of the others the shapes.
    seed: of how units are divided among their copies.

  Raises:
    ValueError: an array cannot grow to that shape.
  """
  rng = np.random.default_rng(seed)
  grown = dict(larger)
  for name, array in sorted(arrays.items()):
    copies, rest = np.divmod(larger[name].shape, array.shape)
    if rest.any():
      raise ValueError(
        f"{name} of shape {list(array.shape)} cannot grow to"
        f" {list(larger[name].shape)}, which is no multiple."
      )
    for axis, number in enumerate(copies):
      if number == 1:
        continue
      copied = np.repeat(array, number, axis).astype(np.float64)
      if axis == _input_axis(name):
        shares = rng.dirichlet(np.ones(number), array.shape)
        copied *= np.moveaxis(shares, -1, axis + 1).reshape(copied.shape)
      array = copied
    grown[name] = array.astype(np.float32)
  return grown


def _input_axis(name: str) -> int | None:
  """Returns along which axis an array is multiplied by units, if by any."""
  if not name.endswith("kernel"):
    return None
  # The first axis of this one is that of the kinds of messages.
  return 1 if name.endswith("message/kernel") else 0
