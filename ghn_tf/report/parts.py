# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What most sections of a page are made of: charts, tables, drawings."""

from collections.abc import Mapping, Sequence
import dataclasses
import html
import math
from typing import Any

from ghn_tf.report import page

# Of lines in their order: Okabe and Ito's colours, without their yellow, which
# is too light. page.css has them for light and for dark.
SERIES = tuple(
  f"var(--{name})"
  for name in ("blue", "vermilion", "green", "pink", "orange", "sky", "ink")
)
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross")
# As many as a run with all recipes evaluates.
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")

# Characters of a cell that has place for all of them on a line.
_SHORT = 24

Cell = str | int | float | bool | None


def series(index: int) -> str:
  """Returns the colour of a line."""
  return SERIES[index % len(SERIES)]


@dataclasses.dataclass(frozen=True)
class Chart:
  """A chart of plotly.js.

  Attributes:
    title: above it.
    traces: as plotly.js takes them. A colour may be "var(--blue)".
    layout: the same, as far as it is not that of all charts (web/charts.js).
    height: in pixels.
    is_wide: whether it has the width of the page.
  """

  title: str
  traces: Sequence[Mapping[str, Any]]
  layout: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  height: int = 320
  is_wide: bool = False
  scripts = ("plotly.js", "charts.js")

  def html(self) -> str:
    """See `page.Part`."""
    plot = f'<div class="plot" style="height:{self.height}px"></div>'
    content = page.data({"data": self.traces, "layout": self.layout})
    return figure(self.title, plot + content, self.is_wide)


@dataclasses.dataclass(frozen=True)
class Table:
  """Rows that can be sorted and filtered; columns without a value are left out.

  Attributes:
    title: above it.
    header: names of the columns, with their units.
    rows: None is shown as "-", and is last in every order.
    is_folded: whether it is to be opened first.
  """

  title: str
  header: Sequence[str]
  rows: Sequence[Sequence[Cell]]
  is_folded: bool = False
  scripts = ("tables.js",)

  def html(self) -> str:
    """See `page.Part`."""
    columns = [
      (title, values)
      for title, *values in zip(self.header, *self.rows, strict=True)
      if not values or any(value not in (None, "", "-") for value in values)
    ]
    kinds = [_kind(values) for _, values in columns]
    head = "".join(
      f"<th{kind}><button>{html.escape(title)}</button></th>"
      for kind, (title, _) in zip(kinds, columns, strict=True)
    )
    texts = [_column(values) for _, values in columns]
    body = "".join(
      "<tr>"
      + "".join(
        f"<td{kind}>{html.escape(text)}</td>"
        for kind, text in zip(kinds, row, strict=True)
      )
      + "</tr>\n"
      for row in zip(*texts, strict=True)
    )
    table = (
      f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
      f"<tbody>\n{body}</tbody></table></div>"
    )
    if self.is_folded:
      summary = f"<summary>{html.escape(self.title)}</summary>"
      return f'<details class="part wide">{summary}{table}</details>'
    return figure(self.title, table, is_wide=True)


def _kind(values: Sequence[Cell]) -> str:
  """Returns the attribute that tells how a column is laid out, if any."""
  if any(type(value) in (int, float) for value in values):
    return ' class="number"'
  # On a phone a column may be as narrow as its longest word.
  if any(isinstance(value, str) and len(value) > _SHORT for value in values):
    return ' class="words"'
  return ""


@dataclasses.dataclass(frozen=True)
class Drawing:
  """A picture that does not move.

  Attributes:
    title: above it.
    content: its elements.
    is_wide: whether it has the width of the page.
  """

  title: str
  content: str
  is_wide: bool = True
  scripts: tuple[str, ...] = ()

  def html(self) -> str:
    """See `page.Part`."""
    content = f'<div class="scroll">{self.content}</div>'
    return figure(self.title, content, self.is_wide)


@dataclasses.dataclass(frozen=True)
class Choice:
  """Parts of which the reader chooses some.

  Attributes:
    label: what is chosen.
    options: the parts of each choice, the first of which is shown first.
  """

  label: str
  options: Mapping[str, Sequence[page.Part]]

  @property
  def scripts(self) -> tuple[str, ...]:
    """See `page.Part`."""
    every = [part for own in self.options.values() for part in own]
    return ("choices.js", *page.scripts(every))

  def html(self) -> str:
    """See `page.Part`."""
    names = "".join(
      f'<option value="{index}">{html.escape(name)}</option>'
      for index, name in enumerate(self.options)
    )
    blocks = "\n".join(
      f'<div class="parts"{" hidden" if index else ""}>\n'
      + "\n".join(part.html() for part in own)
      + "\n</div>"
      for index, own in enumerate(self.options.values())
    )
    hidden = " hidden" if len(self.options) == 1 else ""
    return (
      f'<div class="choice wide"><label{hidden}>{html.escape(self.label)}'
      f" <select>{names}</select></label>\n{blocks}\n</div>"
    )


def figure(title: str, content: str, is_wide: bool) -> str:
  """Returns the element of a part.

  Args:
    title: above it.
    content: its elements.
    is_wide: whether it has the width of the page.
  """
  kind = "part wide" if is_wide else "part"
  return (
    f'<figure class="{kind}"><figcaption>{html.escape(title)}</figcaption>'
    f"{content}</figure>"
  )


def shown(value: Cell) -> str:
  """Returns a value as tables show it."""
  match value:
    case None:
      return "-"
    case bool():
      return "yes" if value else "no"
    case float():
      return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    case int():
      return f"{value:,}"
  return value


def _column(values: Sequence[Cell]) -> list[str]:
  """Returns values as a table shows them below each other.

  All floats of a column have the same decimals, 65.0 and 65.2, such that the
  greatest has four digits. Where another would have fewer than three then, each
  has its own four, without zeros that no other one needs.
  """
  texts = [*map(shown, values)]
  places = {
    index: len(text.partition(".")[2])
    for index, (value, text) in enumerate(zip(values, texts, strict=True))
    if isinstance(value, float) and text.strip("-,.0123456789") == ""
  }
  numbers = {i: abs(float(texts[i].replace(",", ""))) for i in places}
  # Digits behind the point of a number with four; those of 0 are the column's.
  own = {
    index: max(0, 3 - math.floor(math.log10(number)))
    for index, number in numbers.items()
    if number
  }
  most = max(places.values(), default=0)
  same = min([most, *own.values()])
  if any(places[i] > same and own[i] - same > 1 for i in own):
    same = most
  for index in places:
    decimals = min(same, own.get(index, same))
    texts[index] = f"{values[index]:,.{decimals}f}"
  return texts


def symbol(index: int) -> str:
  """Returns the symbol of the points of a line."""
  return SYMBOLS[index % len(SYMBOLS)]


def network(record: Mapping[str, Any]) -> str:
  """Returns what a chart tells of a network: its name and sizes.

  Args:
    record: with "name", "macs" and "num_params".
  """
  return (
    f"{label(record['name'])}<br>{record['macs']:,}"
    f" multiply-accumulates<br>{record['num_params']:,} parameters"
  )


def label(text: str) -> str:
  """Returns a name as a chart takes it, which would read markup in it."""
  return html.escape(text, quote=False)


def axis(title: str, **attributes: Any) -> dict[str, Any]:
  """Returns an axis of a chart."""
  return {"title": {"text": title}, **attributes}
