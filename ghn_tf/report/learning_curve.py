# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How fast runs learn: validation accuracy against time and network-steps."""

from collections.abc import Mapping, Sequence
import dataclasses
import json
import os
import pathlib
from typing import Any

from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib
from matplotlib import ticker

from ghn_tf.report import axes
from ghn_tf.report import json_files
from ghn_tf.report import markdown
from ghn_tf.training import metrics

_WRITER = "ghn-train"
_PREFIX, _SUFFIX = "validation/", "_accuracy"
_MARKERS = "osD^"
# As many as a run with all recipes evaluates; the last has dashes of 3 and 1.
_LINES = ("solid", "dashed", "dotted", "dashdot", (0, (3, 1, 1, 1, 1, 1)))


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """What a run had cost and learnt when it was evaluated.

  Attributes:
    step: number of updates.
    network_steps: networks that were run forward and backward for them.
    hours: on the clock, which other work on the machine makes longer.
    processor_hours: that all threads computed.
    loss: of training, in the record nearest to the step; None if none has it.
    accuracies: top-1 on networks that are held out, as fractions, by recipe.
  """

  step: int
  network_steps: int
  hours: float
  processor_hours: float
  loss: float | None
  accuracies: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Curve:
  """The evaluations of a run.

  Attributes:
    name: of the run.
    training: the settings of the run, by their names.
    evaluations: in order.
    records: all that the run has recorded, in order.
    memory: the least and the most bytes in use after the first tenth of the
      steps, in which caches fill; None if that was not recorded.
  """

  name: str
  training: Mapping[str, Any]
  evaluations: Sequence[Evaluation]
  records: Sequence[Mapping[str, float]]
  memory: tuple[float, float] | None

  @property
  def recipes(self) -> list[str]:
    """Names of all recipes that were evaluated."""
    return [*dict.fromkeys(r for e in self.evaluations for r in e.accuracies)]


def read(workdir: str, *, evaluated: bool = True) -> Curve:
  """Returns the curve of a training run, which is named after its folder.

  Args:
    workdir: of the run, which may be going on.
    evaluated: whether it must have been evaluated.

  Raises:
    ValueError: it is no run, is damaged, or was not evaluated yet.
    OSError: its files cannot be read.
  """
  training = _training_config(workdir)
  records = _records(workdir)
  evaluations = [
    _evaluation(record, records, training["meta_batch_size"])
    for record in records
    if _accuracies(record)
  ]
  last_step = records[-1]["step"]
  if evaluated and not evaluations:
    raise ValueError(
      f"The run {workdir} has no evaluation up to step {last_step}; they come"
      f" every {training['evaluate_every_steps']} steps, on"
      f" {training['evaluation_architectures']} networks"
      " (--evaluate_every_steps and --evaluation_architectures)."
    )
  memory = [
    record["memory_bytes"]
    for record in records
    if "memory_bytes" in record and record["step"] > last_step / 10
  ]
  return Curve(
    os.path.basename(os.path.abspath(workdir)),
    training,
    evaluations,
    records,
    (min(memory), max(memory)) if memory else None,
  )


def read_all(workdirs: Sequence[str], *, evaluated: bool = True) -> list[Curve]:
  """Returns the curves of runs; `read` says what is raised.

  Runs whose folders have the same name are named by more of their paths.

  Raises:
    ValueError: a run is there twice.
  """
  paths = [pathlib.Path(os.path.abspath(workdir)).parts for workdir in workdirs]
  curves = []
  for workdir, path in zip(workdirs, paths, strict=True):
    if paths.count(path) > 1:
      raise ValueError(f"The run {workdir} is named twice.")
    length = 1
    while sum(other[-length:] == path[-length:] for other in paths) > 1:
      length += 1
    name = os.path.join(*path[-length:])
    curve = read(workdir, evaluated=evaluated)
    curves.append(dataclasses.replace(curve, name=name))
  return curves


def _training_config(workdir: str) -> dict[str, Any]:
  path = json_files.find(workdir, "config.json", _WRITER)
  with json_files.opened(path, _WRITER) as content:
    training = content["training"]
    names = (
      "meta_batch_size",
      "evaluate_every_steps",
      "evaluation_architectures",
    )
    json_files.check(training, dict.fromkeys(names, int))
  return training


