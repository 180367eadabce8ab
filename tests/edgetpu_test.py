# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
from typing import Any
import unittest

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.edge import edgetpu
from ghn_tf.edge import edgetpu_rules
from ghn_tf.edge import model_file
from ghn_tf.edge import report as report_lib
from ghn_tf.edge import systolic
from tests import int8_files


def _figures(report: report_lib.EdgeReport) -> dict[str, Any]:
  return {figure.name: figure.value for figure in report.figures}


def _report(content: bytes, **options: Any) -> report_lib.EdgeReport:
  model = model_file.read(content)
  shape = model.tensors[model.inputs[0]].shape
  return edgetpu.report(content, model, int8_files.inputs(shape), **options)


def _of(name: str, before, after, constant=None, **options) -> bytes:
  """A file of one operator."""
  b = int8_files.Builder()
  image = b.tensor(before)
  inputs = [image]
  if constant is not None:
    dtype = str(constant.dtype).upper()
    grid = (0.5, 0) if dtype == "INT8" else None
    inputs.append(b.tensor(constant.shape, grid, constant, dtype))
  output = b.tensor(after)
  return b.build([image], [b.operator(name, inputs, output, **options)])


def _pool(activation: int) -> bytes:
  return _of(
    "MAX_POOL_2D",
    [1, 4, 4, 2],
    [1, 2, 2, 2],
    kind="Pool2DOptions",
    strideW=2,
    strideH=2,
    filterWidth=2,
    filterHeight=2,
    fusedActivationFunction=activation,
  )


def _mean(channels: int, axis: int) -> bytes:
  shape = [1, 4, 4, channels]
  kept = [size for i, size in enumerate(shape) if i != axis]
  axes = np.array([axis], np.int32)
  return _of("MEAN", shape, kept, axes, kind="ReducerOptions")


def _concatenation(value: int) -> bytes:
  return _of(
    "CONCATENATION",
    [1, 2, 2, 1],
    [1, 2, 2, 2],
    np.full((1, 2, 2, 1), value, np.int8),
    kind="ConcatenationOptions",
    axis=3,
  )


def _pad(first: int) -> bytes:
  margins = np.array([[0, first], [1, 1], [0, 0]], np.int32)
  return _of("PAD", [1, 4, 2], [1 + first, 6, 2], margins)


class RulesTest(parameterized.TestCase):
  @parameterized.parameters(
    (_pool(0), ""),
    (_pool(1), "has a fused RELU"),
    (_mean(6, 1), ""),
    (_mean(8, 3), ""),
    (_mean(6, 3), "reduces 6 channels, not a multiple of 4"),
    (_mean(6, 0), "reduces over the batch"),
    (_concatenation(0), ""),
    (_concatenation(1), "has a constant input that is not zeros"),
    (_pad(0), ""),
    (_pad(1), "pads the batch"),
    (_of("SOFTMAX", [1, 16_000], [1, 16_000], kind="SoftmaxOptions"), ""),
    (
      _of("SOFTMAX", [1, 16_001], [1, 16_001], kind="SoftmaxOptions"),
      "is of 16,001 elements, more than 16,000",
    ),
    (
      _of("SOFTMAX", [1, 2, 2], [1, 2, 2], kind="SoftmaxOptions"),
      "is of more than one dimension",
    ),
    (_of("SQUEEZE", [1, 1, 4], [4]), ""),
    (_of("SQUEEZE", [1, 4, 1], [1, 4]), "removes dimensions that are not"),
    (_of("RELU", [1, 2, 3, 4], [1, 2, 3, 4]), ""),
    (_of("RELU", [2, 2, 3, 4], [2, 2, 3, 4]), "works on [2, 2, 3, 4]: more"),
    (_of("CEIL", [1, 4], [1, 4]), "is not among the supported operations"),
  )
  def test_the_first_operator_has_a_reason_or_none(self, content, expected):
    model = model_file.read(content)
    (reason,) = edgetpu_rules.reasons(model)
    self.assertStartsWith(reason, expected)
    self.assertEqual(bool(reason), bool(expected))

  def test_what_comes_after_it_stays_on_the_cpu(self):
    b = int8_files.Builder()
    image = b.tensor([1, 4, 4, 2])
    one = b.operator("RELU", [image], b.tensor([1, 4, 4, 2]))
    two = b.operator("CEIL", [one], b.tensor([1, 4, 4, 2]))
    three = b.operator("RELU", [two], b.tensor([1, 4, 4, 2]))
    report = _report(b.build([image], [three]))
    self.assertEqual(
      [(o.placement, o.reason) for o in report.operators],
      [
        ("edgetpu", ""),
        ("cpu", "is not among the supported operations"),
        ("cpu", "comes after operator 1 (CEIL)"),
      ],
    )
    self.assertEqual(_figures(report)["mapped_operators"], 1)
    # CEIL is not among our kernels, so it says so instead of a difference.
    self.assertIsNone(report.max_lsb_difference)
    self.assertNotIn("fitted_latency_ms", _figures(report))

  def test_sixteen_bits_are_not_for_the_chip(self):
    b = int8_files.Builder()
    image = b.tensor([1, 4], dtype="INT16")
    output = b.operator("RELU", [image], b.tensor([1, 4], dtype="INT16"))
    (reason,) = edgetpu_rules.reasons(
      model_file.read(b.build([image], [output]))
    )
    self.assertEqual(reason, "works on INT16, not on quantized INT8 or UINT8")


