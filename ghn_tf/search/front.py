# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pareto fronts. A row has the values of one candidate, all to be small."""

import itertools
import math

import numpy as np

# Of each cost; see `spread`.
_PARTS = 8


def front(values: np.ndarray) -> np.ndarray:
  """Returns which rows no other one dominates, as booleans [n].

  One dominates another if it is nowhere greater and somewhere less; of equal
  rows, none does.

  Args:
    values: [n, k], finite.
  """
  values = np.asarray(values, np.float64)
  result = np.zeros(len(values), bool)
  found = np.empty((0, values.shape[1]))
  # In this order no row is dominated by one that comes after it.
  for index in np.lexsort(values.T[::-1]):
    row = values[index]
    dominated = (found <= row).all(axis=1) & (found < row).any(axis=1)
    if not dominated.any():
      result[index] = True
      found = np.concatenate([found, row[np.newaxis]])
  return result


def spread(values: np.ndarray, number: int) -> list[int]:
  """Returns the best rows all along each cost, the best first.

  The range of a cost is cut into equal parts. Of each part the row with the
  least first value comes first, then the second of each, and so on; of equal
  ones the cheaper, and the last part before the others. Costs take turns.
  Parts of equally many rows would leave out the ends, where rows are rare.

  It is not for dominance to choose where the first values are uncertain, as the
  accuracy p of n images is by sqrt(p (1 - p) / n), 4 points of 128 images: of
  many cheap rows one is lucky, and dominates all dearer ones that are better.
  Within a part it displaces but its like.

  Args:
    values: [n, 1 + k], finite; the first of a row is its quality, negated, the
      others are costs.
    number: of rows; all if there are fewer.
  """
  quality, *costs = np.asarray(values, np.float64).T
  num_parts = max(1, min(_PARTS, math.ceil(number / len(costs))))
  turns = zip(*(_turns(quality, own, num_parts) for own in costs), strict=True)
  return [*dict.fromkeys(itertools.chain.from_iterable(turns))][:number]


def _turns(quality: np.ndarray, cost: np.ndarray, num_parts: int) -> list[int]:
  """Returns all rows by one cost; see `spread`."""
  edges = np.linspace(cost.min(), cost.max(), num_parts + 1)[1:-1]
  parts = np.digitize(cost, edges)
  ranked: list[list[int]] = [[] for _ in range(num_parts)]
  for row in np.lexsort((cost, quality)).tolist():
    ranked[num_parts - 1 - parts[row]].append(row)
  turns = itertools.chain.from_iterable(itertools.zip_longest(*ranked))
  return [row for row in turns if row is not None]