def _records(workdir: str) -> list[dict[str, float]]:
  """Returns what the run has recorded, at least one record."""
  path = os.path.join(workdir, metrics.FILE_NAME)
  try:
    records = metrics.read(workdir)
  except json.JSONDecodeError as error:
    raise ValueError(f"{path} is damaged: {error}.") from error
  if not records:
    raise ValueError(
      f"{path} has no records yet; they come every --log_every_steps."
    )
  for record in records:
    missing = {"step", "hours", "processor_hours"} - record.keys()
    if missing:
      raise ValueError(
        f"{path} is damaged, or of an older version: a record has no"
        f" {', '.join(sorted(missing))}."
      )
  return records


def _evaluation(
  record: Mapping[str, float],
  records: Sequence[Mapping[str, float]],
  meta_batch_size: int,
) -> Evaluation:
  step = int(record["step"])
  nearest = min(
    (other for other in records if "loss" in other),
    key=lambda other: abs(other["step"] - step),
    default={"loss": None},
  )
  return Evaluation(
    step,
    step * meta_batch_size,
    record["hours"],
    record["processor_hours"],
    nearest["loss"],
    _accuracies(record),
  )


def _accuracies(record: Mapping[str, float]) -> dict[str, float]:
  return {
    name.removeprefix(_PREFIX).removesuffix(_SUFFIX): value
    for name, value in record.items()
    if name.startswith(_PREFIX) and name.endswith(_SUFFIX)
  }


def table(curve: Curve) -> str:
  """Returns the curve as a Markdown table, one evaluation a line."""
  recipes = curve.recipes
  rows = [
    ["step", "network-steps", "hours", "processor hours", "training loss"]
    + [f"{recipe}, %" for recipe in recipes]
  ]
  for e in curve.evaluations:
    accuracies = [e.accuracies.get(recipe) for recipe in recipes]
    rows.append(
      [
        f"{e.step:,}",
        f"{e.network_steps:,}",
        f"{e.hours:.2f}",
        f"{e.processor_hours:.2f}",
        "-" if e.loss is None else f"{e.loss:.3f}",
        *("-" if a is None else f"{100 * a:.1f}" for a in accuracies),
      ]
    )
  memory = "not recorded"
  if curve.memory is not None:
    memory = "{:.1f} to {:.1f}".format(*(size / 1e9 for size in curve.memory))
  return f"{curve.name}\n\n{markdown.table(rows)}\n\nmemory, GB: {memory}"


def figure(curves: Sequence[Curve]) -> figure_lib.Figure:
  """Returns accuracies against processor time, and against network-steps.

  Each run has a colour; of several recipes each has a style of lines.

  Raises:
    ValueError: there are no curves.
  """
  if not curves:
    raise ValueError("Got no curves to draw, expected at least one.")
  result = figure_lib.Figure(figsize=(11, 4.5), layout="constrained")
  left, right = result.subplots(1, 2, sharey=True)
  _lines(left, curves, "processor_hours")
  _lines(right, curves, "network_steps")
  left.set_xlabel("processor time [hours]")
  left.set_ylabel("accuracy on held-out networks [%]")
  left.yaxis.set_major_locator(ticker.MaxNLocator(steps=[1, 2, 5, 10]))
  right.set_xlabel("network-steps")
  right.xaxis.set_major_formatter(ticker.EngFormatter(sep=""))
  handles, labels = left.get_legend_handles_labels()
  result.legend(handles, labels, loc="outside right upper", frameon=False)
  return result


def _lines(panel: axes_lib.Axes, curves: Sequence[Curve], cost: str) -> None:
  """Draws a line for each recipe of each run, against a cost."""
  recipes = [*dict.fromkeys(r for curve in curves for r in curve.recipes)]
  for index, curve in enumerate(curves):
    for recipe in curve.recipes:
      points = [
        (getattr(evaluation, cost), 100 * evaluation.accuracies[recipe])
        for evaluation in curve.evaluations
        if recipe in evaluation.accuracies
      ]
      panel.plot(
        *zip(*points, strict=True),
        label=f"{curve.name}, {recipe}" if len(recipes) > 1 else curve.name,
        color=axes.COLORS[index % len(axes.COLORS)],
        marker=_MARKERS[index // len(axes.COLORS) % len(_MARKERS)],
        linestyle=_LINES[recipes.index(recipe) % len(_LINES)],
        lw=1.5,
        ms=4,
      )
  panel.set_xlim(left=0)
  axes.tidy(panel)
