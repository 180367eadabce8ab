# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of the measures of a network, by hand and along all its paths."""

import itertools

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.arch import measures
from ghn_tf.arch import ops
from ghn_tf.arch import spec

_WITH_KERNEL = (ops.Op.CONV, ops.Op.DEPTHWISE_CONV, ops.Op.DENSE)


def _random(seed: int) -> spec.Architecture:
  """A random graph, small enough to list all its paths."""
  rng = np.random.default_rng(seed)
  builder = spec.Builder((4, 4, 2))
  built = [builder.input]
  for _ in range(12):
    op = rng.choice([ops.Op.ADD, ops.Op.CONV, ops.Op.BATCH_NORM])
    inputs = rng.choice(built, 2 if op == ops.Op.ADD else 1)
    attributes = {"filters": 2} if op == ops.Op.CONV else {}
    built.append(
      builder.add(ops.Op(op), *(int(i) for i in inputs), **attributes)
    )
  x = builder.add(ops.Op.FLATTEN, built[-1])
  return builder.build("random", x)


def _paths(architecture: spec.Architecture, index: int) -> list[list[ops.Op]]:
  """All paths from the image to a node, as operations."""
  node = architecture.nodes[index]
  paths = [path for i in node.inputs for path in _paths(architecture, i)]
  return [[*path, node.op] for path in paths or [[]]]


class MeasuresTest(parameterized.TestCase):
  def test_a_network_by_hand(self):
    builder = spec.Builder((8, 6, 3))
    x = builder.add(ops.Op.CONV, builder.input, filters=4, kernel=(1, 5))
    y = builder.add(ops.Op.DEPTHWISE_CONV, x, kernel=(3, 3))
    x = builder.add(ops.Op.CONCAT, x, y)
    x = builder.add(ops.Op.BATCH_NORM, x)
    x = builder.add(ops.Op.MAX_POOL, x, kernel=(7, 7))
    x = builder.add(ops.Op.FLATTEN, x)
    x = builder.add(ops.Op.DENSE, x, filters=5)
    architecture = builder.build("by_hand")
    kernels = {"conv": 5 * 3 * 4, "depthwise": 9 * 4, "dense": 8 * 6 * 8 * 5}
    self.assertEqual(
      measures.measure(architecture),
      {
        "image_height": 8,
        "image_width": 6,
        "nodes": 8,
        "multiply_accumulates": 48 * (60 + 36) + kernels["dense"],
        "parameters": sum(kernels.values()) + 2 * 8,
        "depth": 3,
        "layers_without_batch_norm": 2,
        "channels": 8,  # those of the flattened image are no channels
        "kernel_size": 5,  # a pool has none
      },
    )

  @parameterized.parameters(range(20))
  def test_paths_are_the_longest_of_all(self, seed: int):
    architecture = _random(seed)
    paths = _paths(architecture, len(architecture.nodes) - 1)
    lengths, runs = [], []
    for path in paths:
      lengths.append(sum(op in _WITH_KERNEL for op in path))
      for is_norm, part in itertools.groupby(
        path, lambda op: op is ops.Op.BATCH_NORM
      ):
        runs.append(0 if is_norm else sum(op in _WITH_KERNEL for op in part))
    self.assertEqual(measures.depth(architecture), max(lengths))
    self.assertEqual(
      measures.layers_without_batch_norm(architecture), max(runs)
    )


if __name__ == "__main__":
  absltest.main()
