# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Search spaces: what random architectures look like and how large they are.

A space is a grammar, which draws networks, and limits, which refuse some.
"""

from collections.abc import Container, Mapping
import dataclasses
import math
import operator
from typing import Protocol

import numpy as np

from ghn_tf.arch import spec
from ghn_tf.spaces import convnets as convnets_space
from ghn_tf.spaces import draws
from ghn_tf.spaces import edge as edge_space


class Grammar(Protocol):
  """A distribution over architectures without regard to their size."""

  def draw(
    self,
    rng: np.random.Generator,
    input_shape: tuple[int, int, int],
    num_classes: int,
    name: str,
  ) -> spec.Architecture | None:
    """Returns a random architecture, or None where a draw came to nothing."""


@dataclasses.dataclass(frozen=True)
class Mixture:
  """A distribution that draws from several others alike.

  Attributes:
    grammars: the others.
  """

  grammars: tuple[Grammar, ...]

  def draw(
    self,
    rng: np.random.Generator,
    input_shape: tuple[int, int, int],
    num_classes: int,
    name: str,
  ) -> spec.Architecture | None:
    """Returns what one of them draws."""
    grammar = draws.one_of(rng, self.grammars)
    return grammar.draw(rng, input_shape, num_classes, name)


@dataclasses.dataclass(frozen=True)
class SearchSpace:
  """A distribution over architectures of limited size.

  A smaller space is `dataclasses.replace(SPACES["edge"], max_macs=3_000_000)`.

  Attributes:
    name: the first part of the architectures' names.
    grammar: what draws the architectures.
    input_shape: image height, width and channels.
    num_classes: number of logits.
    min_nodes: least number of nodes.
    max_nodes: greatest number of nodes.
    min_macs: least multiply-accumulates for one image.
    max_macs: greatest multiply-accumulates for one image.
    min_params: least number of trainable parameters.
    max_params: greatest number of trainable parameters.
    max_tries: draws for one sample before the limits count as impossible.

  Raises:
    ValueError: on construction, limits that contradict each other.
  """

  name: str
  grammar: Grammar
  input_shape: tuple[int, int, int] = (32, 32, 3)
  num_classes: int = 10
  min_nodes: float = 0
  max_nodes: float = math.inf
  min_macs: float = 0
  max_macs: float = math.inf
  min_params: float = 0
  max_params: float = math.inf
  max_tries: int = 1000

  def __post_init__(self):
    for size in ("nodes", "macs", "params"):
      least = getattr(self, f"min_{size}")
      greatest = getattr(self, f"max_{size}")
      if not 0 <= least <= greatest:
        raise ValueError(
          f"Space {self.name!r} needs 0 <= min_{size} <= max_{size}, got"
          f" min_{size}={least} and max_{size}={greatest}."
        )
    for field in ("num_classes", "max_tries"):
      if getattr(self, field) < 1:
        raise ValueError(
          f"Space {self.name!r} needs {field} >= 1, got {getattr(self, field)}."
        )


SPACES: Mapping[str, SearchSpace] = {
  "edge": SearchSpace(
    "edge",
    edge_space.EdgeGrammar(),
    min_nodes=15,
    max_nodes=120,
    min_macs=1_000_000,
    max_macs=30_000_000,
    min_params=10_000,
    max_params=250_000,
  ),
  # Shallow networks of edge's blocks on half the image: for first steps, where
  # a hypernetwork has minutes to learn and not days.
  "tiny": SearchSpace(
    "tiny",
    edge_space.EdgeGrammar(
      base_channels=((16, 2), (24, 1), (32, 1)),
      stem_strides=((2, 1),),
      stages=((2, 1), (3, 1)),
      blocks_per_stage=((1, 3), (2, 1)),
      max_channels=((64, 1),),
      blocks=(
        (edge_space.Block.PLAIN, 3),
        (edge_space.Block.SEPARABLE, 3),
        (edge_space.Block.RESIDUAL, 2),
        (edge_space.Block.INVERTED_RESIDUAL, 2),
        (edge_space.Block.BRANCHES, 1),
      ),
      norm_free_share=0.0,
      flatten_share=0.0,
      hidden_share=0.0,
    ),
    min_nodes=10,
    max_nodes=50,
    min_macs=250_000,
    max_macs=4_000_000,
    min_params=4_000,
    max_params=100_000,
  ),
  # GHN-2 bounds the parameters at 32 channels, which are the channels of all
  # networks that come near the bound.
  "convnets": SearchSpace(
    "convnets", convnets_space.ConvNetsGrammar(), max_params=10_000_000
  ),
}


def sample(
  space: SearchSpace,
  seed: int,
  index: int,
  *,
  name: str | None = None,
  excluded: Container[spec.Architecture] = (),
) -> spec.Architecture:
  """Returns architecture number `index` of a seed, a function of its arguments.

  Args:
    space: the search space.
    seed: names a sequence of architectures, from 0 to 2**32 - 1; splits of a
      data set need different seeds.
    index: place in the sequence, from 0 to 2**32 - 1.
    name: of the architecture; `<space>-<seed>-<index>` by default.
    excluded: architectures that must not be drawn.

  Raises:
    ValueError: a seed or index out of range, or limits that no draw met.
  """
  for argument, value in (("seed", seed), ("index", index)):
    if not 0 <= operator.index(value) < 2**32:
      raise ValueError(f"{argument} must be from 0 to 2**32 - 1, got {value}.")
  # Named, because the bit generator of default_rng may change.
  rng = np.random.Generator(np.random.PCG64([seed, index]))
  name = name or f"{space.name}-{seed}-{index}"
  refused: dict[str, list[int]] = {}
  num_excluded = 0
  for _ in range(space.max_tries):
    architecture = space.grammar.draw(
      rng, space.input_shape, space.num_classes, name
    )
    if architecture is None:
      continue
    broken = violations(space, architecture)
    if not broken:
      if architecture not in excluded:
        return architecture
      num_excluded += 1
    for limit, value in broken.items():
      refused.setdefault(limit, []).append(value)
  reasons = _explain(space, refused) or ["its grammar draws nothing"]
  if num_excluded:
    reasons.append(f"{num_excluded} draws were excluded")
  raise ValueError(
    f"No architecture {name!r} after {space.max_tries} draws; relax the"
    f" limits of its space: {'; '.join(reasons)}."
  )


def violations(
  space: SearchSpace, architecture: spec.Architecture
) -> dict[str, int]:
  """Returns the limits that an architecture breaks, with its own values.

  One that breaks any cannot have been sampled from the space.
  """
  sizes = {
    "nodes": len(architecture.nodes),
    "macs": architecture.macs,
    "params": architecture.num_params,
  }
  broken = {}
  for size, value in sizes.items():
    if value < getattr(space, f"min_{size}"):
      broken[f"min_{size}"] = value
    if value > getattr(space, f"max_{size}"):
      broken[f"max_{size}"] = value
  return broken


def _explain(space: SearchSpace, refused: Mapping[str, list[int]]) -> list[str]:
  """Says how many draws each limit refused, the strictest limit first."""
  reasons = []
  for limit, values in sorted(refused.items(), key=lambda item: -len(item[1])):
    closest = max(values) if limit.startswith("min") else min(values)
    reasons.append(
      f"{limit}={getattr(space, limit)} refused {len(values)}, the closest of"
      f" which has {closest}"
    )
  return reasons
