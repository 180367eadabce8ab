# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a file costs on its targets, as one page that needs nothing else.

The network stands on the left, an operator a row, with arcs for what skips
operators; beside it how each target divides its time among them and where it
runs them. Below are the memory over time, and every figure with its source.
"""

from collections.abc import Sequence
import html

from ghn_tf.edge import model_file
from ghn_tf.edge import report as report_lib

_ROW, _BOX, _LANE = 24, 190, 10
_BAR = 110
_COLORS = {
  "npu": "#2a7de1",
  "edgetpu": "#2a9d5c",
  "cpu": "#c9762b",
}
_OTHER_COLOR = "#777"
_STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #222;
  background: #fff; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: 2px 10px; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child, td.text { text-align: left; }
svg text { font: 11px system-ui, sans-serif; fill: #222; }
.wide { overflow-x: auto; }
small { color: #666; }
"""


def page(
  name: str,
  model: model_file.ModelFile,
  reports: Sequence[report_lib.EdgeReport],
) -> str:
  """Returns an HTML page.

  Args:
    name: of the file.
    model: what it says.
    reports: of its targets.
  """
  title = html.escape(name)
  return "\n".join(
    [
      "<!DOCTYPE html>",
      '<html lang="en"><head><meta charset="utf-8">',
      f"<title>{title}</title><style>{_STYLE}</style></head><body>",
      f"<h1>{title}</h1>",
      f"<p>{len(model.operators)} operators, {model.macs:,}"
      f" multiply-accumulates, {model.num_bytes:,} bytes.</p>",
      _summary(reports),
      "<h2>Operators</h2>",
      "<p>Bars are shares of a target's cycles, of its instructions where it"
      " has no cycles, or of multiply-accumulates. "
      + _legend(reports)
      + "</p>",
      f'<div class="wide">{_operators(model, reports)}</div>',
      "<h2>Memory over time</h2>",
      "<p>Activations that must be there while each operator runs, in bytes."
      " Planned into one arena, they need at least the highest bar.</p>",
      f'<div class="wide">{_memory(model)}</div>',
      "<h2>All figures</h2>",
      *map(_figures, reports),
      "</body></html>\n",
    ]
  )


def _cell(value: report_lib.Value) -> str:
  if value is None:
    return "<td>-</td>"
  if isinstance(value, str):
    return f'<td class="text">{html.escape(value)}</td>'
  return (
    f"<td>{value:,.4g}</td>"
    if isinstance(value, float)
    else (f"<td>{value:,}</td>")
  )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  head = "".join(f"<th>{html.escape(text)}</th>" for text in header)
  body = "".join(f"<tr>{''.join(cells)}</tr>\n" for cells in rows)
  return f"<table><tr>{head}</tr>\n{body}</table>"


def _summary(reports: Sequence[report_lib.EdgeReport]) -> str:
  header = "target,ms,arena bytes,flash bytes,MACs,instructions,LSB,source,tool"
  return _table(
    header.split(","),
    [
      [
        _cell(value)
        for value in (
          report.target,
          report.latency_ms,
          report.arena_bytes,
          report.flash_bytes,
          report.macs,
          report.instructions,
          report.max_lsb_difference,
          report.source,
          report.tool,
        )
      ]
      for report in reports
    ],
  )


def _figures(report: report_lib.EdgeReport) -> str:
  rows = [
    [
      _cell(value)
      for value in (
        figure.name,
        figure.value,
        figure.source,
        figure.tool,
        figure.note,
      )
    ]
    for figure in report.figures
  ]
  header = ("figure", "value", "source", "tool", "note")
  return f"<h3>{html.escape(report.target)}</h3>{_table(header, rows)}"


def _color(placement: str) -> str:
  return _COLORS.get(placement, _OTHER_COLOR)


def _legend(reports: Sequence[report_lib.EdgeReport]) -> str:
  placements = {o.placement for r in reports for o in r.operators}
  return ", ".join(
    f'<b style="color:{_color(name)}">{html.escape(name)}</b>'
    for name in sorted(placements)
  )


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
  return (
    f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}"'
    f' height="{height:.0f}">{"".join(parts)}</svg>'
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
    f' fill="{color}"><title>{html.escape(told)}</title></rect>'
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


def _operators(
  model: model_file.ModelFile, reports: Sequence[report_lib.EdgeReport]
) -> str:
  skips = _skips(model)
  left = _LANE * (1 + max((b - a for a, b in skips), default=0) ** 0.5)
  middle = [float(_ROW * (own.index + 2)) for own in model.operators]
  parts = []
  for first, last in skips:
    bulge = left - _LANE * (last - first) ** 0.5
    parts.append(
      f'<path d="M{left:.1f} {middle[first]} C{bulge:.1f} {middle[first]}'
      f" {bulge:.1f} {middle[last]} {left:.1f} {middle[last]}"
      '" fill="none" stroke="#999"/>'
    )
  for operator, y in zip(model.operators, middle, strict=True):
    shape = list(model.tensors[operator.outputs[0]].shape)
    told = f"{model.tensors[operator.outputs[0]].name} {shape}"
    parts.append(
      _rectangle(left, y - 0.42 * _ROW, _BOX, 0.84 * _ROW, "#eef1f5", told)
    )
    parts.append(
      _text(left + 6, y + 4, f"{operator.index} {operator.name:.24}")
    )
  for column, report in enumerate(reports):
    x = left + _BOX + 20 + column * (_BAR + 20)
    parts.append(_text(x, 0.7 * _ROW, report.target))
    work = _work(report)
    greatest = max(work) or 1
    for own, value in zip(report.operators, work, strict=True):
      told = f"{own.placement}: {100 * value / (sum(work) or 1):.1f} %"
      told += f"; {own.reason}" if own.reason else ""
      width = 3 + (_BAR - 3) * value / greatest
      y = middle[own.index] - 0.3 * _ROW
      parts.append(
        _rectangle(x, y, width, 0.6 * _ROW, _color(own.placement), told)
      )
  width = left + _BOX + 20 + len(reports) * (_BAR + 20)
  return _svg(width, _ROW * (len(middle) + 2), parts)


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
  parts = [_text(0, 12, f"{greatest:,}")]
  for index, own in enumerate(alive):
    x, y = 80.0 + step * index, height
    for tensor in own:
      size = (height - 10) * tensor.num_bytes / greatest
      y -= size
      hue = 47 * tensor.index % 360
      told = f"{tensor.num_bytes:,} bytes: {tensor.name} {list(tensor.shape)}"
      color = f"hsl({hue} 45% 65%)"
      parts.append(_rectangle(x, y, step - 2, size, color, told))
    parts.append(_text(x + step / 2, height + 14, str(index), "middle"))
  return _svg(80 + step * len(alive), height + 20, parts)
