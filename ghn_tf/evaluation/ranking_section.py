# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tables of ghn-evaluate on a page: how well scores rank networks."""

from collections.abc import Sequence

from ghn_tf.evaluation import correlation
from ghn_tf.evaluation import network_report
from ghn_tf.evaluation import ranking
from ghn_tf.report import json_files
from ghn_tf.report import page
from ghn_tf.report import parts

_TEXT = (
  "Kendall's tau says how far a score puts networks in the order of their"
  " accuracy after training: 1 if all of them, 0 if no better than chance; with"
  f" 95 % bootstrap intervals over networks. {ranking.LABELS}"
)
_COSTS = (ranking.MACS, ranking.PARAMETERS)
_OTHERS = (*_COSTS, ranking.RANDOM)


def sections(paths: Sequence[str]) -> list[page.Section]:
  """Returns what tables say that have networks before and after training.

  Args:
    paths: JSON files of ghn-evaluate.

  Raises:
    ValueError: one is none.
    OSError: one cannot be read.
  """
  result = []
  for path, name in zip(paths, json_files.names(paths), strict=True):
    with json_files.opened(path, "ghn-evaluate") as content:
      choice = _choice(ranking.reports(content))
    if choice is not None:
      result.append(page.Section(f"Ranking: {name}", _TEXT, [choice]))
  return result


def _choice(
  measured: Sequence[network_report.NetworkReport],
) -> parts.Choice | None:
  """Returns taus and charts for each setting that networks were trained in.

  None if they were trained in none, or are less than two.

  Raises:
    LookupError: a network lacks a setting or a score of the first.
    ValueError: not all values are finite.
  """
  truths = ranking.truths(measured)
  if len(measured) < 2 or not truths:
    return None
  rows = ranking.rank(measured)
  scores = ranking.scores(measured)
  options: dict[str, list[page.Part]] = {}
  for truth, accuracies in truths.items():
    own = [row for row in rows if row.truth == truth]
    charts = {
      row.score: [_chart(measured, row, scores[row.score], accuracies)]
      for row in own
    }
    options[truth] = [_taus(own), parts.Choice("by", charts)]
  return parts.Choice("trained", options)


def _taus(rows: Sequence[ranking.Row]) -> parts.Table:
  return parts.Table(
    f"How {rows[0].num_networks:,} networks are ranked before training",
    ["score", "tau", "95 %", f"more than {ranking.MACS}", "95 % of that"],
    [
      [
        *(row.score, round(row.tau.value, 2) + 0.0, _unbroken(row.tau)),
        *(round(row.gain.value, 2) + 0.0, _unbroken(row.gain)),
      ]
      for row in rows
    ],
  )


def _unbroken(interval: correlation.Interval) -> str:
  """Returns its ends on one line, however narrow the page is."""
  return interval.ends.replace(" ", "\N{NO-BREAK SPACE}")


def _chart(
  measured: Sequence[network_report.NetworkReport],
  row: ranking.Row,
  values: Sequence[float],
  accuracies: Sequence[float],
) -> parts.Chart:
  """Returns the networks' accuracies after training against a score."""
  is_accuracy = row.score not in {*measured[0].scores, *_OTHERS}
  factor = 100 if is_accuracy else 1
  title = f"{row.score} [%]" if is_accuracy else row.score
  kind = "log" if row.score in _COSTS else "linear"
  points = {
    "x": [factor * value for value in values],
    "y": [100 * value for value in accuracies],
    "mode": "markers",
    "marker": {"color": parts.series(0), "size": 8},
    "text": [parts.network(vars(report)) for report in measured],
    "hovertemplate": "%{y:.1f} %, %{x:,.4~g}, %{text}<extra></extra>",
  }
  return parts.Chart(
    f"Accuracy after training against {row.score}: tau {row.tau}",
    [points],
    {
      "xaxis": parts.axis(parts.label(title), type=kind),
      "yaxis": parts.axis(parts.label(f"{row.truth} [%]")),
    },
    height=420,
    is_wide=True,
  )
