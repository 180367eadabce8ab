# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pareto fronts. A row has the values of one candidate, all to be small."""

import numpy as np


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


def order(values: np.ndarray, number: int) -> list[int]:
  """Returns the best rows, the best first.

  Those of the front come first, then those of the front of the others, and so
  on; of one front, those far from others (the crowding distance of NSGA-II, Deb
  et al. 2002, section III.B).

  Args:
    values: [n, k], finite.
    number: of rows; all if there are fewer.
  """
  values = np.asarray(values, np.float64)
  left = np.arange(len(values))
  result: list[int] = []
  while len(left) and len(result) < number:
    best = front(values[left])
    rows = left[best]
    distances = _crowding(values[rows])
    result += rows[np.argsort(-distances, kind="stable")].tolist()
    left = left[~best]
  return result[:number]


def _crowding(values: np.ndarray) -> np.ndarray:
  """Returns how far the neighbours of each row are apart; infinite at ends."""
  distances = np.zeros(len(values))
  for column in values.T:
    places = np.argsort(column, kind="stable")
    ordered = column[places]
    distances[places[[0, -1]]] = np.inf
    if extent := ordered[-1] - ordered[0]:
      distances[places[1:-1]] += (ordered[2:] - ordered[:-2]) / extent
  return distances


def hypervolume(values: np.ndarray, reference: tuple[float, float]) -> float:
  """Returns the area that two values dominate, up to a reference.

  Args:
    values: [n, 2].
    reference: what lies beyond it in either value does not count.
  """
  values = np.asarray(values, np.float64)
  within = values[(values < reference).all(axis=1)]
  area, height = 0.0, reference[1]
  for first, second in within[np.lexsort(within.T[::-1])]:
    # Those that others dominate add nothing.
    area += (reference[0] - first) * max(0.0, height - second)
    height = min(height, second)
  return float(area)
