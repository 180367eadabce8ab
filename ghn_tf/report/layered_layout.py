# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Where the nodes and edges of a network stand in its picture."""

from collections.abc import Mapping, Sequence
import graphlib
import itertools
from typing import NamedTuple

import numpy as np

# Of every node those that it reads, which stand before it. The last node is the
# output, which all others lead to.
Inputs = Sequence[Sequence[int]]

# Of every edge, (source, target), the points it passes: nodes by their index,
# and above these the bends, one in each row that a tensor passes.
Routes = Mapping[tuple[int, int], tuple[int, ...]]
_NUM_SWEEPS = 16
_NUM_MOVES = 40


class Layout(NamedTuple):
  """Where nodes and edges stand."""

  routes: Routes
  rows: Sequence[int]  # of every point, from the top
  x: np.ndarray  # of every point
  reach: np.ndarray  # of every point to the left and right of x, [points, 2]


def place(inputs: Inputs, reach: np.ndarray, gap: float) -> Layout:
  """Returns a layered layout, after Sugiyama, Tagawa and Toda (1981).

  Args:
    inputs: of every node.
    reach: how far each node reaches to the left and right of its place, [N, 2].
    gap: the least space between neighbours in a row.
  """
  routes, rows = _routes(inputs)
  pairs = (pair for way in routes.values() for pair in itertools.pairwise(way))
  segments = list(dict.fromkeys(pairs))
  order = _order(rows, segments)
  blocks = _blocks(order, rows, segments, _trunk(inputs, rows))
  reach = np.pad(reach, ((0, len(rows) - len(reach)), (0, 0)))
  x = _columns(order, blocks, segments, reach, gap)
  return Layout(routes, rows, x, reach)


def _routes(inputs: Inputs) -> tuple[Routes, list[int]]:
  """Returns the way of every edge, and the row of every point on it."""
  rows: list[int] = []
  consumers: list[list[int]] = [[] for _ in inputs]
  for index, own in enumerate(inputs):
    rows.append(1 + max([rows[i] for i in own], default=-1))
    for source in dict.fromkeys(own):
      consumers[source].append(index)
  bends: dict[tuple[int, int], int] = {}
  routes = {}
  for source, readers in enumerate(consumers):
    for target in readers:
      route = [source]
      for row in range(rows[source] + 1, rows[target]):
        if (source, row) not in bends:
          bends[source, row] = len(rows)
          rows.append(row)
        route.append(bends[source, row])
      routes[source, target] = (*route, target)
  return routes, rows


def _trunk(inputs: Inputs, rows: Sequence[int]) -> set[int]:
  """Returns the nodes that lie on a longest path."""
  trunk = {len(inputs) - 1}
  for index in reversed(range(len(inputs))):
    if index in trunk:
      trunk.update(i for i in inputs[index] if rows[i] == rows[index] - 1)
  return trunk


def _order(
  rows: Sequence[int], segments: Sequence[tuple[int, int]]
) -> list[list[int]]:
  """Returns the points of every row, from left to right, with few crossings.

  Row by row, down and up again, points are sorted by their barycentre, the mean
  place of their neighbours in the row before.
  """
  order: list[list[int]] = [[] for _ in range(max(rows) + 1)]
  for point, row in enumerate(rows):
    order[row].append(point)
  place = np.zeros(len(rows))
  for points in order:
    place[points] = range(len(points))
  neighbors: tuple[list[list[int]], ...] = (
    [[] for _ in rows],
    [[] for _ in rows],
  )
  for above, below in segments:
    neighbors[0][below].append(above)
    neighbors[1][above].append(below)
  best, fewest = order, _crossings(rows, segments, place)
  for sweep in range(_NUM_SWEEPS):
    side = sweep % 2
    order = [list(points) for points in order]
    for points in order[:: -1 if side else 1]:
      centers = {p: np.mean(place[neighbors[side][p] or [p]]) for p in points}
      points.sort(key=centers.__getitem__)
      place[points] = range(len(points))
    crossings = _crossings(rows, segments, place)
    if crossings < fewest:
      best, fewest = order, crossings
  return best


def _crossings(
  rows: Sequence[int], segments: Sequence[tuple[int, int]], place: np.ndarray
) -> int:
  """Returns how many pairs of segments cross."""
  ends: dict[int, list[tuple[float, float]]] = {}
  for above, below in segments:
    ends.setdefault(rows[above], []).append((place[above], place[below]))
  crossings = 0
  for pairs in ends.values():
    lower = np.array([pair[1] for pair in sorted(pairs)])
    crossings += int(np.sum(np.triu(lower[:, None] > lower)))
  return crossings


def _blocks(
  order: Sequence[Sequence[int]],
  rows: Sequence[int],
  segments: Sequence[tuple[int, int]],
  trunk: set[int],
) -> list[int]:
  """Returns the block of every point: those drawn straight below one another.

  Segments that do not cross are made straight, those of a longest path first
  and those of long lines next, similar to Brandes and Koepf (2001).
  """
  place = {p: i for points in order for i, p in enumerate(points)}
  last = max(trunk)  # the logits; points beyond are bends

  def rank(segment: tuple[int, int]) -> int:
    if trunk.issuperset(segment):
      return 0
    return 1 if min(segment) > last else 2

  straight: dict[int, list[tuple[int, int]]] = {}
  for above, below in sorted(segments, key=rank):
    others = straight.setdefault(rows[above], [])
    if all(
      (place[above] - place[a]) * (place[below] - place[b]) > 0
      for a, b in others
    ):
      others.append((above, below))
  blocks = list(range(len(rows)))
  for row in sorted(straight):
    for above, below in straight[row]:
      blocks[below] = blocks[above]
  return blocks


def _columns(
  order: Sequence[Sequence[int]],
  blocks: Sequence[int],
  segments: Sequence[tuple[int, int]],
  reach: np.ndarray,
  gap: float,
) -> np.ndarray:
  """Returns the horizontal place of every point, with its block above it."""
  # By block, its distances to blocks on its left and on its right.
  before: dict[int, dict[int, float]] = {block: {} for block in blocks}
  after: dict[int, dict[int, float]] = {block: {} for block in blocks}
  for points in order:
    for left, right in itertools.pairwise(points):
      space = reach[left, 1] + gap + reach[right, 0]
      a, b = blocks[left], blocks[right]
      before[b][a] = after[a][b] = max(space, before[b].get(a, 0.0))
  links: dict[int, list[int]] = {block: [] for block in blocks}
  for above, below in segments:
    a, b = blocks[above], blocks[below]
    if a != b:
      links[a].append(b)
      links[b].append(a)
  x = np.zeros(len(blocks))

  def least(block: int) -> float:
    return max([x[a] + s for a, s in before[block].items()], default=-np.inf)

  def most(block: int) -> float:
    return min([x[b] - s for b, s in after[block].items()], default=np.inf)

  sequence = list(graphlib.TopologicalSorter(before).static_order())
  for block in sequence:
    x[block] = max(0.0, least(block))
  # Each goes towards those it is linked with, as far as its neighbours let it.
  for _ in range(_NUM_MOVES):
    sequence.reverse()
    for block in sequence:
      if links[block]:
        wish = np.mean(x[links[block]])
        x[block] = min(max(wish, least(block)), most(block))
  return x[list(blocks)]
