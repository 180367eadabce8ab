# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a file costs on a target, in the form that all targets share."""

from collections.abc import Mapping, Sequence
import dataclasses
import json
import math
from typing import Any

# Where figures come from: a device or an interpreter that ran the file, a
# simulator that executed what the device would, or a model of the device.
SOURCES = ("measured", "simulated", "estimated")

Value = int | float | str | bool | None


@dataclasses.dataclass(frozen=True)
class Figure:
  """A figure that is not among those of every report, or has a source apart.

  Attributes:
    name: with its unit at the end, `npu_cycles`; that of a field of the report
      where it says how that one came about.
    value: the figure.
    source: one of `SOURCES`.
    tool: name and version.
    note: what must be known to read it, such as its error.
  """

  name: str
  value: Value
  source: str
  tool: str
  note: str = ""

  def __post_init__(self):
    _check_source(self.name, self.source)


@dataclasses.dataclass(frozen=True)
class OperatorReport:
  """What one operator costs; None where a target has no figure for it.

  Attributes:
    index: in the order in which the file runs them.
    name: as the schema has it, `CONV_2D`.
    tensor: name of its first output.
    placement: where it runs, such as `cpu` or `npu`.
    reason: why it does not run on the accelerator, else empty.
    macs: multiply-accumulates of one inference.
    instructions: executed in one inference.
    cycles: of one inference.
    max_lsb_difference: greatest difference of its output from the reference
      kernels, in steps of the tensor.
    figures: more of them, by name.
  """

  index: int
  name: str
  tensor: str
  placement: str
  reason: str = ""
  macs: int | None = None
  instructions: int | None = None
  cycles: float | None = None
  max_lsb_difference: int | None = None
  figures: Mapping[str, Value] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class EdgeReport:
  """What a file costs on one target; None where there is no figure for it.

  Attributes:
    target: by the name that it is asked for, `ethos_u55_128`.
    source: one of `SOURCES`, of every figure that `figures` has not again.
    tool: name and version of what the figures come from.
    latency_ms: milliseconds of one inference.
    arena_bytes: of memory for activations.
    flash_bytes: of memory for constants, and code where the target counts it.
    macs: multiply-accumulates of one inference.
    instructions: executed in one inference.
    max_lsb_difference: greatest difference of the file's outputs from the
      reference kernels of TFLite Micro, in steps of the output.
    operators: in the order in which they run.
    figures: what else the target tells.
  """

  target: str
  source: str
  tool: str
  latency_ms: float | None = None
  arena_bytes: int | None = None
  flash_bytes: int | None = None
  macs: int | None = None
  instructions: int | None = None
  max_lsb_difference: int | None = None
  operators: Sequence[OperatorReport] = ()
  figures: Sequence[Figure] = ()

  def __post_init__(self):
    _check_source(self.target, self.source)

  @property
  def sources(self) -> str:
    """Returns where the figures come from, those apart by their names."""
    fields = {field.name for field in dataclasses.fields(self)}
    apart = [
      f"{figure.name} {figure.source}"
      for figure in self.figures
      if figure.name in fields and figure.source != self.source
    ]
    return "; ".join([self.source, *apart])

  @property
  def placed(self) -> str:
    """Returns how many operators an accelerator runs; "-" without one."""
    for figure in self.figures:
      if figure.name == "mapped_operators":
        return f"{figure.value}/{len(self.operators)}"
    return "-"


def _check_source(name: str, source: str) -> None:
  if source not in SOURCES:
    raise ValueError(f"{name} is {source!r}; expected one of {SOURCES}.")


def to_record(report: EdgeReport) -> dict[str, Any]:
  """Returns a report as JSON has it."""
  return dataclasses.asdict(report)


def from_record(record: Mapping[str, Any]) -> EdgeReport:
  """Returns the report of a record that `to_record` made."""
  return EdgeReport(
    **{
      **record,
      "operators": [OperatorReport(**own) for own in record["operators"]],
      "figures": [Figure(**own) for own in record["figures"]],
    }
  )


def to_json(
  reports: Sequence[EdgeReport], errors: Mapping[str, str] | None = None
) -> str:
  """Returns reports as JSON, {"reports": [...], "errors": {...}}.

  Args:
    reports: with null for no figure.
    errors: target -> why it has no report; none by default.

  Raises:
    ValueError: a figure is not finite.
  """
  content = {
    "reports": [*map(to_record, reports)],
    "errors": dict(errors or {}),
  }
  return json.dumps(content, indent=2, allow_nan=False) + "\n"


def tabulate(reports: Sequence[EdgeReport]) -> str:
  """Returns a table for a terminal, one line per target."""
  rows = [
    ("target", "ms", "arena", "flash", "MMACs", "Minsn", "LSB", "mapped")
    + ("source, tool",)
  ]
  for report in reports:
    rows.append(
      (
        report.target,
        _number(report.latency_ms, 1),
        _number(report.arena_bytes, 1),
        _number(report.flash_bytes, 1),
        _number(report.macs, 10**6),
        _number(report.instructions, 10**6),
        _number(report.max_lsb_difference, 1),
        report.placed,
        f"{report.sources}, {report.tool}",
      )
    )
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  lines = []
  for row in rows:
    first, *numbers, last = zip(row, widths, strict=True)
    cells = [first[0].ljust(first[1]), *(t.rjust(w) for t, w in numbers)]
    lines.append("  ".join([*cells, last[0]]))
  return "\n".join(lines)


def _number(value: float | None, unit: int) -> str:
  if value is None:
    return "-"
  if unit == 1 and isinstance(value, int):
    return f"{value:,}"
  value = value / unit
  digits = 0 if not value else max(0, 2 - math.floor(math.log10(abs(value))))
  return f"{value:,.{digits}f}"
