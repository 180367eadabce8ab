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
from ghn_tf.evaluation import networks
from ghn_tf.evaluation import settings as settings_lib
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


def label(setting: settings_lib.Setting) -> str:
  """Returns a setting in words: recipe, params, classifier, statistics."""
  return ", ".join(dataclasses.astuple(setting))


def reports(content: Mapping[str, Any]) -> list[networks.NetworkReport]:
  """Returns the networks of a file that `evaluate` wrote.

  Raises:
    ValueError: it is another file, or of an older version.
  """
  try:
    return [
      networks.NetworkReport.from_json(
        {key: value for key, value in fields.items() if key != "split"}
      )
      for fields in content["networks"]
    ]
  except (AttributeError, KeyError, TypeError) as error:
    raise ValueError(
      f"It is no table that ghn-evaluate of this version wrote: {error!r}."
    ) from error


def joined(
  tables: Sequence[Sequence[networks.NetworkReport]],
) -> list[networks.NetworkReport]:
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
  one: networks.NetworkReport, other: networks.NetworkReport
) -> networks.NetworkReport:
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


def rank(
  measured: Sequence[networks.NetworkReport], reference: str = MACS
) -> list[Row]:
  """Returns a row for each truth and score.

  Args:
    measured: at least two networks, some of whose params were trained.
    reference: the score that others are compared with.

  Raises:
    ValueError: there is no such score, nothing was trained, or there are fewer
      networks.
  """
  if len(measured) < 2:
    raise ValueError(f"Expected two networks to rank, got {len(measured)}.")
  settings = [*measured[0].accuracy]
  truths = [s for s in settings if settings_lib.parse_method(s.method)[1]]
  if not truths:
    raise ValueError(
      "No network of the table was trained, so there is nothing to compare"
      " scores with; evaluate with --methods=predicted,random+5."
    )
  scores = {
    label(setting): [report.accuracy[setting] for report in measured]
    for setting in settings
    if setting not in truths and setting.recipe != settings_lib.FILE
  }
  for name in measured[0].scores:
    scores[name] = [report.scores[name] for report in measured]
  scores[MACS] = [report.macs for report in measured]
  scores[PARAMETERS] = [report.num_params for report in measured]
  scores[RANDOM] = [*np.random.default_rng(0).random(len(measured))]
  if reference not in scores:
    raise ValueError(
      f"The table has no score {reference!r}; there are {[*scores]}."
    )
  rows = []
  for truth in truths:
    trained = [report.accuracy[truth] for report in measured]
    for name, values in scores.items():
      rows.append(
        Row(
          label(truth),
          name,
          correlation.tau(trained, values),
          correlation.difference(trained, values, scores[reference]),
          len(measured),
        )
      )
  return rows


def markdown(rows: Sequence[Row], reference: str = MACS) -> str:
  """Returns the rows as Markdown, the best score of each truth first."""
  cells = [["trained", "score", "tau (95 %)", f"more than {reference}"]]
  for truth in dict.fromkeys(row.truth for row in rows):
    own = [row for row in rows if row.truth == truth]
    cells += [
      [row.truth, row.score, str(row.tau), str(row.gain)]
      for row in sorted(own, key=lambda row: -row.tau.value)
    ]
  return markdown_lib.table(cells, left=(0, 1))
