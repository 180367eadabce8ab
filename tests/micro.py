# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""TFLite Micro's interpreter, with the Python interface of TFLite's.

Unlike tflite_runtime it may share a process with TensorFlow: its library binds
to its own symbols and gives none away.
"""

import importlib.util
from typing import Any

import numpy as np

IS_INSTALLED = importlib.util.find_spec("tflite_micro") is not None
# Why tests that need it skip without.
MISSING = "tflite-micro is not installed (pip install '.[edge]')."

# Of all tensors of the greatest network in the tests, side by side.
_ARENA_BYTES = 2**25


class Interpreter:
  """Runs a file, all tensors of which can be looked at afterwards."""

  def __init__(self, model_content: bytes, num_threads: int = 1):
    """Args as for TFLite; there is one thread, whatever is asked for."""
    from tflite_micro.python.tflite_micro import runtime

    del num_threads
    self._interpreter = runtime.Interpreter.from_bytes(
      model_content,
      arena_size=_ARENA_BYTES,
      intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors,
    )
    (graph,) = runtime.convert_bytearray_to_object(model_content).subgraphs
    ((self._input_index,), (self._output_index,)) = graph.inputs, graph.outputs

  def allocate_tensors(self) -> None:
    """Nothing that has not been done."""

  def get_input_details(self) -> list[dict[str, Any]]:
    return [_detail(self._interpreter.get_input_details(0), self._input_index)]

  def get_output_details(self) -> list[dict[str, Any]]:
    return [
      _detail(self._interpreter.get_output_details(0), self._output_index)
    ]

  def set_tensor(self, index: int, value: np.ndarray) -> None:
    if index != self._input_index:
      raise ValueError(f"Tensor {index} is not the input.")
    self._interpreter.set_input(value, 0)

  def invoke(self) -> None:
    self._interpreter.invoke()

  def get_tensor(self, index: int) -> np.ndarray:
    return self._interpreter.GetTensor(index, 0)["tensor_data"]


def _detail(detail: dict[str, Any], index: int) -> dict[str, Any]:
  quantization = detail["quantization_parameters"]
  return {
    "index": index,
    "name": f"tensor {index}",
    "dtype": detail["dtype"],
    "shape": detail["shape"],
    "quantization": (
      float(quantization["scales"][0]),
      int(quantization["zero_points"][0]),
    ),
  }
