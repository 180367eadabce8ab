# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""TFLite's interpreters, compared with TFLite Micro's tensor by tensor."""

from collections.abc import Mapping, Sequence
import dataclasses
from importlib import metadata
import importlib.util
from typing import Any

import numpy as np

from ghn_tf.edge import isolated
from ghn_tf.edge import model_file
from ghn_tf.edge import report as report_lib
from ghn_tf.edge import tflm


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

  Each package has a process of its own: in one, tflite-runtime's symbols clash
  with those of LiteRT and TensorFlow, and it corrupts memory.

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
  micro = tflm.Interpreter(content, model, keep_tensors=True)
  expected = [micro.tensors(codes) for codes in inputs]
  arrays = {"content": np.frombuffer(content, np.uint8), "inputs": inputs}
  for index in expected[0] if expected else ():
    arrays[str(index)] = np.stack([tensors[index] for tensors in expected])
  found = []
  for package in dict.fromkeys(kind.package for kind in _RUNTIMES):
    if importlib.util.find_spec(package):
      seconds = isolated.seconds(len(inputs))
      with isolated.Worker(seconds) as worker:
        records, _ = worker.call(f"{__name__}:compare_here", package, arrays)
      for record in records:
        operators = {int(k): value for k, value in record["operators"].items()}
        found.append(Comparison(**{**record, "operators": operators}))
  return found


def compare_here(
  package: str, arrays: isolated.Arrays
) -> tuple[list[dict[str, Any]], isolated.Arrays]:
  """Compares the runtimes of a package, at the other end of `compare`.

  Args:
    package: that has them.
    arrays: the content of the file, the inputs, and by their indices the
      tensors [B, ...] that TFLite Micro makes of them.
  """
  content, inputs = arrays["content"].tobytes(), arrays["inputs"]
  model = model_file.read(content)
  tensors = {int(i): a for i, a in arrays.items() if i.isdecimal()}
  expected = [
    {index: codes[number] for index, codes in tensors.items()}
    for number in range(len(inputs))
  ]
  return [
    dataclasses.asdict(_compare(kind, content, model, inputs, expected))
    for kind in _RUNTIMES
    if kind.package == package
  ], {}


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
  arena = tflm.Interpreter(content, model).arena_bytes()
  compared = compare(content, model, inputs)
  tool = tflm.version()
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
    report_lib.Figure(
      "flash_bytes",
      model.num_bytes,
      "measured",
      tool,
      "the file; the interpreter's own code is not counted",
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
    max_lsb_difference=0,  # it is what others are compared with
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
