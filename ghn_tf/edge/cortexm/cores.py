# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Cortex-M cores, and what compilers and emulators call them."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Core:
  """A core.

  Attributes:
    name: of the target, `cortex_m4`.
    gcc: what GCC calls it.
    machine: of QEMU.
    clock_mhz: at which latency is given: that of a common board.
    board: which one.
    has_dsp: whether it has the instructions of the DSP extension.
    has_vectors: whether it has those of MVE (Helium).
    flash_bytes, ram_bytes: of the emulated machine.
    has_external: whether constants lie in a flash of their own.
  """

  name: str
  gcc: str
  machine: str
  clock_mhz: float
  board: str
  has_dsp: bool = True
  has_vectors: bool = False
  flash_bytes: int = 2**24
  ram_bytes: int = 2**22
  has_external: bool = False

  @property
  def zig(self) -> str:
    """Returns what Zig calls it: of what it may have, with what it has here."""
    return f"{self.name}+mve" if self.has_vectors else self.name

  @property
  def abi(self) -> str:
    """Returns what Zig calls the way in which functions are called.

    Vectors go with registers of floats, which the others do not use.
    """
    return "eabihf" if self.has_vectors else "eabi"


CORES = {
  core.name: core
  for core in (
    Core(
      "cortex_m3",
      "cortex-m3",
      "mps2-an385",
      72.0,
      "STM32F103",
      has_dsp=False,
    ),
    Core("cortex_m4", "cortex-m4", "mps2-an386", 120.0, "NUCLEO-L4R5ZI"),
    Core("cortex_m7", "cortex-m7", "mps2-an500", 216.0, "DISCO-F746NG"),
    Core(
      "cortex_m55",
      "cortex-m55",
      "mps3-an547",
      160.0,
      "Alif Ensemble, high efficiency",
      has_vectors=True,
      flash_bytes=2**19,
      ram_bytes=2**19,
      has_external=True,
    ),
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
