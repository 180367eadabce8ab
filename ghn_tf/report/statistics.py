# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The numbers by which sets of architectures are compared."""

import array
import collections
from collections.abc import Iterable, Mapping, Sequence
import dataclasses

import numpy as np

from ghn_tf.arch import measures
from ghn_tf.arch import ops
from ghn_tf.arch import spec

_WIDTH = 100  # of tables, in columns


@dataclasses.dataclass(frozen=True, eq=False)
class Statistics:
  """What a set of A architectures consists of.

  Attributes:
    nodes: number of nodes of each architecture, int64 [A].
    depth: largest number of layers with a kernel on a path, int64 [A].
    macs: multiply-accumulates for one image, int64 [A].
    params: number of trainable parameters, int64 [A].
    operations: mean number of nodes of each operation per architecture, of the
      operations that occur, in the order of `ops.Op`; they sum to the mean of
      `nodes`.
  """

  nodes: np.ndarray
  depth: np.ndarray
  macs: np.ndarray
  params: np.ndarray
  operations: Mapping[ops.Op, float]

  def __len__(self) -> int:
    return len(self.nodes)


def measure(architectures: Iterable[spec.Architecture]) -> Statistics:
  """Returns the statistics of a set, read once and one at a time.

  Raises:
    ValueError: the set is empty.
  """
  rows = array.array("q")
  counts: collections.Counter[ops.Op] = collections.Counter()
  for architecture in architectures:
    rows.extend(
      (
        len(architecture.nodes),
        measures.depth(architecture),
        architecture.macs,
        architecture.num_params,
      )
    )
    counts.update([node.op for node in architecture.nodes])
  if not rows:
    raise ValueError(
      "Got no architectures to measure, expected at least one; leave out a set"
      " that is empty."
    )
  nodes, depths, macs, params = np.array(rows, np.int64).reshape(-1, 4).T
  operations = {op: counts[op] / len(nodes) for op in ops.Op if counts[op] > 0}
  return Statistics(nodes, depths, macs, params, operations)


def occurring(statistics: Mapping[str, Statistics]) -> tuple[ops.Op, ...]:
  """Returns the operations to compare splits by: those that occur in any.

  The input is left out, because every network has exactly one.
  """
  found = {op for split in statistics.values() for op in split.operations}
  return tuple(op for op in ops.Op if op in found and op is not ops.Op.INPUT)


def table(statistics: Mapping[str, Statistics]) -> str:
  """Returns the statistics as tables in text, one split a row.

  The first gives minimum, median and maximum of the sizes, the others the mean
  number of nodes of each operation per network. They are at most 100 columns
  wide where the names of splits have at most 10 characters.

  Args:
    statistics: of every split, by its name.

  Raises:
    ValueError: there are no splits.
  """
  if not statistics:
    raise ValueError("Got no splits to tabulate, expected at least one.")
  return (
    f"{_sizes(statistics)}\n\nMean number of nodes of each operation per"
    f" network\n\n{_operations(statistics)}"
  )


def _sizes(statistics: Mapping[str, Statistics]) -> str:
  splits = statistics.values()
  count = ["", "count", *(f"{len(split):,}" for split in splits)]
  groups = {
    "nodes": [split.nodes for split in splits],
    "depth": [split.depth for split in splits],
    "MACs (M)": [split.macs / 1e6 for split in splits],
    "params (k)": [split.params / 1e3 for split in splits],
  }
  columns = [["", "split", *statistics], _right(count)]
  for heading, values in groups.items():
    columns.append(
      _under(
        heading,
        ["min", *_numbers([np.min(v) for v in values])],
        ["median", *_numbers([np.median(v) for v in values])],
        ["max", *_numbers([np.max(v) for v in values])],
      )
    )
  return _text(columns, 2, "  ")


def _operations(statistics: Mapping[str, Statistics]) -> str:
  found = occurring(statistics)
  # One word a line, the last words in one line: names are wider than numbers.
  words = [["split"], *(op.value.split("_") for op in found)]
  height = max(map(len, words))
  head, *heads = [[""] * (height - len(word)) + word for word in words]
  first = [*head, *statistics]
  tables = [[first]]
  for op, head in zip(found, heads, strict=True):
    means = [split.operations.get(op, 0.0) for split in statistics.values()]
    column = _right([*head, *_numbers(means)])
    widths = [max(map(len, cells)) + 1 for cells in [*tables[-1], column]]
    if sum(widths) > _WIDTH:
      tables.append([first])
    tables[-1].append(column)
  # Names in a table may need fewer lines than in another.
  texts = [_text(columns, height, " ").lstrip("\n") for columns in tables]
  return "\n\n".join(texts)


def _numbers(values: Sequence[float]) -> list[str]:
  """The cells of a column, with as many decimals as its least number needs."""
  decimals = 0
  if not all(float(value).is_integer() for value in values):
    # Three digits of it, but not more than two decimals.
    least = min(value for value in values if value > 0)
    decimals = int(np.clip(2 - np.floor(np.log10(least)), 0, 2))
  return [f"{value:.{decimals}f}" for value in values]


def _right(cells: Sequence[str]) -> list[str]:
  width = max(map(len, cells))
  return [cell.rjust(width) for cell in cells]


def _under(heading: str, *columns: Sequence[str]) -> list[str]:
  """Makes one column of some that have a heading in common."""
  rows = [" ".join(r) for r in zip(*map(_right, columns), strict=True)]
  return [heading.center(len(rows[0])), *rows]


def _text(
  columns: Sequence[Sequence[str]], num_heads: int, separator: str
) -> str:
  """Columns side by side, a rule below their heads, the first to the left."""
  width = max(map(len, columns[0]))
  first = [cell.ljust(width) for cell in columns[0]]
  rows = zip(first, *columns[1:], strict=True)
  lines = [separator.join(row) for row in rows]
  lines.insert(num_heads, "-" * len(lines[0]))
  return "\n".join(line.rstrip() for line in lines)
