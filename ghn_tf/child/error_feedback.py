# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rounding a dense kernel so that its outputs change least.

The inputs are taken one after the other: the weights of one are rounded, and
what that changes in the outputs is made up for, as far as the inputs are
correlated, by the weights of those that follow (optimal brain surgeon in the
order of OPTQ, Frantar et al., arXiv 2210.17323, equations 2 and 3).
"""

import numpy as np
import tensorflow as tf

from ghn_tf.quant import range_rules
from ghn_tf.quant import recipe as recipe_lib

# Ends of the range that are tried, in units of the greatest weight.
_FRACTIONS = np.geomspace(1, 1 / 32, 21)


def round_kernel(
  kernel: np.ndarray,
  scale: np.ndarray,
  inverse: np.ndarray,
  grid: recipe_lib.TensorQuantization,
) -> np.ndarray:
  """Returns a kernel whose values lie on a grid, float32.

  Its range is the one of least error of those that the grid's rule gives back
  for what was rounded, so that whoever rounds the result again changes nothing.

  Args:
    kernel: [D, outputs], float64.
    scale: standard deviations of the inputs, or other units of them, [D].
    inverse: of the second moments of inputs in these units, regularized by what
      makes it exist, [D, D].
    grid: symmetric; it has one range in all, as dense kernels have.
  """
  greatest = np.abs(kernel).max(initial=0)
  if not greatest:
    return kernel.astype(np.float32)
  # Those that vary most come first, as the others can make up for them.
  order = np.argsort(-scale, kind="stable")
  kernel, scale = kernel[order], scale[order][:, np.newaxis]
  inverse = inverse[np.ix_(order, order)]
  # Row i of the factor: how the inputs from i on make up for an error there.
  factor = np.linalg.cholesky(inverse).T
  rates = factor / np.diag(factor)[:, np.newaxis] * scale / scale.T
  weights = 1 / np.diag(factor)[:, np.newaxis] * scale
  best, least = None, np.inf
  for fraction in _FRACTIONS:
    steps = 2 ** (grid.num_bits - 1) - 1
    limit = float(np.float32(greatest * fraction))
    rounded, errors = _feed_back(kernel, rates, limit, steps)
    error = ((weights * errors) ** 2).sum()
    if error < least and _is_kept(rounded, limit, grid):
      best, least = rounded, error
  if best is None:  # the last fractions clip nearly all, so this is not met
    raise ValueError(
      f"No range of {grid} rounds a kernel of shape {list(kernel.shape)}."
    )
  result = np.empty(kernel.shape, np.float32)
  result[order] = best
  return result


def _feed_back(
  kernel: np.ndarray, rates: np.ndarray, limit: float, steps: int
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the rounded kernel, and the error of each weight when rounded."""
  step = limit / steps
  left = kernel.copy()
  rounded, errors = np.empty_like(kernel), np.empty_like(kernel)
  for i in range(len(kernel)):
    rounded[i] = step * np.clip(np.round(left[i] / step), -steps, steps)
    errors[i] = left[i] - rounded[i]
    left[i + 1 :] -= rates[i, i + 1 :, np.newaxis] * errors[i]
  return rounded, errors


def _is_kept(
  rounded: np.ndarray, limit: float, grid: recipe_lib.TensorQuantization
) -> bool:
  """Whether a grid's rule gives the range that values were rounded to."""
  found = range_rules.kernel_limit(
    tf.constant(rounded, tf.float32), grid, channel_axis=None
  )
  # To float32's precision, which moves no value to another code.
  return bool(abs(float(found) - limit) <= 1e-5 * limit)
