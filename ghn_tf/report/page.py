# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""One HTML page that needs nothing else: sections of charts, tables, drawings.

Colours are CSS variables of web/page.css, "var(--blue)", so that the page
follows the reader's light or dark scheme. Its policy forbids the browser to
fetch anything. What comes from files becomes text, never markup.
"""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import functools
import html
import importlib.resources
import json
import math
from typing import Any, Protocol

import ghn_tf

_POLICY = (
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
  " img-src data: blob:"
)


class Part(Protocol):
  """What a section is made of; `parts` has the common ones."""

  @property
  def scripts(self) -> tuple[str, ...]:
    """What runs it: "plotly.js", or names of files in web/."""

  def html(self) -> str:
    """Returns the element of the page."""


@dataclasses.dataclass(frozen=True)
class Section:
  """A chapter of the page.

  Attributes:
    heading: its name.
    text: a few sentences on what is seen.
    parts: in the order of reading.
    title: what a page of it is called; none of what another one speaks for.
  """

  heading: str
  text: str
  parts: Sequence[Part]
  title: str = ""


def title(sections: Sequence[Section]) -> str:
  """Returns what a page is called: what it is of, not where it is."""
  return "; ".join(own.title for own in sections if own.title)


def render(title: str, sections: Sequence[Section]) -> str:
  """Returns the page; equal sections give equal pages."""
  names = scripts(part for own in sections for part in own.parts)
  contents = "".join(
    f'<a href="#s{index}">{html.escape(section.heading)}</a>'
    for index, section in enumerate(sections)
  )
  return "\n".join(
    [
      "<!DOCTYPE html>",
      '<html lang="en"><head><meta charset="utf-8">',
      f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
      '<meta name="viewport" content="width=device-width, initial-scale=1">',
      f"<title>{html.escape(title)}</title>",
      f"<style>{_web('page.css')}</style></head><body>",
      f"<header><h1>{html.escape(title)}</h1>",
      f"<nav>{contents if len(sections) > 1 else ''}</nav></header><main>",
      *(_section(index, own) for index, own in enumerate(sections)),
      f"</main><footer>Made by ghn_tf {ghn_tf.__version__}.</footer>",
      *(f"<script>{_web(name)}</script>" for name in names),
      "</body></html>\n",
    ]
  )


def scripts(parts: Iterable[Part]) -> tuple[str, ...]:
  """Returns what runs parts, each once."""
  return tuple(dict.fromkeys(name for part in parts for name in part.scripts))


def data(value: Any) -> str:
  """Returns an element with data for scripts.

  Numbers have six digits, which is more than is seen; what is not finite is
  null, which charts leave out.

  Args:
    value: what JSON holds, NumPy's numbers and arrays among it.
  """
  text = json.dumps(_plain(value), separators=(",", ":"), allow_nan=False)
  # Within <script> all but this is text.
  text = text.replace("<", "\\u003c")
  return f'<script type="application/json">{text}</script>'


def _section(index: int, section: Section) -> str:
  parts = "\n".join(part.html() for part in section.parts)
  text = f"<p>{html.escape(section.text)}</p>" if section.text else ""
  return (
    f'<section id="s{index}"><h2>{html.escape(section.heading)}</h2>{text}\n'
    f'<div class="parts">\n{parts}\n</div></section>'
  )


def _plain(value: Any) -> Any:
  if isinstance(value, Mapping):
    return {key: _plain(own) for key, own in value.items()}
  if hasattr(value, "tolist"):
    value = value.tolist()
  if isinstance(value, list | tuple):
    return [_plain(own) for own in value]
  if isinstance(value, float):
    return float(f"{value:.6g}") if math.isfinite(value) else None
  return value


@functools.cache
def _web(name: str) -> str:
  """Returns a style sheet or script."""
  if name == "plotly.js":
    from plotly import offline  # 5 MB, which pages without charts do without

    return offline.get_plotlyjs()
  folder = importlib.resources.files(__package__) / "web"
  return (folder / name).read_text(encoding="utf-8")
