# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import errno
import os
import pathlib
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf import files
from ghn_tf import processors
from ghn_tf.edge import emulation
from ghn_tf.edge import isolated
from ghn_tf.edge import model_file
from ghn_tf.edge import report as report_lib
from ghn_tf.edge import tflm
from ghn_tf.edge.cortexm import emulator
from ghn_tf.edge.cortexm import program
from tests import int8_files
from tests import micro


class EmulationTest(parameterized.TestCase):
  @absltest.skipUnless(micro.IS_INSTALLED, micro.MISSING)
  def test_accuracy_is_that_of_the_outputs(self):
    content = int8_files.network()
    model = model_file.read(content)
    inputs = int8_files.inputs(model.tensors[0].shape, 8)
    labels = tflm.Interpreter(content, model).run(inputs).argmax(axis=-1)
    labels[:2] = (labels[:2] + 1) % 5
    (report,) = emulation.emulate(content, ["tflm"], inputs, labels).reports
    (accuracy,) = [f for f in report.figures if f.name == "accuracy"]
    self.assertEqual(accuracy.value, 0.75)

  @absltest.skipUnless(micro.IS_INSTALLED, micro.MISSING)
  @absltest.skipUnless(emulator.is_installed(), emulator.MISSING)
  def test_a_cortex_m_gives_the_codes_of_tflite_micro(self):
    results = emulation.emulate(int8_files.network(), ["cortex_m4"])
    self.assertEmpty(results.errors)
    (report,) = results.reports
    self.assertEqual(report.max_lsb_difference, 0)
    self.assertGreater(report.instructions, report.macs)

  def test_what_was_done_before_a_stop_is_returned(self):
    stop, read = isolated.Stop(), report_lib.from_record

    def read_and_stop(record):
      stop.set()
      return read(record)

    with mock.patch.object(report_lib, "from_record", read_and_stop):
      results = emulation.emulate(
        int8_files.network(), ["file", "edgetpu"], num_processes=1, stop=stop
      )
    self.assertEqual([report.target for report in results.reports], ["file"])
    self.assertEmpty(results.errors)

  def test_an_interrupt_ends_it_at_once(self):
    with (
      mock.patch.object(
        report_lib, "from_record", side_effect=KeyboardInterrupt
      ),
      mock.patch.object(isolated.Stop, "set", autospec=True) as stopped,
      self.assertRaises(KeyboardInterrupt),
    ):
      emulation.emulate(int8_files.network(), ["file"])
    stopped.assert_called_once()

  def test_firmware_that_cannot_be_written_is_an_error_that_says_so(self):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    arrays = {"content": np.zeros(1, np.uint8), "inputs": np.zeros((1, 4))}
    with (
      mock.patch.object(program.Chip, "__init__", return_value=None),
      mock.patch.object(program.Chip, "save", side_effect=full),
      self.assertRaisesRegex(OSError, "Cannot write '/f': No space .*; free"),
    ):
      emulation.keep(["cortex_m4", "/f"], arrays)

  def test_a_target_without_its_firmware_has_an_error_alone(self):
    content = int8_files.network()
    (report,) = emulation.emulate(content, ["file"]).reports
    nothing: dict[str, np.ndarray] = {}
    found = report_lib.to_record(report), nothing
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with (
      mock.patch.object(isolated.Worker, "call", return_value=found),
      mock.patch.object(files, "new_folder", side_effect=full),
    ):
      results = emulation.emulate(
        content, ["cortex_m4"], firmware=pathlib.Path("one")
      )
    self.assertEmpty(results.reports)
    self.assertEqual([*results.errors], ["cortex_m4"])

  def test_targets_are_divided_among_the_cores(self):
    with (
      mock.patch.object(processors, "number", return_value=3),
      mock.patch.object(isolated, "Worker", wraps=isolated.Worker) as made,
    ):
      emulation.emulate(int8_files.network(), ["file", "edgetpu"])
    self.assertEqual(made.call_count, 3)

  def test_the_limit_of_time_grows_with_the_inputs(self):
    limits = []
    for number in (1, 201):
      inputs = int8_files.inputs([1, 8, 8, 3], number)
      with mock.patch.object(isolated, "Worker", wraps=isolated.Worker) as made:
        emulation.emulate(int8_files.network(), ["file"], inputs)
      limits.append(made.call_args.args[0])
    # Measured on a machine that does other things, too: a Cortex-M55 in QEMU
    # took 151 s for 200 images of ResNet-8.
    self.assertGreater(limits[1] - limits[0], 5 * 151)
    self.assertGreaterEqual(limits[0], 600)

  @parameterized.parameters(
    (["tflm", "abacus"], "No target 'abacus'; there are file, tflm"),
    (["tflm", "tflm"], "Expected different targets"),
    (["all", "tflm"], "'all' stands alone, got 'all,tflm'"),
    ([], "Expected at least one target; there are file, tflm"),
  )
  def test_wrong_targets_are_refused(self, names, message):
    with self.assertRaisesRegex(ValueError, message):
      emulation.emulate(int8_files.network(), names)

  @parameterized.parameters(
    (np.zeros((2, 8, 8, 4), np.int8), None, "inputs of shape .B, 8, 8, 3."),
    (np.zeros((2, 8, 8, 3)), None, "got float64"),
    (np.zeros((2, 8, 8, 3), np.int8), np.zeros(3), "label for each of 2"),
    (np.zeros((2, 8, 8, 3), np.int8), np.array([4, 5]), "0 to 4, .*got 5; num"),
    (np.zeros((2, 8, 8, 3), np.int8), np.array([-1, 4]), "0 to 4, .*got -1;"),
  )
  def test_inputs_that_do_not_go_with_it_are_refused(self, inputs, labels, m):
    with self.assertRaisesRegex(ValueError, m):
      emulation.emulate(int8_files.network(), ["tflm"], inputs, labels)

  def test_what_is_no_npy_is_an_error_that_names_it(self):
    shape = "9" * 19
    header = f"{{'descr': '|i1', 'fortran_order': False, 'shape': ({shape},)}}"
    start = b"\x93NUMPY\x01\x00"
    for content in (
      *(b"", b"PK\x03\x04cut", start),
      *(start + b"\x04\x00'''\n", start + b"\x60\x00" + header.encode()),
      start + b"\x80\x00" + header.ljust(128).encode(),
    ):
      path = self.create_tempfile("codes.npy", content).full_path
      for load in (emulation.load_codes, emulation.load_labels):
        with self.assertRaisesRegex(ValueError, f"^{path} is no .npy file: "):
          load(path)

  def test_the_default_is_among_all(self):
    self.assertEqual(
      [*emulation.targets(emulation.DEFAULT)], [*emulation.DEFAULT]
    )
    everything = emulation.targets([emulation.ALL])
    self.assertContainsSubset(emulation.DEFAULT, everything)

  @parameterized.parameters(
    *("file", "edgetpu", "ethos_u55_32", "ethos_u65_256"),
    *("ethos_u65_512", "ethos_u85_128"),
  )
  def test_what_a_target_lacks_is_known_before_it_runs(self, target):
    (report,) = emulation.emulate(int8_files.network(), [target]).reports
    costs = ("arena_bytes", "flash_bytes", "latency_ms")
    lacking = [name for name in costs if getattr(report, name) is None]
    self.assertEqual([*emulation.lacks(target)], lacking)

  def test_files_of_several_inputs_are_refused(self):
    b = int8_files.Builder()
    first, second = b.tensor([1, 4]), b.tensor([1, 4])
    output = b.operator("ADD", [first, second], b.tensor([1, 4]))
    content = b.build([first, second], [output])
    with self.assertRaisesRegex(ValueError, "2 inputs and 1 outputs"):
      emulation.emulate(content, ["tflm"])


if __name__ == "__main__":
  absltest.main()
