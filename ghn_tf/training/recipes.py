# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which recipe each network of a run is trained in."""

import numpy as np

from ghn_tf.arch import spec
from ghn_tf.child import grids
from ghn_tf.child import ranges
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.spaces import draws
from ghn_tf.training import config as training_config

# Of the kernels and outputs of a network that has several.
_BITS = (2, 4, 8)


class Recipes:
  """The recipes of a run: one, or any.

  Attributes:
    uniform: those that all layers of a network may have.
    evaluated: these and float.
  """

  def __init__(self, config: training_config.TrainConfig):
    """Takes the recipes that a configuration names."""
    self._config = config
    names = [config.recipe]
    if config.recipe == training_config.ANY:
      # Those of which layers can be mixed, and float.
      names = [n for n, r in recipe_lib.RECIPES.items() if not r.is_wide]
    self.uniform = tuple(map(self._get, names))
    self.evaluated = tuple(
      dict.fromkeys((recipe_lib.get("float"), *self.uniform))
    )

  def _get(self, name: str) -> recipe_lib.Recipe:
    mode = recipe_lib.Mode(self._config.quantization_mode)
    return recipe_lib.get(name, mode, self._config.per_channel)

  def draw(
    self, architecture: spec.Architecture, number: int
  ) -> recipe_lib.Recipe:
    """Returns the recipe of a network, a pure function of seed and number.

    Where there are several, every second network is of one of those of uniform
    bits, each as likely. The others have two numbers of bits, of kernels and of
    outputs, and some share of both that has bits of its own, from none to all:
    so a few layers that differ, as people choose them, are there as well as a
    network of which each is different.

    Args:
      architecture: the network.
      number: of the network, among all that are trained.
    """
    if len(self.uniform) == 1:
      return self.uniform[0]
    rng = np.random.default_rng([self._config.seed, 2, number])
    if draws.chance(rng, 0.5):
      return draws.one_of(rng, self.uniform)
    return self._get(_mixed(rng, architecture))


def _mixed(rng: np.random.Generator, architecture: spec.Architecture) -> str:
  """Returns the name of a recipe in which layers have bits of their own."""
  weights, activations = (draws.one_of(rng, _BITS) for _ in range(2))
  share = rng.random()

  def own(others: int) -> int:
    return draws.one_of(rng, _BITS) if draws.chance(rng, share) else others

  stores = ranges.stores(architecture)
  outputs = {store: own(activations) for store in dict.fromkeys(stores)}
  base = f"w{weights}a{activations}"
  parts = [base]
  for name, index in grids.layers(architecture).items():
    has_kernel = architecture.nodes[index].op in grids.CHANNEL_AXIS
    kernel = own(weights) if has_kernel else weights
    recipe = f"w{kernel}a{outputs[stores[index]]}"
    if recipe != base:
      parts.append(f"{name}={recipe}")
  return "+".join(parts)
