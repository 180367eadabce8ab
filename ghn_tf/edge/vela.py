# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Arm Ethos-U: what Vela, Arm's compiler for it, estimates.

Vela compiles a file and adds up cycles by a model of the NPU and its memories;
it executes nothing, so codes are those of the reference kernels by its
promise alone. Its figures move with its version.
https://pypi.org/project/ethos-u-vela
"""

from collections.abc import Mapping, Sequence
import csv
import dataclasses
import importlib
from importlib import metadata
import pathlib
import re
import tempfile

from ghn_tf.edge import model_file
from ghn_tf.edge import native_output
from ghn_tf.edge import packing
from ghn_tf.edge import report as report_lib

_INSTALL = "Vela is not installed; pip install 'ghn_tf[edge]'."
_CONFIG_FILE = "Arm/vela.ini"  # Vela's own
_REFUSED = re.compile(r"operator: \w+, ofm: '(.*)'\nReason: (.*)")
_KIB = 1024
# Column of the summary -> what the figure is called here.
_FIGURES = {
  "cycles_total": "cycles",
  "cycles_npu": "npu_cycles",
  "cycles_sram_access": "sram_cycles",
  "cycles_dram_access": "dram_cycles",
  "cycles_on_chip_flash_access": "on_chip_flash_cycles",
  "cycles_off_chip_flash_access": "off_chip_flash_cycles",
  "total_original_weights": "weight_bytes",
  "total_npu_encoded_weights": "encoded_weight_bytes",
  "inferences_per_second": "inferences_per_second",
}
# The same of what single operators have, in Vela's table of them.
_CAUSES = {
  "NPU": "npu_cycles",
  "SRAM AC": "sram_cycles",
  "DRAM AC": "dram_cycles",
  "OnFlash AC": "on_chip_flash_cycles",
  "OffFlash AC": "off_chip_flash_cycles",
}


@dataclasses.dataclass(frozen=True)
class Accelerator:
  """An NPU in a system; names are those of Vela and its configuration file.

  Attributes:
    name: with the multiply-accumulates per cycle, `ethos-u55-128`.
    system: clock and memories.
    memory: where in these constants and activations are.
  """

  name: str
  system: str
  memory: str

  @property
  def target(self) -> str:
    """Returns the name of the target."""
    return self.name.replace("-", "_")

  @property
  def has_flash(self) -> bool:
    """Whether constants are in flash; else they are in DRAM."""
    return not self.memory.startswith("Dedicated")


_U55 = ("Ethos_U55_High_End_Embedded", "Shared_Sram")
_U85 = ("Ethos_U85_SYS_DRAM_Mid", "Dedicated_Sram_384KB")
ACCELERATORS = (
  *(Accelerator(f"ethos-u55-{n}", *_U55) for n in (32, 64, 128, 256)),
  Accelerator("ethos-u65-256", "Ethos_U65_Embedded", "Shared_Sram"),
  Accelerator("ethos-u65-512", "Ethos_U65_High_End", "Dedicated_Sram"),
  *(Accelerator(f"ethos-u85-{n}", *_U85) for n in (128, 256, 512, 1024, 2048)),
)


def report(
  content: bytes, model: model_file.ModelFile, accelerator: Accelerator
) -> report_lib.EdgeReport:
  """Returns what Vela estimates for a file.

  Args:
    content: of the file.
    model: what it says.
    accelerator: to compile for.

  Raises:
    ValueError: Vela does not compile the file.
    ModuleNotFoundError: it is not installed.
  """
  # Given packed kernels, Vela 5.2.0 ends with a division by zero.
  is_packed = packing.is_packed(model)
  if is_packed:
    content = packing.unpacked(content)
  summary, layers, reasons = _compile(content, accelerator)
  tool = f"ethos-u-vela {metadata.version('ethos-u-vela')}"
  operators = _operators(model, layers, reasons)
  on_cpu = sum(operator.placement == "cpu" for operator in operators)
  latency = 1e3 * float(summary["inference_time"])
  sizes = {
    name: round(_KIB * float(summary[f"{name}_memory_used"]))
    for name in ("sram", "dram", "on_chip_flash", "off_chip_flash")
  }
  flash = sizes["on_chip_flash"] + sizes["off_chip_flash"]
  values: dict[str, report_lib.Value] = {
    "is_unpacked_before": is_packed,
    "system": accelerator.system,
    "memory_mode": accelerator.memory,
    "clock_mhz": float(summary["core_clock"]) / 1e6,
    "mapped_operators": len(operators) - on_cpu,
    "cpu_operators": on_cpu,
    "npu_latency_ms": latency,
    "dram_bytes": sizes["dram"],
    **{ours: float(summary[own]) for own, ours in _FIGURES.items()},
  }
  notes = {"dram_bytes": "constants are there"} if sizes["dram"] else {}
  if on_cpu:
    notes |= dict.fromkeys(_FIGURES.values(), "of what is on the NPU")
  return report_lib.EdgeReport(
    target=accelerator.target,
    source="estimated",
    tool=tool,
    # Of what is left to the CPU, Vela says nothing.
    latency_ms=None if on_cpu else latency,
    arena_bytes=sizes["sram"],
    # Some systems have their constants in DRAM.
    flash_bytes=None if sizes["dram"] else flash,
    macs=model.macs,
    operators=operators,
    figures=[
      report_lib.Figure(name, value, "estimated", tool, notes.get(name, ""))
      for name, value in values.items()
    ],
  )


_Rows = Sequence[Mapping[str, str]]


def _compile(
  content: bytes, accelerator: Accelerator
) -> tuple[Mapping[str, str], _Rows, Mapping[str, str]]:
  """Returns Vela's summary, its rows by operator, and reasons by tensor."""
  try:
    vela = importlib.import_module("ethosu.vela.vela")
  except ModuleNotFoundError as error:
    raise ModuleNotFoundError(_INSTALL, name=error.name) from error
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    path = folder / "model.tflite"
    path.write_bytes(content)
    arguments = {
      "accelerator-config": accelerator.name,
      "config": _CONFIG_FILE,
      "system-config": accelerator.system,
      "memory-mode": accelerator.memory,
      "output-dir": name,
    }
    status: object = None
    with native_output.captured() as output:
      try:
        status = vela.main(
          [
            str(path),
            *(f"--{key}={value}" for key, value in arguments.items()),
            "--verbose-performance",
          ]
        )
      except SystemExit as error:
        status = error.code
      said = output()
    summaries = [*folder.glob("*_summary_*.csv")]
    layers = [*folder.glob("*_per-layer.csv")]
    if status or len(summaries) != 1 or len(layers) != 1:
      raise ValueError(f"Vela does not compile the file: {said.strip()[-500:]}")
    (summary,) = _rows(summaries[0])
    return summary, _rows(layers[0]), dict(_REFUSED.findall(said))


