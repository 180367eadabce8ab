# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which networks no other one beats: as cheap, and as accurate."""

from collections.abc import Sequence
from typing import Any


def front(costs: Sequence[float], values: Sequence[float]) -> list[int]:
  """Returns the points that no other dominates, from the cheapest on.

  A point dominates another if it costs no more, is worth no less, and differs
  in one of both. Of equal points the first stands for all.

  Args:
    costs: of each point; the less the better.
    values: of each point; the more the better.
  """
  result: list[int] = []
  order = sorted(range(len(costs)), key=lambda i: (costs[i], -values[i]))
  for index in order:
    if not result or values[index] > values[result[-1]]:
      result.append(index)
  return result


def line(costs: Sequence[float], values: Sequence[float]) -> dict[str, Any]:
  """Returns the front as a line of a chart; see `front`.

  It is a staircase: at a cost it has the best value of that and all lesser.
  """
  found = front(costs, values)
  return {
    "name": "Pareto front",
    "x": [costs[index] for index in found],
    "y": [values[index] for index in found],
    "mode": "lines",
    "line": {"color": "var(--grey)", "width": 2, "shape": "hv"},
    "hoverinfo": "skip",
  }
