# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""A network with its parameters on a page: what is predicted, and rounded."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import grids
from ghn_tf.child import network
from ghn_tf.quant import fake_quant
from ghn_tf.quant import range_rules
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.report import network_graph
from ghn_tf.report import page
from ghn_tf.report import parts

_NUM_BINS = 100  # of a histogram in float
# Bins to a step of a grid that has few.
_FINE = 8
_MAX_IMAGES = 64
_MAX_KERNELS = 64
_PIXEL = 9  # of a kernel, in pixels of the screen


@dataclasses.dataclass(frozen=True)
class Kernel:
  """A kernel in steps of its grid.

  Attributes:
    name: of its node.
    op: of its node.
    predicted: values, [kh, kw, c_in, c_out], depthwise [kh, kw, c, 1] or
      [c_in, c_out].
    rounded: the same on the grid; None in float.
    step: of the grid, as it is broadcast to both; None in float.
    num_bits: of the grid; None in float.
  """

  name: str
  op: ops.Op
  predicted: np.ndarray
  rounded: np.ndarray | None = None
  step: np.ndarray | None = None
  num_bits: int | None = None


def section(
  architecture: spec.Architecture,
  params: network.Params,
  recipe: recipe_lib.Recipe,
  *,
  max_distance: int,
  images: np.ndarray,
  note: str = "",
) -> page.Section:
  """Returns what is to be seen of a network.

  Args:
    architecture: the network.
    params: calibrated.
    recipe: how it is rounded.
    max_distance: of the hypernetwork's virtual edges.
    images: some normalized ones, [n, H, W, C], of which the first show what
      activations are like.
    note: what else is to be told.

  Raises:
    ValueError: params that lack a tensor, images of another shape, or a network
      with too many virtual edges.
  """
  kernels = _kernels(architecture, params, recipe)
  found: list[page.Part] = [
    network_graph.draw(architecture, max_distance),
    *_first_layer(architecture, kernels),
    parts.Choice("kernel", _histograms(kernels)),
    _table(kernels),
  ]
  if not recipe.is_float:
    found.append(_activations(architecture, params, recipe, images))
  text = (
    f"{len(architecture.nodes)} nodes, {architecture.macs:,}"
    f" multiply-accumulates, {architecture.num_params:,} parameters. {note}"
  )
  return page.Section(
    f"Network: {architecture.name}, {recipe.name}", text, found
  )


def _kernels(
  architecture: spec.Architecture,
  params: network.Params,
  recipe: recipe_lib.Recipe,
) -> list[Kernel]:
  found = []
  own_grids = grids.of(architecture, recipe).kernels
  for node, grid in zip(architecture.nodes, own_grids, strict=True):
    if node.op in grids.CHANNEL_AXIS:
      kernel = tf.convert_to_tensor(params[f"{node.name}/kernel"])
      axis = grids.CHANNEL_AXIS[node.op]
      found.append(_kernel(node, kernel, grid, axis))
  return found


def _kernel(
  node: ops.Node,
  kernel: tf.Tensor,
  grid: recipe_lib.TensorQuantization | None,
  axis: int | None,
) -> Kernel:
  if grid is None:
    return Kernel(node.name, node.op, kernel.numpy())
  limit = range_rules.kernel_limit(kernel, grid, axis).numpy()
  if limit.ndim:
    shape = [1] * len(kernel.shape)
    shape[axis] = len(limit)
    limit = limit.reshape(shape)
  rounded = fake_quant.quantize_kernel(kernel, grid, channel_axis=axis)
  return Kernel(
    node.name,
    node.op,
    kernel.numpy(),
    rounded.numpy(),
    limit / (2 ** (grid.num_bits - 1) - 1),
    grid.num_bits,
  )


# --- First layer -------------------------------------------------------------


def _first_layer(
  architecture: spec.Architecture, kernels: Sequence[Kernel]
) -> list[parts.Drawing]:
  """Returns the filters that see the image, if they have its colours."""
  first = {
    node.name
    for node in architecture.nodes
    if node.op is ops.Op.CONV and node.inputs == (0,)
  }
  return [
    parts.Drawing(
      f"Filters of {kernel.name}, as predicted and, below, as rounded"
      if kernel.rounded is not None
      else f"Filters of {kernel.name}",
      _filters(kernel),
    )
    for kernel in kernels
    if kernel.name in first and kernel.predicted.shape[2] in (1, 3)
  ]


def _filters(kernel: Kernel) -> str:
  """Returns pictures in which 0 is grey, and the greatest value full colour."""
  greatest = np.abs(kernel.predicted).max() or 1.0
  shown = [kernel.predicted]
  if kernel.rounded is not None:
    shown.append(kernel.rounded)
  levels = [
    np.clip(np.rint(127.5 + 127.5 * own / greatest), 0, 255).astype(int)
    for own in shown
  ]
  number = min(kernel.predicted.shape[3], _MAX_KERNELS)
  pictures = "".join(
    _picture([own[..., index] for own in levels], index)
    for index in range(number)
  )
  return f'<div class="filters">{pictures}</div>'


