# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import zlib

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.arch import bounds
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.convnets250k import records
from ghn_tf.spaces import space
from ghn_tf.spaces import splits


def _everything() -> spec.Architecture:
  """Every operation, with attributes of more than one byte."""
  builder = spec.Builder((200, 150, 3), "image")
  x = builder.add(
    ops.Op.CONV,
    builder.input,
    filters=130,
    kernel=(7, 1),
    strides=(2, 1),
    padding="valid",
    use_bias=True,
  )
  x = builder.add(ops.Op.BATCH_NORM, x, epsilon=1.23e-7)
  y = builder.add(ops.Op.RELU, x)
  z = builder.add(ops.Op.RELU6, x)
  x = builder.add(ops.Op.ADD, z, y)
  x = builder.add(ops.Op.CONCAT, x, y, x)
  x = builder.add(ops.Op.DEPTHWISE_CONV, x, kernel=(3, 3), dilation=2)
  x = builder.add(ops.Op.ZERO_PAD, x, margins=(0, 130, 2, 3))
  x = builder.add(ops.Op.CROP, x, margins=(1, 0, 0, 1))
  x = builder.add(ops.Op.MAX_POOL, x, kernel=(2, 2), strides=(2, 2))
  x = builder.add(ops.Op.AVG_POOL, x, kernel=(3, 3))
  y = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
  x = builder.add(ops.Op.FLATTEN, builder.add(ops.Op.CONV, x, filters=1))
  y = builder.add(ops.Op.LEAKY_RELU, y, slope=0.123)
  y = builder.add(ops.Op.MULTIPLY, y, builder.add(ops.Op.SIGMOID, y))
  z = builder.add(ops.Op.HARD_SIGMOID, z, slope=1 / 3)
  z = builder.add(ops.Op.SUBTRACT, z, builder.add(ops.Op.PRELU, z))
  z = builder.add(ops.Op.GROUPED_CONV, z, filters=390, groups=130)
  z = builder.add(ops.Op.GLOBAL_MAX_POOL, z)
  x = builder.add(ops.Op.CONCAT, x, y, z)
  builder.add(ops.Op.DENSE, x, filters=20_000, use_bias=True)
  return builder.build("everything")


class RecordsTest(parameterized.TestCase):
  def test_every_operation_and_attribute_survives(self):
    architecture = _everything()
    self.assertEqual({n.op for n in architecture.nodes}, set(ops.Op))
    again = records.decode(records.encode(architecture), "again")
    self.assertEqual(again.name, "again")
    self.assertEqual(again.input_shape, architecture.input_shape)
    self.assertEqual(
      [(node.layer, node.inputs) for node in again.nodes],
      [(node.layer, node.inputs) for node in architecture.nodes],
    )

  @parameterized.parameters(*space.SPACES)
  def test_sampled_architectures_survive(self, name):
    for index in range(20):
      architecture = space.sample(space.SPACES[name], 1, index)
      again = records.decode(records.encode(architecture), "again")
      self.assertEqual(again.fingerprint, architecture.fingerprint)

  def test_targets_survive(self):
    for architecture in splits.collection("edge").evaluation["predefined"]:
      again = records.decode(records.encode(architecture), "again")
      self.assertEqual(again.fingerprint, architecture.fingerprint)

  def test_records_do_not_change_between_versions(self):
    # Stored data sets are read by later versions.
    builder = spec.Builder((8, 8, 3))
    x = builder.add(ops.Op.CONV, 0, filters=130, kernel=(3, 3))
    x = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
    builder.add(ops.Op.DENSE, x, filters=10, use_bias=True)
    self.assertEqual(
      list(zlib.decompress(records.encode(builder.build("a"), 300))),
      # Version, index, H W C, 3 layers: op and attributes of each.
      [1, 172, 2, 8, 8, 3, 3]
      + [1, 130, 1, 3, 3, 1, 1, 0, 1, 0]
      + [9]
      + [3, 10, 1]
      # 3 nodes, their layers, how far back each reads.
      + [3, 0, 1, 2, 1, 1, 1],
    )

  def test_the_index_comes_back(self):
    architecture = space.sample(space.SPACES["tiny"], 0, 0)
    for index in (0, 127, 128, 249_999):
      record = records.encode(architecture, index)
      self.assertEqual(records.index(record), index)
      again = records.decode(record, "again")
      self.assertEqual(again.fingerprint, architecture.fingerprint)

  def test_damage_is_an_error_wherever_it_is(self):
    record = records.encode(space.sample(space.SPACES["tiny"], 0, 0))
    for place in range(len(record)):
      damaged = bytearray(record)
      damaged[place] ^= 0x55
      with (
        self.subTest(place),
        self.assertRaisesRegex(ValueError, "record"),
      ):
        records.decode(bytes(damaged), "a")
    for length in range(len(record)):
      with (
        self.subTest(length),
        self.assertRaisesRegex(ValueError, "record"),
      ):
        records.decode(record[:length], "a")

  @parameterized.named_parameters(
    ("a_later_version", [2, 0, 8, 8, 3], "version 2, known is 1"),
    ("an_unknown_operation", [1, 0, 8, 8, 3, 1, 99], "it is damaged"),
    ("an_unknown_layer", [1, 0, 8, 8, 3, 0, 1, 5], "it is damaged"),
    ("an_early_end", [1, 0, 8, 8], "it is damaged"),
    (
      "a_node_before_the_image",
      [1, 0, 8, 8, 3, 1, 9, 1, 0, 2],
      "reads node -1",
    ),
    ("nothing_but_an_image", [1, 0, 8, 8, 3, 0, 0], "at least one more node"),
    ("an_empty_image", [1, 0, 8, 0, 3, 1, 9, 1, 0, 1], "empty output shape"),
    ("a_second_image", [1, 0, 8, 8, 3, 1, 0, 1, 0, 1], "has its input already"),
    ("more", [1, 0, 8, 8, 3, 1, 9, 1, 0, 1, 7], "goes on after its end"),
    ("half_a_number", [1, 0, 8, 8, 3, 1, 9, 1, 0, 1, 128], "number is cut off"),
  )
  def test_wrong_content_is_an_error(self, numbers, message):
    with self.assertRaisesRegex(ValueError, f"'a' .*{message}"):
      records.decode(zlib.compress(bytes(numbers)), "a")

  def test_bytes_behind_a_record_are_an_error(self):
    record = records.encode(space.sample(space.SPACES["tiny"], 0, 0))
    with self.assertRaisesRegex(ValueError, "goes on after its end"):
      records.decode(record + b"\0", "a")


