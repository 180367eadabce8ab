# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The graph that a hypernetwork reads, with its virtual edges, on a page.

Nodes stand below one another, as the network computes them. A virtual edge
leads from a node to every one that it reaches, however far, and GHN-2 divides
what passes it by the distance; here it is the fainter, and reaches the further
to the right, the greater that is. Of the node under the pointer only its own
are drawn: those that come in, and those that go out.
"""

from collections.abc import Sequence
import dataclasses
import html
import itertools
from typing import Any

import numpy as np

from ghn_tf.arch import spec
from ghn_tf.ghn import graph
from ghn_tf.report import layered_layout
from ghn_tf.report import page
from ghn_tf.report import parts

# Pixels, as all lengths here.
_WIDTH, _HEIGHT, _PITCH, _GAP = 128, 20, 31, 18
_MARGIN = 12
# Room for virtual edges on the right.
_REACH = 380
# Up to which distance virtual edges are shown first.
_FIRST = 5
# Those of greater distances are left out: a browser would draw them for long.
_MAX_EDGES = 100_000
_NAMES = {
  "sep_conv": "depthwise",
  "dil_conv": "dilated",
  "cse": "multiply",
  "sum": "add",
  "bn": "norm",
  "glob_avg": "global pool",
  "input": "image",
}
_COLORS = {
  "conv": "blue",
  "sep_conv": "sky",
  "dil_conv": "sky",
  "bn": "yellow",
  "bias": "vermilion",
  "sum": "orange",
  "cse": "orange",
  "concat": "green",
}
_OTHER_COLOR = "pink"
# What a colour stands for.
_MEANINGS = {
  "blue": "convolution, dense",
  "sky": "depthwise, dilated",
  "vermilion": "bias",
  "yellow": "norm",
  "orange": "add, multiply",
  "green": "concatenation",
  "pink": "image, pools, others",
}
_EDGES = (
  ("grey", "what the network computes"),
  ("green", "virtual edges; of the node under the pointer:"),
  ("blue", "into it"),
  ("vermilion", "out of it"),
)


@dataclasses.dataclass(frozen=True)
class Graph:
  """The drawing, and what moves in it.

  Attributes:
    svg: nodes and edges of the network.
    kinds: of its nodes.
    virtual: what web/graphs.js draws: the edges, [E, 3], of source, target and
      distance; of every node where its right end is; the greatest distance; how
      far edges reach to the right at most, and what is left free there.
  """

  svg: str
  kinds: Sequence[str]
  virtual: dict[str, Any]
  scripts = ("graphs.js",)

  def html(self) -> str:
    """See `page.Part`."""
    longest = self.virtual["longest"]
    control = (
      "<label>virtual edges up to distance <output></output>"
      f' <input type="range" min="1" max="{longest}" value="{_FIRST}"></label>'
    )
    body = (
      f'{control}<p class="told" aria-live="polite"></p>{_legend(self.kinds)}'
      f'<div class="scroll graph">{self.svg}</div>{page.data(self.virtual)}'
    )
    return parts.figure("What the hypernetwork reads", body, is_wide=True)


def draw(architecture: spec.Architecture, max_distance: int) -> Graph:
  """Returns the graph of a network.

  Args:
    architecture: the network.
    max_distance: the longest shortest path that is an edge, as the hypernetwork
      has it.

  Raises:
    ValueError: see `graph.encode`.
  """
  encoded = graph.encode([architecture], max_distance=max_distance)
  flow = encoded.edge_sets["flow"]
  edges = np.stack(
    [
      flow.adjacency.source.numpy(),
      flow.adjacency.target.numpy(),
      flow["distance"].numpy(),
    ],
    axis=1,
  )
  nodes = encoded.node_sets["op"]
  kinds = [graph.NODE_TYPES[i] for i in nodes["type_id"].numpy()]
  labels = [*map(_label, kinds, nodes["shape"].numpy())]
  inputs: list[list[int]] = [[] for _ in kinds]
  for source, target, distance in edges.tolist():
    if distance == 1:
      inputs[target].append(source)
  half = _WIDTH / 2
  layout = layered_layout.place(inputs, np.full((len(inputs), 2), half), _GAP)
  x = layout.x - np.min(layout.x) + half + _MARGIN
  y = _MARGIN + _PITCH * (np.array(layout.rows) + 0.5)
  points = np.stack([x, y], axis=1)
  told = _told(architecture, labels)
  drawn = [
    '<g class="flow">',
    *(_way(points[list(route)]) for route in layout.routes.values()),
    '</g><g class="virtual"></g>',
    *(
      _node(index, points[index], kind, labels[index], told[index])
      for index, kind in enumerate(kinds)
    ),
  ]
  kept, longest = _kept(edges)
  width = np.max(x) + half + _MARGIN + 0.75 * _REACH  # as curves have it
  height = np.max(y) + _PITCH / 2 + _MARGIN
  return Graph(
    f'<svg width="{width:.0f}" height="{height:.0f}">{"".join(drawn)}</svg>',
    kinds,
    {
      "edges": kept,
      "ends": points[: len(kinds)] + [half, 0],
      "longest": longest,
      "reach": _REACH,
      "margin": _MARGIN,
    },
  )


def _legend(kinds: Sequence[str]) -> str:
  """Returns what the colours of nodes and of edges stand for."""
  shown = {_COLORS.get(kind, _OTHER_COLOR) for kind in kinds}
  nodes = [(own, told) for own, told in _MEANINGS.items() if own in shown]
  entries = [("box", *own) for own in nodes]
  entries += [("stroke", *own) for own in _EDGES]
  spans = (
    f'<span><i class="{kind}" style="background:var(--{color})"></i>'
    f"{meaning}</span>"
    for kind, color, meaning in entries
  )
  return f'<p class="legend">{"".join(spans)}</p>'


def _kept(edges: np.ndarray) -> tuple[np.ndarray, int]:
  """Returns the edges up to a distance at which they are not too many."""
  longest = int(edges[:, 2].max(initial=1))
  while longest > 1 and np.sum(edges[:, 2] <= longest) > _MAX_EDGES:
    longest -= 1
  return edges[edges[:, 2] <= longest], longest


def _label(kind: str, shape: np.ndarray) -> str:
  """Returns type, window and channels of a node."""
  c_out, _, kh, kw = shape.tolist()
  words = [_NAMES.get(kind, kind.replace("_", " "))]
  if kh * kw > 1 and "pool" not in kind:  # GHN-2 has one window for all pools
    words.append(f"{kh}x{kw}")
  if c_out and "pool" not in kind:
    words.append(str(c_out))
  return " ".join(words)


def _told(architecture: spec.Architecture, labels: Sequence[str]) -> list[str]:
  """Returns for every node what is predicted from it."""
  told: list[list[str]] = [[] for _ in labels]
  (places,) = graph.param_nodes([architecture])
  for param, node in zip(architecture.param_specs, places, strict=True):
    shape = "x".join(map(str, param.shape))
    told[node].append(f"{param.name} {shape}")
  return [
    f"{label}: predicts {', '.join(own)}" if own else label
    for label, own in zip(labels, told, strict=True)
  ]


def _way(points: np.ndarray) -> str:
  """Returns an edge of the network: vertical in rows, bent between them."""
  (x, y), half = points[0], _HEIGHT / 2
  steps = [f"M{x:.0f} {y + half:.0f}"]
  for (x0, y0), (x1, y1) in itertools.pairwise(points):
    y0, y1 = y0 + half, y1 - half
    middle = (y0 + y1) / 2
    steps.append(
      f"L{x0:.0f} {y0:.0f}C{x0:.0f} {middle:.1f} {x1:.0f} {middle:.1f}"
      f" {x1:.0f} {y1:.0f}"
    )
  return f'<path d="{"".join(steps)}"/>'


def _node(
  index: int, point: np.ndarray, kind: str, label: str, told: str
) -> str:
  x, y = point - [_WIDTH / 2, _HEIGHT / 2]
  color = _COLORS.get(kind, _OTHER_COLOR)
  return (
    f'<g class="node" tabindex="0" data-index="{index}"'
    f' transform="translate({x:.1f} {y:.1f})">'
    f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="4"/>'
    f'<rect class="kind" width="5" height="{_HEIGHT}" rx="2"'
    f' style="fill:var(--{color})"/>'
    f'<text x="12" y="14">{html.escape(f"{label:.20}")}</text>'
    f"<title>{html.escape(told)}</title></g>"
  )
