# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Files as programs of Cortex-M cores: outputs, counts, reports."""

import errno
import functools
import os
import pathlib
import tempfile
from typing import Any
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.edge import tflm
from ghn_tf.edge.cortexm import cores
from ghn_tf.edge.cortexm import cycles
from ghn_tf.edge.cortexm import emulator
from ghn_tf.edge.cortexm import program
from ghn_tf.edge.cortexm import qemu
from ghn_tf.edge.cortexm import thumb
from ghn_tf.edge.cortexm import toolchain
from tests import int8_files
from tests import micro
from tests import reference_data

_SCALAR_CORES = [n for n, c in cores.CORES.items() if not c.has_vectors]


@functools.cache
def _chip(core: str = "cortex_m4") -> program.Chip:
  return program.Chip(int8_files.network(), core)


def _skip_without_tools(test: absltest.TestCase) -> None:
  for tool in (toolchain, emulator):
    if not tool.is_installed():
      test.skipTest(tool.MISSING)


class ToolchainTest(absltest.TestCase):
  def test_a_broken_package_tells_what_to_install(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    (folder / "ziglang").mkdir()
    (folder / "ziglang" / "__init__.py").touch()
    with (
      mock.patch.dict(os.environ, PYTHONPATH=str(folder)),
      mock.patch.object(toolchain, "is_installed", return_value=True),
      self.assertRaisesRegex(
        ModuleNotFoundError, r"pip install 'ghn_tf\[edge\]'.*No module named"
      ),
    ):
      toolchain.compile_plugin(folder / "plugin.c")

  @absltest.skipUnless(toolchain.is_installed(), toolchain.MISSING)
  def test_compiles_where_home_cannot_be_written(self):
    source = self.create_tempfile(
      "one.c", "int one(void) { return 1; }"
    ).full_path
    with mock.patch.dict(os.environ, {"HOME": "/proc"}):
      library = toolchain.compile_plugin(pathlib.Path(source))
    self.assertIn(b"one", library)

  def test_a_full_folder_for_temporary_files_is_named(self):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with mock.patch.object(pathlib.Path, "write_text", side_effect=full):
      with self.assertRaisesRegex(
        OSError, f"Cannot write '{tempfile.gettempdir()}.*free space"
      ):
        toolchain.compile_program({"main.c": ""}, cores.CORES["cortex_m4"])


class ProgramTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    _skip_without_tools(self)

  @parameterized.parameters(*_SCALAR_CORES)
  def test_logits_are_those_of_tflite_micro(self, core: str):
    if not micro.IS_INSTALLED:
      self.skipTest(micro.MISSING)
    chip = _chip(core)
    codes = int8_files.inputs((1, 8, 8, 3), 20)
    expected = tflm.Interpreter(int8_files.network(), chip.file).run(codes)
    np.testing.assert_array_equal(chip.logits(codes), expected)

  def test_report_adds_up(self):
    report = _chip().report()
    self.assertEqual(report.target, "cortex_m4")
    self.assertEqual(report.source, "simulated")
    self.assertEqual(report.macs, 1728 + 576 + 20)
    of_operators = sum(o.instructions or 0 for o in report.operators)
    # What is left are the calls of five operators, and the return.
    self.assertBetween((report.instructions or 0) - of_operators, 6, 20)
    figures = {figure.name: figure for figure in report.figures}
    self.assertEqual(figures["latency_ms"].source, "estimated")
    values: dict[str, Any] = {k: f.value for k, f in figures.items()}
    self.assertAlmostEqual(
      report.latency_ms, values["cycles"] / 120e3, places=9
    )
    # Weights (108 + 36 + 20 codes) are the least that is in flash.
    self.assertGreater(values["constant_bytes"], 164)
    self.assertGreater(report.flash_bytes, values["constant_bytes"])
    # The image, and what is made of it while it is there.
    self.assertGreater(report.arena_bytes, 8 * 8 * 3 + 4 * 4 * 4)

  def test_latency_goes_with_the_clock(self):
    slow, fast = (_chip().report(mhz).latency_ms or 0 for mhz in (60, 120))
    self.assertAlmostEqual(slow, 2 * fast)
    self.assertGreater(fast, 0)

  def test_counts_repeat(self):
    first, second = _chip(), program.Chip(int8_files.network())
    self.assertEqual(first.binary, second.binary)
    first.logits(int8_files.inputs((1, 8, 8, 3)))
    self.assertEqual(first.counts.blocks, second.counts.blocks)

  @parameterized.parameters(*_SCALAR_CORES)
  def test_qemu_agrees(self, core: str):
    if not qemu.is_installed():
      self.skipTest(qemu.MISSING)
    chip = _chip(core)
    np.testing.assert_array_equal(
      qemu.logits(chip.binary, chip.core), chip.logits(chip.silence())
    )
    counts = qemu.count(chip.binary, chip.core)
    self.assertEqual(counts.blocks, chip.counts.blocks)
    self.assertEqual(counts.jumps, chip.counts.jumps)

  def test_vectors_give_the_same_with_less(self):
    if not qemu.is_installed():
      self.skipTest(qemu.MISSING)
    chip = _chip("cortex_m55")
    codes = int8_files.inputs((1, 8, 8, 3))
    np.testing.assert_array_equal(chip.logits(codes), _chip().logits(codes))
    less, more = (c.report().instructions or 0 for c in (chip, _chip()))
    self.assertBetween(less, 1, 0.7 * more)

  @parameterized.parameters(
    (np.zeros((1, 192), np.float32), "float32"),
    (np.zeros((0, 192), np.int8), r"\[0, 192\]"),
    (np.zeros((1, 191), np.int8), "191"),
  )
  def test_other_codes_are_refused(self, codes: np.ndarray, message: str):
    with self.assertRaisesRegex(ValueError, message):
      _chip().logits(codes)

  def test_another_core_is_refused(self):
    with self.assertRaisesRegex(ValueError, "no core 'm4', only"):
      program.run(int8_files.network(), "m4")


class CyclesTest(absltest.TestCase):
  def test_block(self):
    block = (
      thumb.Instruction("load", 1),  # 2
      thumb.Instruction("load", 1),  # 1, behind another
      thumb.Instruction("load", 2),  # 3
      thumb.Instruction("multiply"),  # 1
      thumb.Instruction("store", 1),  # 1
      thumb.Instruction("branch"),  # 1, and 2 if it is taken
    )
    self.assertEqual(cycles.of_block(block, cycles.Timing()), 9)

  def test_products(self):
    kinds = "multiply", "multiply_add", "long_multiply", "long_multiply_add"
    for core, expected in (
      ("cortex_m3", (1, 2, 4, 5)),
      ("cortex_m4", (1,) * 4),
    ):
      timing = cycles.TIMINGS[core]
      found = [cycles.of_block((thumb.Instruction(k),), timing) for k in kinds]
      self.assertEqual((*found,), expected, core)


class ReferenceTest(parameterized.TestCase):
  """Networks of MLPerf Tiny."""

  @parameterized.parameters(
    ("pretrainedResnet_quant.tflite", "cortex_m4"),
    ("pretrainedResnet_quant.tflite", "cortex_m3"),
    ("vww_96_int8.tflite", "cortex_m4"),
  )
  def test_logits_are_those_of_tflite_micro(self, name: str, core: str):
    _skip_without_tools(self)
    if not micro.IS_INSTALLED:
      self.skipTest(micro.MISSING)
    content = reference_data.path(f"mlperf_tiny/{name}").read_bytes()
    chip = program.Chip(content, core)
    shape = chip.file.tensors[chip.file.inputs[0]].shape
    codes = int8_files.inputs(shape, 2)
    expected = tflm.Interpreter(content, chip.file).run(codes)
    np.testing.assert_array_equal(chip.logits(codes), expected)
    if name.startswith("pretrained") and core == "cortex_m4":
      # 37.6 M by a first prototype; 6.25 M would be two products at a time and
      # nothing else.
      self.assertBetween(chip.report().instructions or 0, 6.25e6, 14.5e6)


if __name__ == "__main__":
  absltest.main()
