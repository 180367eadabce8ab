# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a file is made of: constants by tensor, activations, and packing."""

import numpy as np

import ghn_tf
from ghn_tf.edge import model_file
from ghn_tf.edge import report as report_lib
from ghn_tf.edge import tensors

TARGET = "file"
_WIDTHS = (2, 4, 8)


def _needed_bits(codes: np.ndarray) -> int:
  """Returns with how many bits each of at most 8 could be stored.

  A grid of few bits has steps of its own in one of more, as {-7, 0, 7}, so what
  counts is how many codes there are; a table of them would be stored once.
  """
  different = len(np.unique(codes))
  return next(bits for bits in _WIDTHS if different <= 2**bits)


def _least_bytes(tensor: tensors.Tensor) -> int:
  """Returns how few bytes a constant could take."""
  if tensor.data is None or tensor.dtype not in ("INT8", "INT4", "INT2"):
    return tensor.num_bytes
  return -(-tensor.size * _needed_bits(tensor.data) // 8)


def arena_bytes(model: model_file.ModelFile) -> int:
  """Returns the most bytes of activations that must be there at one time."""
  changes = np.zeros(len(model.operators) + 1, np.int64)
  for index, (first, last) in model.lifetimes.items():
    changes[first] += model.tensors[index].num_bytes
    changes[last + 1] -= model.tensors[index].num_bytes
  return int(changes.cumsum().max(initial=0))


def report(model: model_file.ModelFile) -> report_lib.EdgeReport:
  """Returns the bytes of a file: each tensor, and what packing saves.

  Codes of 4 bits are packed in a file of ours, two to a byte; what they would
  take with 8 is told beside it, and what the least number of bits would.
  """
  tool = f"ghn_tf {ghn_tf.__version__}"
  constants = [t for t in model.tensors if t.data is not None]
  unpacked = {t.index: t.data.nbytes for t in constants if t.data is not None}
  stored = sum(tensor.num_bytes for tensor in constants)
  arena = arena_bytes(model)
  totals = {
    "constant_bytes": (stored, ""),
    "other_bytes": (
      model.num_bytes - stored,
      "what describes the network; less than 0 if tensors share constants",
    ),
    "packing_saves_bytes": (sum(unpacked.values()) - stored, ""),
    "packing_could_save_bytes": (
      stored - sum(map(_least_bytes, constants)),
      "with 2 or 4 bits for kernels of so few different codes",
    ),
  }
  figures = [
    report_lib.Figure(
      "arena_bytes",
      arena,
      "measured",
      tool,
      "activations that live at one time; no plan takes less",
    )
  ]
  figures += [
    report_lib.Figure(name, value, "measured", tool, note)
    for name, (value, note) in totals.items()
  ]
  figures += [
    report_lib.Figure(
      f"tensor_{tensor.index}_bytes",
      tensor.num_bytes,
      "measured",
      tool,
      f"{tensor.name:.80}: {tensor.dtype} {list(tensor.shape)}",
    )
    for tensor in sorted(constants, key=lambda own: -own.num_bytes)
  ]
  return report_lib.EdgeReport(
    target=TARGET,
    source="measured",
    tool=tool,
    arena_bytes=arena,
    flash_bytes=model.num_bytes,
    macs=model.macs,
    operators=[
      report_lib.OperatorReport(
        operator.index,
        operator.name,
        model.tensors[operator.outputs[0]].name,
        "file",
        macs=operator.macs,
        figures={
          "constant_bytes": sum(
            model.tensors[index].num_bytes
            for index in operator.inputs
            if index in unpacked
          )
        },
      )
      for operator in model.operators
    ],
    figures=figures,
  )
