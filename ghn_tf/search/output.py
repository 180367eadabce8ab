# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a search writes: files of the front, a table, a picture, JSON."""

import base64
from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import json
import math
import pathlib
import textwrap
from typing import Any

from absl import logging

from ghn_tf import files
from ghn_tf.edge import report as report_lib
from ghn_tf.report import front as front_picture
from ghn_tf.report import markdown as markdown_lib
from ghn_tf.report import picture_files
from ghn_tf.search import curve
from ghn_tf.search import probes
from ghn_tf.search import run as run_lib
from ghn_tf.search import settings as settings_lib

# The file that tells that a folder has a search.
NAME = "search.json"
# Of a network's files: it, its architecture, what it costs.
_ENDINGS = (".tflite", ".json", ".report.json")
# Of the rows of files, what stands in files of their own.
_APART = ("file", "report", "architecture", "numbers")


def markdown(
  result: run_lib.Result,
  settings: settings_lib.Settings,
  content: Mapping[str, Any],
) -> str:
  """Returns what was asked for, the front as a table, and how it was found.

  Args:
    result: of the search.
    settings: of it.
    content: what else search.json says.
  """
  parts = [
    f"# Networks for {settings.target} in {settings.recipe}{_limits(settings)}",
    f"```sh\n{content['command']}\n```",
    _table(result, settings),
    *(
      textwrap.fill(part, 80, break_on_hyphens=False)
      for part in _told(result, settings, content)
    ),
  ]
  return "\n\n".join(parts) + "\n"


def _limits(settings: settings_lib.Settings) -> str:
  return "".join(
    f", {_words(name)} at most {f'{limit:,}'.removesuffix('.0')}"
    for name, limit in settings.limits.items()
  )


def _words(cost: str) -> str:
  return cost.replace("_", " ")


def _written(result: run_lib.Result) -> list[run_lib.Row]:
  """Returns the networks that get files: the front and the user's own."""
  own = [row for row in result.confirmed if row.get("is_own")]
  return [*result.front, *(row for row in own if row not in result.front)]


def _label(row: run_lib.Row, result: run_lib.Result) -> str:
  """Returns the name of a network, with what it is to the user."""
  if not row.get("is_own"):
    return row["name"]
  note = ""
  if row["beyond"]:
    note = f", beyond the limit of {', '.join(map(_words, row['beyond']))}"
  elif row not in result.front:
    note = ", not of the front"
  return f"{row['name']} (your network{note})"


def _table(result: run_lib.Result, settings: settings_lib.Settings) -> str:
  """Returns what is written as a table, the best score of the front first."""
  front = _written(result)
  is_share = settings.score == settings_lib.HYPERNETWORK
  columns = {
    "network": [_label(row, result) for row in front],
    "top-1 %": [f"{100 * row['accuracy']:.1f}" for row in front],
    "score": [
      f"{100 * row['score']:.1f}" if is_share else f"{row['score']:.4g}"
      for row in front
    ],
    "MMACs": [f"{row['macs'] / 1e6:.2f}" for row in front],
    "params": [f"{row['num_params']:,}" for row in front],
  }
  for name in settings_lib.COSTS[1:]:
    if all(name in row["measured"] for row in front):
      columns[_words(name)] = _numbers([row["measured"][name] for row in front])
  if any("varied" in row for row in front):
    columns["varied"] = [row.get("varied", "") for row in front]
  rows = zip(*columns.values(), strict=True)
  left = [i for i, name in enumerate(columns) if name in ("network", "varied")]
  return markdown_lib.table([[*columns], *map(list, rows)], left=left)


def _numbers(values: Sequence[float]) -> list[str]:
  """Returns positive numbers, all with the decimals that the least one needs.

  Integers have none, and the least of others three digits.
  """
  digits = 0
  if not all(isinstance(value, int) for value in values):
    digits = max(0, 2 - math.floor(math.log10(min(values))))
  return [f"{value:,.{digits}f}" for value in values]


