# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures of architectures: how a set is distributed, how one is wired."""

from collections.abc import Mapping, Sequence
import itertools
from typing import NamedTuple

from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib
from matplotlib import patches
from matplotlib import path as path_lib
from matplotlib import ticker
import numpy as np

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.report import layered_layout
from ghn_tf.report import statistics as statistics_lib

_INK = "#222222"
_FAINT = "#808080"
_LINE = "#707070"
# Colours that colour-blind readers tell apart (Okabe and Ito), and a grey.
_COLORS = {
  "conv": "#0072b2",
  "depthwise": "#56b4e9",
  "dense": "#d55e00",
  "norm": "#f0e442",
  "activation": "#009e73",
  "pool": "#cc79a7",
  "add, multiply": "#e69f00",
  "concat": "#000000",
  "other": "#c8c8c8",
}
_WHITE_TEXT = frozenset(("conv", "dense", "activation", "concat"))
_ACTIVATIONS = "relu relu6 leaky_relu prelu sigmoid hard_sigmoid".split()
_KINDS = {
  **{ops.Op(name): "activation" for name in _ACTIVATIONS},
  ops.Op.CONV: "conv",
  ops.Op.GROUPED_CONV: "conv",
  ops.Op.DEPTHWISE_CONV: "depthwise",
  ops.Op.DENSE: "dense",
  ops.Op.BATCH_NORM: "norm",
  ops.Op.MAX_POOL: "pool",
  ops.Op.AVG_POOL: "pool",
  ops.Op.GLOBAL_AVG_POOL: "pool",
  ops.Op.GLOBAL_MAX_POOL: "pool",
  ops.Op.ADD: "add, multiply",
  ops.Op.SUBTRACT: "add, multiply",
  ops.Op.MULTIPLY: "add, multiply",
  ops.Op.CONCAT: "concat",
}
_NAMES = {
  ops.Op.INPUT: "image",
  ops.Op.GROUPED_CONV: "conv",
  ops.Op.DEPTHWISE_CONV: "depthwise",
  ops.Op.BATCH_NORM: "norm",
}

# --- Distributions -----------------------------------------------------------

_NUM_BINS = 40
# Below this number of architectures each one is drawn instead of their density.
_FEW = 20


def distributions(
  statistics: Mapping[str, statistics_lib.Statistics], title: str
) -> figure_lib.Figure:
  """Returns sizes and operations of splits, one split a row.

  The outline of a row is the histogram of its split, scaled to the same height
  in all rows; the bar inside spans the quartiles, the line the median.

  Args:
    statistics: of every split, by its name.
    title: of the figure.

  Raises:
    ValueError: there are no splits.
  """
  if not statistics:
    raise ValueError("Got no splits to draw, expected at least one.")
  splits = list(statistics.values())
  height = 2 * (0.42 * len(splits) + 1)
  figure = figure_lib.Figure(figsize=(11, height), layout="constrained")
  figure.suptitle(title)
  grid = figure.add_gridspec(2, 4)
  sizes = (
    ("nodes", [s.nodes for s in splits], False),
    ("depth [layers with a kernel]", [s.depth for s in splits], False),
    ("MACs per image", [s.macs for s in splits], True),
    ("parameters", [s.params for s in splits], True),
  )
  for column, (label, values, is_log) in enumerate(sizes):
    panel = figure.add_subplot(grid[0, column])
    _outlines(panel, values, is_log)
    panel.set_xlabel(label)
    names = [f"{name} ({len(split):,})" for name, split in statistics.items()]
    _rows(panel, names if column == 0 else [""] * len(names))
  _shares(figure.add_subplot(grid[1, :]), statistics)
  return figure