class SystolicTest(absltest.TestCase):
  def test_cycles_are_folds_times_rows_and_filling(self):
    self.assertEqual(systolic.Product(1_024, 27, 16).cycles, 1_024 + 190)
    self.assertEqual(systolic.Product(10, 65, 129, 3).cycles, 3 * 2 * 3 * 200)

  def test_an_array_that_is_full_is_used_up_to_the_filling(self):
    product = systolic.Product(10_000, 64, 64)
    macs = product.m * product.k * product.n
    self.assertAlmostEqual(
      systolic.utilization(macs, product.cycles), 10_000 / 10_190
    )

  def test_those_of_resnet8_by_hand(self):
    folder = os.environ.get("GHN_TF_REFERENCE_DATA", "")
    path = pathlib.Path(folder, "mlperf_tiny", "pretrainedResnet_quant.tflite")
    if not folder or not path.exists():
      raise unittest.SkipTest("GHN_TF_REFERENCE_DATA has no mlperf_tiny")
    figures = _figures(_report(path.read_bytes()))
    # Outputs, folds of 64 taps: 1,024 of 27 and twice of 144; 256 of 144, 288
    # and 16; 64 of 288, 576 and 32; the dense layer of 64.
    self.assertEqual(
      figures["array_cycles"],
      (1_024 + 190) * (1 + 3 + 3)
      + (256 + 190) * (3 + 5 + 1)
      + (64 + 190) * (5 + 9 + 1)
      + (1 + 190) * 1,
    )


class ReportTest(absltest.TestCase):
  def test_of_the_network(self):
    content = int8_files.network()
    report = _report(content, labels=np.zeros(4, np.int64))
    figures = _figures(report)
    self.assertEqual({o.placement for o in report.operators}, {"edgetpu"})
    # The convolution, 16 outputs of 27 taps; the depthwise one, 36 taps beside
    # each other or 4 channels after each other; the dense layer.
    self.assertEqual(figures["array_cycles"], 206 + 206 + 191)
    self.assertEqual(figures["array_cycles_at_most"], 206 + 4 * 206 + 191)
    # Kernels of a byte, biases of four, and the axes of the mean.
    self.assertEqual(
      figures["cached_parameter_bytes"],
      (108 + 4 * 4) + (36 + 4 * 4) + 2 * 4 + (20 + 5 * 4),
    )
    self.assertEqual(figures["streamed_parameter_bytes"], 0)
    # The image and what the convolution makes of it.
    self.assertEqual(report.arena_bytes, 192 + 64)
    self.assertIsNone(report.latency_ms)
    self.assertGreater(figures["fitted_latency_ms"], 0.6)
    self.assertEqual(figures["double_rounding_max_lsb"], 0)
    # Of five operators, each a step away and the next with gains about 1.
    self.assertBetween(report.max_lsb_difference, 1, 5)
    for variant in ("double", "single", "float32"):
      self.assertBetween(figures[f"{variant}_rounding_accuracy"], 0, 1)

  def test_each_figure_says_where_it_comes_from(self):
    report = _report(int8_files.network())
    self.assertEqual(
      report.sources,
      "estimated; flash_bytes measured; max_lsb_difference simulated",
    )
    self.assertEqual(report.placed, "5/5")

  def test_packed_kernels_have_a_byte_each_on_the_chip(self):
    b = int8_files.Builder()
    image = b.tensor([1, 4])
    codes = np.arange(8, dtype=np.uint8)  # two to a byte
    kernel = b.tensor([4, 4], (0.5, 0), codes, "INT4")
    output = b.operator("FULLY_CONNECTED", [image, kernel], b.tensor([1, 4]))
    report = _report(b.build([image], [output]))
    self.assertEqual(report.placed, "1/1")
    self.assertTrue(_figures(report)["is_unpacked_before"])
    self.assertEqual(_figures(report)["cached_parameter_bytes"], 16)

  def test_what_the_chip_does_not_run_has_no_difference(self):
    report = _report(_of("CEIL", [1, 4, 4, 2], [1, 4, 4, 2]))
    self.assertEqual(report.placed, "0/1")
    self.assertIsNone(report.max_lsb_difference)

  def test_parameters_that_do_not_fit_are_streamed(self):
    b = int8_files.Builder()
    size = 3_000
    image = b.tensor([1, size])
    codes = np.zeros((size, size), np.int8)
    kernel = b.tensor([size, size], (0.5, 0), codes)
    output = b.operator("FULLY_CONNECTED", [image, kernel], b.tensor([1, size]))
    figures = _figures(_report(b.build([image], [output])))
    self.assertEqual(figures["cached_parameter_bytes"], 0)
    self.assertEqual(figures["streamed_parameter_bytes"], size * size)


if __name__ == "__main__":
  absltest.main()
