# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tables of ghn-evaluate on a page: accuracy by split, recipe and cost."""

from collections.abc import Mapping, Sequence
from typing import Any

from ghn_tf.report import json_files
from ghn_tf.report import page
from ghn_tf.report import pareto
from ghn_tf.report import parts

_WRITER = "ghn-evaluate"
# What else than the recipe tells settings apart, and how it mostly is.
_WHERE = {"method": "predicted", "head": "own", "batch_norm": "stored"}
# What networks cost: title of the axis, and the field.
_COSTS = (
  ("multiply-accumulates", "macs"),
  ("parameters", "num_params"),
)
_MIN_BARS = 8
_CONTENT = {
  **{"checkpoint": str, "dataset": str, "steps": int, "num_images": int},
  **{"rows": list, "networks": list},
}
_SETTING = {"recipe": str, "method": str, "head": str, "batch_norm": str}
_ROW = {
  **_SETTING,
  "split": str,
  "mean": json_files.NUMBER,
  "standard_error": json_files.NUMBER | None,
  "best": json_files.NUMBER,
  "num_networks": int,
  "num_images": int,
}
_NETWORK = {
  **{"name": str, "split": str, "unseen": bool, "macs": int},
  **{"num_params": int, "accuracy": list},
  "tflite_bytes": int | None,
  "seconds": json_files.NUMBER,
}

Record = Mapping[str, Any]


def sections(paths: Sequence[str]) -> list[page.Section]:
  """Returns what tables say.

  Args:
    paths: JSON files of ghn-evaluate.

  Raises:
    ValueError: one is none.
    OSError: one cannot be read.
  """
  return [*map(_section, paths, json_files.names(paths))]


def _section(path: str, name: str) -> page.Section:
  with json_files.opened(path, _WRITER) as content:
    _check(content)
    networks = content["networks"]
    return page.Section(
      f"Table: {name}",
      f"Top-1 accuracy of {content['checkpoint']}, after"
      f" {content['steps']:,} steps, on {content['num_images']:,} test images"
      f" of {content['dataset']}. Error bars are standard errors over networks."
      " No network on the Pareto front has another that costs less and is as"
      " accurate.",
      [
        parts.Choice("setting", _by_split(content["rows"])),
        parts.Choice("recipe", _by_cost(networks)),
        _rows(content["rows"]),
        _networks(networks),
        *_failed(networks),
      ],
      f"Accuracy of {content['checkpoint']} on {content['dataset']}: {name}",
    )


def _check(content: Record) -> None:
  """Raises TypeError or LookupError if it is not what ghn-evaluate writes."""
  json_files.check(content, _CONTENT)
  for row in content["rows"]:
    json_files.check(row, _ROW)
  for network in content["networks"]:
    json_files.check(network, _NETWORK)
    for own in network["accuracy"]:
      json_files.check(own, {**_SETTING, "top1": json_files.NUMBER})
    errors = _errors(network)
    json_files.check({"errors": errors}, {"errors": list})
    for error in errors:
      json_files.check({"error": error}, {"error": str})


def _where(record: Record) -> str:
  """Returns where parameters, classifier and statistics come from."""
  method, head, batch_norm = (record[name] for name in _WHERE)
  return f"{method} parameters, {head} classifier, {batch_norm} statistics"


def _by_split(rows: Sequence[Record]) -> dict[str, list[parts.Chart]]:
  """Returns for each setting the means of its recipes, split by split."""
  recipes = [*dict.fromkeys(row["recipe"] for row in rows)]
  options = {}
  for where in dict.fromkeys(map(_where, rows)):
    traces = []
    for index, recipe in enumerate(recipes):
      own = [
        row for row in rows if (_where(row), row["recipe"]) == (where, recipe)
      ]
      if own:
        traces.append(_bars(own, recipe, parts.series(index)))
    splits = {row["split"] for row in rows if _where(row) == where}
    # Few bars stand on the left, as wide as of many.
    places = max(len(splits), _MIN_BARS / len(traces))
    layout = {
      "xaxis": {"range": [-0.5, places - 0.5]},
      "yaxis": parts.axis("mean accuracy [%]"),
      "bargap": 0.25,
    }
    title = "Accuracy by split and recipe"
    options[where] = [
      parts.Chart(title, traces, layout, height=380, is_wide=True)
    ]
  return options


