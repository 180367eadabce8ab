# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Variations of one network: its widths, depth, windows and expansions.

Layers whose channels must be equal, as an Add, a depthwise convolution or a
BatchNorm demands, are widened together.
"""

from collections.abc import Mapping
import dataclasses
import functools

import numpy as np

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.spaces import draws
from ghn_tf.spaces import space as space_lib

_WITH_KERNEL = (ops.Op.CONV, ops.Op.DEPTHWISE_CONV)
_MAKING = (ops.Op.CONV, ops.Op.DENSE)
# Widened channels are a multiple of it, as those of `families`.
_MULTIPLE = 4


@dataclasses.dataclass(frozen=True)
class Variations:
  """The distribution of a network's variations; weights are frequencies.

  Attributes:
    network: what is varied. Images, classes and the order of operations stay.
    widths: factors of all channels.
    expansions: further factors of channels that no Add, Multiply or Concat
      joins with others, such as those within a block.
    windows: sizes of square windows above 1, and 0 for the network's own.
    repetitions: how often what can be repeated is there: parts of one input and
      output, both of the same operation. One that halves the image, or changes
      the channels, stays, and is repeated without that.
  """

  network: spec.Architecture
  widths: draws.Weighted[float] = (
    *((0.25, 1), (0.5, 2), (0.75, 2), (1.0, 4)),
    *((1.25, 1), (1.5, 1), (2.0, 1)),
  )
  expansions: draws.Weighted[float] = (
    *((0.5, 1), (0.75, 1), (1.0, 5)),
    *((1.25, 1), (1.5, 1)),
  )
  windows: draws.Weighted[int] = ((0, 5), (3, 1), (5, 1))
  repetitions: draws.Weighted[int] = ((0, 1), (1, 4), (2, 2), (3, 1))

  def draw(
    self,
    rng: np.random.Generator,
    input_shape: tuple[int, int, int],
    num_classes: int,
    name: str,
  ) -> spec.Architecture | None:
    """Returns a random variation; None where its layers do not fit.

    Args:
      rng: source of randomness.
      input_shape: that of the network.
      num_classes: those of the network.
      name: of the variation.

    Raises:
      ValueError: other images or classes than the network's.
    """
    network = self.network
    if (input_shape, num_classes) != (
      network.input_shape,
      network.num_classes,
    ):
      raise ValueError(
        f"Variations of {network.name!r} take images of"
        f" {list(network.input_shape)} and have {network.num_classes} classes,"
        f" got {list(input_shape)} and {num_classes}."
      )
    layers = self._layers(rng)
    times = {
      part: draws.weighted(rng, self.repetitions) for part in parts(network)
    }
    try:
      return _assemble(network, layers, times, name)
    except ValueError:  # a window or a part that does not fit
      return None

  def _layers(self, rng: np.random.Generator) -> list[ops.Layer]:
    """Returns the layer of each node, with other filters and windows."""
    width = draws.weighted(rng, self.widths)
    groups, joined = _groups(self.network)
    factors: dict[int, float] = {}
    layers = []
    for index, node in enumerate(self.network.nodes):
      layer = node.layer
      if node.op in _MAKING and index != len(self.network.nodes) - 1:
        group = groups[index]
        if group not in factors:
          own = draws.weighted(rng, self.expansions)
          factors[group] = width * (1.0 if group in joined else own)
        if factors[group] != 1:
          wanted = layer.filters * factors[group] / _MULTIPLE
          filters = max(_MULTIPLE, _MULTIPLE * round(wanted))
          layer = layer._replace(filters=filters)
      if node.op in _WITH_KERNEL and layer.kernel[0] == layer.kernel[1] > 1:
        if (size := draws.weighted(rng, self.windows)) and (
          layer.padding == "same"
        ):
          layer = layer._replace(kernel=(size, size))
      layers.append(layer)
    return layers


def space(network: spec.Architecture) -> space_lib.SearchSpace:
  """Returns the search space of a network's variations."""
  return space_lib.SearchSpace(
    network.name,
    Variations(network),
    input_shape=network.input_shape,
    num_classes=network.num_classes,
  )


def _groups(
  network: spec.Architecture,
) -> tuple[list[int], frozenset[int]]:
  """Returns for each node a node that has its channels, and which are joined.

  Nodes have the same one if their channels must be equal.
  """
  groups = [*range(len(network.nodes))]

  def root(index: int) -> int:
    while groups[index] != index:
      index = groups[index]
    return index

  joins: set[int] = set()
  for index, node in enumerate(network.nodes):
    if node.op in (*ops.PAIRS, ops.Op.CONCAT):
      joins.update(node.inputs)
    if node.op in _MAKING or node.op is ops.Op.CONCAT:
      continue
    for source in node.inputs:
      groups[root(index)] = root(source)
  found = [root(index) for index in range(len(groups))]
  return found, frozenset(found[index] for index in joins)


@functools.lru_cache(maxsize=64)
def parts(network: spec.Architecture) -> tuple[tuple[int, int], ...]:
  """Returns the parts that may be repeated, as pairs of their ends.

  All ways from the image to the logits go through both ends. A part has what
  lies behind the first, up to the second, and at least one kernel.
  """
  gates = _gates(network)
  found = []
  start = 0
  while start < len(gates):
    first = gates[start]
    for end in range(start + 1, len(gates)):
      last = gates[end]
      between = network.nodes[first + 1 : last + 1]
      if network.nodes[last].op is network.nodes[first].op and any(
        node.op in _WITH_KERNEL for node in between
      ):
        found.append((first, last))
        start = end - 1
        break
    start += 1
  return tuple(found)


def _gates(network: spec.Architecture) -> list[int]:
  """Returns the nodes within an image that all ways to the logits go through.

  Every node lies on such a way, so it is one if nothing before it is read
  behind it.
  """
  gates = []
  furthest = 0
  for index in range(len(network.nodes) - 1):
    readers = network.consumers[index]
    if furthest <= index and index and len(network.shapes[index]) == 3:
      gates.append(index)
    furthest = max(furthest, *readers)
  return gates


def _assemble(
  network: spec.Architecture,
  layers: list[ops.Layer],
  times: Mapping[tuple[int, int], int],
  name: str,
) -> spec.Architecture:
  """Returns a network with other layers, and parts as often as told.

  Raises:
    ValueError: its layers do not fit.
  """
  builder = spec.Builder(network.input_shape, network.nodes[0].name)
  places = {0: 0}

  def add(first: int, last: int, copy: int = 0) -> None:
    """Adds nodes behind the first, up to the last; copies have no strides."""
    for index in range(first + 1, last + 1):
      node, layer = network.nodes[index], layers[index]
      if copy:
        layer = layer._replace(strides=(1, 1))
      inputs = [places[i] for i in node.inputs]
      suffix = f"_again{copy}" if copy else ""
      places[index] = builder.place(layer, *inputs, name=node.name + suffix)

  done = 0
  for (first, last), number in times.items():
    add(done, first)
    done = last
    if not number and network.shapes[first] == network.shapes[last]:
      places[last] = places[first]
      continue
    add(first, last)
    for copy in range(1, number):
      places[first] = places[last]
      add(first, last, copy)
  add(done, len(network.nodes) - 1)
  return builder.build(name)
