# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Cortex-M cores, and what compilers and emulators call them."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Core:
  """A core.

  Attributes:
    name: of the target, `cortex_m4`; Zig's, too.
    gcc: what GCC calls it.
    machine: of QEMU.
    clock_mhz: at which latency is given: that of a common board.
    board: which one.
  """

  name: str
  gcc: str
  machine: str
  clock_mhz: float
  board: str


CORES = {
  core.name: core
  for core in (
    Core("cortex_m3", "cortex-m3", "mps2-an385", 72.0, "STM32F103"),
    Core("cortex_m4", "cortex-m4", "mps2-an386", 120.0, "NUCLEO-L4R5ZI"),
    Core("cortex_m7", "cortex-m7", "mps2-an500", 216.0, "DISCO-F746NG"),
  )
}


def find(name: str) -> Core:
  """Returns a core by its name.

  Raises:
    ValueError: there is none.
  """
  if name not in CORES:
    raise ValueError(f"There is no core {name!r}, only {sorted(CORES)}.")
  return CORES[name]
