# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""TFLite Micro's own interpreter: what a microcontroller computes.

Its codes are the ground truth of every target here. TFLite's interpreters are
compared with it: they round in other ways, by version and by kernels.
"""

from collections.abc import Mapping, Sequence
import dataclasses
from importlib import metadata
import importlib.util
import re
from typing import Any

import numpy as np

from ghn_tf.edge import model_file
from ghn_tf.edge import native_output
from ghn_tf.edge import report as report_lib

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
    except (RuntimeError, ValueError) as error:
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


@dataclasses.dataclass(frozen=True)
class _Runtime:
  """An interpreter of TFLite with one of its sets of kernels.

  Attributes:
    name: of the runtime and its kernels.
    package: that has it.
    resolver: member of its `OpResolverType`.
    has_tensors: whether all tensors can be looked at; a delegate fuses.
  """

  name: str
  package: str
  resolver: str
  has_tensors: bool = True


_KERNELS = (
  ("reference", "BUILTIN_REF", True),
  ("optimized", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", True),
  ("xnnpack", "AUTO", False),
)
_RUNTIMES = tuple(
  _Runtime(f"{name}_{kernels}", package, resolver, has_tensors)
  for name, package in (
    ("litert", "ai_edge_litert"),
    ("tflite_runtime", "tflite_runtime"),
  )
  for kernels, resolver, has_tensors in _KERNELS
)


@dataclasses.dataclass(frozen=True)
class Comparison:
  """How a runtime differs from TFLite Micro.

  Attributes:
    runtime: its name and its kernels.
    tool: name and version.
    max_lsb: greatest difference of the file's output, in its steps; None where
      the runtime refuses the file.
    share: of the output codes that differ.
    operators: index of each operator that makes other codes of equal ones, with
      the greatest difference in steps of its output.
    refusal: why the runtime refuses the file, else empty.
  """

  runtime: str
  tool: str
  max_lsb: int | None
  share: float
  operators: dict[int, int]
  refusal: str = ""


def _difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
  return np.abs(first.astype(np.int64) - second.astype(np.int64))


class _Tflite:
  """A runtime of TFLite, as `Interpreter` has that of TFLite Micro."""

  def __init__(self, kind: _Runtime, content: bytes):
    module = importlib.import_module(f"{kind.package}.interpreter")
    try:
      self._interpreter = module.Interpreter(
        model_content=content,
        num_threads=1,
        experimental_op_resolver_type=getattr(
          module.OpResolverType, kind.resolver
        ),
        experimental_preserve_all_tensors=kind.has_tensors,
      )
      self._interpreter.allocate_tensors()
    except RuntimeError as error:
      raise ValueError(f"refuses the file: {error}") from error

  def run(
    self, codes: np.ndarray, model: model_file.ModelFile, kept: Sequence[int]
  ) -> dict[int, np.ndarray]:
    """Returns tensors of one input, by their indices."""
    self._interpreter.set_tensor(model.inputs[0], codes[np.newaxis])
    self._interpreter.invoke()
    return {index: self._interpreter.get_tensor(index) for index in kept}


def compare(
  content: bytes, model: model_file.ModelFile, inputs: np.ndarray
) -> list[Comparison]:
  """Compares the runtimes that are installed with TFLite Micro.

  Args:
    content: of the file.
    model: what it says, with one input.
    inputs: codes [B, ...] of the input.

  Returns:
    One for each, the reference and the optimized kernels and those with the
    default delegate, which does not show what single operators make.

  Raises:
    ValueError: TFLite Micro does not take the file.
    ModuleNotFoundError: TFLite Micro is not installed.
  """
  micro = Interpreter(content, model, keep_tensors=True)
  expected = [micro.tensors(codes) for codes in inputs]
  return [
    _compare(kind, content, model, inputs, expected)
    for kind in _RUNTIMES
    if importlib.util.find_spec(kind.package)
  ]


def _compare(
  kind: _Runtime,
  content: bytes,
  model: model_file.ModelFile,
  inputs: np.ndarray,
  expected: Sequence[dict[int, np.ndarray]],
) -> Comparison:
  distribution = kind.package.replace("_", "-")
  tool = f"{distribution} {metadata.version(distribution)}"
  try:
    runtime = _Tflite(kind, content)
  except ValueError as error:
    return Comparison(kind.name, tool, None, 0.0, {}, str(error))
  output = model.outputs[0]
  greatest, different, total = 0, 0, 0
  operators: dict[int, int] = {}
  for codes, right in zip(inputs, expected, strict=True):
    kept = [*right] if kind.has_tensors else [output]
    actual = runtime.run(codes, model, kept)
    steps = {
      index: int(_difference(right[index], actual[index]).max())
      for index in kept
    }
    greatest = max(greatest, steps[output])
    different += np.count_nonzero(right[output] != actual[output])
    total += right[output].size
    if kind.has_tensors:
      overwritten = _overwritten(model, actual)
      for index, own in _causes(model, steps, overwritten).items():
        operators[index] = max(operators.get(index, 0), own)
  return Comparison(kind.name, tool, greatest, different / total, operators)


def _overwritten(
  model: model_file.ModelFile, tensors: Mapping[int, np.ndarray]
) -> set[int]:
  """Returns tensors that now hold what an operator made of them, in place.

  tflite-runtime's ADD and RESHAPE do so, even where all tensors are preserved.
  """
  return {
    read
    for operator in model.operators
    for read in operator.inputs
    if read in tensors
    and read not in model.outputs
    and np.array_equal(
      tensors[read].reshape(-1), tensors[operator.outputs[0]].reshape(-1)
    )
  }


def _causes(
  model: model_file.ModelFile, steps: Mapping[int, int], unknown: set[int]
) -> dict[int, int]:
  """Returns the operators that make other codes of equal ones, with how other.

  Args:
    model: what the file says.
    steps: by which each tensor differs.
    unknown: tensors of which nothing is known.
  """
  causes = {}
  for operator in model.operators:
    # What differs because its input does is not the operator's doing.
    if not any(i in unknown or steps.get(i) for i in operator.inputs):
      own = max(0 if i in unknown else steps[i] for i in operator.outputs)
      if own:
        causes[operator.index] = own
  return causes


def report(
  content: bytes, model: model_file.ModelFile, inputs: np.ndarray
) -> report_lib.EdgeReport:
  """Returns what TFLite Micro needs, and how other runtimes differ from it.

  Args:
    content: of the file.
    model: what it says, with one input.
    inputs: codes [B, ...] of the input, on which the runtimes are compared.
  """
  arena = Interpreter(content, model).arena_bytes()
  compared = compare(content, model, inputs)
  tool = version()
  figures = [
    report_lib.Figure(
      "arena_bytes",
      arena["total"],
      "measured",
      tool,
      "with pointers of 64 bits, so the tail is less on a microcontroller",
    ),
    *(
      report_lib.Figure(f"arena_{name}_bytes", arena[name], "measured", tool)
      for name in ("head", "tail")
    ),
  ]
  for found in compared:
    named = ", ".join(
      f"{model.operators[i].name} {i} ({_output_name(model, i)!r:.60}):"
      f" {steps} LSB"
      for i, steps in sorted(found.operators.items())
    )
    note = found.refusal or f"{100 * found.share:.2f} % of the output codes"
    figures.append(
      report_lib.Figure(
        f"{found.runtime}_max_lsb",
        found.max_lsb,
        "measured",
        found.tool,
        f"{note}; operators that compute otherwise: {named}" if named else note,
      )
    )
  return report_lib.EdgeReport(
    target="tflm",
    source="measured",
    tool=tool,
    arena_bytes=arena["total"],
    flash_bytes=model.num_bytes,
    macs=model.macs,
    max_lsb_difference=max(
      (c.max_lsb for c in compared if c.max_lsb is not None), default=None
    ),
    operators=[
      report_lib.OperatorReport(
        operator.index,
        operator.name,
        _output_name(model, operator.index),
        "cpu",
        macs=operator.macs,
        max_lsb_difference=_worst(compared, operator.index),
      )
      for operator in model.operators
    ],
    figures=figures,
  )


def _worst(compared: Sequence[Comparison], operator: int) -> int | None:
  taken = [c for c in compared if not c.refusal]
  return max((c.operators.get(operator, 0) for c in taken), default=None)


def _output_name(model: model_file.ModelFile, operator: int) -> str:
  return model.tensors[model.operators[operator].outputs[0]].name