def _outlines(
  panel: axes_lib.Axes, values: Sequence[np.ndarray], is_log: bool
) -> None:
  """Draws the histogram of each split around its row, on bins in common."""
  if is_log:
    # A network without kernels stands at 1, where the axis can show it.
    values = [np.maximum(v, 1) for v in values]
  low = int(min(v.min() for v in values))
  high = int(max(v.max() for v in values))
  if is_log:
    edges = np.geomspace(low, max(high, 1.01 * low), _NUM_BINS + 1)
    panel.set_xscale("log")
    panel.xaxis.set_major_formatter(ticker.EngFormatter(sep=""))
    panel.xaxis.set_minor_formatter(ticker.NullFormatter())
    first, last = np.log10([low, high])
    if np.floor(last) <= np.ceil(first):
      # Only powers of ten have numbers; show two of them at least.
      panel.set_xlim(10 ** np.floor(first), 10 ** np.floor(last + 1))
  else:
    # Of whole numbers, every bin must hold equally many.
    width = max(1, -(-(high - low) // _NUM_BINS))
    edges = np.arange(low, high + width + 1, width) - 0.5
  for place, sizes in enumerate(values):
    if len(sizes) < _FEW:
      panel.plot(sizes, np.full(len(sizes), place), "|", color=_INK, ms=9)
      continue
    counts, _ = np.histogram(sizes, edges)
    half = np.repeat(0.42 * counts / counts.max(), 2)
    x = np.repeat(edges, 2)[1:-1]
    panel.fill_between(x, place - half, place + half, color="#9ecae1", lw=0)
    lower, median, upper = np.percentile(sizes, (25, 50, 75))
    panel.plot([lower, upper], [place, place], color=_INK, lw=2.5)
    panel.plot([median, median], [place - 0.3, place + 0.3], color=_INK, lw=1.5)
  panel.grid(axis="x", color="#e4e4e4", lw=0.6)
  panel.set_axisbelow(True)


def _shares(
  panel: axes_lib.Axes, statistics: Mapping[str, statistics_lib.Statistics]
) -> None:
  """Draws what share of its nodes each kind of operation has, stacked."""
  places = range(len(statistics))
  kinds: dict[str, np.ndarray] = {}
  for op in statistics_lib.occurring(statistics):
    means = np.array([s.operations.get(op, 0.0) for s in statistics.values()])
    kind = _KINDS.get(op, "other")
    kinds[kind] = kinds.get(kind, 0.0) + means
  total = sum(kinds.values())
  left = np.zeros(len(statistics))
  for kind in (kind for kind in _COLORS if kind in kinds):
    share = 100 * kinds[kind] / total
    panel.barh(places, share, 0.7, left, label=kind, color=_COLORS[kind])
    left += share
  panel.set(xlim=(0, 100), xlabel="share of the nodes besides the input [%]")
  _rows(panel, list(statistics))
  panel.legend(
    loc="lower left",
    bbox_to_anchor=(0, 1),
    ncols=len(kinds),
    frameon=False,
    handlelength=1,
  )


def _rows(panel: axes_lib.Axes, names: Sequence[str]) -> None:
  """Makes the vertical axis a list of splits, from top to bottom."""
  panel.set_yticks(range(len(names)), names)
  panel.set_ylim(len(names) - 0.5, -0.5)
  panel.tick_params(axis="y", length=0)
  panel.spines[["top", "right", "left"]].set_visible(False)


# --- Graphs ------------------------------------------------------------------

# Beyond this number of nodes they get no labels, but the figure a legend.
_MAX_LABELS = 160
# Inches, as all lengths of graphs.
_MARGIN = 0.25
_TITLE = 0.6
_MIN_WIDTH = 3.2  # of a figure: room for the title
_LEGEND = 1.1
_CHARACTER = 0.06  # of a label
_NOTE_CHARACTER = 0.05  # of the shape beside a node


class _Style(NamedTuple):
  """How nodes and lines are drawn."""

  width: float  # of a node
  height: float
  pitch: float  # from row to row
  gap: float  # least space between neighbours in a row
  labels: Sequence[str]  # in every node; none if empty
  notes: Sequence[str]  # beside every node


def graph(architecture: spec.Architecture) -> figure_lib.Figure:
  """Returns the network as a layered graph, from the image down to the logits.

  A node stands in the row of its longest path from the image. A tensor that is
  read further down takes one line past the rows between, which its readers
  share. Labels give kernel, stride, dilation ("d") and filters, and beside a
  node stands its output shape where it changes. Networks of more than 160
  nodes have a legend of colours instead.
  """
  style = _style(architecture)
  reach = np.full((len(architecture.nodes), 2), style.width / 2)
  reach[:, 1] += [_NOTE_CHARACTER * len(note) for note in style.notes]
  inputs = [node.inputs for node in architecture.nodes]
  layout = layered_layout.place(inputs, reach, style.gap)
  left = np.min(layout.x - layout.reach[:, 0])
  right = np.max(layout.x + layout.reach[:, 1])
  legend = 0 if style.labels else _LEGEND
  width = max(_MIN_WIDTH, right - left + 2 * _MARGIN) + legend
  height = _TITLE + style.pitch * (np.max(layout.rows) + 1) + _MARGIN
  x = layout.x - left + _MARGIN
  y = _TITLE + style.pitch * (np.array(layout.rows) + 0.5)
  points = np.stack((x, y), axis=1)
  figure = figure_lib.Figure(figsize=(width, height))
  panel = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
  panel.set_axis_off()
  panel.text(
    _MARGIN,
    _MARGIN,
    f"{architecture.name}\n{len(architecture.nodes)} nodes,"
    f" {architecture.macs / 1e6:.3g} M MACs,"
    f" {architecture.num_params / 1e3:.3g} k parameters",
    va="top",
    size=8,
    color=_INK,
  )
  _draw_edges(panel, layout.routes, points, style)
  _draw_nodes(panel, architecture, points, style)
  if legend:
    _draw_legend(panel, architecture, width - legend, style)
  return figure


def _style(architecture: spec.Architecture) -> _Style:
  nodes, shapes = architecture.nodes, architecture.shapes
  if len(nodes) > _MAX_LABELS:
    return _Style(0.16, 0.1, 0.18, 0.08, (), [""] * len(nodes))
  labels = [_label(node.layer) for node in nodes]
  notes = [
    ""
    if node.inputs and shape == shapes[node.inputs[0]]
    else "x".join(map(str, shape))
    for node, shape in zip(nodes, shapes, strict=True)
  ]
  width = _CHARACTER * max(map(len, labels)) + 0.1
  return _Style(width, 0.19, 0.34, 0.12, labels, notes)


def _label(layer: ops.Layer) -> str:
  """A layer in a few characters, such as `conv 3x3 /2 16`."""
  words = [_NAMES.get(layer.op, layer.op.value.replace("_", " "))]
  attributes = ops.ATTRIBUTES[layer.op]
  if "kernel" in attributes:
    words.append("{}x{}".format(*layer.kernel))
  if layer.strides != (1, 1):
    height, width = layer.strides
    words.append(f"/{height}" if height == width else f"/{height}x{width}")
  if layer.dilation > 1:
    words.append(f"d{layer.dilation}")
  if layer.groups > 1:
    words.append(f"g{layer.groups}")
  if "filters" in attributes:
    words.append(f"{layer.filters}")
  return " ".join(words)


def _draw_edges(
  panel: axes_lib.Axes,
  routes: layered_layout.Routes,
  points: np.ndarray,
  style: _Style,
) -> None:
  """Draws a curve for every edge: vertical in the rows, bent between them."""
  drawn: set[tuple[int, int]] = set()
  half = style.height / 2
  for edge, route in routes.items():
    # What it shares with an edge before it is there already.
    pairs = [p for p in itertools.pairwise(route) if p not in drawn]
    drawn.update(pairs)
    vertices = [points[pairs[0][0]]]
    codes = [path_lib.Path.MOVETO]
    for above, below in pairs:
      (x0, y0), (x1, y1) = points[above], points[below]
      y0, y1 = y0 + half, y1 - half
      middle = (y0 + y1) / 2
      vertices += [(x0, y0), (x0, middle), (x1, middle), (x1, y1)]
      codes += [path_lib.Path.LINETO, *[path_lib.Path.CURVE4] * 3]
    panel.add_patch(
      patches.PathPatch(
        path_lib.Path(vertices, codes),
        gid="edge-{}-{}".format(*edge),
        facecolor="none",
        edgecolor=_LINE,
        linewidth=0.9,
        zorder=1,
      )
    )


def _draw_nodes(
  panel: axes_lib.Axes,
  architecture: spec.Architecture,
  points: np.ndarray,
  style: _Style,
) -> None:
  for index, node in enumerate(architecture.nodes):
    kind = _KINDS.get(node.op, "other")
    x, y = points[index]
    panel.add_patch(_box(x, y, kind, style, f"node-{index}"))
    if style.labels:
      panel.text(
        x,
        y,
        style.labels[index],
        size=7,
        color="white" if kind in _WHITE_TEXT else _INK,
        ha="center",
        va="center_baseline",
      )
      panel.text(
        x + style.width / 2 + 0.04,
        y,
        style.notes[index],
        size=6,
        color=_FAINT,
        va="center_baseline",
      )


def _draw_legend(
  panel: axes_lib.Axes,
  architecture: spec.Architecture,
  left: float,
  style: _Style,
) -> None:
  found = {_KINDS.get(node.op, "other") for node in architecture.nodes}
  for place, kind in enumerate(kind for kind in _COLORS if kind in found):
    y = _TITLE + 0.2 * (place + 0.5)
    panel.add_patch(_box(left + 0.1, y, kind, style, f"legend-{kind}"))
    panel.text(left + 0.25, y, kind, size=8, va="center_baseline", color=_INK)


def _box(
  x: float, y: float, kind: str, style: _Style, gid: str
) -> patches.Patch:
  return patches.FancyBboxPatch(
    (x - style.width / 2, y - style.height / 2),
    style.width,
    style.height,
    boxstyle=patches.BoxStyle("round", pad=0, rounding_size=0.04),
    gid=gid,
    facecolor=_COLORS[kind],
    linewidth=0,
    zorder=2,
  )
