# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which architectures are for training and which for evaluation.

A collection has a split `train`, two splits of the same distribution but for
gates, `val` and `test`, one of networks with gates, `gated`, four beyond
`train`, `wide`, `deep`, `dense` and `bnfree`, and `predefined`, the targets of
models/. No two architectures of the evaluation splits are isomorphic, and none
of `train` is isomorphic to one of them, nor differs from a target only in
BatchNorm, biases and activations. (The public generator of DeepNets-1M, arXiv
2110.13100, draws its test networks from the training stream.)

Every architecture is a function of the collection, the split and an index, so
that workers can draw any part of a split alone.
"""

from collections.abc import Iterator, Mapping
import contextlib
import dataclasses
import functools
import math
import pathlib
from typing import Any, cast

from ghn_tf.arch import serialization
from ghn_tf.arch import spec
from ghn_tf.spaces import convnets as convnets_space
from ghn_tf.spaces import edge as edge_space
from ghn_tf.spaces import exclusion as exclusion_lib
from ghn_tf.spaces import extent as extent_lib
from ghn_tf.spaces import families
from ghn_tf.spaces import gates
from ghn_tf.spaces import space as space_lib

_PREDEFINED = pathlib.Path(__file__).parent / "predefined"
SPLITS = (
  *("train", "val", "test"),
  *("wide", "deep", "dense", "bnfree", "gated"),
  "predefined",
)
EVALUATION_SPLITS = SPLITS[1:]
_NOT_DRAWN = ("train", "predefined")
_WITHIN_TRAIN = ("val", "test", "gated")  # in the same limits
# Every fifth architecture is one of `families`.
FAMILY_EVERY = 5
# Every seventh of `train` is one of `gated`. Those of `val` and `test` are not,
# so that figures measured on them stay comparable to those of before.
GATED_EVERY = 7
# Evaluation splits count their seeds down from here; training seeds are below.
_LAST_SEED = 2**32 - 1
MAX_TRAIN_SEED = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Collection:
  """The splits of one space.

  Attributes:
    space: of `train`, `val` and `test`.
    families: the same limits with relatives of known networks, which every
      fifth architecture of these three is taken from; None for none.
    gated: the same limits with what networks have beyond ReLU, which every
      seventh architecture of `train` is taken from; None for none.
    beyond: spaces of the splits that differ from `val`.
    num_beyond: number of architectures of each of those.
    num_train: number of architectures of `train`.
    num_val: number of architectures of `val` and of `test`.
    seed: of `train`.
    reserved: another collection, whose evaluation splits `train` leaves out as
      well.
    max_macs: tighter limit of `train`, and of what `first` gives of `val`,
      `test` and `gated`; `evaluation` is the same whatever it is.
    max_params: the same for the number of parameters.
  """

  space: space_lib.SearchSpace
  families: space_lib.SearchSpace | None = None
  gated: space_lib.SearchSpace | None = None
  beyond: tuple[tuple[str, space_lib.SearchSpace], ...] = ()
  num_beyond: int = 100
  num_train: int = 250_000
  num_val: int = 500
  seed: int = 0
  reserved: "Collection | None" = None
  max_macs: float = math.inf
  max_params: float = math.inf

  def __getstate__(self) -> dict[str, object]:
    # Workers draw the evaluation splits themselves: it takes less time than to
    # pickle them.
    names = [field.name for field in dataclasses.fields(self)]
    return {name: getattr(self, name) for name in names}

  @functools.cached_property
  def sizes(self) -> Mapping[str, int]:
    """Number of architectures of every split."""
    return {
      "train": self.num_train,
      "val": self.num_val,
      "test": self.num_val,
      **{name: self.num_beyond for name, _ in self.beyond},
      "predefined": len(_predefined(self.space)),
    }

  @functools.cached_property
  def evaluation(self) -> Mapping[str, tuple[spec.Architecture, ...]]:
    """All architectures of the evaluation splits, by split; drawn once.

    Raises:
      ValueError: the space has too few.
    """
    unlimited = dataclasses.replace(
      self, max_macs=math.inf, max_params=math.inf
    )
    return _evaluation(unlimited)

  @functools.cached_property
  def exclusion(self) -> exclusion_lib.Exclusion:
    """What training must not draw."""
    collections = [self, self.reserved] if self.reserved else [self]
    return exclusion_lib.Exclusion(
      (
        architecture
        for collection in collections
        for drawn in collection.evaluation.values()
        for architecture in drawn
      ),
      with_twins=_predefined(self.space),
    )

  def train(self, index: int, seed: int | None = None) -> spec.Architecture:
    """Returns architecture number `index` of `train`.

    Args:
      index: from 0 to 2**32 - 1; a data set stores the first `num_train`.
      seed: another one gives other architectures, up to `MAX_TRAIN_SEED`; that
        of the collection by default.

    Raises:
      ValueError: a seed or index out of range, or limits that no draw met.
    """
    seed = self.seed if seed is None else seed
    if seed > MAX_TRAIN_SEED:
      raise ValueError(
        f"A training seed must be at most {MAX_TRAIN_SEED}, got {seed}."
      )
    return self.draw("train", seed, index, self.exclusion)

  def first(self, split: str, number: int) -> tuple[spec.Architecture, ...]:
    """Returns the first architectures of an evaluation split.

    Those of `val`, `test` and `gated` are within the tighter limits;
    `predefined` may have fewer.

    Raises:
      ValueError: another split has fewer, or there is no such split.
    """
    if split not in self.evaluation:
      raise ValueError(
        f"Space {self.space.name!r} has no evaluation split {split!r}; expected"
        f" one of {', '.join(self.evaluation)}."
      )
    found = self.evaluation[split]
    limits = ""
    if split in _WITHIN_TRAIN:
      found = tuple(
        a for a in found if not space_lib.violations(self._limited, a)
      )
      limits = (
        f" within max_macs={self._limited.max_macs} and"
        f" max_params={self._limited.max_params}"
      )
    if len(found) < number and split != "predefined":
      raise ValueError(
        f"Split {split!r} of space {self.space.name!r} has {len(found)}"
        f" architectures{limits}, got {number}; ask for fewer"
        " (--evaluation_architectures in training, --num_architectures in"
        " evaluation)."
      )
    return found[:number]

  def may_train_on(self, architecture: spec.Architecture) -> bool:
    """Whether `train` can ever give an architecture isomorphic to this one."""
    return architecture not in self.exclusion and not space_lib.violations(
      self._limited, architecture
    )

  @functools.cached_property
  def extent(self) -> extent_lib.Extent:
    """How far the architectures of `train` reach in each measure."""
    return extent_lib.of_space(self._limited)

  @functools.cached_property
  def _limited(self) -> space_lib.SearchSpace:
    return self._limit(self.space)

  @functools.cached_property
  def _limited_families(self) -> space_lib.SearchSpace | None:
    return self._limit(self.families) if self.families else None

  @functools.cached_property
  def _limited_gated(self) -> space_lib.SearchSpace | None:
    return self._limit(self.gated) if self.gated else None

  def _limit(self, space: space_lib.SearchSpace) -> space_lib.SearchSpace:
    return dataclasses.replace(
      space,
      max_macs=min(space.max_macs, self.max_macs),
      max_params=min(space.max_params, self.max_params),
    )

  def architectures(
    self, split: str, start: int, stop: int
  ) -> Iterator[spec.Architecture]:
    """Yields the architectures of a split from `start` to before `stop`."""
    for index in range(start, stop):
      if split == "train":
        yield self.train(index)
      else:
        yield self.evaluation[split][index]

  def draw(
    self, split: str, seed: int, index: int, exclusion: exclusion_lib.Exclusion
  ) -> spec.Architecture:
    """Returns architecture number `index` of a seed, as of a split."""
    space = dict(self.beyond).get(split)
    if space is None:
      space = self._limited
      if self._limited_families and index % FAMILY_EVERY == FAMILY_EVERY - 1:
        space = self._limited_families
      if self._limited_gated and split == "train":
        if index % GATED_EVERY == GATED_EVERY - 1:
          space = self._limited_gated
    name = f"{self.space.name}-{split}-{index}"
    return space_lib.sample(space, seed, index, name=name, excluded=exclusion)


@functools.lru_cache(maxsize=8)
def _evaluation(
  collection: Collection,
) -> Mapping[str, tuple[spec.Architecture, ...]]:
  found = {"predefined": _predefined(collection.space)}
  exclusion = exclusion_lib.Exclusion(with_twins=found["predefined"])
  drawn_splits = [name for name in collection.sizes if name not in _NOT_DRAWN]
  for place, split in enumerate(drawn_splits):
    drawn = []
    for index in range(collection.sizes[split]):
      drawn.append(collection.draw(split, _LAST_SEED - place, index, exclusion))
      exclusion.add(drawn[-1])
    found[split] = tuple(drawn)
  return {name: found[name] for name in (*drawn_splits, "predefined")}


@functools.cache
def _predefined(
  space: space_lib.SearchSpace,
) -> tuple[spec.Architecture, ...]:
  """The targets of models/, with the images and classes of a space.

  Those that such images are too small for are left out.
  """
  found = []
  for path in sorted(_PREDEFINED.glob("*.json")):
    target = serialization.from_json(path.read_text())
    *body, classifier = target.nodes
    layer = classifier.layer._replace(filters=space.num_classes)
    nodes = (*body, classifier._replace(layer=layer))
    # What does not fit is found while the shapes are inferred.
    with contextlib.suppress(ValueError):
      found.append(
        dataclasses.replace(target, input_shape=space.input_shape, nodes=nodes)
      )
  return tuple(found)


def _variant(
  space: space_lib.SearchSpace, grammar: dict[str, Any], **limits: Any
) -> space_lib.SearchSpace:
  """Returns a space with a changed grammar and changed limits."""
  changed = dataclasses.replace(cast(Any, space.grammar), **grammar)
  return dataclasses.replace(space, grammar=changed, **limits)


def _edge(space: space_lib.SearchSpace) -> Collection:
  block = edge_space.Block
  relatives = families.FamilyGrammar(
    ((8, 3), (12, 2), (16, 6), (20, 2), (24, 3), (28, 1), (32, 2))
  )
  gated = dataclasses.replace(
    space,
    grammar=space_lib.Mixture(
      (
        dataclasses.replace(cast(Any, space.grammar), gates=gates.Gates()),
        dataclasses.replace(relatives, gates=gates.Gates()),
      )
    ),
  )
  return Collection(
    space,
    dataclasses.replace(space, grammar=relatives),
    gated,
    (
      (
        "wide",
        _variant(
          space,
          {
            "base_channels": ((48, 2), (64, 1)),
            "max_channels": ((192, 1), (256, 1)),
          },
          max_macs=200_000_000,
          max_params=2_500_000,
        ),
      ),
      (
        "deep",
        _variant(
          space,
          {
            "stages": ((3, 1), (4, 1)),
            "blocks_per_stage": ((4, 1), (6, 1), (8, 1)),
          },
          min_nodes=121,
          max_nodes=400,
          max_macs=90_000_000,
          max_params=750_000,
        ),
      ),
      (
        "dense",
        _variant(
          space,
          {
            "blocks": ((block.BRANCHES, 1), (block.CELL, 3)),
            "cell_steps": (4, 5, 6, 8),
          },
          max_nodes=400,
          max_macs=90_000_000,
          max_params=750_000,
        ),
      ),
      ("bnfree", _variant(space, {"norm_free_share": 1.0})),
      ("gated", gated),
    ),
  )


def _convnets(space: space_lib.SearchSpace) -> Collection:
  relatives = families.FamilyGrammar(
    ((16, 2), (24, 2), (32, 4), (40, 1), (48, 2), (56, 1), (64, 3))
  )
  # DeepNets-1M's cells know no gates.
  gated = dataclasses.replace(
    space, grammar=dataclasses.replace(relatives, gates=gates.Gates())
  )
  return Collection(
    space,
    dataclasses.replace(space, grammar=relatives),
    gated,
    (
      ("wide", _variant(space, {"width_factor": 4}, max_params=160_000_000)),
      ("deep", _variant(space, {"cells": (10, 36)})),
      ("dense", _variant(space, {"steps": (2, 6, 10)})),
      ("bnfree", _variant(space, {"norm_free": True})),
      ("gated", gated),
    ),
  )


def collection(
  space_name: str,
  input_shape: tuple[int, int, int] = (32, 32, 3),
  num_classes: int = 10,
) -> Collection:
  """Returns the splits of a space of `space.SPACES`.

  Args:
    space_name: the space.
    input_shape: image height, width and channels.
    num_classes: number of logits.

  Raises:
    ValueError: there is no such space.
  """
  if space_name not in [*space_lib.SPACES]:
    raise ValueError(
      f"There is no space {space_name!r}; expected one of"
      f" {', '.join(space_lib.SPACES)}."
    )
  space = dataclasses.replace(
    space_lib.SPACES[space_name],
    input_shape=input_shape,
    num_classes=num_classes,
  )
  if isinstance(space.grammar, convnets_space.ConvNetsGrammar):
    return _convnets(space)
  return _edge(space) if space_name == "edge" else Collection(space)
