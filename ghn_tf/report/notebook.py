# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a notebook shows of our objects, as HTML."""

from collections.abc import Mapping, Sequence
import html

from ghn_tf.arch import measures
from ghn_tf.arch import spec
from ghn_tf.report import picture_files
from ghn_tf.report import pictures

_CELL = "text-align: left; vertical-align: top; padding: 1px 8px"
_PICTURE = "background: #fff; max-height: 480px; overflow: auto"


def architecture(network: spec.Architecture) -> str:
  """Returns a network's measures, its picture, and its nodes."""
  figures = [
    (name.replace("_", " "), f"{value:,}")
    for name, value in measures.measure(network).items()
  ]
  nodes = [
    (
      node.name,
      node.op.value,
      ", ".join(network.nodes[index].name for index in node.inputs),
      " x ".join(map(str, shape)),
    )
    for node, shape in zip(network.nodes, network.shapes, strict=True)
  ]
  drawing = picture_files.encode(pictures.graph(network), "svg").decode()
  svg = drawing[drawing.index("<svg") :]  # what stands before is for files
  return "\n".join(
    [
      f"<b>{html.escape(network.name)}</b>",
      _table((), figures),
      f'<div style="{_PICTURE}">{svg}</div>',
      _folded(
        f"{len(nodes)} nodes",
        _table(("node", "operation", "reads", "shape"), nodes),
      ),
    ]
  )


def described(
  title: str, facts: Mapping[str, str], calls: Mapping[str, str]
) -> str:
  """Returns what an object is, and what to call next.

  Args:
    title: its kind and name.
    facts: by name.
    calls: by what they are, what they give.
  """
  return "\n".join(
    [
      f"<b>{html.escape(title)}</b>",
      _table((), [*facts.items()]),
      _table(("call", "gives"), [*calls.items()]),
    ]
  )


def layers(
  name: str,
  verdict: str,
  rows: Sequence[Sequence[str]],
  figures: Sequence[Sequence[str]] = (),
) -> str:
  """Returns what became of the layers of a model, and its measures.

  Args:
    name: the model's.
    verdict: whether it is understood, or can be predicted.
    rows: of each layer its name, its kind, what became of it, and how or why.
    figures: of each measure its name, its value, those of training, and whether
      it is outside of them.
  """
  parts = [
    f"<b>{html.escape(name)}</b>",
    f"<div>{html.escape(verdict)}</div>",
  ]
  if figures:
    parts.append(_table(("measure", "network", "training", ""), figures))
  parts.append(_table(("layer", "kind", "verdict", ""), rows))
  return "\n".join(parts)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  """Returns texts as an HTML table, without a head if that is empty."""
  parts = []
  if head:
    cells = (f'<th style="{_CELL}">{html.escape(text)}</th>' for text in head)
    parts.append(f"<tr>{''.join(cells)}</tr>")
  for row in rows:
    cells = (f'<td style="{_CELL}">{html.escape(text)}</td>' for text in row)
    parts.append(f"<tr>{''.join(cells)}</tr>")
  return f"<table>{''.join(parts)}</table>"


def _folded(summary: str, content: str) -> str:
  """Returns content that shows when the reader asks for it."""
  return f"<details><summary>{summary}</summary>{content}</details>"