def _picture(levels: Sequence[np.ndarray], index: int) -> str:
  """Returns one filter; of several states one below the other.

  Args:
    levels: [kh, kw, 1 or 3] each, 0 to 255.
    index: of the filter.
  """
  height, width, _ = levels[0].shape
  pixels = []
  for place, level in enumerate(levels):
    for y, x in np.ndindex(height, width):
      red, green, blue = np.broadcast_to(level[y, x], 3)
      top = y + place * (height + 0.5)
      pixels.append(
        f'<rect x="{x}" y="{top:g}" width="1" height="1"'
        f' fill="#{red:02x}{green:02x}{blue:02x}"/>'
      )
  total = len(levels) * (height + 0.5) - 0.5
  return (
    f'<svg width="{_PIXEL * width}" height="{_PIXEL * total:.0f}"'
    f' viewBox="0 0 {width} {total:g}" shape-rendering="crispEdges">'
    f"<title>filter {index}</title>{''.join(pixels)}</svg>"
  )


# --- Kernels -----------------------------------------------------------------


def _histograms(kernels: Sequence[Kernel]) -> dict[str, list[parts.Chart]]:
  options = {"all": kernels, **{own.name: [own] for own in kernels}}
  return {name: [_histogram(own)] for name, own in options.items()}


def _histogram(kernels: Sequence[Kernel]) -> parts.Chart:
  """Returns how values are distributed, in steps of the grids of their own."""
  if any(own.step is None for own in kernels):
    values = np.concatenate([own.predicted.ravel() for own in kernels])
    counts, edges = np.histogram(values, _NUM_BINS)
    traces = [_outline(100 * counts / len(values), edges)]
    window = {}
    titles = ("value", "share of the values [%]")
  else:
    values = np.concatenate(
      [(own.predicted / own.step).ravel() for own in kernels]
    )
    codes = np.concatenate(
      [np.rint(own.rounded / own.step).ravel() for own in kernels]
    )
    found, counts = np.unique(codes, return_counts=True)
    rounded = {
      "type": "bar",
      "name": "as rounded",
      "x": found,
      "y": 100 * counts / len(codes),
      "width": 0.8,
      "marker": {"color": "var(--orange)"},
      "hovertemplate": "%{y:.2f} % have code %{x}<extra></extra>",
    }
    # Of a grid with many steps, a bin has one.
    fine = _FINE if max(own.num_bits for own in kernels) < 6 else 1
    reach = np.ceil(np.abs(values).max()) + 0.5
    edges = np.linspace(-reach, reach, int(2 * reach * fine) + 1)
    counts, _ = np.histogram(values, edges)
    traces = [rounded, _outline(100 * fine * counts / len(values), edges)]
    # At first without the few that are far beyond the grid.
    reach = min(reach, 1.5 * np.abs(codes).max() + 1)
    window = {"range": [-reach, reach]}
    titles = ("value [steps of its grid]", "share of the values [% per step]")
  layout = {
    "xaxis": parts.axis(titles[0], **window),
    "yaxis": parts.axis(titles[1]),
    "bargap": 0,
  }
  title = "Weights before and after rounding"
  return parts.Chart(title, traces, layout, is_wide=True)


def _outline(shares: np.ndarray, edges: np.ndarray) -> dict[str, Any]:
  return {
    "name": "as predicted",
    "x": (edges[1:] + edges[:-1]) / 2,
    "y": shares,
    "mode": "lines",
    "line": {"color": "var(--blue)", "shape": "hvh", "width": 1.8},
    "hovertemplate": "%{y:.2f}<extra>as predicted, at %{x:.3g}</extra>",
  }


def _table(kernels: Sequence[Kernel]) -> parts.Table:
  header = ["kernel", "operation", "shape", "values", "bits", "greatest"]
  header += ["clipped [%]", "zeros [%]", "signal to noise [dB]"]
  return parts.Table("Kernels", header, [*map(_row, kernels)])


def _row(kernel: Kernel) -> list[parts.Cell]:
  values = kernel.predicted
  row: list[parts.Cell] = [
    kernel.name,
    kernel.op.value.replace("_", " "),
    "x".join(map(str, values.shape)),
    values.size,
    kernel.num_bits,
    float(np.abs(values).max()),
  ]
  if kernel.rounded is None:
    return [*row, None, 100 * float(np.mean(values == 0)), None]
  limit = kernel.step * (2 ** (kernel.num_bits - 1) - 1)
  # In float32 the greatest value may lie a last bit beyond its own limit.
  clipped = np.mean(np.abs(values) > limit * (1 + 1e-6))
  noise = float(np.sum((values - kernel.rounded) ** 2, dtype=np.float64))
  signal = float(np.sum(values**2, dtype=np.float64))
  ratio = 10 * np.log10(signal / noise) if signal and noise else None
  zeros = 100 * float(np.mean(kernel.rounded == 0))
  return [*row, 100 * float(clipped), zeros, ratio and float(ratio)]


# --- Activations -------------------------------------------------------------


class _Observed(network.StoredStatistics):
  """Stored statistics that also tell what they saw."""

  def __init__(self, params: network.Params):
    super().__init__(params)
    # Of a node: its bits, range, least and greatest value, and clipped share.
    self.found: dict[str, tuple[int, float, float, float, float, float]] = {}

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
    ends = *map(float, (low, high, values.min(), values.max())), beyond
    self.found[node.name] = (grid.num_bits, *ends)
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
    tf.constant(images[:_MAX_IMAGES]),
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
  number = min(len(images), _MAX_IMAGES)
  return parts.Chart(
    f"Ranges of activations, and their values in {number} images",
    [stored, seen],
    layout,
    height=90 + 18 * len(names),
    is_wide=True,
  )
