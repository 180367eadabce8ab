# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The architectures that a run trains on, and those that it holds out."""

import dataclasses
import functools

from absl import logging

from ghn_tf.arch import space as space_lib
from ghn_tf.arch import spec

# What is held out is the same for every seed of training, so that runs can be
# compared.
HELD_OUT_SEED = 2**31 - 1
# A space that gives nothing new in so many draws is taken for exhausted.
_MAX_DRAWS = 100


@dataclasses.dataclass(frozen=True)
class MetaBatches:
  """Meta-batches of architectures, none of which is isomorphic to a held-out.

  Attributes:
    space: where the architectures come from.
    seed: of the training architectures.
    size: number of architectures A in a meta-batch.
    num_held_out: number of architectures held out for evaluation.
  """

  space: space_lib.SearchSpace
  seed: int
  size: int
  num_held_out: int

  @functools.cached_property
  def held_out(self) -> tuple[spec.Architecture, ...]:
    """The architectures for evaluation, all different.

    Raises:
      ValueError: the space has too few.
    """
    found: dict[str, spec.Architecture] = {}
    for index in range(_MAX_DRAWS * self.num_held_out):
      if len(found) == self.num_held_out:
        break
      architecture = space_lib.sample(self.space, HELD_OUT_SEED, index)
      found.setdefault(architecture.fingerprint, architecture)
    if len(found) < self.num_held_out:
      raise ValueError(
        f"Space {self.space.name!r} has only {len(found)} different"
        f" architectures in {_MAX_DRAWS * self.num_held_out} draws; hold out"
        f" fewer than {self.num_held_out} (--evaluation_architectures)."
      )
    return tuple(found.values())

  def batch(self, step: int) -> list[spec.Architecture]:
    """Returns the A architectures of a step, a pure function."""
    first = step * self.size
    return [self._draw(index) for index in range(first, first + self.size)]

  @functools.cached_property
  def _fingerprints(self) -> frozenset[str]:
    return frozenset(a.fingerprint for a in self.held_out)

  def _draw(self, index: int) -> spec.Architecture:
    for attempt in range(_MAX_DRAWS):
      seed = (self.seed + attempt) % 2**32
      architecture = space_lib.sample(self.space, seed, index)
      if architecture.fingerprint not in self._fingerprints:
        return architecture
    raise ValueError(
      f"Space {self.space.name!r} gave only held-out architectures in"
      f" {_MAX_DRAWS} draws; hold out fewer (--evaluation_architectures)."
    )


@dataclasses.dataclass(frozen=True)
class History:
  """What a run has drawn to train on.

  Attributes:
    batches: its meta-batches.
    num_steps: number of steps done, which drew the first meta-batches.
  """

  batches: MetaBatches
  num_steps: int

  def has(self, architecture: spec.Architecture) -> bool:
    """Returns whether an architecture isomorphic to this one was drawn.

    The answer is exact. Where neither the limits of the space nor the held-out
    architectures rule it out, all that was drawn is drawn again, once.
    """
    if space_lib.violations(self.batches.space, architecture):
      return False
    fingerprint = architecture.fingerprint
    held_out = (a.fingerprint for a in self.batches.held_out)
    return fingerprint not in held_out and fingerprint in self._drawn

  @functools.cached_property
  def _drawn(self) -> frozenset[str]:
    batches = self.batches
    logging.info(
      "Draw the %s training architectures of space %s again, to tell which"
      " networks are unseen.",
      f"{self.num_steps * batches.size:,}",
      batches.space.name,
    )
    return frozenset(
      architecture.fingerprint
      for step in range(self.num_steps)
      for architecture in batches.batch(step)
    )