def _bars(rows: Sequence[Record], recipe: str, color: str) -> dict[str, Any]:
  return {
    "type": "bar",
    "name": parts.label(recipe),
    "x": [parts.label(row["split"]) for row in rows],
    "y": [100 * row["mean"] for row in rows],
    "error_y": {
      "array": [_percent(row["standard_error"]) for row in rows],
      "color": "var(--ink)",
      "thickness": 1.2,
      "width": 3,
    },
    "marker": {"color": color},
    "text": [
      f"best {100 * row['best']:.1f} %, {row['num_networks']:,} networks"
      for row in rows
    ],
    "textposition": "none",
    "hovertemplate": "%{y:.1f} %, %{text}<extra>%{x}, %{fullData.name}</extra>",
  }


def _percent(fraction: float | None) -> float | None:
  return None if fraction is None else 100 * fraction


def _setting(record: Record) -> str:
  """Returns the recipe, and what is not as mostly."""
  unusual = [record[name] for name in _WHERE if record[name] != _WHERE[name]]
  return ", ".join([record["recipe"], *unusual])


def _by_cost(networks: Sequence[Record]) -> dict[str, list[parts.Chart]]:
  """Returns for each setting the networks' accuracy against what they cost."""
  settings = dict.fromkeys(
    _setting(own) for network in networks for own in network["accuracy"]
  )
  options = {}
  for setting in settings:
    found = [
      (network, 100 * own["top1"])
      for network in networks
      for own in network["accuracy"]
      if _setting(own) == setting
    ]
    options[setting] = [
      parts.Chart(
        f"Accuracy against {title}",
        _points(found, cost),
        {
          "xaxis": parts.axis(title, type="log"),
          "yaxis": parts.axis("accuracy [%]"),
        },
        height=380,
      )
      for title, cost in _COSTS
    ]
  return options


def _points(
  found: Sequence[tuple[Record, float]], cost: str
) -> list[dict[str, Any]]:
  """Returns the Pareto front, and the networks of each split."""
  traces = [
    pareto.line([n[cost] for n, _ in found], [top1 for _, top1 in found])
  ]
  splits = dict.fromkeys(network["split"] for network, _ in found)
  for index, split in enumerate(splits):
    own = [(n, top1) for n, top1 in found if n["split"] == split]
    traces.append(
      {
        "name": parts.label(split),
        "x": [network[cost] for network, _ in own],
        "y": [top1 for _, top1 in own],
        "mode": "markers",
        "marker": {
          "color": parts.series(index),
          "symbol": parts.symbol(index),
          "size": 8,
        },
        "text": [parts.network(network) for network, _ in own],
        "hovertemplate": "%{y:.1f} %, %{text}<extra>%{fullData.name}</extra>",
      }
    )
  return traces


def _rows(rows: Sequence[Record]) -> parts.Table:
  header = ["split", "recipe", "parameters", "classifier", "BatchNorm"]
  header += ["mean [%]", "standard error", "best [%]", "networks", "images"]
  return parts.Table(
    "Means",
    header,
    [
      [
        *(row[name] for name in ("split", "recipe", *_WHERE)),
        100 * row["mean"],
        _percent(row["standard_error"]),
        100 * row["best"],
        row["num_networks"],
        row["num_images"],
      ]
      for row in rows
    ],
  )


def _networks(networks: Sequence[Record]) -> parts.Table:
  settings = [
    *dict.fromkeys(
      _setting(own) for network in networks for own in network["accuracy"]
    )
  ]
  header = ["network", "split", "unseen", "MMACs", "parameters"]
  header += [*(f"{name} [%]" for name in settings), "file [bytes]", "seconds"]
  rows = []
  for network in networks:
    top1 = {_setting(own): own["top1"] for own in network["accuracy"]}
    rows.append(
      [
        *(network[name] for name in ("name", "split", "unseen")),
        network["macs"] / 1e6,
        network["num_params"],
        *(100 * top1[name] if name in top1 else None for name in settings),
        network["tflite_bytes"],
        network["seconds"],
      ]
    )
  return parts.Table("Networks", header, rows)


def _errors(network: Record) -> list[str]:
  """Returns why settings have no accuracy, which older files do not tell."""
  return network.get("errors", [])


def _failed(networks: Sequence[Record]) -> list[parts.Table]:
  """Returns a table of the settings that failed, if there are any."""
  rows = [
    [network["name"], *error.partition(": ")[::2]]
    for network in networks
    for error in _errors(network)
  ]
  header = ("network", "setting", "reason")
  return [parts.Table("Settings that failed", header, rows)] if rows else []
