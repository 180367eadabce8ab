# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""C projects as their users compile them, and build them into their own."""

import functools
import pathlib
import re
import shutil
import subprocess
import sys

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.edge.cortexm import cores
from ghn_tf.edge.cortexm import emulator
from ghn_tf.edge.cortexm import program
from ghn_tf.edge.cortexm import project
from ghn_tf.edge.cortexm import toolchain
from tests import int8_files
from tests import random_operators

_GCC, _GXX, _NM = (f"arm-none-eabi-{tool}" for tool in ("gcc", "g++", "nm"))
# An application that has a function by the name of a kernel.
_APPLICATION = """
#include "first/network_first.h"
#include "second/network_second.h"
int add(int a, int b);
int add(int a, int b) { return a + b; }
int main(void) {
  network_first_run();
  network_second_run();
  return add(*network_first_output, *network_second_output);
}
"""


@functools.cache
def _chip(core: str = "cortex_m4") -> program.Chip:
  return program.Chip(int8_files.network(), core)


def _skip_without(*tools: str) -> None:
  for tool in tools:
    if not shutil.which(tool):
      raise absltest.unittest.SkipTest(f"{tool} is not installed.")


def _run(folder: pathlib.Path, *command: str) -> str:
  """Returns what a command prints, which succeeds."""
  done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
  if done.returncode:
    raise AssertionError(f"{command} failed: {done.stderr}")
  return done.stdout + done.stderr


