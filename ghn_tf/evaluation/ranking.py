# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which score ranks networks best before they are trained, by a table of both.

The table is what `evaluate` wrote: accuracies of networks that were trained on,
the truths, beside what there was before that, the scores.
"""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

import numpy as np

from ghn_tf.evaluation import correlation
from ghn_tf.evaluation import network_report
from ghn_tf.evaluation import settings as settings_lib
from ghn_tf.report import json_files
from ghn_tf.report import markdown as markdown_lib

MACS = "macs"
PARAMETERS = "parameters"
RANDOM = "random"


@dataclasses.dataclass(frozen=True)
class Row:
  """How well a score ranks networks.

  Attributes:
    truth: the setting in which they were trained, by `label`.
    score: the setting of an accuracy before that, or the name of a score.
    tau: Kendall's, with the truth.
    gain: by how much it is greater than that of the reference.
    num_networks: number of them.
  """

  truth: str
  score: str
  tau: correlation.Interval
  gain: correlation.Interval
  num_networks: int


# What `label` says.
LABELS = (
  "A setting is the recipe, where parameters come from (random+5: random ones,"
  " trained for 5 epochs), the classifier (own: with the others; fitted: solved"
  " for), and the statistics of BatchNorm (stored, or of each batch)."
)


def label(setting: settings_lib.Setting) -> str:
  """Returns a setting in words: recipe, params, classifier, statistics."""
  return ", ".join(dataclasses.astuple(setting))


def reports(content: Mapping[str, Any]) -> list[network_report.NetworkReport]:
  """Returns the networks of a file that `evaluate` wrote, to be ranked.

  They all have the same settings and scores, so those are left out that lack
  one for an error.

  Raises:
    TypeError, LookupError: it is another file.
  """
  json_files.check(content, {"networks": list})
  found = [
    network_report.NetworkReport.from_json(fields)
    for fields in content["networks"]
  ]
  settings = {setting for report in found for setting in report.accuracy}
  scores = {score for report in found for score in report.scores}
  return [
    report
    for report in found
    if not report.errors
    or (report.accuracy.keys() == settings and report.scores.keys() == scores)
  ]


def joined(
  tables: Sequence[Sequence[network_report.NetworkReport]],
) -> list[network_report.NetworkReport]:
  """Returns one report of each network that all tables have, with all in it.

  Args:
    tables: at least one.

  Raises:
    ValueError: two tables have different networks of one name, or different
      accuracies for one setting.
  """
  first, *others = tables
  result = [*first]
  for other in others:
    found = {report.name: report for report in other}
    result = [
      _both(report, found[report.name])
      for report in result
      if report.name in found
    ]
  return result


def _both(
  one: network_report.NetworkReport, other: network_report.NetworkReport
) -> network_report.NetworkReport:
  sizes = [(report.macs, report.num_params) for report in (one, other)]
  if sizes[0] != sizes[1]:
    raise ValueError(
      f"The tables have two networks {one.name!r}, of {sizes[0]} and {sizes[1]}"
      " multiply-accumulates and parameters; give tables of the same networks."
    )
  for setting, accuracy in one.accuracy.items():
    if other.accuracy.get(setting, accuracy) != accuracy:
      raise ValueError(
        f"Two tables have {label(setting)!r} of {one.name!r}:"
        f" {accuracy} and {other.accuracy[setting]}; give one of them."
      )
  return dataclasses.replace(
    one,
    accuracy={**one.accuracy, **other.accuracy},
    scores={**one.scores, **other.scores},
  )


def truths(
  measured: Sequence[network_report.NetworkReport],
) -> dict[str, list[float]]:
  """Returns the accuracies after training, by setting; none without any.

  Args:
    measured: networks in the same settings.

  Raises:
    LookupError: one lacks a setting.
  """
  return {
    label(setting): [report.accuracy[setting] for report in measured]
    for setting in (measured[0].accuracy if measured else ())
    if settings_lib.parse_method(setting.method)[1]
  }


def scores(
  measured: Sequence[network_report.NetworkReport],
) -> dict[str, list[float]]:
  """Returns what networks may be ranked by before they are trained, by name.

  Args:
    measured: at least one network, all in the same settings.

  Raises:
    LookupError: one lacks a setting or a score.
  """
  result: dict[str, list[float]] = {
    label(setting): [report.accuracy[setting] for report in measured]
    for setting in measured[0].accuracy
    if not settings_lib.parse_method(setting.method)[1]
    and setting.recipe != settings_lib.FILE
  }
  for name in measured[0].scores:
    result[name] = [report.scores[name] for report in measured]
  result[MACS] = [report.macs for report in measured]
  result[PARAMETERS] = [report.num_params for report in measured]
  result[RANDOM] = [*np.random.default_rng(0).random(len(measured))]
  return result


def rank(
  measured: Sequence[network_report.NetworkReport], reference: str = MACS
) -> list[Row]:
  """Returns a row for each truth and score, the best score of each first.

  Args:
    measured: at least two networks, some of whose params were trained.
    reference: the score that others are compared with.

  Raises:
    ValueError: there is no such score, nothing was trained, or there are fewer
      networks.
    LookupError: a network lacks a setting or a score of the first.
  """
  if len(measured) < 2:
    raise ValueError(
      f"Expected two networks to rank, got {len(measured)}: too few are in all"
      " tables with all settings; evaluate more with --num_architectures."
    )
  trained = truths(measured)
  if not trained:
    raise ValueError(
      "No network of the table was trained, so there is nothing to compare"
      " scores with; evaluate with --methods=predicted,random+5."
    )
  found = scores(measured)
  if reference not in found:
    raise ValueError(
      f"The table has no score {reference!r}; there are {[*found]}."
    )
  rows = []
  for truth, accuracies in trained.items():
    taus = {
      name: correlation.resampled(accuracies, values)
      for name, values in found.items()
    }
    own = [
      Row(
        truth,
        name,
        correlation.interval(own_taus),
        correlation.interval(own_taus - taus[reference]),
        len(measured),
      )
      for name, own_taus in taus.items()
    ]
    rows += sorted(own, key=lambda row: -row.tau.value)
  return rows


def markdown(rows: Sequence[Row], reference: str = MACS) -> str:
  """Returns the rows as Markdown."""
  cells = [["trained", "score", "tau (95 %)", f"more than {reference}"]]
  cells += [[row.truth, row.score, str(row.tau), str(row.gain)] for row in rows]
  return markdown_lib.table(cells, left=(0, 1))
