# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How good a search is: by one number, and how that grows with its effort."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

from ghn_tf.search import settings as settings_lib


def mean_best(
  settings: settings_lib.Settings,
  rows: Sequence[Mapping[str, Any]],
  costs: str,
  told: str = "score",
) -> float | None:
  """Returns the best accuracy within a cost, the mean over costs up to a limit.

  Args:
    settings: of the search.
    rows: of candidates, of which the score chooses the best; those that are
      beyond another limit do not count.
    costs: name of their costs.
    told: name of the accuracy that is told of the best, 0 where no row is
      within a cost.

  Returns:
    The mean; None if there are several objectives, the one has no limit, or
    candidates are not compared by accuracy.
  """
  name, *others = settings.objectives
  limit = settings.limits.get(name)
  if others or limit is None or settings.score != settings_lib.HYPERNETWORK:
    return None
  within = [row for row in rows if not settings.beyond(row[costs])]
  area = 0.0
  best: Mapping[str, Any] = {"score": 0.0, told: 0.0}
  for row in sorted(within, key=lambda row: row[costs][name]):
    if row["score"] > best["score"]:
      area += (row[told] - best[told]) * (limit - row[costs][name])
      best = row
  return area / limit


@dataclasses.dataclass(frozen=True)
class Point:
  """What a search has found after some of its candidates.

  Attributes:
    candidates: that were drawn, those that were refused among them.
    scored: how many of them were.
    processor_seconds: that drawing and scoring took.
    mean_best_score: see `mean_best`, of those that were scored.
  """

  candidates: int
  scored: int
  processor_seconds: float
  mean_best_score: float


def curve(
  settings: settings_lib.Settings, parts: Sequence[Mapping[str, Any]]
) -> list[Point]:
  """Returns a point after each part of the candidates.

  Args:
    settings: of the search.
    parts: records of `scoring.Draw`, in the order of their candidates.

  Returns:
    The points, none where there is no `mean_best`.
  """
  candidates, seconds = 0, 0.0
  scored: list[Mapping[str, Any]] = []
  points = []
  for part in parts:
    candidates += len(part["rows"])
    seconds += part["seconds"]
    scored += [row for row in part["rows"] if "score" in row]
    best = mean_best(settings, scored, "costs")
    if best is not None:
      points.append(Point(candidates, len(scored), seconds, best))
  return points