def _leb128(number: int) -> list[int]:
  result = []
  while number > 127:
    result.append(number & 127 | 128)
    number >>= 7
  return [*result, number]


class BoundsTest(parameterized.TestCase):
  """Few bytes must not cost much; each of these took seconds or gigabytes."""

  @parameterized.named_parameters(
    # 410 bytes: shifting the number on took time in its length squared.
    (
      "an_endless_number",
      [1, 0, *[255] * 400_000],
      "a number of more than 5 bytes",
    ),
    (
      "layers",
      [1, 0, 8, 8, 3, *_leb128(1 << 30), *[9] * 100_000],
      r"1,073,741,824 nodes are too many: a network may have 5,000",
    ),
    (
      "nodes",
      [1, 0, 8, 8, 3, 1, 9, *_leb128(1 << 20), *[0] * 500_000],
      "1,048,576 nodes are too many",
    ),
    (
      "inputs",
      [1, 0, 1, 1, 1, 1, 11, 1, 0, *_leb128(500_000), *[1] * 500_000],
      "500,000 inputs of nodes are too many: a network may have 65,536",
    ),
    (
      "a_long_record",
      [0] * (1 << 24),
      "it holds 640,000 bytes or more, and 5,000 nodes take less",
    ),
    (
      "channels",  # 40 concats, each of the one before with itself
      [1, 0, 8, 8, 3, 1, 11, 40, *[0] * 40, *[2, 1, 1] * 40],
      r"would give the shape \[8, 8, 393216\], which has more than 16,777,216",
    ),
  )
  def test_what_is_too_large_is_an_error(self, numbers, message):
    with self.assertRaisesRegex(ValueError, message):
      records.decode(zlib.compress(bytes(numbers)), "a")

  def test_the_largest_network_survives(self):
    builder = spec.Builder((1, 1, 1))
    x = 0
    for size in range(1, bounds.MAX_NODES // 2):  # each with a layer of its own
      x = builder.add(ops.Op.CONCAT, *[x] * 14)
      x = builder.add(ops.Op.CONV, x, filters=1, kernel=(size, 1))
    builder.add(ops.Op.GLOBAL_AVG_POOL, x)
    architecture = builder.build("a")
    self.assertLen(architecture.nodes, bounds.MAX_NODES)
    again = records.decode(records.encode(architecture), "again")
    self.assertEqual(again.fingerprint, architecture.fingerprint)


if __name__ == "__main__":
  absltest.main()
