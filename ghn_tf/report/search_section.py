# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Searches of ghn-search on a page: accuracy against costs."""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
from typing import Any

from ghn_tf.report import json_files
from ghn_tf.report import page
from ghn_tf.report import parts

_WRITER = "ghn-search"
_FILE = "search.json"
_TITLES = {
  "macs": "multiply-accumulates",
  "arena_bytes": "arena [bytes]",
  "flash_bytes": "flash [bytes]",
  "latency_ms": "latency [ms]",
}
# A score that is an accuracy; others have no place beside accuracies.
_ACCURACY = "hypernetwork"
# What is told of files, and by which costs.
_OF_FILES = ("accuracy", "measured")
# Browsers draw so many points in no time.
_MAX_CANDIDATES = 3_000
_CONTENT: dict[str, json_files.Kind] = {
  **{"checkpoint": str, "dataset": str, "source": str, "settings": dict},
  **{"summary": dict, "curve": list, "networks": list, "candidates": list},
}
_SETTINGS: dict[str, json_files.Kind] = {
  **{"recipe": str, "target": str, "strategy": str, "score": str},
  **{"limits": dict, "objectives": list},
  **dict.fromkeys(("num_images", "num_refined", "refined_images"), int),
  **{"num_confirmed": int, "test_images": int},
}
_SUMMARY = dict.fromkeys(("candidates", "refused", "scored", "failed"), int)
_SCORED: dict[str, json_files.Kind] = {
  **{"index": int, "name": str, "macs": int, "num_params": int},
  "costs": dict,
  "score": json_files.NUMBER,
}
_NETWORK: dict[str, json_files.Kind] = {
  **_SCORED,
  **{"measured": dict, "accuracy": json_files.NUMBER, "is_in_front": bool},
}
# Of a network that a user has, or that was made from it.
_ORIGIN: dict[str, json_files.Kind] = {"is_own": bool, "varied": str}
_YOURS = "your network"
# Efforts by which searches are compared.
_EFFORTS = {
  "scored": "scored candidates",
  "processor_seconds": "processor seconds",
}
_POINT = dict.fromkeys((*_EFFORTS, "mean_best_score"), json_files.NUMBER)

Record = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class _Search:
  """A search, checked.

  Attributes:
    name: of its folder.
    content: of its file.
    scored: the candidates that have a score and did not become files.
    networks: those that became files, the most accurate first.
    costs: that all its networks have, what they were weighed by first.
  """

  name: str
  content: Record
  scored: Sequence[Record]
  networks: Sequence[Record]
  costs: Sequence[str]


def sections(folders: Sequence[str]) -> list[page.Section]:
  """Returns what searches found, beside each other if they are several.

  Args:
    folders: outputs of ghn-search.

  Raises:
    ValueError: one is none.
    OSError: one cannot be read.
  """
  names = json_files.names(folders)
  found = [*map(_read, folders, names)]
  result = [*map(_section, found)]
  if len(found) < 2:
    return result
  result = [dataclasses.replace(own, title="") for own in result]
  return [_comparison(found), *result]


def _read(folder: str, name: str) -> _Search:
  path = json_files.find(folder, _FILE, _WRITER)
  with json_files.opened(path, _WRITER) as content:
    json_files.check(content, _CONTENT)
    json_files.check(content["settings"], _SETTINGS)
    json_files.check(content["summary"], _SUMMARY)
    networks = content["networks"]
    for record in networks:
      json_files.check(record, _NETWORK)
      json_files.check(record, {name: _ORIGIN[name] for name in _told(record)})
      _check_numbers(record["measured"])
    scored = [own for own in content["candidates"] if "score" in own]
    for record in scored:
      json_files.check(record, _SCORED)
      _check_numbers(record["costs"])
    built = {record["index"] for record in networks}
    scored = [record for record in scored if record["index"] not in built]
    networks = sorted(networks, key=lambda own: own["accuracy"], reverse=True)
    objectives = content["settings"]["objectives"]
    json_files.check(_TITLES, dict.fromkeys(objectives, str))
    costs = [
      name
      for name in dict.fromkeys((*objectives, *_TITLES))
      if all(name in own["measured"] for own in networks)
    ]
    _check_numbers(content["settings"]["limits"])
    for point in content["curve"]:
      json_files.check(point, _POINT)
  return _Search(name, content, scored, networks, costs)


def _told(record: Record) -> list[str]:
  """Returns what is told of where a network comes from."""
  return [name for name in _ORIGIN if name in record]


def _check_numbers(fields: Mapping[str, Any]) -> None:
  json_files.check(fields, dict.fromkeys(fields, json_files.NUMBER))


