# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of the numbers by which sets of architectures are compared."""

from absl.testing import absltest
import numpy as np

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.report import statistics
from ghn_tf.spaces import space


def _example() -> spec.Architecture:
  """A long branch with one kernel beside a short one with two.

  image -- conv -+-- relu -- norm -- relu -- max pool --+
                 +-- depthwise -- conv -----------------+ add -- pool -- dense
  """
  builder = spec.Builder((8, 8, 3))
  x = builder.add(ops.Op.CONV, builder.input, filters=4, kernel=(3, 3))
  y = builder.add(ops.Op.RELU, x)
  y = builder.add(ops.Op.BATCH_NORM, y)
  y = builder.add(ops.Op.RELU, y)
  y = builder.add(ops.Op.MAX_POOL, y, kernel=(3, 3))
  z = builder.add(ops.Op.DEPTHWISE_CONV, x, kernel=(3, 3))
  z = builder.add(ops.Op.CONV, z, filters=4)
  x = builder.add(ops.Op.ADD, y, z)
  x = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
  builder.add(ops.Op.DENSE, x, filters=5)
  return builder.build("example")


def _flat() -> spec.Architecture:
  """A network of nothing but a dense layer."""
  builder = spec.Builder((8, 8, 3))
  x = builder.add(ops.Op.FLATTEN, builder.input)
  builder.add(ops.Op.DENSE, x, filters=5)
  return builder.build("flat")


class MeasureTest(absltest.TestCase):
  def test_a_small_set_by_hand(self):
    found = statistics.measure([_example(), _flat()])
    self.assertLen(found, 2)
    np.testing.assert_array_equal(found.nodes, [11, 3])
    np.testing.assert_array_equal(found.depth, [4, 1])
    # 64 positions of 3x3x3x4 + 3x3x4 + 4x4, and 4x5; 192x5.
    np.testing.assert_array_equal(found.macs, [64 * (108 + 36 + 16) + 20, 960])
    # The same kernels, and scale and offset of four channels.
    np.testing.assert_array_equal(found.params, [160 + 20 + 8, 960])
    self.assertEqual(
      found.operations,
      {
        ops.Op.INPUT: 1.0,
        ops.Op.CONV: 1.0,
        ops.Op.DEPTHWISE_CONV: 0.5,
        ops.Op.DENSE: 1.0,
        ops.Op.BATCH_NORM: 0.5,
        ops.Op.RELU: 1.0,
        ops.Op.MAX_POOL: 0.5,
        ops.Op.GLOBAL_AVG_POOL: 0.5,
        ops.Op.ADD: 0.5,
        ops.Op.FLATTEN: 0.5,
      },
    )
    self.assertEqual(
      list(found.operations), sorted(found.operations, key=list(ops.Op).index)
    )

  def test_reads_an_iterator_once_and_in_order(self):
    drawn = [space.sample(space.SPACES["edge"], 0, i) for i in range(20)]
    found = statistics.measure(iter(drawn))
    np.testing.assert_array_equal(found.nodes, [len(a.nodes) for a in drawn])
    np.testing.assert_array_equal(found.macs, [a.macs for a in drawn])
    np.testing.assert_array_equal(found.params, [a.num_params for a in drawn])
    self.assertAlmostEqual(sum(found.operations.values()), np.mean(found.nodes))

  def test_an_empty_set_raises(self):
    with self.assertRaisesRegex(ValueError, "at least one"):
      statistics.measure(iter(()))


class TableTest(absltest.TestCase):
  def test_gives_sizes_and_operations_of_every_split(self):
    text = statistics.table(
      {
        "both": statistics.measure([_example(), _example(), _flat()]),
        "flat": statistics.measure([_flat()]),
      }
    )
    lines = [line.split() for line in text.splitlines()]
    self.assertEqual(
      lines[0], ["nodes", "depth", "MACs", "(M)", "params", "(k)"]
    )
    self.assertEqual(
      lines[1], ["split", "count", *["min", "median", "max"] * 4]
    )
    # 10,260 and 960 multiply-accumulates, 188 and 960 parameters.
    self.assertEqual(
      lines[3],
      "both 3 3 11 11 1 4 4 0.00 0.01 0.01 0.19 0.19 0.96".split(),
    )
    self.assertEqual(
      lines[4],
      "flat 1 3 3 3 1 1 1 0.00 0.00 0.00 0.96 0.96 0.96".split(),
    )
    self.assertEqual(
      lines[-4],
      ["split", "conv", "conv", "dense", "norm", "relu", "pool", "pool", "add"]
      + ["flatten"],
    )
    self.assertEqual(
      lines[-2], "both 1.33 0.67 1 0.67 1.33 0.67 0.67 0.67 0.33".split()
    )
    self.assertEqual(
      lines[-1], "flat 0.00 0.00 1 0.00 0.00 0.00 0.00 0.00 1.00".split()
    )

  def test_fits_a_terminal_with_all_operations_and_large_networks(self):
    rng = np.random.default_rng(0)
    large = statistics.Statistics(
      nodes=rng.integers(3, 3000, 250_000),
      depth=rng.integers(3, 300, 250_000),
      macs=rng.integers(10**6, 10**10, 250_000),
      params=rng.integers(10**4, 10**8, 250_000),
      operations={op: rng.uniform(10, 99) for op in ops.Op},
    )
    text = statistics.table({"train": large, "predefined": large})
    lines = text.splitlines()
    self.assertLessEqual(max(map(len, lines)), 100)
    # Operations go on in a table below, each under its name.
    heads = [line.split() for line in lines if line.startswith("split")][1:]
    self.assertLen(heads, 2)
    last_words = [op.value.split("_")[-1] for op in ops.Op]
    self.assertEqual(heads[0][1:] + heads[1][1:], last_words[1:])

  def test_rows_of_a_table_line_up(self):
    split = statistics.measure([_example()])
    text = statistics.table({"a": split, "a_longer_name": split})
    sizes, _, operations = text.split("\n\n")
    for part in (sizes, operations):
      self.assertLen({len(line) for line in part.splitlines()[-3:]}, 1)

  def test_no_splits_raise(self):
    with self.assertRaisesRegex(ValueError, "at least one"):
      statistics.table({})


if __name__ == "__main__":
  absltest.main()
