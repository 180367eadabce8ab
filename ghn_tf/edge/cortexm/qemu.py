# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Programs run by QEMU, a second emulator that shares no code path of ours.

Its output is what `main.c` prints by semihosting; executed instructions are
those in its trace, one a line.
"""

from collections.abc import Sequence
import pathlib
import re
import shutil
import subprocess
import tempfile

from ghn_tf.edge.cortexm import cores
from ghn_tf.edge.cortexm import elf

_PROGRAM = "qemu-system-arm"
MISSING = f"{_PROGRAM} is not installed (apt-get install {_PROGRAM})."
_TIMEOUT_S = 300
# A line per executed block of code; with one instruction to a block, of it.
_TRACED = re.compile(r"^Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/", re.MULTILINE)


def is_installed() -> bool:
  """Returns whether QEMU is there."""
  return shutil.which(_PROGRAM) is not None


def _run(binary: bytes, core: cores.Core, *options: str) -> tuple[str, str]:
  """Returns what a program prints, and QEMU's log."""
  if not is_installed():
    raise FileNotFoundError(MISSING)
  with tempfile.TemporaryDirectory() as name:
    path, log = pathlib.Path(name, "network.elf"), pathlib.Path(name, "log")
    path.write_bytes(binary)
    command = [
      _PROGRAM,
      *("-M", core.machine, "-kernel", str(path), "-nographic"),
      *("-monitor", "none", "-serial", "none", "-D", str(log)),
      *("-semihosting-config", "enable=on,target=native"),
      *options,
    ]
    # Semihosting prints to the standard error.
    done = subprocess.run(
      command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode:
      raise RuntimeError(f"QEMU failed: {done.stderr:.1000}")
    text = done.stdout + done.stderr
    return text, log.read_text() if log.exists() else ""


def logits(binary: bytes, core: cores.Core) -> list[list[int]]:
  """Returns the outputs that a program prints, for each of its images.

  Raises:
    FileNotFoundError: QEMU is not installed.
    RuntimeError: it failed, or the program did.
  """
  text, _ = _run(binary, core)
  *rows, end = text.splitlines()
  if not end.startswith("codes that differ: "):
    raise RuntimeError(f"The program stopped in between: {text:.1000}")
  return [[*map(int, row.split())] for row in rows]


def count(binary: bytes, core: cores.Core) -> int:
  """Returns how many instructions the first run of the network executes.

  Every instruction is a line in a trace: for small networks only.
  """
  _, log = _run(binary, core, "-singlestep", "-d", "exec,nochain")
  addresses = [int(found, 16) for found in _TRACED.findall(log)]
  symbols = elf.read(binary).symbols
  start = addresses.index(symbols["network_run"].address)
  main = symbols["main"]
  inside = range(main.address, main.address + main.size)
  return _first(addresses[start:], inside)


def _first(addresses: Sequence[int], wanted: range) -> int:
  """Returns the position of the first address that is wanted."""
  return next(i for i, address in enumerate(addresses) if address in wanted)
