# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a search found: accuracy against costs."""

from collections.abc import Mapping, Sequence
import dataclasses

from matplotlib import figure as figure_lib
from matplotlib import text as text_lib
from matplotlib import transforms

from ghn_tf.report import axes

# Of Okabe and Ito's colours, and greys.
_CANDIDATE, _CONFIRMED, _FRONT, _LIMIT = "#c8c8c8", "#56b4e9", "#d55e00", "#222"
_OWN, _YOURS = "#009e73", "your network"
# The most names that are written beside the networks of a front.
_NAMED = 12
_UNITS = {
  "macs": ("multiply-accumulates [M]", 1e6),
  "arena_bytes": ("arena [KiB]", 1024),
  "flash_bytes": ("flash [KiB]", 1024),
  "latency_ms": ("latency [ms]", 1),
}


@dataclasses.dataclass(frozen=True)
class Point:
  """A network.

  Attributes:
    name: of it.
    quality: what is to be high.
    costs: by name, what is to be low.
  """

  name: str
  quality: float
  costs: Mapping[str, float]


def figure(
  candidates: Sequence[Point],
  confirmed: Sequence[Point],
  front: Sequence[Point],
  costs: Sequence[str],
  limits: Mapping[str, float],
  own: Sequence[Point] = (),
) -> figure_lib.Figure:
  """Returns a panel for each cost: accuracies of all networks against it.

  Args:
    candidates: with estimated costs, and the accuracy of few images; none where
      their score is no accuracy. Of those that were confirmed no point is
      drawn by estimates, too.
    confirmed: with the costs and the accuracy of files.
    front: those of them that no other is better than.
    costs: the names of those that are drawn.
    limits: of some costs.
    own: those of `confirmed` that are the user's own.
  """
  result = figure_lib.Figure(
    figsize=(5.5 * len(costs) + 1, 4.5), layout="constrained"
  )
  panels = result.subplots(1, len(costs), sharey=True, squeeze=False)[0]
  files, best = ({point.name for point in rows} for rows in (confirmed, front))
  apart = (
    ("estimated, not built", candidates, files, 5, _CANDIDATE),
    ("emulated, not in the front", confirmed, best, 22, _CONFIRMED),
  )
  names: list[text_lib.Annotation] = []
  for panel, cost in zip(panels, costs, strict=True):
    label, unit = _UNITS[cost]

    def places(
      points: Sequence[Point], cost: str = cost, unit: float = unit
    ) -> tuple[list[float], list[float]]:
      return (
        [point.costs[cost] / unit for point in points],
        [100 * point.quality for point in points],
      )

    for title, points, drawn_below, size, color in apart:
      left = [point for point in points if point.name not in drawn_below]
      if left:
        panel.scatter(*places(left), s=size, color=color, label=title)
    ordered = sorted(front, key=lambda point: point.costs[cost])
    panel.plot(
      *places(ordered),
      color=_FRONT,
      marker="o",
      ms=5,
      # Between two networks there is none.
      drawstyle="steps-post" if len(costs) == 1 else "default",
      lw=1.2 if len(costs) == 1 else 0,
      label="emulated, in the front\n(chosen by the score)",
    )
    if own:
      panel.scatter(
        *places(own), s=90, color=_OWN, marker="*", zorder=3, label=_YOURS
      )
    named = [point for point in ordered if point not in own]
    for point in [*own, *reversed(named if len(named) <= _NAMED else [])]:
      name = panel.annotate(
        point.name,
        (point.costs[cost] / unit, 100 * point.quality),
        xytext=(4, -9),
        textcoords="offset points",
        fontsize=6,
      )
      names.append(name)
    if cost in limits:
      panel.axvline(limits[cost] / unit, color=_LIMIT, lw=0.8, ls="dotted")
    panel.set_xlabel(label)
    panel.set_xlim(left=0)
    axes.tidy(panel)
  panels[0].set_ylabel("accuracy, not trained [%]")
  handles, labels = panels[0].get_legend_handles_labels()
  result.legend(handles, labels, loc="outside right upper", frameon=False)
  _leave_apart(result, names)
  return result


def _leave_apart(
  figure: figure_lib.Figure, names: Sequence[text_lib.Annotation]
) -> None:
  """Hides names that would lie on an earlier one; tables tell them, too."""
  figure.draw_without_rendering()
  kept: list[transforms.Bbox] = []
  for name in names:
    place = name.get_window_extent()
    if place.count_overlaps(kept):
      name.set_visible(False)
    else:
      kept.append(place)
