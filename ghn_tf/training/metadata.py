# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the metadata of a checkpoint tell of the runs that made it.

They are checked when a checkpoint is loaded: who reads them later takes each
entry for what the tables here say.
"""

from collections.abc import Callable, Mapping
import math
import sys
from typing import Any, NamedTuple

from ghn_tf.arch import bounds
from ghn_tf.ghn import checkpoint
from ghn_tf.ghn import model
from ghn_tf.training import config as training_config

_GREATEST = sys.float_info.max
# Entries by name; a dot is for an object.
_Entries = Mapping[str, Any]


class _Rule(NamedTuple):
  """What an entry must be.

  Attributes:
    expected: what that is, for a message.
    holds: whether a value is that, in a run of these entries.
  """

  expected: str
  holds: Callable[[Any, _Entries], bool]


def _is_number(value: Any, low: float = 0, high: float = _GREATEST) -> bool:
  return type(value) in (int, float) and low <= value <= high  # a bool is none


def _is_count(value: Any, low: int = 0) -> bool:
  # Training networks are counted in 32 bits.
  return type(value) is int and low <= value <= 1 << 32


def _is_shape(value: Any) -> bool:
  return (
    isinstance(value, list)
    and len(value) == 3
    and all(_is_count(size, 1) for size in value)
    and math.prod(value) <= bounds.MAX_VALUES
  )


def _of_channels(low: float) -> _Rule:
  def holds(value: Any, entries: _Entries) -> bool:
    return (
      isinstance(value, list)
      and len(value) == entries["images.shape"][2]
      and all(_is_number(number, low, 1) for number in value)
    )

  return _Rule(
    f"of each channel of images.shape a number from {low:g} to 1", holds
  )


_COUNT = _Rule(
  "an integer from 0 to 2**32", lambda value, entries: _is_count(value)
)
_TIME = _Rule("a number >= 0", lambda value, entries: _is_number(value))
# Of each run. Its options are `training_config.TrainConfig`'s.
_OF_RUNS: Mapping[str, _Rule] = {
  "step": _COUNT,
  "training.dataset": _Rule(
    "the name of a data set", lambda value, entries: isinstance(value, str)
  ),
  "images.shape": _Rule(
    "height, width and channels, integers >= 1 whose product is at most"
    f" {bounds.MAX_VALUES:,}",
    lambda value, entries: _is_shape(value),
  ),
  "images.mean": _of_channels(0),
  "images.std": _of_channels(1e-6),  # `data.Dataset.std` has no less
}
# How far a run has come; imported weights lack them.
TIMES: Mapping[str, _Rule] = {"seconds": _TIME, "processor_seconds": _TIME}
COUNTERS: Mapping[str, _Rule] = {
  "step": _COUNT,
  "num_skipped": _COUNT,
  "num_skipped_in_row": _COUNT,
  "num_oversized": _COUNT,
  "best_step": _Rule(
    "null or an integer from 0 to 2**32",
    lambda value, entries: value is None or _is_count(value),
  ),
  "best_accuracy": _Rule(
    "a number from 0 to 1", lambda value, entries: _is_number(value, 0, 1)
  ),
  "sums": _Rule(
    "an object of numbers",
    lambda value, entries: (
      isinstance(value, dict)
      and all(_is_number(number, -_GREATEST) for number in value.values())
    ),
  ),
  "num_summed": _COUNT,
}
# Of the last run alone, where they are told.
_OF_LAST_RUN: Mapping[str, _Rule] = {
  "ancestors": _Rule(
    "a list of objects, one for each run before",
    lambda value, entries: (
      isinstance(value, list) and all(isinstance(run, dict) for run in value)
    ),
  ),
  "counters": _Rule(
    "an object", lambda value, entries: isinstance(value, dict)
  ),
  **TIMES,
  **{f"counters.{name}": rule for name, rule in COUNTERS.items()},
}


def check(path: str, metadata: checkpoint.Metadata) -> None:
  """Raises CheckpointError unless metadata are as this version writes them.

  Args:
    path: of the checkpoint, for the message.
    metadata: of the checkpoint, which must tell of its runs what users need.
  """
  model.config(path, metadata)
  _check_entries(path, metadata, _OF_LAST_RUN)
  ancestors = metadata.get("ancestors", [])
  runs = {f"ancestors[{i}].": run for i, run in enumerate(ancestors)}
  for prefix, run in {**runs, "": metadata}.items():
    if lacking := sorted(_OF_RUNS.keys() - _entries(run).keys()):
      names = ", ".join(f"{prefix}{name}" for name in lacking)
      raise checkpoint.CheckpointError(
        f"The metadata of {path} lack {names}; write what training and"
        " tools/import_ghn2.py write."
      )
    _check_entries(path, run, _OF_RUNS, prefix)
    checkpoint.options(path, training_config.TrainConfig, run["training"])


def _entries(run: Mapping[str, Any]) -> _Entries:
  entries = {**run}
  for part in ("training", "images", "counters"):
    if isinstance(run.get(part), dict):
      entries |= {f"{part}.{name}": value for name, value in run[part].items()}
  return entries


def _check_entries(
  path: str,
  run: Mapping[str, Any],
  rules: Mapping[str, _Rule],
  prefix: str = "",
) -> None:
  """Raises CheckpointError for the first entry that is not as its rule says."""
  entries = _entries(run)
  for name, rule in rules.items():
    if name in entries and not rule.holds(entries[name], entries):
      raise checkpoint.CheckpointError(
        f"{path} is damaged: in its metadata {prefix}{name} is"
        f" {entries[name]!r:.100}, expected {rule.expected}."
      )


def is_told(run: Mapping[str, Any]) -> bool:
  """Whether a run of `lineage` tells how it drew networks.

  That of imported weights does not.
  """
  return "space" in run["training"]


def lineage(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
  """Returns the runs that shaped a checkpoint's hypernetwork, the oldest first.

  Each has what tells the architectures that it drew: its "training"
  configuration, its "images" and the "step" that it came to.
  """
  run = {key: metadata[key] for key in ("training", "images", "step")}
  return [*metadata.get("ancestors", []), run]
