# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Random choices among Python values.

`np.random.Generator.choice` makes an array of its options first, which is
slower than building the node that is chosen.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
# Options with their relative frequencies.
Weighted = tuple[tuple[T, float], ...]


def one_of(rng: np.random.Generator, options: Sequence[T]) -> T:
  """Returns one option, all being equally likely."""
  return options[int(rng.random() * len(options))]


def weighted(rng: np.random.Generator, options: Weighted[T]) -> T:
  """Returns one option with a probability proportional to its weight."""
  rest = rng.random() * sum(weight for _, weight in options)
  for option, weight in options:
    rest -= weight
    if rest < 0:
      return option
  return options[-1][0]  # rest may round up to the sum of the weights


def place(options: Weighted[T], value: T) -> float:
  """Returns the random number amid those for which `weighted` gives a value.

  Raises:
    ValueError: the value is no option.
  """
  before = 0.0
  for option, weight in options:
    if option == value:
      return (before + weight / 2) / sum(weight for _, weight in options)
    before += weight
  raise ValueError(
    f"{value!r} is none of {', '.join(repr(option) for option, _ in options)}."
  )


def chance(rng: np.random.Generator, probability: float) -> bool:
  """Returns True with the given probability."""
  return rng.random() < probability
