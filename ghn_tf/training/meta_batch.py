# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The architectures that a run trains on, and those that it holds out."""

import dataclasses
import functools
from typing import Protocol

from absl import logging

from ghn_tf.arch import spec
from ghn_tf.spaces import extent as extent_lib

# A core draws some hundreds to a thousand networks in a second: within these a
# run of "edge_cifar10" is drawn again, in about a minute.
MAX_DRAWN_AGAIN = 50_000


class Source(Protocol):
  """Where architectures come from: drawn (`spaces.splits`) or stored ones."""

  def train(self, index: int, seed: int) -> spec.Architecture:
    """Returns number `index` of the training architectures of a seed."""

  def first(self, split: str, number: int) -> tuple[spec.Architecture, ...]:
    """Returns the first architectures of an evaluation split.

    None of them is isomorphic to a training one.
    """

  @property
  def extent(self) -> extent_lib.Extent:
    """How far the training architectures reach in each measure."""

  def may_train_on(self, architecture: spec.Architecture) -> bool:
    """Whether training may give an architecture isomorphic to this one."""


@dataclasses.dataclass(frozen=True)
class MetaBatches:
  """Meta-batches of architectures, none of which is isomorphic to a held-out.

  Attributes:
    source: where the architectures come from.
    seed: of the training architectures.
    size: number of architectures A in a meta-batch.
    num_held_out: number of architectures held out for evaluation.
  """

  source: Source
  seed: int
  size: int
  num_held_out: int

  @functools.cached_property
  def held_out(self) -> tuple[spec.Architecture, ...]:
    """The architectures for evaluation, the same for every seed.

    Raises:
      ValueError: the source has too few.
    """
    return self.source.first("val", self.num_held_out)

  def batch(self, step: int) -> list[spec.Architecture]:
    """Returns the A architectures of a step, a pure function."""
    first = step * self.size
    return [
      self.source.train(index, self.seed)
      for index in range(first, first + self.size)
    ]


@dataclasses.dataclass(frozen=True)
class History:
  """What a run has drawn to train on.

  Attributes:
    batches: its meta-batches.
    num_steps: number of steps done, which drew the first meta-batches.
  """

  batches: MetaBatches
  num_steps: int

  def may_have(self, architecture: spec.Architecture) -> bool:
    """Returns whether one isomorphic to this architecture may have been drawn.

    Where the source does not rule it out, all that was drawn is drawn again,
    once, and the answer is exact. If these are more than `MAX_DRAWN_AGAIN`,
    they are not, and it may have been.
    """
    if not self.batches.source.may_train_on(architecture):
      return False
    return self._drawn is None or architecture.fingerprint in self._drawn

  @functools.cached_property
  def _drawn(self) -> frozenset[str] | None:
    """The fingerprints of what was drawn; None if these are too many."""
    batches = self.batches
    number = self.num_steps * batches.size
    if number > MAX_DRAWN_AGAIN:
      logging.info(
        "Training drew %s architectures, more than the %s that are drawn again"
        " to tell which networks are unseen: one that could be among them may"
        " have been seen.",
        f"{number:,}",
        f"{MAX_DRAWN_AGAIN:,}",
      )
      return None
    logging.info(
      "Draw the %s training architectures again, to tell which networks are"
      " unseen.",
      f"{number:,}",
    )
    return frozenset(
      architecture.fingerprint
      for step in range(self.num_steps)
      for architecture in batches.batch(step)
    )
