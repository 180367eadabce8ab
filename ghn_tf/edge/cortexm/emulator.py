# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Programs run by unicorn, an emulator of the cores that is a Python package.

It executes instructions and models no time. Those that are executed are
counted by blocks, each of which is decoded once.
"""

import collections
import importlib
import importlib.metadata
import importlib.util
from typing import Any

import numpy as np

from ghn_tf.edge.cortexm import counts as counts_lib
from ghn_tf.edge.cortexm import elf

MISSING = "unicorn is not installed (pip install 'ghn_tf[edge]')."
_FLASH, _RAM = 0, 0x20000000
_SIZE = 2**26  # of each; more than any such chip has


def is_installed() -> bool:
  """Returns whether unicorn is there."""
  return importlib.util.find_spec("unicorn") is not None


def version() -> str:
  """Returns the name and version of the emulator."""
  return f"unicorn {importlib.metadata.version('unicorn')}"


def _unicorn() -> tuple[Any, Any]:
  """Returns the emulator, and its names for this architecture."""
  try:
    names = ("unicorn", "unicorn.arm_const")
    emulator, constants = map(importlib.import_module, names)
  except ModuleNotFoundError as error:
    raise ModuleNotFoundError(MISSING, name=error.name) from error
  return emulator, constants


class Machine:
  """A core with a program in its memory."""

  def __init__(
    self,
    program: elf.Elf,
    source: tuple[int, int],
    result: tuple[int, int],
  ):
    """Loads a program.

    Args:
      program: to load.
      source: address and size of the network's input.
      result: address and size of its output.

    Raises:
      ModuleNotFoundError: unicorn is not installed.
    """
    unicorn, arm_const = _unicorn()
    self._program, self._source, self._result = program, source, result
    self._registers = arm_const
    self._uc: Any = unicorn.Uc(
      unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS
    )
    # The instructions of M3 and M7 are among those of this one.
    self._uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M4)
    for start in (_FLASH, _RAM):
      self._uc.mem_map(start, _SIZE)
    for address, data in program.segments:
      self._uc.mem_write(address, data)

  def write(self, codes: np.ndarray) -> None:
    """Makes codes the network's input.

    Raises:
      ValueError: there are not as many as it takes.
    """
    address, size = self._source
    if codes.size != size:
      raise ValueError(f"An input has {size} codes, got {codes.size}.")
    self._uc.mem_write(address, codes.astype(np.int8).tobytes())

  def read(self, address: int, size: int) -> np.ndarray:
    """Returns codes from memory."""
    return np.frombuffer(self._uc.mem_read(address, size), np.int8).copy()

  def call(self, function: str) -> None:
    """Runs a function that takes nothing.

    Raises:
      RuntimeError: it did not return.
    """
    symbols, registers = self._program.symbols, self._registers
    end = symbols["main"].address
    self._uc.reg_write(registers.UC_ARM_REG_SP, symbols["stack_top"].address)
    self._uc.reg_write(registers.UC_ARM_REG_LR, end | 1)
    self._uc.emu_start(symbols[function].address | 1, end)
    if self._uc.reg_read(registers.UC_ARM_REG_PC) != end:
      raise RuntimeError(f"{function} did not return.")

  def run(self, codes: np.ndarray) -> np.ndarray:
    """Returns the output for one input, int8 both."""
    self.write(codes)
    self.call("network_run")
    return self.read(*self._result)

  def count(self, codes: np.ndarray) -> counts_lib.Counts:
    """Returns what a run executes."""
    unicorn, _ = _unicorn()
    owners = counts_lib.owners(self._program)
    blocks: dict[int, collections.Counter] = collections.defaultdict(
      collections.Counter
    )
    jumps: collections.Counter[int] = collections.Counter()
    here, end = counts_lib.BETWEEN, None

    def enter(uc: Any, address: int, size: int, data: Any) -> None:
      del uc, data
      nonlocal here, end
      if address != end:
        jumps[here] += 1
      here = owners.get(address, here)
      blocks[here][address, size] += 1
      end = address + size

    # What is translated before is run without the hook, and the reverse.
    self._uc.ctl_flush_tb()
    hook = self._uc.hook_add(unicorn.UC_HOOK_BLOCK, enter)
    try:
      self.run(codes)
    finally:
      self._uc.hook_del(hook)
      self._uc.ctl_flush_tb()
    return counts_lib.Counts.of(self._program, blocks, jumps)
