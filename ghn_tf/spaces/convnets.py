# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The convolutional part of DeepNets-1M (arXiv 2110.13100).

No attention, squeeze-and-excitation, layer norm or position encoding: of
GHN-2's primitives, those that `genotype.PRIMITIVES` lists.
"""

import dataclasses
from typing import Any

import numpy as np

from ghn_tf.arch import genotype
from ghn_tf.arch import spec
from ghn_tf.spaces import draws

# The primitives without parameters come first.
_NUM_POOLING = genotype.PRIMITIVES.index("skip_connect") + 1
_LARGE = ("conv_5x5", "conv_7x7")
_WIDTHS = tuple(range(32, 129, 16))
_DENSE_UNITS = tuple(range(64, 513, 64))
# The widths at which DeepNets-1M measures a network.
_SIZING: dict[str, Any] = {"C": _WIDTHS[0], "fc_dim": 256}

_Gene = tuple[str, int]


@dataclasses.dataclass(frozen=True)
class ConvNetsGrammar:
  """DeepNets-1M's distribution over genotypes, network arguments and widths.

  Attributes:
    cells: least and greatest number of cells.
    deep: least and greatest threshold above which a network counts as deep;
      the threshold is drawn for each network.
    steps: least number of sums in a cell, and greatest number in networks that
      are deep and that are not.
    norm_free_share: of networks without BatchNorm, among those of at most
      min cells + 1 cells and two steps; the others always have it.
    norm_free: whether no network has BatchNorm, of any size.
    width_factor: of the channels, after they were drawn by the network's size.
  """

  cells: tuple[int, int] = (4, 18)
  deep: tuple[int, int] = (7, 10)
  steps: tuple[int, int, int] = (1, 2, 4)
  norm_free_share: float = 0.5
  norm_free: bool = False
  width_factor: int = 1

  def draw(
    self,
    rng: np.random.Generator,
    input_shape: tuple[int, int, int],
    num_classes: int,
    name: str,
  ) -> spec.Architecture | None:
    """Returns a random network; None for one that DeepNets-1M leaves out.

    It leaves out networks whose cells have no convolution, those with more
    than one 5x5 or 7x7 convolution in a cell, and disconnected ones.
    """
    n_cells = _between(rng, *self.cells)
    deep = n_cells > _between(rng, *self.deep)
    least, greatest_deep, greatest = self.steps
    steps = _between(rng, least, greatest_deep if deep else greatest)
    genes = _draw_genotype(rng, steps)
    primitives = {
      kind: [primitive for primitive, _ in genes[kind]]
      for kind in ("normal", "reduce")
    }
    if not any("conv" in o for cell in primitives.values() for o in cell):
      return None
    num_large = max(
      sum(map(cell.count, _LARGE)) for cell in primitives.values()
    )
    if num_large > 1:
      return None
    arguments = self._draw_arguments(rng, n_cells, deep, steps)
    arguments |= {"input_shape": input_shape, "num_classes": num_classes}
    try:
      sized = genotype.from_genotype(genes, **arguments, **_SIZING, name=name)
    except genotype.DisconnectedError:
      return None
    narrow = not arguments["glob_avg"] or num_large > 0
    width = _draw_width(rng, sized.num_params, n_cells, narrow)
    width["C"] *= self.width_factor
    if width["C"] == _SIZING["C"] and arguments["fc_layers"] == 1:
      return sized
    return genotype.from_genotype(genes, **arguments, **width, name=name)

  def _draw_arguments(
    self, rng: np.random.Generator, n_cells: int, deep: bool, steps: int
  ) -> dict[str, Any]:
    """Returns GHN-2's network arguments, all but the widths."""
    may_lack_norm = n_cells <= self.cells[0] + 1 and steps <= 2
    lacks_norm = may_lack_norm and draws.chance(rng, self.norm_free_share)
    stem_type = draws.one_of(rng, (0, 1))
    return {
      "n_cells": n_cells,
      "ks": draws.one_of(rng, (3, 5, 7)),
      "C_mult": draws.one_of(rng, (1, 2)),
      "glob_avg": deep or draws.chance(rng, 0.9),
      "norm": None if lacks_norm or self.norm_free else "bnorm",
      "stem_type": stem_type,
      "stem_pool": stem_type == 0 and draws.chance(rng, 0.5),
      "fc_layers": draws.one_of(rng, (1, 2)),
    }


def _between(rng: np.random.Generator, least: int, greatest: int) -> int:
  return draws.one_of(rng, range(least, greatest + 1))


def _draw_genotype(rng: np.random.Generator, steps: int) -> dict[str, Any]:
  """Returns a DARTS genotype whose cells have `steps` sums.

  DeepNets-1M draws a normal score for each primitive on each edge, and takes
  the best primitives of the two best edges into a state. The scores are
  exchangeable, so this is to draw two edges and their primitives uniformly.
  """
  first = 0 if steps > 1 else 1  # "none" would leave a single sum too little
  pools_only = draws.chance(rng, 0.5)
  reduction = genotype.PRIMITIVES[first : _NUM_POOLING if pools_only else None]
  drops = steps > 1 and draws.chance(rng, 0.5)
  concat = [
    state
    for state in range(2, steps + 2)
    if state == steps + 1 or not drops or draws.chance(rng, 0.5)
  ]
  return {
    "normal": _draw_cell(rng, steps, genotype.PRIMITIVES[first:]),
    "normal_concat": concat,
    "reduce": _draw_cell(rng, steps, reduction),
    "reduce_concat": concat,
  }


def _draw_cell(
  rng: np.random.Generator, steps: int, primitives: tuple[str, ...]
) -> list[_Gene]:
  genes = []
  for step in range(steps):
    states = list(range(2 + step))
    for _ in range(2):
      state = draws.one_of(rng, states)
      states.remove(state)
      genes.append((draws.one_of(rng, primitives), state))
  return genes


def _draw_width(
  rng: np.random.Generator, num_params: int, n_cells: int, narrow: bool
) -> dict[str, Any]:
  """Returns channels and dense units; less for what is large or deep.

  Args:
    rng: source of randomness.
    num_params: parameters with 32 channels and 256 dense units.
    n_cells: number of cells.
    narrow: whether the network gets the least channels in any case.
  """
  units = _DENSE_UNITS[:4]
  if narrow or num_params > 800_000 or n_cells > 12:
    choices = 1
  elif num_params > 400_000 or n_cells > 10:
    choices = 2
  elif num_params > 200_000 or n_cells > 8:
    choices = 3
  else:
    choices = len(_WIDTHS)
  channels = draws.one_of(rng, _WIDTHS[:choices])
  if choices == len(_WIDTHS) and channels <= 64:
    units = _DENSE_UNITS
  return {"C": channels, "fc_dim": draws.one_of(rng, units)}
