# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs on a page: what they learnt, at what pace, with which settings."""

from collections.abc import Mapping, Sequence
import dataclasses
import statistics
from typing import Any

from ghn_tf.report import learning_curve
from ghn_tf.report import page
from ghn_tf.report import parts

# What curves are drawn against: label, title of the axis, field of evaluations.
_COSTS = (
  ("network-steps", "network-steps", "network_steps"),
  ("processor time", "processor time [hours]", "processor_hours"),
  ("time on the clock", "time on the clock [hours]", "hours"),
)
# What is recorded in training: title, axis, name, factor, and whether the axis
# is logarithmic.
_SCALARS = (
  ("Loss in training", "cross-entropy", "loss", 1, True),
  ("Accuracy in training", "accuracy [%]", "accuracy", 100, False),
  ("Norm of the gradient", "norm", "gradient_norm", 1, True),
  ("Speed", "networks per second", "networks_per_second", 1, False),
  ("Memory in use", "memory [GB]", "memory_bytes", 1e-9, False),
)
# Strong lines are medians of a window of this share of the records.
_WINDOW = 1 / 40


def section(workdirs: Sequence[str]) -> page.Section:
  """Returns what is known of runs, which may be going on.

  Raises:
    ValueError: see `learning_curve.read_all`.
    OSError: a file cannot be read.
  """
  curves = learning_curve.read_all(workdirs, evaluated=False)
  options = {
    label: _charts(curves, title, cost) for label, title, cost in _COSTS
  }
  return page.Section(
    "Training",
    " ".join([*map(_told, curves), _explained(curves)]),
    [
      parts.Choice("against", options),
      _evaluations(curves),
      _settings(curves),
    ],
    f"Training of {', '.join(curve.name for curve in curves)}",
  )


def _explained(curves: Sequence[learning_curve.Curve]) -> str:
  """Returns what lines show; see `_recorded`."""
  text = (
    "In the charts of training, a point is the mean since the record before"
  )
  longest = max(len(curve.records) for curve in curves)
  if not _reach(longest):
    return f"{text}."
  return (
    f"{text}: these are the pale, thin line, and the strong one on it is their"
    f" running median, of up to {2 * _reach(longest) + 1} records."
  )


def _told(curve: learning_curve.Curve) -> str:
  last = curve.records[-1]
  text = f"{curve.name}: {last['step']:,} steps in {last['hours']:.1f} hours"
  if best := _best(curve):
    accuracy, recipe, step = best
    text += (
      f", at best {100 * accuracy:.1f} % on held-out networks in {recipe}, at"
      f" step {step:,}"
    )
  return text + "."


def _best(curve: learning_curve.Curve) -> tuple[float, str, int] | None:
  return max(
    (
      (accuracy, recipe, evaluation.step)
      for evaluation in curve.evaluations
      for recipe, accuracy in evaluation.accuracies.items()
    ),
    default=None,
  )


def _charts(
  curves: Sequence[learning_curve.Curve], title: str, cost: str
) -> list[parts.Chart]:
  axis = parts.axis(title, rangemode="tozero")
  charts = []
  if any(curve.evaluations for curve in curves):
    charts.append(
      parts.Chart(
        "Accuracy on held-out networks",
        _evaluated(curves, cost),
        {"xaxis": axis, "yaxis": parts.axis("accuracy [%]")},
        height=400,
        is_wide=True,
      )
    )
  for name, unit, key, factor, is_log in _SCALARS:
    traces = _recorded(curves, cost, key, factor)
    if traces:
      scale = {"type": "log"} if is_log else {"rangemode": "tozero"}
      layout = {"xaxis": axis, "yaxis": parts.axis(unit, **scale)}
      charts.append(parts.Chart(name, traces, layout))
  if len(charts) % 2 == 0:  # one beside the wide first would stand alone
    charts[-1] = dataclasses.replace(charts[-1], is_wide=True)
  return charts


