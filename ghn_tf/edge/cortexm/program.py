# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""A file on a Cortex-M: its outputs, bit by bit, and what it costs."""

import functools
import pathlib

import numpy as np

import ghn_tf
from ghn_tf.edge import model_file
from ghn_tf.edge import report as report_lib
from ghn_tf.edge.cortexm import cores
from ghn_tf.edge.cortexm import counts as counts_lib
from ghn_tf.edge.cortexm import cycles
from ghn_tf.edge.cortexm import elf
from ghn_tf.edge.cortexm import emulator
from ghn_tf.edge.cortexm import generate
from ghn_tf.edge.cortexm import project
from ghn_tf.edge.cortexm import qemu
from ghn_tf.edge.cortexm import toolchain

# Of images in one program.
_QEMU_BYTES = 2**20
# As much as there is beside tensors and constants, and the flash that link.ld
# calls EXTERNAL.
_STACK_BYTES, _CODE_BYTES, _EXTERNAL_BYTES = 2**14, 2**18, 2**26


class Chip:
  """A core that has a file's network as its program.

  Attributes:
    file: what was read.
    core: it.
    program: in C.
    binary: what was compiled.
  """

  def __init__(self, content: bytes, core: str = "cortex_m4"):
    """Generates, compiles and loads the program.

    Args:
      content: the bytes of an integer `.tflite` file.
      core: one of `cores.CORES`.

    Raises:
      ValueError: the file or an operator in it is not supported, or there is no
        such core.
      ModuleNotFoundError: the compiler is not installed.
    """
    self.core = cores.find(core)
    self.file = model_file.read(content)
    self.program = generate.generate(self.file, self.core)
    self._check_memory()
    self.binary = self._compile(self.silence())

  def _check_memory(self) -> None:
    """Raises ValueError for a program that the machine has no room for."""
    needed = self.program.arena_bytes + _STACK_BYTES
    if needed > self.core.ram_bytes:
      raise ValueError(
        f"The file needs {needed:,} bytes of memory, but the emulated"
        f" {self.core.name} has {self.core.ram_bytes:,}."
      )
    flash = _EXTERNAL_BYTES if self.core.has_external else self.core.flash_bytes
    needed = self.program.constant_bytes + _CODE_BYTES
    if needed > flash:
      raise ValueError(
        f"The file needs {needed:,} bytes of flash, but the emulated"
        f" {self.core.name} has {flash:,}."
      )

  def _compile(self, codes: np.ndarray) -> bytes:
    """Returns the program with images [B, input] to test it."""
    return toolchain.compile_program(
      {
        **project.common_files(self.core),
        **self.program.sources,
        **project.test_images(codes, self.program),
      },
      self.core,
    )

  def silence(self) -> np.ndarray:
    """Returns one image, [1, input], whose codes all stand for 0."""
    _, zero_point = self.file.tensors[self.file.inputs[0]].grid
    return np.full((1, self.program.input_size), zero_point, np.int8)

  @functools.cached_property
  def _elf(self) -> elf.Elf:
    return elf.read(self.binary)

  @functools.cached_property
  def _machine(self) -> emulator.Machine:
    return emulator.Machine(
      self._elf,
      source=self._memory(self.file.inputs[0]),
      result=self._memory(self.file.outputs[0]),
    )

  def _memory(self, tensor: int) -> tuple[int, int]:
    """Returns address and size of a tensor."""
    arena = self._elf.symbols["network_arena"].address
    return (
      arena + self.program.offsets[tensor],
      self.file.tensors[tensor].num_bytes,
    )

  def logits(self, codes: np.ndarray) -> np.ndarray:
    """Returns the outputs for images.

    Args:
      codes: [B, ...] int8, as the file takes them.

    Returns:
      [B, outputs] int8.

    Raises:
      ValueError: codes of another type or number.
    """
    codes = np.asarray(codes)
    if codes.dtype != np.int8 or not codes.ndim or not len(codes):
      raise ValueError(
        f"Expected int8 codes of at least one image, got {codes.dtype} of shape"
        f" {list(codes.shape)}."
      )
    if not self.core.has_vectors:
      return np.stack([self._machine.run(image) for image in codes])
    flat = codes.reshape(len(codes), -1)
    size = max(1, _QEMU_BYTES // flat.shape[1])
    return np.concatenate(
      [
        qemu.logits(self._compile(flat[start : start + size]), self.core)
        for start in range(0, len(flat), size)
      ]
    )

  def outputs(self, codes: np.ndarray) -> list[np.ndarray]:
    """Returns the first output of every operator for one image.

    Args:
      codes: int8, as the file takes them.
    """
    self._machine.write(codes)
    outputs = []
    for operator in self.file.operators:
      if (function := generate.function(operator)) in self._elf.symbols:
        self._machine.call(function)
      tensor = self.file.tensors[operator.outputs[0]]
      values = self._machine.read(*self._memory(tensor.index))
      outputs.append(values.reshape(tensor.shape))
    return outputs

  @functools.cached_property
  def counts(self) -> counts_lib.Counts:
    """What is executed for an image of zeros.

    Of other images it may differ by a few instructions: kernels branch where
    the way depends on the sign of a value.
    """
    if self.core.has_vectors:
      return qemu.count(self.binary, self.core)
    return self._machine.count(self.silence()[0])

  def report(self, clock_mhz: float | None = None) -> report_lib.EdgeReport:
    """Returns what one inference costs.

    Args:
      clock_mhz: at which latency is given; that of a common board by default.
    """
    clock_mhz = clock_mhz or self.core.clock_mhz
    timing = cycles.TIMINGS[self.core.name]
    costs = {
      operator.index: cycles.of_operator(self.counts, operator.index, timing)
      for operator in self.file.operators
    }
    operators = [
      report_lib.OperatorReport(
        operator.index,
        operator.name,
        self.file.tensors[operator.outputs[0]].name,
        "cpu",
        macs=operator.macs,
        instructions=self.counts.instructions(operator.index),
        cycles=costs[operator.index],
      )
      for operator in self.file.operators
    ]
    total = sum(costs.values()) + cycles.of_operator(
      self.counts, counts_lib.BETWEEN, timing
    )
    latency_ms = total / clock_mhz / 1000
    machine = qemu if self.core.has_vectors else emulator
    tool = f"{machine.version()}, {toolchain.version()}"
    model = f"ghn_tf {ghn_tf.__version__}"
    return report_lib.EdgeReport(
      self.core.name,
      "simulated",
      tool,
      latency_ms=latency_ms,
      arena_bytes=self.program.arena_bytes,
      flash_bytes=self._elf.flash_bytes,
      macs=self.file.macs,
      instructions=sum(
        self.counts.instructions(owner) for owner in self.counts.blocks
      ),
      operators=operators,
      figures=(
        report_lib.Figure(
          "latency_ms",
          latency_ms,
          "estimated",
          model,
          f"at {clock_mhz:g} MHz ({self.core.board}); memory never waits; not"
          " compared with a board that runs this program",
        ),
        report_lib.Figure("cycles", total, "estimated", model),
        report_lib.Figure(
          "constant_bytes", self.program.constant_bytes, "simulated", tool
        ),
      ),
    )

  def save(self, folder: str | pathlib.Path, codes: np.ndarray) -> None:
    """Writes the C project, which is then compiled without this package.

    Args:
      folder: that is made; the names in C begin with its name, see
        `project.network_name`.
      codes: [B, ...] int8 images, with which the program tests itself.

    Raises:
      FileExistsError: there is something at that place.
    """
    folder = pathlib.Path(folder)
    codes = np.asarray(codes).reshape(len(codes), -1)
    name = project.network_name(folder, self.core)
    program = generate.generate(self.file, self.core, name)
    project.write(
      folder,
      {
        **project.common_files(self.core, name),
        **program.sources,
        **project.test_images(codes, program, self.logits(codes)),
      },
    )


def run(
  content: bytes,
  core: str = "cortex_m4",
  codes: np.ndarray | None = None,
  keep_firmware: str | pathlib.Path | None = None,
) -> tuple[np.ndarray, report_lib.EdgeReport]:
  """Returns the outputs of a file on a core, and what one inference costs.

  Args:
    content: the bytes of an integer `.tflite` file.
    core: one of `cores.CORES`.
    codes: [B, ...] int8 images as the file takes them; one of zeros by default.
    keep_firmware: the folder to write the C project to; none by default.

  Raises:
    ValueError: the file, an operator or the codes are not supported.
    ModuleNotFoundError: the compiler or the emulator is not installed.
    FileExistsError: there is something where firmware is to be kept.
  """
  chip = Chip(content, core)
  if codes is None:
    codes = chip.silence()
  logits = chip.logits(codes)
  if keep_firmware is not None:
    chip.save(keep_firmware, codes[:1])
  return logits, chip.report()
