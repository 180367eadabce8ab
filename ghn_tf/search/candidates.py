# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Where candidates come from: functions of an index, and of a parent."""

from collections.abc import Container, Sequence
import dataclasses
import functools
from typing import Any, Protocol, cast

import numpy as np

from ghn_tf.arch import spec
from ghn_tf.convnets250k import store
from ghn_tf.spaces import space as space_lib
from ghn_tf.spaces import tape
from ghn_tf.spaces import variations

Numbers = Sequence[int]

# Draws of a candidate that is to be another one than those before.
_TRIES = 20


class Source(Protocol):
  """Gives candidates; it travels to the workers."""

  @property
  def may_evolve(self) -> bool:
    """Whether it gives relatives of candidates."""

  def told(self, index: int, numbers: Numbers) -> dict[str, Any]:
    """Returns what a row says of a candidate besides, such as `is_own`.

    That is the network of the user, which is scored and measured whatever it
    costs.
    """

  def draw(
    self,
    index: int,
    parent: Numbers | None = None,
    others: Container[str] = (),
  ) -> tape.Drawn:
    """Returns a candidate.

    Args:
      index: of the candidate.
      parent: numbers of the one that it shall be a relative of; None for a
        random one.
      others: fingerprints of networks that it shall not be.

    Raises:
      ValueError: there is no such candidate.
    """

  def again(self, index: int, numbers: Numbers) -> spec.Architecture:
    """Returns the network that `draw` gave with its numbers."""


@dataclasses.dataclass(frozen=True)
class FromSpace:
  """Candidates of a search space.

  Attributes:
    space: to draw from.
    seed: another one gives others.
  """

  space: space_lib.SearchSpace
  seed: int = 0

  @property
  def may_evolve(self) -> bool:
    """See `Source`."""
    return True

  def told(self, index: int, numbers: Numbers) -> dict[str, Any]:
    """See `Source`; there is nothing to tell."""
    del index, numbers
    return {}

  def draw(
    self,
    index: int,
    parent: Numbers | None = None,
    others: Container[str] = (),
  ) -> tape.Drawn:
    """See `Source`."""
    rng = np.random.Generator(np.random.PCG64([self.seed, index]))
    name = self._name(index)
    for _ in range(_TRIES):
      if parent is None:
        drawn = tape.sample(self.space, rng, name)
      else:
        drawn = tape.relative(self.space, parent, rng, name)
      if drawn.architecture.fingerprint not in others:
        return drawn
    raise ValueError(
      f"After {_TRIES} draws {name!r} is still one of the networks before."
    )

  def again(self, index: int, numbers: Numbers) -> spec.Architecture:
    """See `Source`."""
    return tape.again(self.space, numbers, self._name(index))

  def _name(self, index: int) -> str:
    return f"{self.space.name}-{self.seed}-{index}"


@dataclasses.dataclass(frozen=True)
class FromNetwork:
  """A network of the user, and its variations.

  Attributes:
    network: candidate 0.
    seed: another one gives other variations.
  """

  network: spec.Architecture
  seed: int = 0

  @property
  def may_evolve(self) -> bool:
    """See `Source`."""
    return True

  def told(self, index: int, numbers: Numbers) -> dict[str, Any]:
    """See `Source`; `varied` is in a few words."""
    if not index:
      return {"is_own": True}
    # Of a whole tape nothing random is read.
    drawn = tape.Tape(np.random.default_rng(0), numbers)
    grammar = variations.Variations(self.network)
    return {"varied": grammar.told(cast(np.random.Generator, drawn))}

  def draw(
    self,
    index: int,
    parent: Numbers | None = None,
    others: Container[str] = (),
  ) -> tape.Drawn:
    """See `Source`."""
    if index:
      return self._variations.draw(index, parent, others)
    own = variations.Variations(self.network).own
    return tape.Drawn(self.network, tape.numbers(own))

  def again(self, index: int, numbers: Numbers) -> spec.Architecture:
    """See `Source`."""
    return self._variations.again(index, numbers) if index else self.network

  @property
  def _variations(self) -> FromSpace:
    return FromSpace(variations.space(self.network), self.seed)


@dataclasses.dataclass(frozen=True)
class FromStore:
  """Candidates of a split of a stored set, in their order.

  Attributes:
    directory: of the set, as `store.Store` takes it.
    split: its name.
  """

  directory: str
  split: str = "train"

  @property
  def may_evolve(self) -> bool:
    """See `Source`."""
    return False

  def told(self, index: int, numbers: Numbers) -> dict[str, Any]:
    """See `Source`; there is nothing to tell."""
    del index, numbers
    return {}

  def __len__(self) -> int:
    return len(_stored(self.directory, self.split))

  def draw(
    self,
    index: int,
    parent: Numbers | None = None,
    others: Container[str] = (),
  ) -> tape.Drawn:
    """See `Source`; it has no relatives, and no choice."""
    del parent, others
    return tape.Drawn(self.again(index, ()), ())

  def again(self, index: int, numbers: Numbers) -> spec.Architecture:
    """See `Source`."""
    del numbers
    return _stored(self.directory, self.split)[index]


@functools.lru_cache(maxsize=1)
def _stored(directory: str, split: str) -> store.Store:
  return store.Store(directory, split)