def _told(
  result: run_lib.Result,
  settings: settings_lib.Settings,
  content: Mapping[str, Any],
) -> Iterator[str]:
  """Yields paragraphs on what was done, and what the figures are."""
  found = summary(result, settings)
  is_share = settings.score == settings_lib.HYPERNETWORK
  images = f" on {settings.num_images:,} validation images" if is_share else ""
  yield (
    f"{found['candidates']:,} networks of {content['source']} were drawn"
    f" ({settings.strategy}): {found['refused']:,} were refused, as their"
    f" estimated costs are beyond the limits, {found['scored']:,} were scored"
    f"{images}, and {found['failed']:,} could not be drawn, predicted or run."
    f" {found['files']:,} became files, of which {found['files_beyond']:,} are"
    " beyond the limits after all."
  )
  yield (
    f"It took {content['seconds']:,.0f} s. In each second of a core"
    f" {found['candidates_per_core_second']:.1f} were drawn and"
    f" {found['scored_per_core_second']:.1f} of them scored."
  )
  if result.model.estimates:
    yield probes.told(result.model)
  score = "The score is the accuracy of the network that"
  score += f" {content['checkpoint']} predicts, on {settings.final_images:,}"
  score += f" validation images{_error(settings.final_images)}"
  yield (
    f"Top-1 is that of the files, without training, on"
    f" {settings.test_images:,} test images of {content['dataset']}"
    f"{_error(settings.test_images)}."
    f" {score if is_share else f'The score is {settings.score}'}. The front is"
    " of the score and the costs of files; test images choose nothing, so that"
    " top-1 is not too high by the choice, as the score is."
  )
  if found["mean_best_score"] is not None:
    (name,) = settings.objectives
    yield (
      f"The best network within every {_words(name)} up to the limit has, on"
      f" average, a score of {100 * found['mean_best_score']:.1f} % among all"
      f" and a top-1 of {100 * found['mean_best_accuracy']:.1f} % among the"
      " files, where none within it counts as 0."
    )


def _error(number: int) -> str:
  """Returns how uncertain an accuracy of so many images is."""
  return f" (standard error at most {50 / math.sqrt(number):.1f} points)"


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
  return {
    **counts,
    "files": len(result.confirmed),
    "files_beyond": sum(bool(row["beyond"]) for row in result.confirmed),
    "processor_seconds": result.seconds,
    "candidates_per_core_second": counts["candidates"] / seconds,
    "scored_per_core_second": counts["scored"] / seconds,
    "mean_best_score": curve.mean_best(settings, scored, "costs"),
    "mean_best_accuracy": curve.mean_best(
      settings, result.confirmed, "measured", "accuracy"
    ),
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

  Of each network of the front, and of the user's own, there is NAME.tflite,
  NAME.json, the architecture as programs take it for --target, and
  NAME.report.json, what it costs. Last comes search.json. The files of networks
  that an earlier one names are removed before.

  Args:
    folder: to write to.
    result: of the search.
    settings: of it.
    content: what else search.json says: command, checkpoint, dataset, source,
      and seconds among it.
  """
  _remove(folder)
  for row in _written(result):
    name = file_name(row["name"])
    contents = (
      base64.b64decode(row["file"]),
      row["architecture"],
      report_lib.to_json([report_lib.from_record(row["report"])]),
    )
    for ending, own in zip(_ENDINGS, contents, strict=True):
      files.write(folder / f"{name}{ending}", own)
  files.write(folder / "search.md", markdown(result, settings, content))
  scored = [row for row in result.rows if "score" in row]
  is_accuracy = settings.score == settings_lib.HYPERNETWORK
  picture = front_picture.figure(
    _points(scored, "score", "costs") if is_accuracy else [],
    _points(result.confirmed, "accuracy", "measured"),
    _points(result.front, "accuracy", "measured"),
    settings.objectives,
    settings.limits,
    own=_points(
      [row for row in result.confirmed if row.get("is_own")],
      *("accuracy", "measured"),
    ),
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
  text = json.dumps(told, indent=1, allow_nan=False)
  files.write(folder / NAME, text + "\n")


def _remove(folder: pathlib.Path) -> None:
  """Removes the networks of an earlier search, by its search.json, if any."""
  path = folder / NAME
  if not path.is_file():
    return
  try:
    earlier = json.loads(path.read_text())["networks"]
    names = [file_name(row["name"]) for row in earlier]
  except (ValueError, KeyError, TypeError, AttributeError) as error:
    logging.warning(
      "%s does not name the networks of an earlier search, whose files stay"
      " where they are: %s",
      *(path, error),
    )
    return
  for name in names:
    for ending in _ENDINGS:
      (folder / f"{name}{ending}").unlink(missing_ok=True)


def file_name(network: str) -> str:
  """Returns the name of a network's files, without what parts folders."""
  return network.replace("/", "_")
