# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""A search: candidates are drawn, scored, refined, emulated; the best stay.

Each step asks less candidates for more. What a step found of a candidate
depends on the settings, the source and the index alone, and is kept as a record
(`evaluation.work`), so that a search that was stopped finds the same.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import time
from typing import Any

from apache_beam.options import pipeline_options
import numpy as np

from ghn_tf.evaluation import pipeline
from ghn_tf.evaluation import progress
from ghn_tf.evaluation import work
from ghn_tf.search import candidates
from ghn_tf.search import costs as costs_lib
from ghn_tf.search import curve as curve_lib
from ghn_tf.search import front
from ghn_tf.search import probes
from ghn_tf.search import scoring
from ghn_tf.search import settings as settings_lib

Row = dict[str, Any]

# A parent is the best of so many that are chosen at random.
_TOURNAMENT = 3


@dataclasses.dataclass(frozen=True)
class Result:
  """What a search found.

  Attributes:
    rows: of all candidates, see `scoring.Draw`.
    model: by which their costs were estimated.
    confirmed: of the candidates that became files, their rows with `measured`,
      the costs, `beyond`, those of them that are beyond the limits after all,
      and `accuracy`, `report`, `file` and `architecture`, see
      `scoring.Emulate`.
    front: those of `confirmed` that are within the limits and that no other of
      them dominates by score and measured costs, the best score first.
    errors: why others became none.
    curve: how good the candidates are after each part of them.
    seconds: of processors, that drawing and scoring took.
  """

  rows: Sequence[Row]
  model: costs_lib.Model
  confirmed: Sequence[Row]
  front: Sequence[Row]
  errors: Sequence[str]
  curve: Sequence[curve_lib.Point]
  seconds: float


