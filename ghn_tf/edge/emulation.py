# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Targets by name, and a file run through several of them.

Each file is read and run in a process of its own with limits; see `isolated`.
"""

import collections
from collections.abc import Callable, Mapping, Sequence
import concurrent.futures
import dataclasses
import functools
import pathlib
from typing import Any

import numpy as np

from ghn_tf import files
from ghn_tf import processors
from ghn_tf.edge import edgetpu
from ghn_tf.edge import isolated
from ghn_tf.edge import model_file
from ghn_tf.edge import report as report_lib
from ghn_tf.edge import runtimes
from ghn_tf.edge import sizes
from ghn_tf.edge import tflm
from ghn_tf.edge import vela
from ghn_tf.edge.cortexm import cores
from ghn_tf.edge.cortexm import generate
from ghn_tf.edge.cortexm import program

# Of one target and file.
_MEMORY_BYTES = 1 << 32
# Of inputs and outputs.
_TYPES: Mapping[str, Any] = {"INT8": np.int8, "INT16": np.int16}
# Codes that are compared where no images are given.
_RANDOM_INPUTS = 8


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
  """A file, and what to run it on.

  Attributes:
    content: of the file.
    model: what it says.
    inputs: codes [B, ...] of its input.
    labels: [B], or None.
  """

  content: bytes
  model: model_file.ModelFile
  inputs: np.ndarray
  labels: np.ndarray | None = None

  @functools.cached_property
  def expected(self) -> np.ndarray:
    """Returns the codes of the output that TFLite Micro gives."""
    return tflm.Interpreter(self.content, self.model).run(self.inputs)

  def accuracy(
    self, outputs: np.ndarray, source: str, tool: str
  ) -> list[report_lib.Figure]:
    """Returns the share of outputs that are greatest at their label, if any."""
    if self.labels is None:
      return []
    flat = outputs.reshape(len(outputs), -1)
    value = float(np.mean(flat.argmax(axis=-1) == self.labels))
    note = f"top-1, {len(outputs)} images"
    return [report_lib.Figure("accuracy", value, source, tool, note)]


def _file(task: Task) -> report_lib.EdgeReport:
  return sizes.report(task.model)


def _tflm(task: Task) -> report_lib.EdgeReport:
  report = runtimes.report(task.content, task.model, task.inputs)
  accuracy = task.accuracy(task.expected, report.source, report.tool)
  return dataclasses.replace(report, figures=[*report.figures, *accuracy])


def _vela(accelerator: vela.Accelerator, task: Task) -> report_lib.EdgeReport:
  return vela.report(task.content, task.model, accelerator)


def _edgetpu(task: Task) -> report_lib.EdgeReport:
  return edgetpu.report(task.content, task.model, task.inputs, task.labels)


def _cortex_m(core: str, task: Task) -> report_lib.EdgeReport:
  chip = program.Chip(task.content, core)
  report, outputs = chip.report(), chip.logits(task.inputs)
  expected = task.expected.reshape(outputs.shape)
  steps = np.abs(outputs.astype(np.int64) - expected).max()
  return dataclasses.replace(
    report,
    max_lsb_difference=int(steps),
    figures=[
      *report.figures,
      *task.accuracy(outputs, report.source, report.tool),
    ],
  )


# What a user may name, in the order in which it is shown.
TARGETS: Mapping[str, Callable[[Task], report_lib.EdgeReport]] = {
  sizes.TARGET: _file,
  "tflm": _tflm,
  **{name: functools.partial(_cortex_m, name) for name in cores.CORES},
  **{a.target: functools.partial(_vela, a) for a in vela.ACCELERATORS},
  edgetpu.TARGET: _edgetpu,
}


ALL = "all"
# One of each kind: what needs no more than pip installs.
DEFAULT = ("file", "tflm", "cortex_m4", "ethos_u55_128", "edgetpu")
HELP = f"{', '.join(TARGETS)}, or {ALL}"


def targets(names: Sequence[str]) -> Sequence[str]:
  """Returns the targets that a user names.

  Raises:
    ValueError: one is no target, or is there twice, or there is none.
  """
  if [*names] == [ALL]:
    return [*TARGETS]
  if ALL in names:
    raise ValueError(f"{ALL!r} stands alone, got {','.join(names)!r}.")
  if not names:
    raise ValueError(f"Expected at least one target; there are {HELP}.")
  for name in names:
    if name not in TARGETS:
      raise ValueError(f"No target {name!r}; there are {HELP}.")
  if len({*names}) < len(names):
    raise ValueError(f"Expected different targets, got {list(names)}.")
  return names


def lacks(target: str) -> Sequence[str]:
  """Returns the costs of which a target has no figure, whatever the file."""
  if target in (sizes.TARGET, "tflm", edgetpu.TARGET):
    return ("latency_ms",)
  without = [a.target for a in vela.ACCELERATORS if not a.has_flash]
  return ("flash_bytes",) if target in without else ()


def _load(path: str, kinds: str, what: str) -> np.ndarray:
  try:
    files.check_regular(path)
    # As a map, which takes no memory for sizes that only the header has.
    array = np.lib.format.open_memmap(path, mode="r")
  except files.DAMAGES as error:
    raise ValueError(f"{path} is no .npy file: {error}") from error
  if array.dtype.str not in kinds.split():
    raise ValueError(f"{path} should be a .npy file of {what}.")
  return array


def load_codes(path: str) -> np.ndarray:
  """Returns int8 or int16 codes from a `.npy` file.

  Raises:
    ValueError: it is another file.
    OSError: it cannot be read.
  """
  return _load(path, "|i1 <i2", "int8 or int16")


def load_labels(path: str) -> np.ndarray:
  """Returns labels from a `.npy` file, as int64.

  Raises:
    ValueError: it is another file.
    OSError: it cannot be read.
  """
  kinds = "|i1 |u1 <i2 <i4 <i8"
  return _load(path, kinds, "integers").astype(np.int64)


def random_inputs(model: model_file.ModelFile) -> np.ndarray:
  """Returns codes [B, ...] of the one input, the same for each shape."""
  tensor = _input(model)
  limits = np.iinfo(_TYPES[tensor.dtype])
  return np.random.default_rng(0).integers(
    limits.min,
    limits.max,
    (_RANDOM_INPUTS, *tensor.shape[1:]),
    limits.dtype,
    endpoint=True,
  )


def _input(model: model_file.ModelFile) -> Any:
  """Returns the input of a file that can be run here.

  Raises:
    ValueError: it has several inputs or outputs, or they are no batch of one
      in int8 or int16.
  """
  if (len(model.inputs), len(model.outputs)) != (1, 1):
    raise ValueError(
      f"The file has {len(model.inputs)} inputs and {len(model.outputs)}"
      " outputs; only files with one each can be emulated."
    )
  pair = [model.tensors[i] for i in (*model.inputs, *model.outputs)]
  for tensor in pair:
    if tensor.dtype not in _TYPES or tensor.shape[:1] != (1,):
      raise ValueError(
        f"{tensor.name!r:.80} is {tensor.dtype} of shape {list(tensor.shape)};"
        " input and output of a file that can be emulated are INT8 or INT16,"
        " with a batch of 1."
      )
  return pair[0]


@dataclasses.dataclass(frozen=True)
class Results:
  """What came of a file.

  Attributes:
    reports: of the targets that have one, in the order in which they are named.
    errors: target -> why it has none.
  """

  reports: Sequence[report_lib.EdgeReport]
  errors: Mapping[str, str]

  @property
  def failure(self) -> str:
    """Returns the errors in one line."""
    return "; ".join(
      f"{target}: {text}" for target, text in self.errors.items()
    )


def emulate(
  content: bytes,
  names: Sequence[str],
  inputs: np.ndarray | None = None,
  labels: np.ndarray | None = None,
  firmware: pathlib.Path | None = None,
  num_processes: int | None = None,
  stop: isolated.Stop | None = None,
) -> Results:
  """Runs a file through targets, in a process of its own, or several.

  Args:
    content: of the file.
    names: of the targets.
    inputs: codes [B, ...] of its input to run it on; some random ones by
      default.
    labels: [B], to measure accuracy with.
    firmware: where to keep the C projects of Cortex-M targets, with the first
      of the inputs: folders of this name and `.<target>`, each of which
      replaces what is there when it is whole; see `check_firmware`.
    num_processes: among which the targets are divided; by default as many as
      there are cores.
    stop: ends it at once; targets that are not done then have neither a report
      nor an error. So does an exception in this thread, such as
      KeyboardInterrupt.

  Raises:
    ValueError: it is no integer file with one input and output, or inputs and
      labels do not go with it.
  """
  names = targets(names)
  # Which needs no process: nothing here is native.
  model = model_file.read(content)
  tensor = _input(model)
  shape, code_type = tensor.shape[1:], np.dtype(_TYPES[tensor.dtype])
  if inputs is None:
    inputs = random_inputs(model)
  if inputs.dtype != code_type or inputs.shape[1:] != shape or not len(inputs):
    raise ValueError(
      f"Expected {code_type} inputs of shape [B, {str([*shape])[1:]}, got"
      f" {inputs.dtype} of {list(inputs.shape)}."
    )
  if labels is not None and labels.shape != inputs.shape[:1]:
    raise ValueError(
      f"Expected a label for each of {len(inputs)} inputs, got shape"
      f" {list(labels.shape)}."
    )
  classes = int(np.prod(model.tensors[model.outputs[0]].shape))
  if labels is not None and not 0 <= labels.min() <= labels.max() < classes:
    wrong = labels[(labels < 0) | (labels >= classes)][0]
    raise ValueError(
      f"Expected labels from 0 to {classes - 1}, indices of its outputs,"
      f" got {wrong}; number the classes as the file does."
    )
  arrays = {"content": np.frombuffer(content, np.uint8), "inputs": inputs}
  if labels is not None:
    arrays["labels"] = labels
  waiting = collections.deque(names)
  reports: dict[str, report_lib.EdgeReport] = {}
  errors: dict[str, str] = {}
  seconds = isolated.seconds(len(inputs))
  stop = stop or isolated.Stop()
  num_processes = num_processes or processors.number()

  def work() -> None:
    with isolated.Worker(seconds, _MEMORY_BYTES, stop) as worker:
      while waiting:
        try:
          target = waiting.popleft()
        except IndexError:  # another was faster
          return
        try:
          record, _ = worker.call(f"{__name__}:run", target, arrays)
          report = report_lib.from_record(record)
          if firmware and target in cores.CORES:
            with files.new_folder(firmware_folder(firmware, target)) as folder:
              place = [target, str(folder)]
              worker.call(f"{__name__}:keep", place, arrays)
          reports[target] = report
        except (ValueError, OSError, ModuleNotFoundError) as error:
          errors[target] = str(error)
        except isolated.Stopped:
          return

  with concurrent.futures.ThreadPoolExecutor(num_processes) as pool:
    jobs = [pool.submit(work) for _ in range(num_processes)]
    try:
      for job in jobs:
        job.result()
    except BaseException:
      stop.set()  # or leaving the pool would wait for them
      raise
  return Results(
    [reports[name] for name in names if name in reports],
    {name: errors[name] for name in names if name in errors},
  )


def firmware_folder(firmware: pathlib.Path, core: str) -> pathlib.Path:
  """Returns where `emulate` keeps the C project for a core."""
  return firmware.with_name(f"{firmware.name}.{core}")


def check_firmware(folder: pathlib.Path) -> None:
  """Raises FileExistsError if a folder exists that is no C project of ours."""
  main = folder / "main.c"
  if not folder.exists():
    return
  # Which only such a project has.
  start = generate.LICENCE.encode()
  if not main.is_file() or not main.read_bytes().startswith(start):
    raise FileExistsError(
      f"{folder}, where --keep_firmware would write, exists and is no C project"
      " that it has written; move it."
    )


def keep(
  place: Sequence[str], arrays: isolated.Arrays
) -> tuple[Any, isolated.Arrays]:
  """Keeps the C project for a core in a folder, at the end of `emulate`."""
  core, folder = place
  chip = program.Chip(arrays["content"].tobytes(), core)
  with files.telling(folder):
    chip.save(folder, arrays["inputs"][:1])
  return None, {}


# The latest, as the targets of one file come after each other.
_latest: Task | None = None


def run(target: str, arrays: isolated.Arrays) -> tuple[Any, isolated.Arrays]:
  """Runs a file through one target, at the other end of `emulate`."""
  global _latest
  content = arrays["content"].tobytes()
  if _latest is None or _latest.content != content:
    model = model_file.read(content)
    _latest = Task(content, model, arrays["inputs"], arrays.get("labels"))
  return report_lib.to_record(TARGETS[target](_latest)), {}