class ProjectTest(parameterized.TestCase):
  """What is kept is compiled as it is, by either compiler."""

  def setUp(self):
    super().setUp()
    for tool in (toolchain, emulator):
      if not tool.is_installed():
        self.skipTest(tool.MISSING)
    self.folder = pathlib.Path(self.create_tempdir(), "firmware")
    _chip().save(self.folder, int8_files.inputs((1, 8, 8, 3), 1))

  def test_gcc_and_qemu_give_the_same(self):
    _skip_without("make", _GCC, "qemu-system-arm")
    text = _run(self.folder, "make", "run")
    self.assertIn("codes that differ: 0", text)
    self.assertNotIn("warning", text)

  def test_its_readme_names_its_files(self):
    text = (self.folder / "README.md").read_text()
    for name in re.findall(r"`(\w+\.\w+)`", text):
      self.assertTrue((self.folder / name).exists(), name)

  def test_zig_of_any_python_compiles_it(self):
    _skip_without("make")
    _run(self.folder, "make", "ZIG=1", f"PYTHON={sys.executable}")
    self.assertTrue((self.folder / "network.elf").exists())

  @parameterized.parameters(*cores.CORES)
  def test_its_readme_tells_what_the_core_needs(self, name: str):
    files = project.common_files(cores.find(name), "network_any")
    text = files["README.md"]
    self.assertEqual("DSP" in text, name in ("cortex_m4", "cortex_m7"))
    self.assertEqual("MVE" in text, name == "cortex_m55")
    if name == "cortex_m55":
      (code,) = re.findall("```c\n(.*?)```", text, re.DOTALL)
      startup = [line.strip() for line in files["startup.c"].splitlines()]
      self.assertContainsSubset(code.splitlines(), startup)
      self.assertIn("CP10 and CP11 of the register CPACR", text)
      self.assertIn("Before `network_any_run`", text)

  def test_nothing_is_overwritten(self):
    with self.assertRaisesRegex(FileExistsError, "firmware"):
      _chip().save(self.folder, _chip().silence())

  def test_is_kept_by_one_call(self):
    folder = self.folder.parent / "other"
    codes = int8_files.inputs((1, 8, 8, 3), 2)
    logits, report = program.run(
      int8_files.network(), codes=codes, keep_firmware=folder
    )
    np.testing.assert_array_equal(logits, _chip().logits(codes))
    self.assertEqual(report, _chip().report())
    self.assertTrue((folder / "network_other.c").exists())

  def test_two_networks_go_into_one_image(self):
    _skip_without(_GCC, _NM)
    root = self.folder.parent
    flags = "-mthumb -mcpu=cortex-m4 -O2 -Wall -Wextra -Werror".split()
    for name in ("first", "second"):
      _chip().save(root / name, _chip().silence())
      source = f"{name}/network_{name}.c"
      _run(root, _GCC, *flags, "-c", source, "-o", f"{name}.o")
      symbols = _run(root, _NM, "-g", "--defined-only", f"{name}.o").split()
      self.assertEqual(
        [*symbols[2::3]], [f"network_{name}_arena", f"network_{name}_run"]
      )
    (root / "application.c").write_text(_APPLICATION)
    sources = "first/startup.c", "first/memory.c", "first.o", "second.o"
    script = ("-T", "first/link.ld", "-nostdlib", "-ffreestanding")
    _run(root, _GCC, *flags, *script, "application.c", *sources)

  @parameterized.parameters("gcc", "zig")
  def test_memory_has_all_that_a_network_needs(self, compiler: str):
    _skip_without(_GCC, _NM)
    folder = self.folder.parent / "any"
    chip = program.Chip(random_operators.Operators(0).build(44))
    chip.save(folder, chip.silence())
    zig = (sys.executable, "-m", "ziglang", "cc", "-target")
    command = {
      "gcc": (_GCC, "-mthumb", "-mcpu=cortex-m4"),
      "zig": (*zig, "thumb-freestanding-eabi", "-mcpu=cortex_m4"),
    }[compiler]
    # Tables for exceptions need more, with or without networks.
    command = *command, "-O2", "-fno-unwind-tables"
    for source in ("network_any", "memory"):
      _run(folder, *command, "-c", f"{source}.c", "-o", f"{source}.o")
    needed = _run(folder, _NM, "-u", "network_any.o").split()[1::2]
    has = _run(folder, _NM, "--defined-only", "memory.o").split()
    self.assertNotEmpty(needed)
    self.assertContainsSubset(needed, has[2::3])
    # A library's come before these.
    self.assertEqual({kind for kind in has[1::3] if kind.isupper()}, {"W"})

  def test_is_called_from_cpp(self):
    _skip_without(_GXX, _NM)
    application = self.folder / "application.cc"
    application.write_text(
      '#include "network_firmware.h"\n'
      "int main() { network_firmware_run(); return *network_firmware_output; }"
    )
    flags = "-mthumb -Wall -Wextra -Werror".split()
    _run(self.folder, _GXX, *flags, "-c", application.name, "-o", "a.o")
    symbols = _run(self.folder, _NM, "-u", "a.o").split()[1::2]
    self.assertIn("network_firmware_run", symbols)

  @parameterized.parameters(
    ("resnet8.report.cortex_m4", "network_resnet8_report"),
    ("3 x 3-\u00e4.cortex_m3", "network_3_x_3___cortex_m3"),
    ("main", "network_main"),
  )
  def test_name_is_an_identifier(self, folder: str, expected: str):
    core = cores.find("cortex_m4")
    name = project.network_name(pathlib.Path("a.b", folder), core)
    self.assertEqual(name, expected)


class FirmwareTest(parameterized.TestCase):
  """The house's rules, in C."""

  @parameterized.parameters(
    *sorted(f for f in project.common_files(cores.find("cortex_m4")))
  )
  def test_lines_and_licence(self, name: str):
    text = project.common_files(cores.find("cortex_m4"))[name]
    lines = text.splitlines()
    self.assertLessEqual(len(lines), 400)
    self.assertLessEqual(max(map(len, lines)), 80)
    self.assertNotIn("@", text.replace("$@", ""))
    if name != "README.md":
      self.assertIn("Copyright 2026 The ghn_tf Authors.", lines[0])
      self.assertIn("SPDX-License-Identifier: Apache-2.0", lines[1])


if __name__ == "__main__":
  absltest.main()
