# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a search writes: files of the front, a table, a picture, JSON."""

import base64
from collections.abc import Mapping, Sequence
import dataclasses
import json
import pathlib
from typing import Any

from ghn_tf import files
from ghn_tf.edge import report as report_lib
from ghn_tf.report import front as front_picture
from ghn_tf.report import markdown as markdown_lib
from ghn_tf.report import picture_files
from ghn_tf.search import curve
from ghn_tf.search import run as run_lib
from ghn_tf.search import settings as settings_lib

# The file that tells that a folder has a search.
NAME = "search.json"
# Of the rows of files, what stands in files of their own.
_APART = ("file", "report", "architecture", "numbers")


def markdown(result: run_lib.Result, score: str) -> str:
  """Returns the front as a table, the most accurate network first.

  Args:
    result: of the search.
    score: the name of it.
  """
  cells = [["network", "top-1 %", score, "MMACs", "params"]]
  costs = [n for n in settings_lib.COSTS[1:] if n in _measured(result.front)]
  cells[0] += [name.replace("_", " ") for name in costs]
  for row in result.front:
    is_share = score == settings_lib.HYPERNETWORK
    cells.append(
      [
        row["name"],
        f"{100 * row['accuracy']:.1f}",
        f"{100 * row['score']:.1f}" if is_share else f"{row['score']:.4g}",
        f"{row['macs'] / 1e6:.2f}",
        f"{row['num_params']:,}",
        *(_number(row["measured"][name]) for name in costs),
      ]
    )
  return markdown_lib.table(cells, left=(0,))


def _measured(rows: Sequence[run_lib.Row]) -> set[str]:
  """Returns the costs that all rows have."""
  return set.intersection(*({*row["measured"]} for row in rows))


def _number(value: float) -> str:
  return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def summary(
  result: run_lib.Result, settings: settings_lib.Settings
) -> dict[str, Any]:
  """Returns how many candidates there were, how fast, and how good.

  Args:
    result: of the search.
    settings: of it.
  """
  counts = run_lib.counts(result.rows)
  seconds = max(result.seconds, 1e-9)
  scored = [row for row in result.rows if "score" in row]
  best = {
    "mean_best_score": (scored, "score", "costs"),
    "mean_best_accuracy": (result.confirmed, "accuracy", "measured"),
  }
  return {
    **counts,
    "files": len(result.confirmed),
    "files_beyond": sum(bool(row["beyond"]) for row in result.confirmed),
    "processor_seconds": result.seconds,
    "candidates_per_core_second": counts["candidates"] / seconds,
    "scored_per_core_second": counts["scored"] / seconds,
    **{name: curve.mean_best(settings, *own) for name, own in best.items()},
  }


def _points(
  rows: Sequence[run_lib.Row], quality: str, costs: str
) -> list[front_picture.Point]:
  return [
    front_picture.Point(row["name"], row[quality], row[costs]) for row in rows
  ]


def write(
  folder: pathlib.Path,
  result: run_lib.Result,
  settings: settings_lib.Settings,
  content: Mapping[str, Any],
) -> None:
  """Writes all of a search.

  Of each network of the front there is NAME.tflite, NAME.json, the architecture
  as programs take it for --target, and NAME.report.json, what it costs. Last
  comes search.json.

  Args:
    folder: to write to.
    result: of the search.
    settings: of it.
    content: what else search.json says.
  """
  for row in result.front:
    name = file_name(row["name"])
    files.write(folder / f"{name}.tflite", base64.b64decode(row["file"]))
    files.write(folder / f"{name}.json", row["architecture"])
    report = report_lib.to_json([report_lib.from_record(row["report"])])
    files.write(folder / f"{name}.report.json", report)
  files.write(folder / "search.md", f"{markdown(result, settings.score)}\n")
  scored = [row for row in result.rows if "score" in row]
  is_accuracy = settings.score == settings_lib.HYPERNETWORK
  picture = front_picture.figure(
    _points(scored, "score", "costs") if is_accuracy else [],
    _points(result.confirmed, "accuracy", "measured"),
    _points(result.front, "accuracy", "measured"),
    settings.objectives,
    settings.limits,
  )
  picture_files.save(picture, folder / "search.png")
  front = {row["index"] for row in result.front}
  networks = [
    {
      **{key: value for key, value in row.items() if key not in _APART},
      "is_in_front": row["index"] in front,
    }
    for row in result.confirmed
  ]
  candidates = [
    {key: value for key, value in row.items() if key != "numbers"}
    for row in result.rows
  ]
  told = {
    **content,
    "settings": dataclasses.asdict(settings),
    "summary": summary(result, settings),
    "estimates": {
      name: dataclasses.asdict(estimate)
      for name, estimate in result.model.estimates.items()
    },
    "curve": [dataclasses.asdict(point) for point in result.curve],
    "networks": networks,
    "errors": result.errors,
    "candidates": candidates,
  }
  files.write(folder / NAME, json.dumps(told, indent=1) + "\n")


def file_name(network: str) -> str:
  """Returns the name of a network's files, without what parts folders."""
  return network.replace("/", "_")
