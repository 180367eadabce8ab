# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Programs run by QEMU, a second emulator that shares no code path of ours.

Its output is what `main.c` prints by semihosting; a plugin of ours counts what
is executed.
"""

import collections
import functools
import importlib.resources
import pathlib
import shutil
import subprocess
import tempfile

import numpy as np

from ghn_tf.edge.cortexm import cores
from ghn_tf.edge.cortexm import counts as counts_lib
from ghn_tf.edge.cortexm import elf
from ghn_tf.edge.cortexm import toolchain

_PROGRAM = "qemu-system-arm"
MISSING = f"{_PROGRAM} is not installed (apt-get install {_PROGRAM})."


def is_installed() -> bool:
  """Returns whether QEMU is there."""
  return shutil.which(_PROGRAM) is not None


def version() -> str:
  """Returns the name and version of the emulator.

  Raises:
    ModuleNotFoundError: it is not installed.
  """
  if not is_installed():
    raise ModuleNotFoundError(MISSING)
  done = subprocess.run(
    [_PROGRAM, "--version"], capture_output=True, text=True, check=True
  )
  return f"qemu-system-arm {done.stdout.split()[3]}"


def _run(binary: bytes, core: cores.Core, *options: str) -> str:
  """Returns what a program prints."""
  if not is_installed():
    raise ModuleNotFoundError(MISSING)
  with tempfile.TemporaryDirectory() as name:
    path = pathlib.Path(name, "network.elf")
    path.write_bytes(binary)
    command = [
      _PROGRAM,
      *("-M", core.machine, "-kernel", str(path), "-nographic"),
      *("-monitor", "none", "-serial", "none"),
      *("-semihosting-config", "enable=on,target=native"),
      *options,
    ]
    # Semihosting prints to the standard error. The caller's process has a limit
    # of time, which grows with the images.
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
      raise RuntimeError(f"QEMU failed: {done.stderr:.1000}")
    return done.stdout + done.stderr


def logits(binary: bytes, core: cores.Core) -> np.ndarray:
  """Returns the outputs [B, ...] that a program prints for its images.

  Raises:
    ModuleNotFoundError: QEMU is not installed.
    RuntimeError: it failed, or the program did.
  """
  text = _run(binary, core)
  *rows, end = text.splitlines()
  if not end.startswith("codes that differ: "):
    raise RuntimeError(f"The program stopped in between: {text:.1000}")
  return np.array([row.split() for row in rows], np.int8)


@functools.cache
def _counter() -> bytes:
  """Returns the plugin that counts, compiled for this machine."""
  source = importlib.resources.files(__package__) / "counter.c"
  with importlib.resources.as_file(source) as path:
    return toolchain.compile_plugin(path)


def count(binary: bytes, core: cores.Core) -> counts_lib.Counts:
  """Returns what the first run of the network executes.

  Raises:
    ModuleNotFoundError: QEMU or the compiler of its plugin is not installed.
    RuntimeError: it failed.
  """
  program = elf.read(binary)
  ranges = {"between": "network_run", "stop": "main"}
  arguments = [
    f"{name}={symbol.address:x}-{symbol.end:x}"
    for name, symbol in (
      (name, program.symbols[function]) for name, function in ranges.items()
    )
  ]
  arguments += [
    f"owner={index:x}-{address:x}"
    for index, address in counts_lib.entries(program).items()
  ]
  with tempfile.TemporaryDirectory() as name:
    plugin, out = pathlib.Path(name, "counter.so"), pathlib.Path(name, "out")
    plugin.write_bytes(_counter())
    plugin.chmod(0o700)
    _run(
      binary, core, "-plugin", ",".join((str(plugin), f"out={out}", *arguments))
    )
    lines = [line.split() for line in out.read_text().splitlines()]
  blocks: dict[int, collections.Counter] = collections.defaultdict(
    collections.Counter
  )
  jumps: dict[int, int] = {}
  for kind, *values in lines:
    owner, *rest = map(int, values)
    if kind == "jumps":
      (jumps[owner],) = rest
    else:
      address, size, times = rest
      blocks[owner][address, size] += times
  return counts_lib.Counts.of(program, blocks, jumps)
