# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Programs compiled by Zig's C compiler, which is a Python package."""

from collections.abc import Mapping, Sequence
import importlib.metadata
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile

from ghn_tf import files
from ghn_tf.edge.cortexm import cores

MISSING = "ziglang is not installed (pip install 'ghn_tf[edge]')."
_FLAGS = (
  "-O2 -g0 -ffreestanding -nostdlib -fomit-frame-pointer -ffunction-sections"
  " -fdata-sections -Wl,--gc-sections -Wall -Wextra -Werror"
).split()
_TIMEOUT_S = 120


def is_installed() -> bool:
  """Returns whether Zig is there."""
  return importlib.util.find_spec("ziglang") is not None


def version() -> str:
  """Returns the name and version of the compiler."""
  return f"ziglang {importlib.metadata.version('ziglang')}"


def compile_program(sources: Mapping[str, str], core: cores.Core) -> bytes:
  """Returns a program as an ELF file.

  Args:
    sources: all of its files, by name; see `project`.
    core: to compile for.

  Raises:
    ModuleNotFoundError: Zig is not installed.
    RuntimeError: it failed.
    OSError: the folder for temporary files is full, which it names.
  """
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    with files.telling(folder):
      for file, text in sources.items():
        (folder / file).write_text(text, encoding="utf-8")
    options = [
      "-target", f"thumb-freestanding-{core.abi}", f"-mcpu={core.zig}",
      *_FLAGS,
      "-T", str(folder / "link.ld"),
      *map(str, sorted(folder.glob("*.c"))),
    ]  # fmt: skip
    return _compile(options, folder / "network.elf")


def compile_plugin(source: pathlib.Path) -> bytes:
  """Returns C code as a shared library for this machine."""
  with tempfile.TemporaryDirectory() as name:
    options = ["-shared", "-fPIC", "-O2", str(source)]
    return _compile(options, pathlib.Path(name, "plugin.so"))


def _compile(options: Sequence[str], output: pathlib.Path) -> bytes:
  """Runs the compiler, and returns the file that it makes."""
  if not is_installed():
    raise ModuleNotFoundError(MISSING)
  command = [sys.executable, "-m", "ziglang", "cc", *options, "-o", str(output)]
  # In HOME, where it is otherwise, it waits for ever if it may not write there.
  cache = str(output.parent / "cache")
  done = subprocess.run(
    command,
    env={"ZIG_GLOBAL_CACHE_DIR": cache, **os.environ},
    capture_output=True,
    text=True,
    timeout=_TIMEOUT_S,
    check=False,
  )
  if done.returncode:
    if "No module named" in done.stderr:  # of what is left of the package
      raise ModuleNotFoundError(f"{MISSING} {done.stderr.strip():.1000}")
    raise RuntimeError(f"{version()} failed: {done.stderr.strip():.1000}")
  return output.read_bytes()
