# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How well scores rank networks: Kendall's tau, with bootstrap intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

_RESAMPLINGS = 1000
_LEVEL = 0.95


class Interval(NamedTuple):
  """A value, and between which two it lies with a probability of 95 %."""

  value: float
  low: float
  high: float

  @property
  def ends(self) -> str:
    """The two, as text."""
    return f"{self.low:z.2f} to {self.high:z.2f}"

  def __str__(self) -> str:
    # What rounds to zero has no sign.
    return f"{self.value:z.2f} ({self.ends})"


def kendall_tau(truth: Sequence[float], score: Sequence[float]) -> float:
  """Returns Kendall's tau-b of two rankings, from -1 to 1.

  It is 0 where one of them ranks nothing, as all its values are equal.

  Args:
    truth: a value of each network.
    score: another.

  Raises:
    ValueError: they are not as many, less than two, or not finite.
  """
  pair = np.asarray(truth, np.float64), np.asarray(score, np.float64)
  if pair[0].shape != pair[1].shape or pair[0].ndim != 1 or len(pair[0]) < 2:
    raise ValueError(
      "Expected two values for each of at least two networks, got shapes"
      f" {[list(values.shape) for values in pair]}."
    )
  if not np.isfinite(pair).all():
    raise ValueError("Expected finite values to rank by, got others.")
  return _tau(*pair)


def _tau(truth: np.ndarray, score: np.ndarray) -> float:
  if np.ptp(truth) == 0 or np.ptp(score) == 0:
    return 0.0
  return float(stats.kendalltau(truth, score).statistic)


def resampled(truth: Sequence[float], score: Sequence[float]) -> np.ndarray:
  """Returns `kendall_tau` of networks, and of resamplings of them, [1 + 1000].

  As many networks have the same resamplings, whatever the rankings are, so that
  of two scores what they have in common does not widen the `interval` of the
  difference.

  Args:
    truth: a value of each network.
    score: another.

  Raises:
    ValueError: as `kendall_tau`.
  """
  value = kendall_tau(truth, score)  # which checks them
  columns = np.array([truth, score], np.float64)
  rng = np.random.Generator(np.random.PCG64(0))
  number = columns.shape[1]
  samples = rng.integers(number, size=(_RESAMPLINGS, number))
  return np.array([value, *(_tau(*columns[:, rows]) for rows in samples)])


def interval(taus: np.ndarray) -> Interval:
  """Returns the value of what is `resampled`, with percentiles of the others.

  Args:
    taus: as `resampled` gives them, or the difference of two of these.
  """
  low, high = np.quantile(taus[1:], [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
  return Interval(float(taus[0]), float(low), float(high))
