# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What files cost on their targets, on a page.

Operators are drawn with what each target has to do for them, below it the
memory over time; then comes every figure with its source.
"""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

from ghn_tf.edge import model_file
from ghn_tf.edge import report as report_lib
from ghn_tf.report import edge_drawings
from ghn_tf.report import json_files
from ghn_tf.report import page
from ghn_tf.report import pareto
from ghn_tf.report import parts

_WRITER = "ghn-emulate or ghn-to-tflite --emulate"
# Targets beside each other, so that the operators' names stay in sight.
_ABREAST = 5
_HEADER = (
  *("target", "latency [ms]", "arena [bytes]", "flash [bytes]"),
  *("MACs", "instructions", "LSB", "mapped", "source", "tool"),
)

_NUMBER = json_files.NUMBER | None
_REPORT: dict[str, json_files.Kind] = {
  **{"target": str, "source": str, "tool": str, "latency_ms": _NUMBER},
  **{"operators": list, "figures": list},
  **dict.fromkeys(("arena_bytes", "flash_bytes", "macs"), int | None),
  **dict.fromkeys(("instructions", "max_lsb_difference"), int | None),
}
_OPERATOR: dict[str, json_files.Kind] = {
  **{"index": int, "name": str, "tensor": str, "placement": str},
  **{"reason": str, "macs": _NUMBER, "instructions": _NUMBER},
  "cycles": _NUMBER,
}
_FIGURE: dict[str, json_files.Kind] = {
  **{"name": str, "source": str, "tool": str, "note": str},
  "value": _NUMBER | str | bool,
}


@dataclasses.dataclass(frozen=True)
class Emulated:
  """A file and what it costs.

  Attributes:
    name: of the file.
    reports: of its targets.
    errors: target -> why it has no report.
    accuracy: top-1, a fraction; None if it is not known.
  """

  name: str
  reports: Sequence[report_lib.EdgeReport]
  errors: Mapping[str, str]
  accuracy: float | None = None


def sections(paths: Sequence[str]) -> list[page.Section]:
  """Returns what files cost, beside each other if they are several.

  Args:
    paths: JSON files of ghn-emulate, or of ghn-to-tflite with --emulate.

  Raises:
    ValueError: one is none of these.
    OSError: one cannot be read.
  """
  found = [*map(_read, paths, json_files.names(paths))]
  result = [section(own.name, own.reports, errors=own.errors) for own in found]
  if len(found) < 2:
    return result
  result = [dataclasses.replace(own, title="") for own in result]
  return [_comparison(found), *result]


def _read(path: str, name: str) -> Emulated:
  with json_files.opened(path, _WRITER) as content:
    reports, errors = parse(content)
    return Emulated(name, reports, errors, _accuracy(content, reports))


def parse(
  content: Mapping[str, Any],
) -> tuple[list[report_lib.EdgeReport], dict[str, str]]:
  """Returns the reports in a JSON object, and why other targets have none.

  Raises:
    TypeError: one is not as it should be.
    LookupError: something is missing.
  """
  json_files.check(content, {"reports": list})
  for record in content["reports"]:
    json_files.check(record, _REPORT)
    for operator in record["operators"]:
      json_files.check(operator, _OPERATOR)
    for figure in record["figures"]:
      json_files.check(figure, _FIGURE)
  errors = content.get("errors", {})  # which older files have not
  json_files.check(errors, dict.fromkeys(errors, str))
  return [*map(report_lib.from_record, content["reports"])], errors


def _accuracy(
  content: Mapping[str, Any], reports: Sequence[report_lib.EdgeReport]
) -> float | None:
  """Returns the accuracy in a description, or the first in a report."""
  if "accuracy" in content:
    json_files.check(content["accuracy"], {"top1": json_files.NUMBER})
    return content["accuracy"]["top1"]
  for report in reports:
    for figure in report.figures:
      if figure.name == "accuracy" and isinstance(figure.value, float):
        return figure.value
  return None


def _comparison(files: Sequence[Emulated]) -> page.Section:
  """Returns files beside each other."""
  rows = [
    [own.name, 100 * own.accuracy if own.accuracy is not None else None, *row]
    for own in files
    for row in _summary(own.reports)
  ]
  header = ("file", "accuracy [%]", *_HEADER)
  found: list[page.Part] = [parts.Table("All files", header, rows)]
  if options := _against_latency(files):
    found.insert(0, parts.Choice("target", options))
  title = f"Costs of {', '.join(own.name for own in files)}"
  return page.Section("Devices", "Files beside each other.", found, title)


def _against_latency(
  files: Sequence[Emulated],
) -> dict[str, list[parts.Chart]]:
  """Returns accuracy against latency on each target that tells it."""
  points: dict[str, list[tuple[float, float, str]]] = {}
  for own in files:
    for report in own.reports:
      if own.accuracy is not None and report.latency_ms is not None:
        points.setdefault(report.target, []).append(
          (report.latency_ms, 100 * own.accuracy, own.name)
        )
  return {target: [_scatter(own)] for target, own in points.items()}


def _scatter(points: Sequence[tuple[float, float, str]]) -> parts.Chart:
  latency, accuracy, names = zip(*points, strict=True)
  networks = {
    "name": "files",
    "x": latency,
    "y": accuracy,
    "text": [*map(parts.label, names)],
    "mode": "markers",
    "marker": {"color": parts.series(0), "size": 9},
    "hovertemplate": "%{y:.1f} %, %{x:.3g} ms<extra>%{text}</extra>",
  }
  return parts.Chart(
    "Accuracy against latency",
    [pareto.line(latency, accuracy), networks],
    {
      "xaxis": parts.axis("latency [ms]", type="log"),
      "yaxis": parts.axis("accuracy [%]"),
    },
    is_wide=True,
  )


def section(
  name: str,
  reports: Sequence[report_lib.EdgeReport],
  model: model_file.ModelFile | None = None,
  errors: Mapping[str, str] | None = None,
) -> page.Section:
  """Returns what a file costs.

  Args:
    name: of the file.
    reports: of its targets.
    model: what the file says; without it, what skips operators and the memory
      over time are not shown.
    errors: target -> why it has no report; none by default.
  """
  text = (
    "Bars are shares of a target's cycles, of its instructions where it has no"
    " cycles, or of multiply-accumulates."
  )
  found: list[page.Part] = [
    parts.Table("Targets", _HEADER, _summary(reports)),
  ]
  if errors:
    rows = [[*pair] for pair in errors.items()]
    found.append(parts.Table("Targets that failed", ("target", "reason"), rows))
  for first in range(0, len(reports), _ABREAST):
    some = reports[first : first + _ABREAST]
    title = f"Operators on {', '.join(report.target for report in some)}"
    found.append(parts.Drawing(title, edge_drawings.operators(model, some)))
  if model:
    text = (
      f"{len(model.operators)} operators, {model.macs:,} multiply-accumulates,"
      f" {model.num_bytes:,} bytes. {text} Activations that must be there while"
      " each operator runs are drawn below; a plan of one arena needs at least"
      " the highest bar, and those of the targets may need more."
    )
    title = "Memory over time [bytes]"
    found.append(parts.Drawing(title, edge_drawings.memory(model)))
  found += map(_figures, reports)
  where = ", ".join(own.target for own in reports) or "no target"
  title = f"Costs of {name} on {where}"
  return page.Section(f"Devices: {name}", text, found, title)


def _summary(
  reports: Sequence[report_lib.EdgeReport],
) -> list[list[parts.Cell]]:
  return [
    [
      report.target,
      report.latency_ms,
      report.arena_bytes,
      report.flash_bytes,
      report.macs,
      report.instructions,
      report.max_lsb_difference,
      report.placed,
      report.sources,
      report.tool,
    ]
    for report in reports
  ]


def _figures(report: report_lib.EdgeReport) -> parts.Table:
  header = ("figure", "value", "source", "tool", "note")
  rows = [
    [figure.name, figure.value, figure.source, figure.tool, figure.note]
    for figure in report.figures
  ]
  title = f"All figures of {report.target}"
  return parts.Table(title, header, rows, is_folded=True)
