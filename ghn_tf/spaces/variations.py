# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Variations of one network: its widths, depth, windows and expansions.

Layers whose channels must be equal, as an Add, a depthwise convolution or a
BatchNorm demands, are widened together.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
from typing import Any

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
    values = [draws.weighted(rng, own.options) for own in self._choices]
    try:
      return self._varied(values, name)
    except ValueError:  # a window or a part that does not fit
      return None

  @property
  def own(self) -> list[float]:
    """The random numbers for which `draw` gives the network itself.

    Raises:
      ValueError: there are none, as one of the distributions leaves it out.
    """
    return [draws.place(own.options, own.none) for own in self._choices]

  def told(self, rng: np.random.Generator) -> str:
    """Returns in a few words what `draw` varies with these random numbers."""
    counts = {"expansion": 0, "window": 0}
    words, blocks = [], []
    for choice in self._choices:
      value = draws.weighted(rng, choice.options)
      if not self._does_vary(choice, value):
        continue
      if choice.what == "width":
        words.append(f"width {value}")
      elif choice.what == "block":
        times = {0: "left out", 2: "twice", 3: "three times"}.get(
          value, f"{value} times"
        )
        blocks.append(f"block {choice.place + 1} {times}")
      else:
        counts[choice.what] += 1
    words += [
      f"{number} {what}{'s' * (number > 1)}"
      for what, number in counts.items()
      if number
    ]
    return ", ".join(words + blocks) or "nothing"

  def _does_vary(self, choice: "_Choice", value: float) -> bool:
    """Whether a value of a choice makes another network."""
    network = self.network
    if choice.what == "window":
      return value not in (0, network.nodes[choice.place].layer.kernel[0])
    if choice.what == "block" and value == 0:
      first, last = parts(network)[choice.place]
      return network.shapes[first] == network.shapes[last]
    return value != choice.none

  @functools.cached_property
  def _choices(self) -> tuple["_Choice", ...]:
    """What is drawn, in this order."""
    result = [_Choice("width", 0, self.widths, 1.0)]
    groups, joined = _groups(self.network)
    seen = {*joined}
    for index, node in enumerate(self.network.nodes[:-1]):
      if node.op in _MAKING and (group := groups[index]) not in seen:
        seen.add(group)
        result.append(_Choice("expansion", group, self.expansions, 1.0))
      if node.op in _WITH_KERNEL and node.layer.padding == "same":
        if node.layer.kernel[0] == node.layer.kernel[1] > 1:
          result.append(_Choice("window", index, self.windows, 0))
    result += [
      _Choice("block", place, self.repetitions, 1)
      for place in range(len(parts(self.network)))
    ]
    return tuple(result)

  def _varied(self, values: Sequence[Any], name: str) -> spec.Architecture:
    """Returns the network with a value of each choice.

    Raises:
      ValueError: its layers do not fit.
    """
    network = self.network
    found = {
      (own.what, own.place): value
      for own, value in zip(self._choices, values, strict=True)
    }
    groups, _ = _groups(network)
    layers = []
    for index, node in enumerate(network.nodes):
      layer = node.layer
      if node.op in _MAKING and index != len(network.nodes) - 1:
        own = found.get(("expansion", groups[index]), 1.0)
        if (factor := found["width", 0] * own) != 1:
          wanted = layer.filters * factor / _MULTIPLE
          filters = max(_MULTIPLE, _MULTIPLE * round(wanted))
          layer = layer._replace(filters=filters)
      if size := found.get(("window", index)):
        layer = layer._replace(kernel=(size, size))
      layers.append(layer)
    times = {
      part: found["block", place] for place, part in enumerate(parts(network))
    }
    return _assemble(network, layers, times, name)


@dataclasses.dataclass(frozen=True)
class _Choice:
  """What is drawn of a variation.

  Attributes:
    what: width, expansion, window or block.
    place: of an expansion the group of nodes, of a window the node, of a block
      its number among `parts`.
    options: with their weights.
    none: the option that varies nothing.
  """

  what: str
  place: int
  options: draws.Weighted[Any]
  none: float


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
