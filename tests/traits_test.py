# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of what nodes tell beyond GHN-2's type and shape."""

import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.ghn import checkpoint
from ghn_tf.ghn import config as ghn_config
from ghn_tf.ghn import graph
from ghn_tf.ghn import model


class TraitsTest(tf.test.TestCase):
  def test_a_network_by_hand(self):
    # Activation, stride, dilation, window, resolution of each node.
    builder = spec.Builder((32, 24, 3))
    x = builder.add(
      ops.Op.CONV, builder.input, filters=4, strides=(2, 2), use_bias=True
    )
    x = builder.add(ops.Op.RELU6, x)
    x = builder.add(ops.Op.DEPTHWISE_CONV, x, kernel=(3, 3), dilation=2)
    x = builder.add(ops.Op.RELU, builder.add(ops.Op.BATCH_NORM, x))
    x = builder.add(ops.Op.MAX_POOL, x, kernel=(3, 3), strides=(4, 4))
    x = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
    builder.add(ops.Op.DENSE, x, filters=10)
    encoded = graph.encode([builder.build("traits")])
    expected = {
      "input": [0, 0, 0, 0, 5],
      "conv": [0, 1, 0, 0, 4],
      "bias": [2, 1, 0, 0, 4],  # what is behind the kernel is behind its bias
      "dil_conv": [0, 0, 1, 0, 4],
      "bn": [1, 0, 0, 0, 4],
      "max_pool": [0, 2, 0, 2, 2],
      "glob_avg": [0, 0, 0, 0, 0],
    }
    self.assertEqual([*graph.TRAITS][:2], ["activation", "stride"])
    traits = encoded.node_sets["op"]["traits"].numpy().tolist()
    types = [graph.NODE_TYPES[i] for i in encoded.node_sets["op"]["type_id"]]
    actual = dict(zip(types[:-1], traits[:-1], strict=True))
    self.assertEqual(actual, expected)
    self.assertEqual(traits[-1], [0, 0, 0, 0, 0])  # of the classifier

  def test_each_activation_is_told_by_the_node_before_it(self):
    def told(gate: ops.Op | None, is_own: bool, **attributes: float) -> int:
      """What a convolution tells of what is behind it."""
      builder = spec.Builder((8, 8, 3))
      x = y = builder.add(ops.Op.CONV, builder.input, filters=8)
      if gate:
        y = builder.add(gate, x, **attributes)
      x = builder.add(ops.Op.MULTIPLY, x, y) if is_own else y
      builder.add(ops.Op.GLOBAL_AVG_POOL, x)
      encoded = graph.encode([builder.build("network")])
      return int(encoded.node_sets["op"]["traits"][1, 0])

    self.assertEqual(told(None, False), 0)
    self.assertEqual(told(ops.Op.RELU, False), 1)
    self.assertEqual(told(ops.Op.RELU6, False), 2)
    self.assertEqual(told(ops.Op.SIGMOID, False), 3)
    self.assertEqual(told(ops.Op.HARD_SIGMOID, False, slope=1 / 6), 4)
    self.assertEqual(told(ops.Op.SIGMOID, True), 5)  # swish
    self.assertEqual(told(ops.Op.HARD_SIGMOID, True, slope=1 / 6), 6)
    self.assertEqual(told(ops.Op.LEAKY_RELU, False, slope=0.1), 7)

  def test_squeeze_and_excitation_is_a_node_of_two(self):
    builder = spec.Builder((8, 8, 3))
    x = builder.add(ops.Op.CONV, builder.input, filters=8)
    y = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
    y = builder.add(ops.Op.SIGMOID, builder.add(ops.Op.DENSE, y, filters=8))
    x = builder.add(ops.Op.MULTIPLY, x, y)
    builder.add(ops.Op.GLOBAL_AVG_POOL, x)
    encoded = graph.encode([builder.build("network")])
    types = [graph.NODE_TYPES[i] for i in encoded.node_sets["op"]["type_id"]]
    self.assertEqual(
      types, ["input", "conv", "glob_avg", "conv", "cse", "glob_avg"]
    )
    # The sigmoid is behind the dense layer, not behind the image.
    activations = encoded.node_sets["op"]["traits"].numpy()[:, 0].tolist()
    self.assertEqual(activations, [0, 0, 0, 3, 0, 0])

  def test_hypernetworks_that_are_shipped_have_learned_all_activations(self):
    # Rows begin at zero, and stay there for what no network of training has.
    for name in ("edge_cifar10", "edge_cifar10_any"):
      _, arrays, _ = checkpoint.find(name)
      rows = arrays["ghn/encoder/trait_embedding"][: graph.TRAITS["activation"]]
      self.assertAllGreater(np.abs(rows).max(axis=1), 0.1)

  def test_what_is_beyond_its_table_is_the_last(self):
    builder = spec.Builder((2048, 2048, 1))
    x = builder.add(ops.Op.AVG_POOL, builder.input, kernel=(64, 64))
    builder.add(ops.Op.GLOBAL_AVG_POOL, x)
    encoded = graph.encode([builder.build("large")])
    last = [rows - 1 for rows in graph.TRAITS.values()]
    self.assertEqual(
      encoded.node_sets["op"]["traits"].numpy()[1].tolist(),
      [0, 0, 0, *last[3:]],
    )

  def test_they_tell_apart_what_ghn2_takes_for_one(self):
    # Two networks that differ in an activation alone.
    def network(activation: ops.Op) -> spec.Architecture:
      builder = spec.Builder((8, 8, 3))
      x = builder.add(ops.Op.CONV, builder.input, filters=8)
      x = builder.add(ops.Op.BATCH_NORM, builder.add(activation, x))
      x = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
      builder.add(ops.Op.DENSE, x, filters=10)
      return builder.build("network")

    pair = [network(activation) for activation in (ops.Op.RELU, ops.Op.RELU6)]
    ghn2 = model.GHN(ghn_config.GhnConfig())
    told = model.GHN(ghn_config.GhnConfig(traits=True))
    for name, value in ghn2(pair)[0].items():
      # They begin at zero, with the hypernetwork that there would be without.
      # Rounding of float32 alone, since they are summed in another order.
      self.assertAllClose(told(pair)[0][name], value, atol=1e-6)
      self.assertAllClose(ghn2(pair)[1][name], value, atol=1e-6)
    arrays = told.get_arrays()
    rng = np.random.default_rng(0)
    name = "encoder/trait_embedding"
    arrays[name] = rng.standard_normal(arrays[name].shape).astype(np.float32)
    told.set_arrays(arrays)
    one, other = told(pair)
    for name, value in one.items():
      self.assertNotAllClose(other[name], value, msg=name)


if __name__ == "__main__":
  tf.test.main()