class Search:
  """A search of the best networks for a device, under way."""

  def __init__(
    self,
    settings: settings_lib.Settings,
    source: candidates.Source,
    job: pipeline.Job,
    options: pipeline_options.PipelineOptions,
    folder: str,
    probed: str | None = None,
  ):
    """Begins one, or goes on where it was.

    Args:
      settings: what is searched for.
      source: of the candidates.
      job: hypernetwork and images, `resolved`.
      options: of Beam.
      folder: for records, of these settings, source and job alone; see
        `pipeline.folder`.
      probed: for those of probes, of `settings.of_files`, source and job alone,
        so that searches within other limits find them; `folder` by default.

    Raises:
      ValueError: the source has no relatives, which evolution needs.
    """
    if settings.strategy == settings_lib.EVOLVED and not source.may_evolve:
      raise ValueError(
        "Stored networks have no relatives to evolve; sample them"
        f" (--strategy={settings_lib.SAMPLED}), or search a space."
      )
    self._settings = settings
    self._source = source
    self._job = job
    self._options = options
    self._folder = folder
    self._probed = probed

  def _work(
    self,
    name: str,
    task: work.Task,
    elements: Mapping[str, Any],
    folder: str | None = None,
  ) -> list[work.Record]:
    """Returns the records of elements, each one candidate or a list of them."""
    total = sum(map(_size, elements.values()))
    with progress.Progress(name, total) as shown:
      return self._run(name, task, elements, shown, folder)

  def _run(
    self,
    name: str,
    task: work.Task,
    elements: Mapping[str, Any],
    shown: progress.Progress,
    folder: str | None = None,
  ) -> list[work.Record]:
    folder = f"{folder or self._folder}/{name.replace(' ', '_')}"
    return work.run(task, elements, self._options, folder, shown, _size)

  @property
  def _task(self) -> tuple[pipeline.Job, candidates.Source, Any]:
    return self._job, self._source, self._settings

  def run(self) -> Result:
    """Searches.

    Raises:
      ValueError: too few networks can be emulated, or none is within limits.
    """
    emulate = scoring.Emulate(*self._task)
    model = probes.model(
      self._settings,
      self._source,
      lambda elements: self._work("probes", emulate, elements, self._probed),
    )
    parts = self._draw(model)
    rows = [row for part in parts for row in part["rows"]]
    rows.sort(key=lambda row: row["index"])
    best = self._refine(rows)
    confirmed, errors = self._confirm(best)
    errors += [
      row["error"] for row in rows if {"is_own", "error"} <= row.keys()
    ]
    within = [row for row in confirmed if not row["beyond"]]
    if not within:
      raise ValueError(self._nothing(rows, confirmed, errors))
    # Images that tell an accuracy must not have chosen whose.
    values = np.array([self._values(row, "measured") for row in within])
    found = [within[i] for i in np.flatnonzero(front.front(values))]
    found.sort(key=lambda row: -row["score"])
    curve = curve_lib.curve(self._settings, parts)
    seconds = sum(part["seconds"] for part in parts)
    return Result(rows, model, confirmed, found, errors, curve, seconds)

  def _draw(self, model: costs_lib.Model) -> list[work.Record]:
    """Returns the records of all candidates, in their order."""
    settings = self._settings
    task = scoring.Draw(*self._task, model)
    rows: list[Row] = []
    parts: list[work.Record] = []
    are_evolved = settings.strategy == settings_lib.EVOLVED
    size = settings.population if are_evolved else settings.num_candidates
    seen: set[str] = set()
    with progress.Progress("drawn", settings.num_candidates) as shown:
      for start in range(0, settings.num_candidates, size):
        indices = range(start, min(start + size, settings.num_candidates))
        begin = time.process_time()
        places: list[tuple[int, candidates.Numbers | None]]
        failed: list[Row] = []
        if are_evolved:
          places, failed = self._children(rows, indices, seen)
        else:
          places = [(index, None) for index in indices]
        seconds = time.process_time() - begin
        chunk = settings_lib.CHUNK
        elements = {
          str(places[first][0]): places[first : first + chunk]
          for first in range(0, len(places), chunk)
        }
        records = self._run("drawn", task, elements, shown)
        shown.add(len(failed))
        first, *others = records or [{"rows": [], "seconds": 0.0}]
        first["rows"] = [*first["rows"], *failed]
        first["seconds"] += seconds
        parts += [first, *others]
        rows += [row for part in (first, *others) for row in part["rows"]]
        shown.note(
          "{scored:,} scored, {refused:,} refused".format_map(counts(rows))
        )
    return parts

  def _children(
    self, rows: Sequence[Row], indices: range, seen: set[str]
  ) -> tuple[list[tuple[int, candidates.Numbers | None]], list[Row]]:
    """Draws candidates here, as each is to be another one than all before.

    Args:
      rows: of the candidates before.
      indices: of these.
      seen: fingerprints of those before; those of these are added.

    Returns:
      Indices and numbers, and the rows of those that cannot be drawn.
    """
    places: list[tuple[int, candidates.Numbers | None]] = []
    failed: list[Row] = []
    for index, parent in zip(
      indices, self._parents(rows, indices), strict=True
    ):
      try:
        drawn = self._source.draw(index, parent, seen)
      except ValueError as error:
        failed.append({"index": index, "error": str(error)})
      else:
        seen.add(drawn.architecture.fingerprint)
        places.append((index, drawn.numbers))
    return places, failed

  def _parents(
    self, rows: Sequence[Row], indices: range
  ) -> list[candidates.Numbers | None]:
    """Returns the numbers of parents; None for candidates without one."""
    best = self._best(_different(rows), self._settings.population)
    if not best:
      return [None] * len(indices)
    result = []
    for index in indices:
      rng = np.random.Generator(np.random.PCG64([self._settings.seed, index]))
      place = min(rng.integers(len(best), size=_TOURNAMENT))
      result.append(best[place]["numbers"])
    return result

  def _values(self, row: Row, costs: str) -> list[float]:
    """Returns what of a candidate is to be small."""
    names = self._settings.objectives
    return [-row["score"], *(row[costs][name] for name in names)]

  def _best(self, rows: Sequence[Row], number: int) -> list[Row]:
    """Returns rows of scored candidates, the best first; see `front.spread`.

    Those within the limits by the estimate itself come before the others.
    """
    result: list[Row] = []
    for are_beyond in (False, True):
      own = [
        row
        for row in rows
        if bool(self._settings.beyond(row["costs"])) is are_beyond
      ]
      if own:
        values = np.array([self._values(row, "costs") for row in own])
        order = front.spread(values, number - len(result))
        result += [own[index] for index in order]
    return result

  def _best_and_own(self, rows: Sequence[Row], number: int) -> list[Row]:
    """Returns the best, and the network of the user whatever it is like."""
    best = self._best(rows, number)
    return best + [row for row in rows if "is_own" in row and row not in best]

  def _refine(self, rows: Sequence[Row]) -> list[Row]:
    """Returns the best candidates, by more images if there are any."""
    settings = self._settings
    best = self._best_and_own(
      _different(rows), max(settings.num_refined, settings.num_confirmed)
    )
    if (
      settings.score == settings_lib.HYPERNETWORK
      and settings.final_images > settings.num_images
    ):
      parts = [best[i : i + 8] for i in range(0, len(best), 8)]
      elements = {
        repr([row["index"] for row in part]): [
          (row["index"], row["numbers"]) for row in part
        ]
        for part in parts
      }
      task = scoring.Refine(*self._task)
      records = self._work("scored anew", task, elements)
      found = [score for record in records for score in record["scores"]]
      best = [
        {**row, "score": score}
        for row, score in zip(best, found, strict=True)
        if not isinstance(score, str)
      ]
    return self._best_and_own(best, settings.num_confirmed)

  def _confirm(self, best: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """Returns the rows of candidates that became files, and errors."""
    elements = {
      str(row["index"]): (row["index"], row["numbers"]) for row in best
    }
    task = scoring.Emulate(*self._task, self._settings.test_images)
    confirmed, errors = [], []
    for row, record in zip(
      best, self._work("files", task, elements), strict=True
    ):
      if "error" in record:
        errors.append(record["error"])
      else:
        costs = record.pop("costs")
        beyond = self._settings.beyond(costs)
        confirmed.append({**row, "measured": costs, "beyond": beyond, **record})
    return confirmed, errors

  def _nothing(
    self, rows: Sequence[Row], confirmed: Sequence[Row], errors: Sequence[str]
  ) -> str:
    """Returns why nothing was found, and by what limits."""
    reasons = []
    for name, limit in self._settings.limits.items():
      over = [r["refused"][name] for r in rows if name in r.get("refused", {})]
      over += [r["beyond"][name] for r in confirmed if name in r["beyond"]]
      if over:
        reasons.append(
          f"{name} of at most {limit:,} refused {len(over)}, the least of which"
          f" has {min(over):,.6g}"
        )
    errors = [*errors, *(row["error"] for row in rows if "error" in row)][:2]
    told = "; ".join(reasons + errors)
    return f"No candidate is within the limits: {told}. {_told(rows)}"


def _size(element: Any) -> int:
  """Returns how many candidates an element of work is."""
  return len(element) if isinstance(element, list) else 1


def _different(rows: Sequence[Row]) -> list[Row]:
  """Returns the scored candidates, of isomorphic ones the first."""
  found: dict[str, Row] = {}
  for row in rows:
    if "score" in row:
      found.setdefault(row["fingerprint"], row)
  return [*found.values()]


def counts(rows: Sequence[Row]) -> dict[str, int]:
  """Returns how many candidates there are, and what became of them."""
  refused = sum("refused" in row for row in rows)
  scored = sum("score" in row for row in rows)
  return {
    "candidates": len(rows),
    "refused": refused,
    "scored": scored,
    "failed": len(rows) - refused - scored,
  }


def _told(rows: Sequence[Row]) -> str:
  return (
    "{candidates:,} candidates: {refused:,} beyond the limits, {scored:,}"
    " scored, {failed:,} could not be drawn, predicted or run."
  ).format(**counts(rows))