def _section(search: _Search) -> page.Section:
  charts = {_TITLES[cost]: [_against(search, cost)] for cost in search.costs}
  settings = search.content["settings"]
  return page.Section(
    f"Search: {search.name}",
    f"{_counted(search.content)} {_explained(search.content)}",
    [parts.Choice("cost", charts), _networks(search), _settings(settings)],
    f"Search of {search.content['source']} for {settings['target']} in"
    f" {settings['recipe']}, by {search.content['checkpoint']}: {search.name}",
  )


def _counted(content: Record) -> str:
  """Returns what became of the candidates."""
  settings, summary = content["settings"], content["summary"]
  return (
    f"{summary['candidates']:,} candidates of {content['source']} were drawn"
    f" ({settings['strategy']}) for {settings['target']} in"
    f" {settings['recipe']}: {summary['refused']:,} were refused, as their"
    f" estimated costs are beyond the limits ({_limits(settings)}),"
    f" {summary['scored']:,} were scored ({settings['score']}), and"
    f" {summary['failed']:,} could not be built or scored."
  )


def _limits(settings: Record) -> str:
  """Returns the limits in words, with their units."""
  found = []
  for name, limit in settings["limits"].items():
    title, _, unit = _TITLES.get(name, name).partition(" [")
    found.append(
      f"{title} at most {parts.shown(limit)} {unit.removesuffix(']')}".rstrip()
    )
  return ", ".join(found) or "none"


def _explained(content: Record) -> str:
  """Returns what points are, and why some lie above the front."""
  settings = content["settings"]
  text = (
    "Large points became files: emulated, their accuracy, without training, on"
    f" {settings['test_images']:,} test images of {content['dataset']}; the"
    " front are those within the limits that no other beats by its score."
  )
  if settings["score"] != _ACCURACY:
    return f"{text} The others are not drawn, as their score is no accuracy."
  found = (
    f"{text} Small grey points are the other candidates: costs estimated,"
    f" accuracy on {settings['num_images']:,} validation images."
  )
  asked = settings["num_refined"]
  if asked and settings["refined_images"] > settings["num_images"]:
    # Fewer may have been scored, or been built, than were asked for; no file is
    # of one that was not scored anew.
    refined = max(asked, settings["num_confirmed"])
    refined = min(refined, content["summary"]["scored"])
    found += (
      f" The {refined:,} best were scored anew on"
      f" {settings['refined_images']:,}, and of these"
      f" {len(content['networks']):,} became files: a grey point above the"
      " front did worse there, or was not among them."
    )
  if settings["limits"]:
    found += (
      " A grey one beyond a limit, dotted, may be within it, as estimates err."
    )
  return found


