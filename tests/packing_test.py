# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
import numpy as np

from ghn_tf.edge import integer_kernels
from ghn_tf.edge import model_file
from ghn_tf.edge import packing
from ghn_tf.edge import rounding
from ghn_tf.edge import tflm
from tests import int8_files
from tests import micro


def _dense() -> bytes:
  """A file of a dense layer with a packed kernel of 100 x 5."""
  rng = np.random.default_rng(0)
  b = int8_files.Builder()
  image = b.tensor([1, 100], (0.02, 3))
  codes = rng.integers(0, 256, 250).astype(np.uint8)
  kernel = b.tensor([5, 100], (0.01, 0), codes, "INT4")
  offsets = rng.integers(-99, 99, 5).astype(np.int32)
  inputs = [image, kernel, b.tensor([5], (0.0002, 0), offsets, "INT32")]
  output = b.tensor([1, 5], (0.02, -9))
  b.operator("FULLY_CONNECTED", inputs, output, kind="FullyConnectedOptions")
  return b.build([image], [output])


class PackingTest(absltest.TestCase):
  def test_codes_and_outputs_stay(self):
    content = _dense()
    other = packing.unpacked(content)
    before, after = model_file.read(content), model_file.read(other)
    self.assertTrue(packing.is_packed(before))
    self.assertFalse(packing.is_packed(after))
    self.assertEqual(after.tensors[1].dtype, "INT8")
    np.testing.assert_array_equal(before.tensors[1].data, after.tensors[1].data)
    self.assertEqual(before.tensors[1].scales, after.tensors[1].scales)
    # 250 bytes more, and nothing left of what was packed; FlatBuffers align.
    self.assertBetween(len(other) - len(content), 250 - 64, 250 + 64)
    inputs = int8_files.inputs([1, 100])
    (one,), (two,) = (
      integer_kernels.run(model, inputs, [rounding.DOUBLE]).values()
      for model in (before, after)
    )
    np.testing.assert_array_equal(one, two)

  @absltest.skipUnless(micro.IS_INSTALLED, micro.MISSING)
  def test_tflite_micro_gives_the_same_codes(self):
    inputs = int8_files.inputs([1, 100])
    one, two = (
      tflm.Interpreter(content, model_file.read(content)).run(inputs)
      for content in (_dense(), packing.unpacked(_dense()))
    )
    np.testing.assert_array_equal(one, two)

  def test_a_file_that_has_none_is_left_alone(self):
    content = int8_files.network()
    self.assertIs(packing.unpacked(content), content)


if __name__ == "__main__":
  absltest.main()