def _rows(path: pathlib.Path) -> _Rows:
  with path.open(newline="") as file:
    return [*csv.DictReader(file)]


def _operators(
  model: model_file.ModelFile, layers: _Rows, reasons: Mapping[str, str]
) -> list[report_lib.OperatorReport]:
  """Returns what Vela says of each operator of the file.

  It splits some into several, of which the last makes the tensor of that name,
  and merges others into those before them, which leaves them without a row.
  """
  names = {model.tensors[o.outputs[0]].name for o in model.operators}
  found: dict[str, list[Mapping[str, str]]] = {}
  parts: list[Mapping[str, str]] = []
  for row in layers:
    parts.append(row)
    if row["Name"] in names:
      found.setdefault(row["Name"], []).extend(parts)
      parts = []
  operators = []
  for operator in model.operators:
    tensor = model.tensors[operator.outputs[0]].name
    rows = found.pop(tensor, [])
    is_on_cpu = any(row["Target"] == "CPU" for row in rows)
    operators.append(
      report_lib.OperatorReport(
        operator.index,
        operator.name,
        tensor,
        "cpu" if is_on_cpu else "npu",
        reasons.get(tensor, "") if is_on_cpu else "",
        operator.macs,
        cycles=sum(float(row["Op Cycles"]) for row in rows),
        figures={
          ours: sum(float(row[own]) for row in rows)
          for own, ours in _CAUSES.items()
        },
      )
    )
  return operators
