# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The kernels of a network on a page: as predicted, and as rounded."""

from collections.abc import Sequence
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
from ghn_tf.report import parts

_NUM_BINS = 100  # of a histogram in float
# Bins to a step of a grid that has few.
_FINE = 8
_MAX_KERNELS = 64
_PIXEL = 9  # of a kernel, in pixels of the screen


@dataclasses.dataclass(frozen=True)
class Rounded:
  """A kernel on its grid.

  Attributes:
    values: of the kernel's shape.
    step: of the grid, as it is broadcast to the values.
    num_bits: of the grid.
  """

  values: np.ndarray
  step: np.ndarray
  num_bits: int


@dataclasses.dataclass(frozen=True)
class Kernel:
  """The kernel of a node.

  Attributes:
    name: of the node.
    op: of the node.
    values: as predicted, [kh, kw, c_in, c_out], depthwise [kh, kw, c, 1] or
      [c_in, c_out].
    rounded: None in float.
  """

  name: str
  op: ops.Op
  values: np.ndarray
  rounded: Rounded | None = None


def read(
  architecture: spec.Architecture,
  params: network.Params,
  recipe: recipe_lib.Recipe,
) -> list[Kernel]:
  """Returns the kernels of a network, from the image on."""
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
  if limit.ndim and axis is not None:
    shape = [1] * len(kernel.shape)
    shape[axis] = len(limit)
    limit = limit.reshape(shape)
  values = fake_quant.quantize_kernel(kernel, grid, channel_axis=axis).numpy()
  step = limit / (2 ** (grid.num_bits - 1) - 1)
  rounded = Rounded(values, step, grid.num_bits)
  return Kernel(node.name, node.op, kernel.numpy(), rounded)


def first_layer(
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
    if kernel.name in first and kernel.values.shape[2] in (1, 3)
  ]


def _filters(kernel: Kernel) -> str:
  """Returns pictures in which 0 is grey, and the greatest value full colour."""
  greatest = np.abs(kernel.values).max() or 1.0
  shown = [kernel.values]
  if kernel.rounded is not None:
    shown.append(kernel.rounded.values)
  levels = [
    np.clip(np.rint(127.5 + 127.5 * own / greatest), 0, 255).astype(int)
    for own in shown
  ]
  number = min(kernel.values.shape[3], _MAX_KERNELS)
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


def histograms(kernels: Sequence[Kernel]) -> parts.Choice:
  """Returns how values are distributed, of all kernels and of each."""
  options = {"all": kernels, **{own.name: [own] for own in kernels}}
  return parts.Choice(
    "kernel", {name: [_histogram(own)] for name, own in options.items()}
  )


def _histogram(kernels: Sequence[Kernel]) -> parts.Chart:
  on_grids = [own.rounded for own in kernels if own.rounded is not None]
  if len(on_grids) < len(kernels):
    values = np.concatenate([own.values.ravel() for own in kernels])
    counts, edges = np.histogram(values, _NUM_BINS)
    traces = [_outline(100 * counts / len(values), edges)]
    layout = _axes("value", "share of the values [%]")
    return parts.Chart("Weights", traces, layout, is_wide=True)
  values = np.concatenate(
    [
      (own.values / on_grid.step).ravel()
      for own, on_grid in zip(kernels, on_grids, strict=True)
    ]
  )
  codes = np.concatenate(
    [np.rint(own.values / own.step).ravel() for own in on_grids]
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
  fine = _FINE if max(own.num_bits for own in on_grids) < 6 else 1
  reach = np.ceil(np.abs(values).max()) + 0.5
  edges = np.linspace(-reach, reach, int(2 * reach * fine) + 1)
  counts, _ = np.histogram(values, edges)
  outline = _outline(100 * fine * counts / len(values), edges)
  # At first without the few that are far beyond the grid.
  reach = min(reach, 1.5 * np.abs(codes).max() + 1)
  layout = _axes(
    "value [steps of its grid]",
    "share of the values [% per step]",
    range=[-reach, reach],
  )
  title = "Weights before and after rounding"
  return parts.Chart(title, [rounded, outline], layout, is_wide=True)


def _axes(x: str, y: str, **window: Any) -> dict[str, Any]:
  return {"xaxis": parts.axis(x, **window), "yaxis": parts.axis(y), "bargap": 0}


def _outline(shares: np.ndarray, edges: np.ndarray) -> dict[str, Any]:
  return {
    "name": "as predicted",
    "x": (edges[1:] + edges[:-1]) / 2,
    "y": shares,
    "mode": "lines",
    "line": {"color": "var(--blue)", "shape": "hvh", "width": 1.8},
    "hovertemplate": "%{y:.2f}<extra>as predicted, at %{x:.3g}</extra>",
  }


def table(kernels: Sequence[Kernel]) -> parts.Table:
  """Returns what rounding does to each kernel."""
  header = ["kernel", "operation", "shape", "values", "bits", "greatest"]
  header += ["clipped [%]", "zeros [%]", "signal to noise [dB]"]
  return parts.Table("Kernels", header, [*map(_row, kernels)])


def _row(kernel: Kernel) -> list[parts.Cell]:
  values, rounded = kernel.values, kernel.rounded
  row: list[parts.Cell] = [
    kernel.name,
    kernel.op.value.replace("_", " "),
    "x".join(map(str, values.shape)),
    values.size,
    None if rounded is None else rounded.num_bits,
    float(np.abs(values).max()),
  ]
  if rounded is None:
    return [*row, None, 100 * float(np.mean(values == 0)), None]
  limit = rounded.step * (2 ** (rounded.num_bits - 1) - 1)
  # In float32 the greatest value may lie a last bit beyond its own limit.
  clipped = np.mean(np.abs(values) > limit * (1 + 1e-6))
  noise = np.sum((values - rounded.values) ** 2, dtype=np.float64)
  signal = np.sum(values**2, dtype=np.float64)
  ratio = float(10 * np.log10(signal / noise)) if signal and noise else None
  zeros = 100 * float(np.mean(rounded.values == 0))
  return [*row, 100 * float(clipped), zeros, ratio]
