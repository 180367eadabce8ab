# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tables in Markdown, which can be read as they are, too."""

from collections.abc import Sequence


def table(cells: Sequence[Sequence[str]], left: Sequence[int] = ()) -> str:
  """Returns a table, whose first line is its head, with aligned columns.

  Args:
    cells: of each line.
    left: the columns that are aligned to the left.
  """
  widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
  lines = [
    [
      cell.ljust(width) if column in left else cell.rjust(width)
      for column, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]
    for line in cells
  ]
  rule = [
    "-" * width if column in left else "-" * (width - 1) + ":"
    for column, width in enumerate(widths)
  ]
  return "\n".join(
    f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]]
  )