def _against(search: _Search, cost: str) -> parts.Chart:
  """Returns accuracies against a cost, and its limit."""
  others = [own for own in search.networks if not own["is_in_front"]]
  traces = []
  if search.content["settings"]["score"] == _ACCURACY:
    scored = [own for own in search.scored if cost in own["costs"]]
    shown = scored[:: 1 + len(scored) // _MAX_CANDIDATES]
    traces.append(
      _points("estimated, not built", shown, "score", "costs", cost)
    )
    traces[-1]["marker"] = {"color": "var(--grey)", "size": 5, "opacity": 0.7}
  traces.append(
    {
      **_points("emulated, not in the front", others, *_OF_FILES, cost),
      "marker": {"color": "var(--sky)", "size": 9},
    }
  )
  traces.append(
    {
      **_front(search, cost, "emulated, in the front"),
      "line": {"color": "var(--vermilion)", "width": 2, "shape": "hv"},
      "marker": {"color": "var(--vermilion)", "size": 9},
    }
  )
  if own := [own for own in search.networks if own.get("is_own")]:
    traces.append(
      {
        **_points(_YOURS, own, *_OF_FILES, cost),
        "marker": {"color": "var(--green)", "size": 15, "symbol": "star"},
      }
    )
  layout: dict[str, Any] = {
    "xaxis": parts.axis(_TITLES[cost], rangemode="tozero"),
    "yaxis": parts.axis("accuracy, not trained [%]"),
  }
  limit = search.content["settings"]["limits"].get(cost)
  if limit is not None:
    layout["shapes"] = [
      {
        **{"type": "line", "x0": limit, "x1": limit, "yref": "paper"},
        **{"y0": 0, "y1": 1},
        "line": {"color": "var(--ink)", "dash": "dot", "width": 1},
      }
    ]
  title = f"Accuracy against {_TITLES[cost]}"
  return parts.Chart(title, traces, layout, height=460, is_wide=True)


def _points(
  name: str, networks: Sequence[Record], quality: str, costs: str, cost: str
) -> dict[str, Any]:
  return {
    "name": name,
    "x": [own[costs][cost] for own in networks],
    "y": [100 * own[quality] for own in networks],
    "mode": "markers",
    "text": [*map(parts.network, networks)],
    "hovertemplate": "%{y:.1f} %, %{x:,.4~g}, %{text}<extra></extra>",
  }


def _front(search: _Search, cost: str, name: str) -> dict[str, Any]:
  """Returns the front by a cost, as a line if it is a front of that alone."""
  front = [own for own in search.networks if own["is_in_front"]]
  front.sort(key=lambda own: own["measured"][cost])
  result = _points(name, front, *_OF_FILES, cost)
  if search.content["settings"]["objectives"] == [cost]:
    result["mode"] = "lines+markers"
  return result


def _networks(search: _Search) -> parts.Table:
  score = search.content["settings"]["score"]
  unit, factor = (
    ("score [%]", 100) if score == _ACCURACY else (f"score: {score}", 1)
  )
  header = ["network", "in front", "accuracy [%]", unit, "parameters"]
  rows = [
    [
      *(own["name"], own["is_in_front"], 100 * own["accuracy"]),
      *(factor * own["score"], own["num_params"]),
      *(own["measured"][cost] for cost in search.costs),
    ]
    for own in search.networks
  ]
  header += [_TITLES[cost] for cost in search.costs]
  if any(map(_told, search.networks)):
    header.append("varied")
    for row, own in zip(rows, search.networks, strict=True):
      row.append(_YOURS if own.get("is_own") else own.get("varied", ""))
  return parts.Table("Files", header, rows)


def _settings(settings: Record) -> parts.Table:
  rows = [[name, str(value)] for name, value in settings.items()]
  return parts.Table("Settings", ["setting", "value"], rows, is_folded=True)


def _comparison(searches: Sequence[_Search]) -> page.Section:
  """Returns the fronts of searches against costs, and how they were found."""
  common = [
    cost
    for cost in searches[0].costs
    if all(cost in search.costs for search in searches)
  ]
  charts = {_TITLES[cost]: [_fronts(searches, cost)] for cost in common}
  found: list[page.Part] = [parts.Choice("cost", charts)] if charts else []
  if any(search.content["curve"] for search in searches):
    options = {
      title: [_curves(searches, effort, title)]
      for effort, title in _EFFORTS.items()
    }
    found.append(parts.Choice("effort", options))
  text = "Their fronts beside each other."
  if differing := [*_differing(searches)]:
    text += f" They have different {', different '.join(differing)}, so that"
    text += " their curves are not of the same task."
  return page.Section(
    "Searches",
    text,
    found,
    f"Searches: {', '.join(search.name for search in searches)}",
  )


def _differing(searches: Sequence[_Search]) -> Iterator[str]:
  """Yields in what else searches differ than in how they were done, and how."""
  for title, told in (
    ("hypernetworks", lambda content: content["checkpoint"]),
    ("images", lambda content: content["dataset"]),
    ("recipes", lambda content: content["settings"]["recipe"]),
    ("devices", lambda content: content["settings"]["target"]),
    ("limits", lambda content: _limits(content["settings"])),
    ("scores", lambda content: content["settings"]["score"]),
  ):
    found = [told(search.content) for search in searches]
    if len({*found}) > 1:
      each = "; ".join(
        f"{search.name}: {own}"
        for search, own in zip(searches, found, strict=True)
      )
      yield f"{title} ({each})"


def _curves(
  searches: Sequence[_Search], effort: str, title: str
) -> parts.Chart:
  """Returns how good searches are, by their effort."""
  traces = [
    {
      "name": parts.label(search.name),
      "x": [point[effort] for point in search.content["curve"]],
      "y": [
        100 * point["mean_best_score"] for point in search.content["curve"]
      ],
      "mode": "lines",
      "line": {"color": parts.series(index), "width": 2},
    }
    for index, search in enumerate(searches)
    if search.content["curve"]
  ]
  layout = {
    "xaxis": parts.axis(title, rangemode="tozero"),
    "yaxis": parts.axis("accuracy, estimated [%]"),
  }
  return parts.Chart(
    "How fast: the best within a cost, 0 where there is none, mean of all costs"
    " up to the limit",
    traces,
    layout,
    is_wide=True,
  )


def _fronts(searches: Sequence[_Search], cost: str) -> parts.Chart:
  traces = []
  for index, search in enumerate(searches):
    points = _front(search, cost, parts.label(search.name))
    points |= {
      "line": {"color": parts.series(index), "width": 2, "shape": "hv"},
      "marker": {"symbol": parts.symbol(index), "size": 8},
    }
    traces.append(points)
  layout = {
    "xaxis": parts.axis(_TITLES[cost], rangemode="tozero"),
    "yaxis": parts.axis("accuracy, not trained [%]"),
  }
  title = f"Fronts against {_TITLES[cost]}"
  return parts.Chart(title, traces, layout, height=400, is_wide=True)
