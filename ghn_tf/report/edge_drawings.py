# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""A file's operators and memory, drawn.

A file's network stands on the left, an operator a row, with arcs for what skips
operators; beside it how each target divides its time among them and where it
runs them.
"""

from collections.abc import Sequence
import html

from ghn_tf.edge import model_file
from ghn_tf.edge import report as report_lib

# Pixels: a row's height, an operator's width and that of skips; bars at most,
# and their figures.
_ROW, _BOX, _LANE = 24, 190, 10
_BAR, _SHARE = 110, 60
_COLORS = {
  "npu": "var(--blue)",
  "edgetpu": "var(--green)",
  "cpu": "var(--orange)",
}
_OTHER_COLOR = "var(--grey)"


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


def operators(
  model: model_file.ModelFile | None, reports: Sequence[report_lib.EdgeReport]
) -> str:
  """Returns a file's operators, and what each takes of its targets.

  Args:
    model: what the file says; without it, operators are those of the reports,
      and what skips some is not shown.
    reports: of its targets.
  """
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


def memory(model: model_file.ModelFile) -> str:
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
