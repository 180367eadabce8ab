# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.edge import model_file
from ghn_tf.edge import sizes
from tests import int8_files


def _dense(codes: np.ndarray, dtype: str) -> bytes:
  """A file of a dense layer of 100 inputs and 5 units, its kernel as given."""
  b = int8_files.Builder()
  image = b.tensor([1, 100])
  kernel = b.tensor([5, 100], (0.5, 0), codes, dtype)
  return b.build(
    [image],
    [b.operator("FULLY_CONNECTED", [image, kernel], b.tensor([1, 5]))],
  )


class SizesTest(parameterized.TestCase):
  def test_of_the_network(self):
    content = int8_files.network()
    report = sizes.report(model_file.read(content))
    figures = {figure.name: figure.value for figure in report.figures}
    # Kernels of a byte, biases of four, and the axes of the mean.
    of_operators = [108 + 16, 36 + 16, 0, 8, 20 + 20]
    self.assertEqual(
      [own.figures["constant_bytes"] for own in report.operators], of_operators
    )
    self.assertEqual(figures["constant_bytes"], sum(of_operators))
    self.assertEqual(figures["other_bytes"], len(content) - sum(of_operators))
    self.assertEqual(figures["packing_saves_bytes"], 0)
    self.assertEqual(report.arena_bytes, 192 + 64)
    self.assertEqual(report.flash_bytes, len(content))
    tensors = [n for n in figures if n.startswith("tensor_")]
    self.assertEqual(
      [figures[name] for name in tensors], [108, 36, 20, 20, 16, 16, 8]
    )

  @parameterized.parameters(
    # 500 codes in a byte each; ternary ones take 2 bits, 16 different ones 4.
    (np.resize(np.int8([-7, 0, 7]), 500), "INT8", 0, 500 - 125),
    (np.resize(np.arange(-8, 8, dtype=np.int8), 500), "INT8", 0, 250),
    (np.resize(np.arange(-8, 9, dtype=np.int8), 500), "INT8", 0, 0),
    # Packed already, in 250 bytes.
    (np.resize(np.uint8([0x10, 0x32, 0x54]), 250), "INT4", 250, 0),
    (np.resize(np.uint8([0x97, 0x70]), 250), "INT4", 250, 125),
  )
  def test_packing(self, codes, dtype, saves, could_save):
    report = sizes.report(model_file.read(_dense(codes, dtype)))
    figures = {figure.name: figure.value for figure in report.figures}
    self.assertEqual(figures["packing_saves_bytes"], saves)
    self.assertEqual(figures["packing_could_save_bytes"], could_save)


if __name__ == "__main__":
  absltest.main()
