# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which tensor of a network is rounded to which grid, by a recipe.

A layer that a recipe names has the bits of its own there: its kernel, and what
is stored of its output. An integer runtime stores nothing between a convolution
and the BatchNorm and ReLU behind it (`ranges`), so the name of either is one
for what comes out of the last. If several of them are named, what is stored has
the bits of the last. A concat stores its operands as one, and comes after
them.
"""

from collections.abc import Mapping, Sequence
import difflib
import functools
from typing import NamedTuple

import numpy as np

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import ranges
from ghn_tf.quant import recipe as recipe_lib

# Axis of the output channels of a kernel; None where it has one range in all.
CHANNEL_AXIS: Mapping[ops.Op, int | None] = {
  ops.Op.CONV: 3,
  ops.Op.GROUPED_CONV: 3,
  ops.Op.DEPTHWISE_CONV: 2,
  ops.Op.DENSE: None,
}


class Grids(NamedTuple):
  """The grids of a network's tensors.

  Attributes:
    kernels: of every node's kernel; None where it has none, or one in float.
    outputs: of every node's output; None where it is not stored, or in float.
  """

  kernels: tuple[recipe_lib.TensorQuantization | None, ...]
  outputs: tuple[recipe_lib.TensorQuantization | None, ...]


@functools.lru_cache(maxsize=1024)
def of(architecture: spec.Architecture, recipe: recipe_lib.Recipe) -> Grids:
  """Returns the grids of a network in a recipe.

  Raises:
    ValueError: the recipe names a layer that the network does not have, or that
      has no bits of its own; or it names two layers whose outputs are stored as
      one, with different bits.
  """
  named = _named(architecture, recipe)
  of_store = {
    store: _of_store(architecture, store, recipe, named)
    for store in dict.fromkeys(ranges.stores(architecture))
  }
  return Grids(
    tuple(
      named.get(index, recipe).weights if node.op in CHANNEL_AXIS else None
      for index, node in enumerate(architecture.nodes)
    ),
    tuple(
      None if output is None else of_store[store]
      for output, store in zip(
        ranges.output_ranges(architecture),
        ranges.stores(architecture),
        strict=True,
      )
    ),
  )


@functools.lru_cache(maxsize=1024)
def bits(
  architecture: spec.Architecture, recipe: recipe_lib.Recipe
) -> np.ndarray:
  """Returns the bits around every node, which a hypernetwork is told, [N, 2].

  They are those of its kernel, or of the one that its BatchNorm scales, and
  those of its output, or of what stores it; 0 for none and for float.

  Raises:
    ValueError: see `of`.
  """
  grids, stores = of(architecture, recipe), ranges.stores(architecture)
  rows = []
  for index, node in enumerate(architecture.nodes):
    kernel = node.inputs[0] if node.op is ops.Op.BATCH_NORM else index
    pair = grids.kernels[kernel], grids.outputs[stores[index]]
    rows.append([0 if grid is None else grid.num_bits for grid in pair])
  result = np.array(rows, np.int32)
  result.flags.writeable = False  # it is the same for all who ask
  return result


@functools.lru_cache(maxsize=1024)
def layers(architecture: spec.Architecture) -> Mapping[str, int]:
  """Returns the nodes that a recipe may name, by name.

  They have a kernel, or decide on the bits of what is stored.
  """
  return {
    node.name: index
    for index, node in enumerate(architecture.nodes)
    if node.op in CHANNEL_AXIS or _decides(architecture, index)
  }


def _decides(architecture: spec.Architecture, index: int) -> bool:
  """Whether a stored output would have the bits of a node that is named."""
  if ranges.stores(architecture)[index] in _interface(architecture):
    return False
  output = ranges.output_ranges(architecture)[index]
  if output is None:  # An average keeps the range of what it reads.
    return architecture.nodes[index].op is not ops.Op.AVG_POOL
  return output.owner == index


def interface(recipe: recipe_lib.Recipe) -> recipe_lib.TensorQuantization:
  """Returns the grid of the image and the logits; the recipe is not float."""
  if recipe.is_wide and recipe.activations is not None:
    return recipe.activations
  return recipe_lib.INTERFACE


@functools.lru_cache(maxsize=1024)
def _interface(architecture: spec.Architecture) -> frozenset[int]:
  """Returns the nodes of the image, of the logits and of gates."""
  gates = [
    index
    for index, node in enumerate(architecture.nodes)
    if node.op in ranges.GATES
  ]
  return frozenset((0, len(architecture.nodes) - 1, *gates))


def _named(
  architecture: spec.Architecture, recipe: recipe_lib.Recipe
) -> dict[int, recipe_lib.Recipe]:
  """Returns the recipes of named layers by their nodes."""
  if not recipe.layers:
    return {}
  known = layers(architecture)
  if wrong := [name for name, _ in recipe.layers if name not in known]:
    raise ValueError(_problem(architecture, wrong[0]))
  return {known[name]: own for name, own in recipe.layers}


def _problem(architecture: spec.Architecture, name: str) -> str:
  """Returns why a recipe cannot name a layer, and what it may."""
  where = f"Layer {name!r} of network {architecture.name!r}"
  names = [node.name for node in architecture.nodes]
  if name not in names:
    known = [*layers(architecture)]
    near = difflib.get_close_matches(name, known, 5) or known[:5]
    return f"{where}, which a recipe names, does not exist; there are {near}."
  store = ranges.stores(architecture)[names.index(name)]
  if store in _interface(architecture):
    return (
      f"{where} has 8 bits in every recipe, as the image, the logits and what"
      " comes out of a sigmoid."
    )
  return (
    f"{where} has no bits of its own, but keeps those of {names[store]!r};"
    " name that instead."
  )


def _of_store(
  architecture: spec.Architecture,
  store: int,
  recipe: recipe_lib.Recipe,
  named: Mapping[int, recipe_lib.Recipe],
) -> recipe_lib.TensorQuantization | None:
  """Returns the grid of what is stored on a node's range."""
  if recipe.activations is not None and store in _interface(architecture):
    return interface(recipe)
  if not named:
    return recipe.activations
  deciding = _deciding(architecture, ranges.twins(architecture, store), named)
  found = {named[index].activations: index for index in deciding}
  if len(found) > 1:
    nodes = architecture.nodes
    told = [f"{nodes[i].name}={named[i].name}" for i in found.values()]
    raise ValueError(
      f"Network {architecture.name!r} stores the outputs of"
      f" {' and '.join(told)} as one, that of {nodes[store].name!r}; give them"
      " the same bits of activations."
    )
  return next(iter(found), recipe.activations)


def _deciding(
  architecture: spec.Architecture,
  nodes: Sequence[int],
  named: Mapping[int, recipe_lib.Recipe],
) -> list[int]:
  """Returns which of nodes are named, or else of those that they absorb."""
  if own := [index for index in nodes if index in named]:
    return own
  outputs = ranges.output_ranges(architecture)
  return [
    index
    for source in {i for node in nodes for i in architecture.nodes[node].inputs}
    if outputs[source] is None
    for index in _deciding(architecture, (source,), named)
  ]
