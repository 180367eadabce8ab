# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What files cost on their targets, on a page.

A file's network stands on the left, an operator a row, with arcs for what skips
operators; beside it how each target divides its time among them and where it
runs them. Below are the memory over time, and every figure with its source.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import html
from typing import Any

from ghn_tf.edge import model_file
from ghn_tf.edge import report as report_lib
from ghn_tf.report import json_files
from ghn_tf.report import page
from ghn_tf.report import pareto
from ghn_tf.report import parts

_WRITER = "ghn-emulate or ghn-to-tflite --emulate"
_ROW, _BOX, _LANE = 24, 190, 10
_BAR, _SHARE, _ABREAST = 110, 60, 5
_COLORS = {
  "npu": "var(--blue)",
  "edgetpu": "var(--green)",
  "cpu": "var(--orange)",
}
_OTHER_COLOR = "var(--grey)"
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
  # A few targets at a time, so that the operators' names stay in sight.
  for first in range(0, len(reports), _ABREAST):
    some = reports[first : first + _ABREAST]
    title = f"Operators on {', '.join(report.target for report in some)}"
    found.append(parts.Drawing(title, _operators(model, some)))
  if model:
    text = (
      f"{len(model.operators)} operators, {model.macs:,} multiply-accumulates,"
      f" {model.num_bytes:,} bytes. {text} Activations that must be there while"
      " each operator runs are drawn below; a plan of one arena needs at least"
      " the highest bar, and those of the targets may need more."
    )
    title = "Memory over time [bytes]"
    found.append(parts.Drawing(title, _memory(model)))
  found += map(_figures, reports)
  title = f"Costs of {name} on {', '.join(own.target for own in reports)}"
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


def _color(placement: str) -> str:
  return _COLORS.get(placement, _OTHER_COLOR)


def _svg(width: float, height: float, drawn: Sequence[str]) -> str:
  return (
    f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}"'
    f' height="{height:.0f}">{"".join(drawn)}</svg>'
  )


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
  return (
    f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
    f"{html.escape(text)}</text>"
  )


def _rectangle(
  x: float, y: float, width: float, height: float, color: str, told: str
) -> str:
  return (
    f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    f' style="fill:{color}"><title>{html.escape(told)}</title></rect>'
  )


def _skips(model: model_file.ModelFile) -> list[tuple[int, int]]:
  """Returns pairs of operators, the second of which reads from the first.

  Of neighbours none, as they stand one below the other.
  """
  makers = {index: o.index for o in model.operators for index in o.outputs}
  return sorted(
    {
      (makers[index], operator.index)
      for operator in model.operators
      for index in operator.inputs
      if index in makers and makers[index] != operator.index - 1
    }
  )


def _work(report: report_lib.EdgeReport) -> list[float]:
  """Returns what the bars of a target show, for each operator."""
  for name in ("cycles", "instructions", "macs"):
    values = [getattr(operator, name) or 0 for operator in report.operators]
    if sum(values):
      return values
  return [0.0] * len(report.operators)


def _rows(
  model: model_file.ModelFile | None, reports: Sequence[report_lib.EdgeReport]
) -> dict[int, tuple[str, str]]:
  """Returns the names of all operators, and what else is told of them."""
  if model is None:
    every = {o.index: o for report in reports for o in report.operators}
    return {
      index: (every[index].name, every[index].tensor) for index in sorted(every)
    }
  result = {}
  for operator in model.operators:
    tensor = model.tensors[operator.outputs[0]]
    result[operator.index] = (
      operator.name,
      f"{tensor.name} {list(tensor.shape)}",
    )
  return result


def _operators(
  model: model_file.ModelFile | None, reports: Sequence[report_lib.EdgeReport]
) -> str:
  rows, skips = _rows(model, reports), _skips(model) if model else []
  left = _LANE * (1 + max((b - a for a, b in skips), default=0) ** 0.5)
  middle = {index: _ROW * (place + 2.5) for place, index in enumerate(rows)}
  drawn = _legend(reports)
  for first, last in skips:
    bulge = left - _LANE * (last - first) ** 0.5
    drawn.append(
      f'<path d="M{left:.1f} {middle[first]} C{bulge:.1f} {middle[first]}'
      f" {bulge:.1f} {middle[last]} {left:.1f} {middle[last]}"
      '" fill="none" style="stroke:var(--grey)"/>'
    )
  for index, (name, told) in rows.items():
    y = middle[index]
    drawn.append(
      _rectangle(left, y - 0.42 * _ROW, _BOX, 0.84 * _ROW, "var(--line)", told)
    )
    drawn.append(_text(left + 6, y + 4, f"{index} {name:.24}"))
  for column, report in enumerate(reports):
    x = left + _BOX + 20 + column * (_BAR + _SHARE)
    drawn.append(_text(x, 1.7 * _ROW, f"{report.target:.18}"))
    work = _work(report)
    greatest = max(work, default=0) or 1
    for own, value in zip(report.operators, work, strict=True):
      share = f"{100 * value / (sum(work) or 1):.1f} %"
      told = f"{own.placement}: {share}"
      told += f"; {own.reason}" if own.reason else ""
      width = 3 + (_BAR - 3) * value / greatest
      y = middle[own.index]
      bar = (x, y - 0.3 * _ROW, width, 0.6 * _ROW)
      drawn.append(_rectangle(*bar, _color(own.placement), told))
      drawn.append(_text(x + width + 4, y + 4, share))
  width = left + _BOX + 20 + len(reports) * (_BAR + _SHARE)
  return _svg(width, _ROW * (len(rows) + 3), drawn)


def _legend(reports: Sequence[report_lib.EdgeReport]) -> list[str]:
  """Returns the colours of where operators run, in a row."""
  placements = {own.placement for r in reports for own in r.operators}
  drawn = []
  for place, name in enumerate(sorted(placements)):
    x = _LANE + 90 * place
    drawn.append(_rectangle(x, 4, 12, 12, _color(name), name))
    drawn.append(_text(x + 17, 14, f"{name:.10}"))
  return drawn


def _memory(model: model_file.ModelFile) -> str:
  """Returns the tensors that live during each operator, one on the other."""
  height = 160.0
  step = max(14, min(40, 900 // max(1, len(model.operators))))
  alive = [
    [
      model.tensors[index]
      for index, (first, last) in model.lifetimes.items()
      if first <= operator.index <= last
    ]
    for operator in model.operators
  ]
  totals = [sum(tensor.num_bytes for tensor in own) for own in alive]
  greatest = max(totals, default=0) or 1
  drawn = [_text(0, 12, f"{greatest:,}")]
  for index, own in enumerate(alive):
    x, y = 80.0 + step * index, height
    for tensor in own:
      size = (height - 10) * tensor.num_bytes / greatest
      y -= size
      hue = 47 * tensor.index % 360
      told = f"{tensor.num_bytes:,} bytes: {tensor.name} {list(tensor.shape)}"
      color = f"hsl({hue} 45% 65%)"
      drawn.append(_rectangle(x, y, step - 2, size, color, told))
    drawn.append(_text(x + step / 2, height + 14, str(index), "middle"))
  return _svg(80 + step * len(alive), height + 20, drawn)
