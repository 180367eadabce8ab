# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Activations of fewer than 8 bits in the int8 tensors of a file.

Integer runtimes store such an activation as int8. A grid of 2^b < 256 values
fits in if the int8 tensor takes the grid's scale, with the greatest value of
the grid at code 127: saturation then clips above exactly as the grid does, a
ReLU clips below, and every other value lies on the same grid. What differs is
stated: an output without ReLU that falls below the calibrated range is kept
where the b-bit grid would clip it. Activations of 8 and 16 bits stay as they
are.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from ghn_tf.arch import spec
from ghn_tf.child import grids
from ghn_tf.child import network
from ghn_tf.child import ranges
from ghn_tf.quant import recipe as recipe_lib

_INT8_STEPS = 2**8 - 1


def _on_int8(low: float, high: float, num_bits: int) -> np.ndarray:
  """Returns the 8-bit range [low, high] that has the grid of a narrower one."""
  steps = 2**num_bits - 1
  scale = (high - low) / steps
  # The nudge of fake quantization: 0 lies on the grid, `below` steps up.
  below = np.clip(np.round(-low / scale), 0, steps)
  top = (steps - below) * scale
  return np.array([top - _INT8_STEPS * scale, top], np.float32)


def on_int8(
  architecture: spec.Architecture,
  params: network.Params,
  recipe: recipe_lib.Recipe,
) -> tuple[dict[str, tf.Tensor], recipe_lib.Recipe]:
  """Returns params and recipe of the same network in int8 tensors.

  Args:
    architecture: the network.
    params: calibrated for the recipe.
    recipe: how it is rounded; not float.

  Raises:
    ValueError: the recipe is float, or params lack a range.
  """
  if recipe.activations is None:
    raise ValueError(
      f"Recipe {recipe.name!r} rounds nothing, so it has no integer file;"
      " choose one of w8a16, w8a8, w4a8, w4a4, w2a2."
    )
  stored = dict(params)
  outputs = grids.of(architecture, recipe).outputs
  for index, output_range in enumerate(ranges.output_ranges(architecture)):
    grid = outputs[index]
    if output_range is None or grid is None or output_range.owner != index:
      continue
    key = ranges.name(architecture.nodes[index])
    if key not in params:
      raise ValueError(
        f"params lack {key!r}; calibrate with recipe {recipe.name!r}."
      )
    if grid.num_bits < 8:
      low, high = np.asarray(params[key], np.float64)
      stored[key] = tf.constant(_on_int8(low, high, grid.num_bits))
  return stored, _with_8_bits(recipe)


def _with_8_bits(recipe: recipe_lib.Recipe) -> recipe_lib.Recipe:
  """Returns a recipe that rounds with at least 8 bits of activations."""
  grid = recipe.activations
  return dataclasses.replace(
    recipe,
    activations=grid
    and dataclasses.replace(grid, num_bits=max(8, grid.num_bits)),
    layers=tuple((name, _with_8_bits(own)) for name, own in recipe.layers),
  )
