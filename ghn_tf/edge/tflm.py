# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""TFLite Micro's own interpreter: what a microcontroller computes.

Its codes are the ground truth of every target here. TFLite's interpreters are
compared with it: they round in other ways, by version and by kernels.
"""

from importlib import metadata
import importlib.util
import re
import struct
from typing import Any

import numpy as np

from ghn_tf.edge import model_file
from ghn_tf.edge import native_output

_INSTALL = "TFLite Micro is not installed; pip install 'ghn_tf[edge]'."
# What an arena holds besides tensors: at least, and per operator and tensor.
# Far more than measured, as what is not used costs nothing.
_ARENA_ROOM, _ROOM_EACH = 1 << 16, 1 << 12
_ARENA_TOTAL = re.compile(r"Arena allocation (total|head|tail) (\d+) bytes")


def _runtime() -> Any:
  try:
    return importlib.import_module("tflite_micro.python.tflite_micro.runtime")
  except ModuleNotFoundError as error:
    raise ModuleNotFoundError(_INSTALL, name=error.name) from error


def version() -> str:
  """Returns the interpreter's name and version."""
  return f"tflite_micro {metadata.version('tflite_micro')}"


class Interpreter:
  """Runs a file, image by image."""

  def __init__(
    self,
    content: bytes,
    model: model_file.ModelFile,
    *,
    keep_tensors: bool = False,
  ):
    """Loads a file.

    Args:
      content: of the file.
      model: what it says.
      keep_tensors: whether every tensor can be looked at afterwards, for which
        none may share its memory with another.

    Raises:
      ValueError: the interpreter does not take the file.
      ModuleNotFoundError: it is not installed.
    """
    runtime = _runtime()
    config = runtime.InterpreterConfig
    self._model = model
    try:
      self._interpreter = runtime.Interpreter.from_bytes(
        content,
        arena_size=_arena_size(model),
        intrepreter_config=(
          config.kPreserveAllTensors
          if keep_tensors
          else config.kAllocationRecording
        ),
      )
    # The last is of its own reading of the file, which checks no places.
    except (RuntimeError, ValueError, struct.error) as error:
      raise ValueError(f"TFLite Micro refuses the file: {error}") from error

  def _invoke(self, codes: np.ndarray) -> None:
    self._interpreter.set_input(codes[np.newaxis], 0)
    try:
      self._interpreter.invoke()
    except RuntimeError as error:
      raise ValueError(f"TFLite Micro cannot run the file: {error}") from error

  def run(self, inputs: np.ndarray) -> np.ndarray:
    """Returns the codes of the output [B, ...] of those of inputs [B, ...]."""
    outputs = []
    for codes in inputs:
      self._invoke(codes)
      outputs.append(self._interpreter.get_output(0)[0].copy())
    return np.stack(outputs)

  def tensors(self, codes: np.ndarray) -> dict[int, np.ndarray]:
    """Returns what every operator makes of one input, by the tensor's index.

    Args:
      codes: of the input, without the batch.
    """
    self._invoke(codes)
    return {
      index: self._interpreter.GetTensor(index, 0)["tensor_data"].reshape(
        self._model.tensors[index].shape
      )
      for operator in self._model.operators
      for index in operator.outputs
    }

  def arena_bytes(self) -> dict[str, int]:
    """Returns the bytes of the arena: `total`, `head` and `tail`.

    The head holds tensors, planned so that they share memory, the tail what the
    interpreter keeps for itself.
    """
    with native_output.captured() as output:  # it has no other way to tell
      self._interpreter.print_allocations()
      text = output()
    return {name: int(size) for name, size in _ARENA_TOTAL.findall(text)}


def _arena_size(model: model_file.ModelFile) -> int:
  tensors = sum(t.num_bytes for t in model.tensors if t.data is None)
  parts = len(model.tensors) + len(model.operators)
  # Per-channel multipliers, and scratch memory, at most as much again.
  scales = sum(len(tensor.scales) for tensor in model.tensors)
  return _ARENA_ROOM + _ROOM_EACH * parts + 2 * tensors + 16 * scales
