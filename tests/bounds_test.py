# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest

from ghn_tf.arch import bounds
from ghn_tf.arch import genotype
from ghn_tf.arch import layers
from ghn_tf.arch import ops
from ghn_tf.arch import spec


class BoundsTest(absltest.TestCase):
  """What the readers of JSON and of records refuse is in their tests."""

  def test_vgg19_of_imagenet_is_a_network(self):
    builder = spec.Builder((224, 224, 3))
    x = builder.input
    for filters, repeats in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
      for _ in range(repeats):
        x = builder.place(layers.conv(filters, 3, use_bias=True), x)
        x = builder.place(layers.RELU, x)
      x = builder.place(layers.pool(ops.Op.MAX_POOL, 2, 2), x)
    x = builder.place(layers.FLATTEN, x)
    for units in (4096, 4096, 1000):
      x = builder.place(layers.dense(units), x)
    # The number that Keras prints for its VGG19.
    self.assertEqual(builder.build("vgg19").num_params, 143_667_240)

  def test_three_thousand_nodes_are_a_network(self):
    genes = {
      "normal": [("sep_conv_3x3", 0), ("conv_3x3", 1)] * 2,
      "normal_concat": [2, 3],
      "reduce": [("sep_conv_3x3", 0), ("max_pool_3x3", 1)] * 2,
      "reduce_concat": [2, 3],
    }
    architecture = genotype.from_genotype(genes, n_cells=120, C=16)
    self.assertGreater(len(architecture.nodes), 3_000)

  def test_resnet1202_is_a_network(self):
    builder = spec.Builder((32, 32, 3))

    def conv_bn(x: int, filters: int, kernel: int, stride: int = 1) -> int:
      x = builder.place(layers.conv(filters, kernel, stride), x)
      return builder.place(layers.batch_norm(), x)

    x = builder.place(layers.RELU, conv_bn(builder.input, 16, 3))
    for filters in (16, 32, 64):
      for block in range(200):
        shrinks = filters > 16 and block == 0
        y = conv_bn(x, filters, 3, 2 if shrinks else 1)
        y = conv_bn(builder.place(layers.RELU, y), filters, 3)
        shortcut = conv_bn(x, filters, 1, 2) if shrinks else x
        x = builder.place(layers.RELU, builder.place(layers.ADD, y, shortcut))
    x = builder.place(layers.GLOBAL_AVG_POOL, x)
    architecture = builder.build(
      "resnet1202", builder.place(layers.dense(10), x)
    )
    self.assertLen(architecture.nodes, 4_210)

  def test_number_of_nodes(self):
    builder = spec.Builder((1, 1, 1))
    for _ in range(bounds.MAX_NODES - 1):
      builder.add(ops.Op.RELU, builder.input)
    with self.assertRaisesRegex(
      ValueError,
      "5,001 nodes are too many: a network may have 5,000; make it smaller",
    ):
      builder.add(ops.Op.RELU, builder.input)

  def test_number_of_inputs(self):
    builder = spec.Builder((1, 1, 1))
    for _ in range(2):
      builder.add(ops.Op.CONCAT, *[builder.input] * (bounds.MAX_INPUTS // 2))
    with self.assertRaisesRegex(ValueError, "65,537 inputs of nodes are too m"):
      builder.add(ops.Op.RELU, builder.input)

  def test_values_of_an_image(self):
    builder = spec.Builder((512, 512, 64))
    with self.assertRaisesRegex(
      ValueError,
      r"\(concat\) would give the shape \[512, 512, 128\], which has more than"
      " 16,777,216 values; use smaller images",
    ):
      builder.add(ops.Op.CONCAT, builder.input, builder.input)

  def test_a_padded_window(self):
    # With a dilation, the image is padded and cut in a tensor of its own.
    builder = spec.Builder((32, 32, 64))
    window = {"kernel": (3, 3), "dilation": 240}
    with self.assertRaisesRegex(
      ValueError, r"pad its input to the shape \[720, 720, 64\]"
    ):
      builder.add(ops.Op.DEPTHWISE_CONV, builder.input, **window)
    builder.add(
      ops.Op.DEPTHWISE_CONV, builder.input, kernel=(3, 3), dilation=99
    )

  def test_number_of_parameters(self):
    builder = spec.Builder((1, 1, 1 << 14))
    x = builder.add(ops.Op.FLATTEN, builder.input)
    x = builder.add(ops.Op.DENSE, x, filters=1 << 14)
    builder.build("largest")
    builder.add(ops.Op.DENSE, x, filters=1)
    with self.assertRaisesRegex(ValueError, "268,451,840 parameters are too"):
      builder.build("larger")


if __name__ == "__main__":
  absltest.main()
