# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Networks as the random numbers that they were drawn with: what evolution has.

A grammar makes a network of a sequence of random numbers. Where these are kept,
the network is drawn again from them, and of others that differ in a few a
relative of it, which is in the space whatever the grammar is.
"""

from collections.abc import Iterable, Sequence
import dataclasses
from typing import cast

import numpy as np

from ghn_tf.arch import spec
from ghn_tf.spaces import space as space_lib

# Of so many different numbers each is one, so that a file holds them in short.
_NUMBERS = 1 << 16


class Tape:
  """Gives numbers of a tape, and goes on with random ones; as `random()` does.

  It stands for a `np.random.Generator`, of which `draws` calls nothing else.
  """

  def __init__(self, rng: np.random.Generator, numbers: Sequence[int] = ()):
    """Begins with numbers from 0 to 65,535."""
    self._rng = rng
    self._numbers = [*numbers]
    self._place = 0

  def random(self) -> float:
    """Returns the next number, from 0 to below 1."""
    if self._place == len(self._numbers):
      self._numbers.append(int(self._rng.random() * _NUMBERS))
    self._place += 1
    return self._numbers[self._place - 1] / _NUMBERS

  @property
  def used(self) -> tuple[int, ...]:
    """The numbers that were given."""
    return tuple(self._numbers[: self._place])


def numbers(values: Iterable[float]) -> tuple[int, ...]:
  """Returns those of a tape that gives values from 0 to below 1."""
  return tuple(int(value * _NUMBERS) for value in values)


@dataclasses.dataclass(frozen=True)
class Drawn:
  """A network of a space.

  Attributes:
    architecture: it.
    numbers: that it was drawn with.
  """

  architecture: spec.Architecture
  numbers: tuple[int, ...]


def sample(
  space: space_lib.SearchSpace, rng: np.random.Generator, name: str
) -> Drawn:
  """Returns a random network of a space.

  Raises:
    ValueError: no draw met the limits of the space.
  """
  for _ in range(space.max_tries):
    if drawn := _draw(space, Tape(rng), name):
      return drawn
  raise ValueError(
    f"No architecture {name!r} after {space.max_tries} draws from the space"
    f" {space.name!r}; relax its limits."
  )


def again(
  space: space_lib.SearchSpace, numbers: Sequence[int], name: str
) -> spec.Architecture:
  """Returns the network of a space that was drawn with these numbers.

  Raises:
    ValueError: there is none.
  """
  # Of a whole tape nothing random is read.
  drawn = _draw(space, Tape(np.random.default_rng(0), numbers), name)
  if drawn is None or drawn.numbers != tuple(numbers):
    raise ValueError(
      f"The space {space.name!r} draws nothing with the {len(numbers)} numbers"
      f" of {name!r}."
    )
  return drawn.architecture


def relative(
  space: space_lib.SearchSpace,
  numbers: Sequence[int],
  rng: np.random.Generator,
  name: str,
) -> Drawn:
  """Returns a network of a space that differs from another in a few numbers.

  One of them is drawn anew, and with a probability of a half another one, and
  so on. What comes to the same network counts as no draw.

  Args:
    space: the space.
    numbers: of the other network.
    rng: source of randomness.
    name: of the architecture.

  Raises:
    ValueError: no draw gave another network within the limits of the space.
  """
  parent = again(space, numbers, name).fingerprint
  for _ in range(space.max_tries):
    changed = [*numbers]
    while True:
      place = int(rng.random() * len(changed))
      changed[place] = int(rng.random() * _NUMBERS)
      if rng.random() < 0.5:
        break
    drawn = _draw(space, Tape(rng, changed), name)
    if drawn and drawn.architecture.fingerprint != parent:
      return drawn
  raise ValueError(
    f"No relative {name!r} after {space.max_tries} draws from the space"
    f" {space.name!r}; relax its limits."
  )


def _draw(space: space_lib.SearchSpace, tape: Tape, name: str) -> Drawn | None:
  """Returns a network within the limits of a space, if one was drawn."""
  architecture = space.grammar.draw(
    cast(np.random.Generator, tape), space.input_shape, space.num_classes, name
  )
  if architecture is None or space_lib.violations(space, architecture):
    return None
  return Drawn(architecture, tape.used)
