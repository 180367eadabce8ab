# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
import numpy as np

from ghn_tf.edge import model_file
from ghn_tf.edge import runtimes
from ghn_tf.edge import tflm
from tests import int8_files
from tests import micro


@absltest.skipUnless(micro.IS_INSTALLED, micro.MISSING)
class TflmTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.content = int8_files.network()
    self.model = model_file.read(self.content)
    self.inputs = int8_files.inputs(self.model.tensors[0].shape)

  def test_tensors_end_with_the_output(self):
    outputs = tflm.Interpreter(self.content, self.model).run(self.inputs)
    keeping = tflm.Interpreter(self.content, self.model, keep_tensors=True)
    self.assertEqual(outputs.shape, (4, 5))
    for codes, output in zip(self.inputs, outputs, strict=True):
      tensors = keeping.tensors(codes)
      self.assertEqual(
        [*tensors], [operator.outputs[0] for operator in self.model.operators]
      )
      np.testing.assert_array_equal(tensors[self.model.outputs[0]][0], output)

  def test_tensors_share_memory_in_the_arena(self):
    arena = tflm.Interpreter(self.content, self.model).arena_bytes()
    # The image, 192 bytes, and the 64 of the convolution; later three of 64.
    self.assertEqual(arena["head"], 192 + 64)
    self.assertEqual(arena["total"], arena["head"] + arena["tail"])

  def test_reference_kernels_agree(self):
    compared = runtimes.compare(self.content, self.model, self.inputs)
    reference = {c.runtime: c for c in compared if "reference" in c.runtime}
    self.assertIn("litert_reference", reference)
    for comparison in reference.values():
      self.assertEqual(comparison.max_lsb, 0, comparison)
      self.assertEqual(comparison.operators, {})

  def test_an_operator_that_is_computed_otherwise_is_named(self):
    # TFLite Micro's RELU6 clamps codes and leaves them in the scale of its
    # input: at most the code of 6.0 in steps of 0.1, which is 60. TFLite's has
    # 6.0 in steps of 0.05 from -60 on: 60, too, but 0.0 as -60, not 0.
    content = int8_files.relu6_with_two_scales()
    model = model_file.read(content)
    inputs = int8_files.inputs(model.tensors[0].shape)
    outputs = tflm.Interpreter(content, model).run(inputs)
    np.testing.assert_array_equal(outputs, np.clip(inputs, 0, 60))
    report = runtimes.report(content, model, inputs)
    self.assertEqual(report.max_lsb_difference, 0)
    self.assertEqual(report.operators[0].max_lsb_difference, 60)
    (figure,) = [
      f for f in report.figures if f.name == "litert_reference_max_lsb"
    ]
    self.assertIn("RELU6 0 ('t1'): 60 LSB", figure.note)

  def test_a_runtime_that_refuses_the_file_is_told(self):
    # TFLite wants a bias, TFLite Micro does without.
    b = int8_files.Builder()
    image = b.tensor([1, 1, 1, 4])
    kernel = b.tensor([1, 1, 1, 4], (0.5, 0), np.ones((1, 1, 1, 4), np.int8))
    output = b.tensor([1, 1, 1, 1])
    options = {name: 1 for name in ("strideW", "strideH")}
    b.operator(
      "CONV_2D", [image, kernel], output, kind="Conv2DOptions", **options
    )
    content = b.build([image], [output])
    inputs = int8_files.inputs([1, 1, 1, 4])
    report = runtimes.report(content, model_file.read(content), inputs)
    figures = {figure.name: figure for figure in report.figures}
    for name in ("litert_reference_max_lsb", "litert_xnnpack_max_lsb"):
      self.assertIsNone(figures[name].value)
      self.assertIn("refuses the file", figures[name].note)

  def test_a_file_that_it_refuses_is_an_error(self):
    b = int8_files.Builder()
    image = b.tensor([1, 4])
    output = b.operator("WHERE", [image], b.tensor([1, 4]))
    content = b.build([image], [output])
    with self.assertRaisesRegex(ValueError, "TFLite Micro refuses the file"):
      tflm.Interpreter(content, model_file.read(content))


if __name__ == "__main__":
  absltest.main()
