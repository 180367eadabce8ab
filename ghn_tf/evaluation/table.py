# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What was measured of many networks, as rows and as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import math
import statistics
from typing import Any

from ghn_tf.evaluation import network_report
from ghn_tf.evaluation import settings as settings_lib
from ghn_tf.report import markdown

Reports = Sequence[network_report.NetworkReport]


@dataclasses.dataclass(frozen=True)
class Row:
  """Top-1 accuracy of the networks of one split in one setting, fractions.

  Attributes:
    split: of `spaces.splits`, or "target" for networks that a user named.
    recipe: see `settings.Setting`.
    method: see `settings.Setting`.
    head: see `settings.Setting`.
    batch_norm: see `settings.Setting`.
    mean: over the networks.
    standard_error: of the mean, over networks; None for a single network.
    best: network's.
    num_networks: number of them.
    num_images: number of test images.
  """

  split: str
  recipe: str
  method: str
  head: str
  batch_norm: str
  mean: float
  standard_error: float | None
  best: float
  num_networks: int
  num_images: int


def rows(reports: Mapping[str, Reports], num_images: int) -> list[Row]:
  """Returns a row for each split and setting, in the order of measuring.

  Args:
    reports: of the networks of each split; a setting is of those that were
      measured in it.
    num_images: number of test images.
  """
  result = []
  for split, own in reports.items():
    for setting in _settings(own):
      top1 = [r.accuracy[setting] for r in own if setting in r.accuracy]
      error = None
      if len(top1) > 1:
        error = statistics.stdev(top1) / math.sqrt(len(top1))
      result.append(
        Row(
          split,
          **dataclasses.asdict(setting),
          mean=statistics.fmean(top1),
          standard_error=error,
          best=max(top1),
          num_networks=len(top1),
          num_images=num_images,
        )
      )
  return result


def summary(table: Sequence[Row]) -> str:
  """Returns the means in %, and their standard errors, as Markdown.

  A line has a split with where parameters, classifier and statistics come from,
  a column a recipe.
  """
  recipes = [*dict.fromkeys(row.recipe for row in table)]
  lines: dict[tuple[str, ...], dict[str, Row]] = {}
  for row in table:
    key = row.split, row.method, row.head, row.batch_norm
    lines.setdefault(key, {})[row.recipe] = row
  cells = [["split", "networks", "params", "head", "BatchNorm", *recipes]]
  for (split, *where), by_recipe in lines.items():
    numbers = [row.num_networks for row in by_recipe.values()]
    least, most = min(numbers), max(numbers)
    number = f"{least}" if least == most else f"{least} to {most}"
    means = (_mean(by_recipe.get(recipe)) for recipe in recipes)
    cells.append([split, number, *where, *means])
  return markdown.table(cells, left=(0, 2, 3, 4))


def by_network(reports: Reports) -> str:
  """Returns the reports as Markdown, one network a line, accuracies in %."""
  settings = _settings(reports)
  cells = [
    ["network", "MMACs", "params", *map(_label, settings), "bytes", "seconds"]
  ]
  for report in reports:
    size = report.tflite_bytes
    cells.append(
      [
        report.name + ("" if report.unseen else " (may have been seen)"),
        f"{report.macs / 1e6:.1f}",
        f"{report.num_params:,}",
        *(_percent(report.accuracy.get(setting)) for setting in settings),
        "" if size is None else f"{size:,}",
        f"{report.seconds:.1f}",
      ]
    )
  return markdown.table(cells, left=(0,))


def to_json(table: Iterable[Row]) -> list[dict[str, Any]]:
  """Returns rows for a JSON file."""
  return [dataclasses.asdict(row) for row in table]


def _settings(reports: Reports) -> list[settings_lib.Setting]:
  """Returns the settings that any network was measured in."""
  return [*dict.fromkeys(s for report in reports for s in report.accuracy)]


def _percent(fraction: float | None) -> str:
  return "" if fraction is None else f"{100 * fraction:.1f}"


def _mean(row: Row | None) -> str:
  if row is None:
    return ""
  if row.standard_error is None:
    return _percent(row.mean)
  return f"{100 * row.mean:.1f} ± {100 * row.standard_error:.1f}"


def _label(setting: settings_lib.Setting) -> str:
  """Returns the recipe, and what else is not as by default."""
  usual = settings_lib.Setting(setting.recipe)
  names = [setting.recipe]
  for field in ("method", "head", "batch_norm"):
    if (value := getattr(setting, field)) != getattr(usual, field):
      names.append(value)
  return ", ".join(names)
