# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Coral's Edge TPU, emulated; its compiler and a simulator are not to be had.

What can be known is told: which operators the documents allow on the chip,
whether parameters fit into its memory, how well layers fill the array, and how
far the ways of rounding that the chip may have lead away from the reference
kernels. Nothing here was measured on the chip.
"""

from collections.abc import Mapping, Sequence
import dataclasses

import numpy as np

import ghn_tf
from ghn_tf.edge import edgetpu_rules
from ghn_tf.edge import integer_kernels
from ghn_tf.edge import model_file
from ghn_tf.edge import packing
from ghn_tf.edge import report as report_lib
from ghn_tf.edge import rounding
from ghn_tf.edge import sizes
from ghn_tf.edge import systolic

TARGET = "edgetpu"
CLOCK_MHZ = 500
# What the compiler has been seen to tell of a small file: 66 KiB used and 7.67
# MiB left for parameters.
_PARAMETER_BYTES = int((7.67 + 66 / 1024) * 2**20)
# 16 tiles of 196,608 bytes: beagle_chip_structures.h, google-coral/libedgetpu.
_ACTIVATION_BYTES = 16 * 196_608
# Fitted to 42 convolutional networks that others measured on the chip
# (github.com/Jorgitou98/EdgeTPU-QuantRL-Evaluation): mean error 3 %, 17 % at
# most. It does not carry over: MobileNetV1, of 4.0 ms, it says to take 2.7 or
# 7.6, by how depthwise convolutions are done.
_MS_PER_MS, _MS_PER_OUTPUT_MB, _MS_OF_CALL = 1.53, 9.33, 0.60
_LATENCY_NOTE = (
  "a fit to one family of networks, 3 % off on average there; elsewhere it has"
  " been off by a factor of 2, and the host's link is part of it"
)


@dataclasses.dataclass(frozen=True)
class _Layer:
  """Cycles of the array for one operator, and how many there may be."""

  cycles: int | None
  greatest: int | None


def _layers(model: model_file.ModelFile) -> list[_Layer]:
  layers = []
  for operator in model.operators:
    pair = systolic.products(operator, model.operands(operator))
    if pair is None:
      layers.append(_Layer(None, None))
    else:
      layers.append(_Layer(pair[0].cycles, pair[1].cycles))
  return layers


def _parameter_bytes(model: model_file.ModelFile, operator: int) -> int:
  """Returns the bytes of the kernels and biases that an operator reads."""
  inputs = model.operators[operator].inputs
  read = [model.tensors[index] for index in inputs if index >= 0]
  return sum(tensor.num_bytes for tensor in read if tensor.data is not None)


def _difference(first: np.ndarray, second: np.ndarray) -> int:
  return int(np.abs(first.astype(np.int64) - second.astype(np.int64)).max())


def _accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
  flat = outputs.reshape(len(outputs), -1)
  return float(np.mean(flat.argmax(axis=-1) == labels))


def _execution(
  model: model_file.ModelFile,
  reasons: Sequence[str],
  inputs: np.ndarray,
  labels: np.ndarray | None,
  tool: str,
) -> tuple[dict[int, int], list[report_lib.Figure]]:
  """Runs a file with each way of rounding on the chip.

  What stays on the CPU is computed by TFLite's reference kernels, which is what
  all is compared with.

  Returns:
    By how many steps each tensor differs at most, and figures. No tensors where
    the file has an operator that is not emulated.
  """
  if all(reasons):
    note = "not executed: no operator is on the chip"
    return {}, [
      report_lib.Figure("max_lsb_difference", None, "simulated", tool, note)
    ]
  steps: dict[int, int] = {}
  figures = []
  exact: dict[int, np.ndarray] = {}
  for variant in rounding.VARIANTS:
    variants = [rounding.DOUBLE if reason else variant for reason in reasons]
    try:
      made = integer_kernels.run(model, inputs, variants)
    except ValueError as error:
      note = f"not executed: {error}"
      return {}, [
        report_lib.Figure("max_lsb_difference", None, "simulated", tool, note)
      ]
    exact = exact or made
    own = {index: _difference(exact[index], made[index]) for index in made}
    steps = {index: max(steps.get(index, 0), own[index]) for index in own}
    (output,) = model.outputs
    name = f"{variant}_rounding"
    figures.append(
      report_lib.Figure(f"{name}_max_lsb", own[output], "simulated", tool)
    )
    if labels is not None:
      value = _accuracy(made[output], labels)
      note = f"top-1, {len(inputs)} images"
      figures.append(
        report_lib.Figure(f"{name}_accuracy", value, "simulated", tool, note)
      )
  (output,) = model.outputs
  figures.append(
    report_lib.Figure(
      "max_lsb_difference",
      steps[output],
      "simulated",
      tool,
      "the greatest of the three",
    )
  )
  return steps, figures


def report(
  content: bytes,
  model: model_file.ModelFile,
  inputs: np.ndarray,
  labels: np.ndarray | None = None,
) -> report_lib.EdgeReport:
  """Returns what can be told of a file on the Edge TPU.

  Args:
    content: of the file.
    model: what the file says.
    inputs: codes [B, ...] of its one input.
    labels: [B], to measure accuracy with.
  """
  tool = f"ghn_tf {ghn_tf.__version__}"
  # The chip has no INT4; kernels with a byte per code are the same to it.
  is_packed = packing.is_packed(model)
  if is_packed:
    model = model_file.read(packing.unpacked(content))
  reasons = edgetpu_rules.reasons(model)
  mapped = reasons.count("")
  layers = _layers(model)
  steps, execution = _execution(model, reasons, inputs, labels, tool)
  arena = sizes.arena_bytes(model)
  return report_lib.EdgeReport(
    target=TARGET,
    source="estimated",
    tool=tool,
    arena_bytes=arena,
    flash_bytes=model.num_bytes,
    macs=model.macs,
    max_lsb_difference=steps.get(model.outputs[0]),
    operators=_operators(model, reasons, layers, steps),
    figures=[
      report_lib.Figure("is_unpacked_before", is_packed, "measured", tool),
      report_lib.Figure("mapped_operators", mapped, "estimated", tool),
      report_lib.Figure(
        "arena_bytes",
        arena,
        "estimated",
        tool,
        "activations that live at one time, on the chip and off it",
      ),
      report_lib.Figure(
        "flash_bytes", model.num_bytes, "measured", tool, "the host's file"
      ),
      *_memory(model, mapped, tool),
      *_array(model, layers, mapped, tool),
      *execution,
    ],
  )


def _operators(
  model: model_file.ModelFile,
  reasons: Sequence[str],
  layers: Sequence[_Layer],
  steps: Mapping[int, int],
) -> list[report_lib.OperatorReport]:
  operators = []
  for operator, reason, layer in zip(
    model.operators, reasons, layers, strict=True
  ):
    cycles = None if reason else layer.cycles
    figures: dict[str, report_lib.Value] = {}
    if cycles:
      figures["utilization"] = systolic.utilization(operator.macs, cycles)
    operators.append(
      report_lib.OperatorReport(
        operator.index,
        operator.name,
        model.tensors[operator.outputs[0]].name,
        "cpu" if reason else "edgetpu",
        reason,
        operator.macs,
        cycles=cycles,
        max_lsb_difference=steps.get(operator.outputs[0]),
        figures=figures,
      )
    )
  return operators


def _memory(
  model: model_file.ModelFile, mapped: int, tool: str
) -> list[report_lib.Figure]:
  """Returns where parameters are, by the order in which layers run."""
  cached = streamed = 0
  for index in range(mapped):
    own = _parameter_bytes(model, index)
    if cached + own <= _PARAMETER_BYTES and not streamed:
      cached += own
    else:
      streamed += own
  values = {
    "cached_parameter_bytes": (cached, "as in the file; the chip pads them"),
    "streamed_parameter_bytes": (streamed, "sent again for each inference"),
    "parameter_memory_bytes": (
      _PARAMETER_BYTES,
      "after one log of Google's compiler",
    ),
    "activation_memory_bytes": (
      _ACTIVATION_BYTES,
      "after google-coral/libedgetpu",
    ),
  }
  return [
    report_lib.Figure(name, value, "estimated", tool, note)
    for name, (value, note) in values.items()
  ]


def _array(
  model: model_file.ModelFile,
  layers: Sequence[_Layer],
  mapped: int,
  tool: str,
) -> list[report_lib.Figure]:
  """Returns cycles of the array, and what a fit makes of them."""
  own = layers[:mapped]
  cycles = sum(layer.cycles or 0 for layer in own)
  greatest = sum(layer.greatest or 0 for layer in own)
  note = "64 x 64 cells, weights in place, without memory"
  figures = [
    report_lib.Figure("array_cycles", cycles, "estimated", tool, note),
    report_lib.Figure(
      "array_cycles_at_most",
      greatest,
      "estimated",
      tool,
      "with the channels of depthwise convolutions one after the other",
    ),
  ]
  if cycles:
    macs = sum(operator.macs for operator in model.operators[:mapped])
    figures.append(
      report_lib.Figure(
        "array_utilization",
        systolic.utilization(macs, cycles),
        "estimated",
        tool,
      )
    )
  if cycles and mapped == len(layers):
    output = sum(model.tensors[index].num_bytes for index in model.outputs)
    for name, total in (("", cycles), ("_at_most", greatest)):
      milliseconds = (
        _MS_PER_MS * total / (CLOCK_MHZ * 1e3)
        + _MS_PER_OUTPUT_MB * output / 1e6
        + _MS_OF_CALL
      )
      figures.append(
        report_lib.Figure(
          f"fitted_latency_ms{name}",
          milliseconds,
          "estimated",
          tool,
          _LATENCY_NOTE,
        )
      )
  return figures