def _evaluated(
  curves: Sequence[learning_curve.Curve], cost: str
) -> list[dict[str, Any]]:
  """Returns a line for each recipe of each run."""
  recipes = [*dict.fromkeys(r for curve in curves for r in curve.recipes)]
  traces = []
  for index, curve in enumerate(curves):
    for recipe in curve.recipes:
      found = [own for own in curve.evaluations if recipe in own.accuracies]
      color = parts.series(index if len(curves) > 1 else recipes.index(recipe))
      dash = recipes.index(recipe) if len(curves) > 1 else 0
      traces.append(
        {
          "name": parts.label(
            f"{curve.name}, {recipe}" if len(recipes) > 1 else curve.name
          ),
          "x": [getattr(own, cost) for own in found],
          "y": [100 * own.accuracies[recipe] for own in found],
          "mode": "lines+markers",
          "line": {
            "color": color,
            "dash": parts.DASHES[dash % len(parts.DASHES)],
            "width": 2,
          },
          "marker": {
            "symbol": parts.symbol(index),
            "size": 6,
          },
          "text": [f"step {own.step:,}" for own in found],
          "hovertemplate": "%{y:.1f} %, %{text}<extra>%{fullData.name}</extra>",
          "showlegend": True,
        }
      )
  return traces


def _recorded(
  curves: Sequence[learning_curve.Curve], cost: str, key: str, factor: float
) -> list[dict[str, Any]]:
  """Returns what was recorded, pale, and on it its running median."""
  traces = []
  for index, curve in enumerate(curves):
    records = [record for record in curve.records if key in record]
    if not records:
      continue
    x = [_cost(curve, record, cost) for record in records]
    y = [factor * record[key] for record in records]
    shared = {
      "x": x,
      "mode": "lines",
      "name": parts.label(curve.name),
      "legendgroup": curve.name,
      "line": {"color": parts.series(index), "width": 2},
    }
    if _reach(len(y)):  # else it is its own median
      traces.append(
        {
          **shared,
          "y": y,
          "line": {"color": parts.series(index), "width": 1},
          "opacity": 0.35,
          "hoverinfo": "skip",
          "showlegend": False,
        }
      )
    traces.append(
      {
        **shared,
        "y": running_median(y),
        "text": [f"step {record['step']:,}" for record in records],
        "hovertemplate": "%{y:.4g}, %{text}<extra>%{fullData.name}</extra>",
        "showlegend": len(curves) > 1,
      }
    )
  return traces


def _cost(
  curve: learning_curve.Curve, record: Mapping[str, float], cost: str
) -> float:
  if cost == "network_steps":
    return record["step"] * curve.training["meta_batch_size"]
  return record[cost]


def running_median(values: Sequence[float]) -> list[float]:
  """Returns the median of each value and its neighbours.

  The window is a share of all values, and is cut off at both ends.
  """
  reach = _reach(len(values))
  return [
    statistics.median(values[max(0, index - reach) : index + reach + 1])
    for index in range(len(values))
  ]


def _reach(number: int) -> int:
  """Returns how far the window of a median of so many records reaches."""
  return int(number * _WINDOW / 2)


def _evaluations(curves: Sequence[learning_curve.Curve]) -> parts.Table:
  recipes = [*dict.fromkeys(r for curve in curves for r in curve.recipes)]
  header = ["run", "step", "network-steps", "hours", "processor hours"]
  header += ["training loss", *(f"{recipe} [%]" for recipe in recipes)]
  rows = [
    [
      curve.name,
      own.step,
      own.network_steps,
      own.hours,
      own.processor_hours,
      own.loss,
      *(
        100 * own.accuracies[recipe] if recipe in own.accuracies else None
        for recipe in recipes
      ),
    ]
    for curve in curves
    for own in curve.evaluations
  ]
  return parts.Table("All evaluations", header, rows, is_folded=True)


def _settings(curves: Sequence[learning_curve.Curve]) -> parts.Table:
  """Returns the settings of training, a run a column."""
  names = dict.fromkeys(name for curve in curves for name in curve.training)
  rows = [
    [name, *(_setting(curve.training.get(name)) for curve in curves)]
    for name in names
  ]
  header = ["setting", *(curve.name for curve in curves)]
  return parts.Table("Settings", header, rows, is_folded=True)


def _setting(value: Any) -> str | None:
  return None if value is None else str(value)
