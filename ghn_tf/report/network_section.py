# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""A network with its parameters on a page: its graph, kernels, activations."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import network
from ghn_tf.quant import range_rules
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.report import kernels as kernels_lib
from ghn_tf.report import network_graph
from ghn_tf.report import page
from ghn_tf.report import parts


def section(
  architecture: spec.Architecture,
  params: network.Params,
  recipe: recipe_lib.Recipe,
  *,
  checkpoint: str,
  max_distance: int,
  images: np.ndarray,
  note: str = "",
) -> page.Section:
  """Returns what is to be seen of a network.

  Args:
    architecture: the network.
    params: calibrated.
    recipe: how it is rounded.
    checkpoint: the hypernetwork's name.
    max_distance: of the hypernetwork's virtual edges.
    images: normalized, [n, H, W, C], by which it is shown what activations are
      like.
    note: what else is to be told.

  Raises:
    ValueError: params that lack a tensor, images of another shape, or a network
      with too many virtual edges.
  """
  kernels = kernels_lib.read(architecture, params, recipe)
  found: list[page.Part] = [
    network_graph.draw(architecture, max_distance),
    *kernels_lib.first_layer(architecture, kernels),
    kernels_lib.histograms(kernels),
    kernels_lib.table(kernels),
  ]
  if not recipe.is_float:
    found.append(_activations(architecture, params, recipe, images))
  text = (
    f"{len(architecture.nodes)} nodes, {architecture.macs:,}"
    f" multiply-accumulates, {architecture.num_params:,} parameters. {note}"
  )
  name = f"{architecture.name}, {recipe.name}"
  title = f"Network {name}, predicted by {checkpoint}"
  return page.Section(f"Network: {name}", text, found, title)


class _Output(NamedTuple):
  """A stored output: its grid, and what was to be rounded."""

  num_bits: int
  low: float
  high: float
  least: float
  greatest: float
  beyond: float  # the share of values


class _Observed(network.StoredStatistics):
  """Stored statistics that also tell what they saw."""

  def __init__(self, params: network.Params):
    super().__init__(params)
    self.found: dict[str, _Output] = {}

  def range(
    self,
    node: ops.Node,
    x: tf.Tensor,
    grid: recipe_lib.TensorQuantization,
    bounds: range_rules.Bounds,
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """See `network.Statistics`."""
    low, high = super().range(node, x, grid, bounds)
    values = x.numpy()
    beyond = float(np.mean((values < low) | (values > high)))
    self.found[node.name] = _Output(
      grid.num_bits,
      float(low),
      float(high),
      float(values.min()),
      float(values.max()),
      beyond,
    )
    return low, high


def _activations(
  architecture: spec.Architecture,
  params: Mapping[str, tf.Tensor],
  recipe: recipe_lib.Recipe,
  images: np.ndarray,
) -> parts.Chart:
  """Returns the range of every stored output, from the image down."""
  observed = _Observed(params)
  network.run(
    architecture,
    params,
    tf.constant(images),
    recipe=recipe,
    statistics=observed,
  )
  names = [parts.label(name) for name in observed.found]
  bits, low, high, least, greatest, beyond = (
    np.array(own) for own in zip(*observed.found.values(), strict=True)
  )
  steps = (high - low) / (2.0**bits - 1)
  seen = {
    "type": "bar",
    "orientation": "h",
    "name": "values, least to greatest",
    "y": names,
    "base": least,
    "x": greatest - least,
    "width": 0.22,
    "marker": {"color": "var(--vermilion)"},
    "text": [
      f"{a:.3g} to {b:.3g}" for a, b in zip(least, greatest, strict=True)
    ],
    "textposition": "none",
    "hovertemplate": "values %{text}<extra>%{y}</extra>",
  }
  stored = {
    **seen,
    "name": "range of the grid",
    "base": low,
    "x": high - low,
    "width": 0.7,
    "marker": {"color": "var(--sky)"},
    "text": [
      f"{a:.3g} to {b:.3g}, {own_bits} bits, step {step:.3g};"
      f" {100 * share:.2f} % of the values are beyond"
      for a, b, own_bits, step, share in zip(
        low, high, bits, steps, beyond, strict=True
      )
    ],
    "hovertemplate": "range %{text}<extra>%{y}</extra>",
  }
  layout = {
    "barmode": "overlay",
    "xaxis": parts.axis("value"),
    "yaxis": {"autorange": "reversed", "type": "category", "dtick": 1},
  }
  return parts.Chart(
    f"Ranges of activations, and their values in {len(images)} images",
    [stored, seen],
    layout,
    height=90 + 18 * len(names),
    is_wide=True,
  )
