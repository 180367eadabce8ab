# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of the search spaces."""

import dataclasses
from typing import Any

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.arch import genotype
from ghn_tf.arch import ops
from ghn_tf.spaces import convnets as convnets_space
from ghn_tf.spaces import draws
from ghn_tf.spaces import edge as edge_space
from ghn_tf.spaces import space

_EDGE = space.SPACES["edge"]
_CONVNETS = space.SPACES["convnets"]


class SampleTest(parameterized.TestCase):
  @parameterized.parameters(*space.SPACES)
  def test_is_a_function_of_seed_and_index(self, name):
    search_space = space.SPACES[name]
    forward = [space.sample(search_space, 3, i) for i in range(6)]
    np.random.seed(7)  # the global generator must not matter
    backward = [space.sample(search_space, 3, i) for i in reversed(range(6))]
    self.assertEqual(forward, backward[::-1])
    self.assertEqual(
      [a.name for a in forward], [f"{name}-3-{i}" for i in range(6)]
    )
    other_seed = [space.sample(search_space, 4, i) for i in range(6)]
    self.assertEmpty(set(forward) & set(other_seed))

  @parameterized.parameters(("edge", 300), ("convnets", 60))
  def test_samples_are_distinct(self, name, count):
    fingerprints = {
      space.sample(space.SPACES[name], seed, index).fingerprint
      for seed in (0, 1)
      for index in range(count // 2)
    }
    self.assertLen(fingerprints, count)

  def test_samples_do_not_change_between_versions(self):
    # Splits are stored as (space, seed, index): changing a grammar loses them.
    self.assertEqual(
      space.sample(_EDGE, 0, 0).fingerprint, "3eb313e76e7ea93f6e0990cea17d8762"
    )
    self.assertEqual(
      space.sample(_CONVNETS, 0, 0).fingerprint,
      "aebbeb2bb15503bfbcf49f126674883e",
    )

  @parameterized.parameters(*space.SPACES)
  def test_ends_in_a_dense_layer_with_bias_and_the_logits(self, name):
    search_space = dataclasses.replace(
      space.SPACES[name], num_classes=7, input_shape=(48, 40, 1)
    )
    for index in range(20):
      architecture = space.sample(search_space, 0, index)
      last = architecture.nodes[-1]
      self.assertEqual((last.op, last.layer.use_bias), (ops.Op.DENSE, True))
      self.assertEqual(architecture.num_classes, 7)
      self.assertEqual(architecture.shapes[0], (48, 40, 1))

  @parameterized.parameters(*space.SPACES)
  def test_every_node_is_reached_from_the_image(self, name):
    # That every node reaches the logits is what `Architecture` validates.
    for index in range(30):
      architecture = space.sample(space.SPACES[name], 1, index)
      reached = {0}
      for position, node in enumerate(architecture.nodes[1:], 1):
        if reached.issuperset(node.inputs):
          reached.add(position)
      self.assertLen(reached, len(architecture.nodes))

  @parameterized.parameters(
    ({},),
    ({"max_macs": 3_000_000},),
    ({"min_macs": 20_000_000},),
    ({"max_params": 30_000, "max_nodes": 60},),
    ({"min_nodes": 90},),
  )
  def test_limits_hold(self, limits):
    search_space = dataclasses.replace(_EDGE, **limits)
    for index in range(20):
      architecture = space.sample(search_space, 2, index)
      for size, value in (
        ("nodes", len(architecture.nodes)),
        ("macs", architecture.macs),
        ("params", architecture.num_params),
      ):
        self.assertBetween(
          value,
          getattr(search_space, f"min_{size}"),
          getattr(search_space, f"max_{size}"),
        )

  @parameterized.parameters(
    ({"max_macs": 999_999}, "needs 0 <= min_macs <= max_macs"),
    ({"min_params": -1}, "needs 0 <= min_params <= max_params"),
    ({"min_nodes": 121}, "got min_nodes=121 and max_nodes=120"),
    ({"max_params": float("nan")}, "got min_params=10000 and max_params=nan"),
    ({"num_classes": 0}, "needs num_classes >= 1, got 0"),
    ({"max_tries": 0}, "needs max_tries >= 1, got 0"),
  )
  def test_contradictory_limits(self, limits, message):
    with self.assertRaisesRegex(ValueError, message):
      dataclasses.replace(_EDGE, **limits)

  @parameterized.parameters(
    ({"max_macs": 1_000, "min_macs": 0}, "max_macs=1000 refused 50"),
    ({"max_nodes": 3, "min_nodes": 0}, "max_nodes=3 refused 50"),
    (
      {"min_params": 200_000, "max_macs": 1_000_000},
      "max_macs=1000000 re",
    ),
    ({"min_params": 200_000, "max_macs": 1_000_000}, "min_params=200000 r"),
  )
  def test_impossible_limits_are_named(self, limits, message):
    search_space = dataclasses.replace(_EDGE, max_tries=50, **limits)
    with self.assertRaisesRegex(ValueError, f"'edge-0-1' .*{message}"):
      space.sample(search_space, 0, 1)

  @parameterized.parameters((-1, 0), (0, -1), (2**32, 0))
  def test_seed_and_index_out_of_range(self, seed, index):
    with self.assertRaisesRegex(ValueError, "must be from 0 to"):
      space.sample(_EDGE, seed, index)

  def test_accepts_numpy_integers(self):
    seed: Any = np.int64(0)
    index: Any = np.uint32(1)
    self.assertEqual(
      space.sample(_EDGE, seed, index), space.sample(_EDGE, 0, 1)
    )


def _certain(**changes) -> edge_space.EdgeGrammar:
  """A grammar in which little is left to chance: plain stages of one block."""
  fields = {
    "base_channels": ((16, 1),),
    "stem_strides": ((1, 1),),
    "stages": ((3, 1),),
    "first_stage_keeps": 1.0,
    "blocks_per_stage": ((1, 1),),
    "widening": ((2.0, 1),),
    "max_channels": ((64, 1),),
    "kinds": ((1, 1),),
    "blocks": ((edge_space.Block.PLAIN, 1),),
    "orders": ((edge_space.Order.CONV_NORM_RELU, 1),),
    "norm_free_share": 0.0,
    "bias_share": 0.0,
    "relu6_share": 0.0,
    "pooling_share": 0.0,
    "norm_inside_share": 1.0,
    "head_conv_share": 0.0,
    "flatten_share": 0.0,
    "hidden_share": 0.0,
    "kernels": ((3, 1),),
    "windows": ((3, 1),),
    "dilated_share": 0.0,
  }
  return edge_space.EdgeGrammar(**{**fields, **changes})


def _draw(grammar: edge_space.EdgeGrammar, input_shape=(32, 32, 3)):
  return grammar.draw(np.random.default_rng(0), input_shape, 10, "test")


class EdgeGrammarTest(parameterized.TestCase):
  def test_resnet8_lies_within_reach(self):
    architecture = _draw(_certain(blocks=((edge_space.Block.RESIDUAL, 1),)))
    norm, conv = 2, 9
    params = 3 * conv * 16 + norm * 16  # stem
    params += 2 * (conv * 16 * 16 + norm * 16)
    for c in (16, 32):  # two convolutions and the projection
      params += conv * c * 2 * c + conv * 2 * c * 2 * c + c * 2 * c
      params += 3 * norm * 2 * c
    self.assertEqual(architecture.num_params, params + 64 * 10 + 10)
    operations = "conv batch_norm relu".split()
    residual = operations + operations[:2] + ["add", "relu"]
    projected = operations + operations[:2] + operations[:2] + ["add", "relu"]
    self.assertEqual(
      [str(node.op) for node in architecture.nodes],
      ["input", *operations, *residual, *projected, *projected]
      + ["global_avg_pool", "dense"],
    )

  def test_mobilenet_lies_within_reach(self):
    architecture = _draw(_certain(blocks=((edge_space.Block.SEPARABLE, 1),)))
    unit = ["batch_norm", "relu"]
    block = ["depthwise_conv", *unit, "conv", *unit]
    self.assertEqual(
      [str(node.op) for node in architecture.nodes],
      ["input", "conv", *unit, *block * 3, "global_avg_pool", "dense"],
    )
    self.assertEqual(architecture.shapes[-3], (8, 8, 64))

  @parameterized.parameters(
    (
      edge_space.Order.RELU_CONV_NORM,
      ["conv", "batch_norm", *["relu", "conv", "batch_norm"] * 3],
    ),
    (
      edge_space.Order.NORM_RELU_CONV,
      ["conv", *["batch_norm", "relu", "conv"] * 3, "batch_norm", "relu"],
    ),
  )
  def test_orders(self, order, expected):
    architecture = _draw(_certain(orders=((order, 1),)))
    self.assertEqual(
      [str(node.op) for node in architecture.nodes],
      ["input", *expected, "global_avg_pool", "dense"],
    )

  def test_inverted_residual_has_a_linear_output(self):
    architecture = _draw(
      _certain(
        blocks=((edge_space.Block.INVERTED_RESIDUAL, 1),),
        stages=((1, 1),),
        expansions=((6, 1),),
      )
    )
    unit = ["batch_norm", "relu"]
    self.assertEqual(
      [str(node.op) for node in architecture.nodes],
      ["input", "conv", *unit, "conv", *unit, "depthwise_conv", *unit, "conv"]
      + ["batch_norm", "add", "global_avg_pool", "dense"],
    )
    self.assertEqual(architecture.shapes[4], (32, 32, 96))

  @parameterized.parameters(*edge_space.Block)
  def test_every_block_halves_and_widens(self, block):
    for stride_or_pool in (0.0, 1.0):
      for seed in range(5):
        grammar = _certain(
          blocks=((block, 1),),
          pooling_share=stride_or_pool,
          dilated_share=0.5,
        )
        architecture = grammar.draw(
          np.random.default_rng(seed), (24, 32, 3), 10, "test"
        )
        head = architecture.nodes[-2]
        self.assertEqual(
          architecture.shapes[head.inputs[0]], (6, 8, 64), f"seed {seed}"
        )

  def test_small_images_are_not_halved(self):
    architecture = _draw(_certain(min_size=4), input_shape=(6, 6, 3))
    self.assertEqual(architecture.shapes[-3], (3, 3, 64))

  @parameterized.parameters(32, 18, 6, 4)
  def test_flattens_two_by_two(self, size):
    # Two stages halve 32 to 8, 18 to 5 and 6 to 3; images of 3 stay as are.
    grammar = _certain(flatten_share=1.0, min_size=3)
    architecture = _draw(grammar, (size, size, 3))
    self.assertEqual(architecture.shapes[-3:], ((2, 2, 64), (256,), (10,)))

  def test_without_norm_convolutions_have_a_bias(self):
    shares = []
    for index in range(300):
      architecture = space.sample(_EDGE, 9, index)
      normalizes = any(n.op is ops.Op.BATCH_NORM for n in architecture.nodes)
      biases = {
        node.layer.use_bias
        for node in architecture.nodes
        if node.op in (ops.Op.CONV, ops.Op.DEPTHWISE_CONV)
      }
      self.assertLen(biases, 1)
      shares.append(not normalizes)
      self.assertTrue(normalizes or biases == {True})
    # 0.15 of the grammar; 0.03 is 1.5 standard deviations of 300 draws, and
    # the limits refuse few more of one kind than of the other.
    self.assertBetween(np.mean(shares), 0.09, 0.21)

  def test_everything_of_the_grammar_occurs(self):
    nodes = [
      node
      for index in range(200)
      for node in space.sample(_EDGE, 8, index).nodes
    ]
    # The first are of no space, the others of networks with gates.
    names = "zero_pad crop grouped_conv prelu subtract"
    names += " multiply sigmoid hard_sigmoid leaky_relu global_max_pool"
    others = {*map(ops.Op, names.split())}
    self.assertEqual({node.op for node in nodes}, set(ops.Op) - others)
    kernels = {
      (str(n.op), n.layer.kernel[0], n.layer.dilation)
      for n in nodes
      if n.op in (ops.Op.CONV, ops.Op.DEPTHWISE_CONV)
    }
    self.assertContainsSubset(
      {("conv", k, 1) for k in (1, 3, 5)}
      | {("depthwise_conv", k, d) for k in (3, 5) for d in (1, 2)},
      kernels,
    )

  def test_channels_are_multiples_of_eight(self):
    for index in range(100):
      architecture = space.sample(_EDGE, 7, index)
      channels = {shape[-1] for shape in architecture.shapes[1:-1]}
      self.assertEqual({c % 8 for c in channels}, {0})


class ConvNetsGrammarTest(absltest.TestCase):
  def _genotypes(self, count):
    """Draws genotypes with 3 sums."""
    rng = np.random.default_rng(0)
    return [convnets_space._draw_genotype(rng, 3) for _ in range(count)]

  def test_two_states_of_a_sum_differ(self):
    for genes in self._genotypes(50):
      for cell in (genes["normal"], genes["reduce"]):
        for (_, first), (_, second) in zip(cell[::2], cell[1::2], strict=True):
          self.assertNotEqual(first, second)

  def test_half_of_the_reduction_cells_only_pool(self):
    pooling = set(genotype.PRIMITIVES[:4])
    self.assertEqual(
      pooling, {"none", "max_pool_3x3", "avg_pool_3x3", "skip_connect"}
    )
    share = np.mean(
      [
        {primitive for primitive, _ in genes["reduce"]} <= pooling
        for genes in self._genotypes(400)
      ]
    )
    # Half, and (4/13)^6 by chance; 0.075 is 3 standard deviations of 400.
    self.assertBetween(share, 0.425, 0.576)

  def test_primitives_are_equally_likely(self):
    drawn = [op for g in self._genotypes(1000) for op, _ in g["normal"]]
    shares = [drawn.count(op) / len(drawn) for op in genotype.PRIMITIVES]
    # 5 standard deviations of 6000 draws: 5 sqrt(1/13 * 12/13 / 6000).
    np.testing.assert_allclose(shares, 1 / 13, atol=0.0172)

  def test_single_sums_have_no_none(self):
    rng = np.random.default_rng(0)
    for _ in range(50):
      genes = convnets_space._draw_genotype(rng, 1)
      cells = dict(genes["normal"]) | dict(genes["reduce"])
      self.assertNotIn("none", cells)
      self.assertEqual(genes["normal_concat"], [2])

  def test_last_state_always_leaves_the_cell(self):
    concats = [tuple(g["normal_concat"]) for g in self._genotypes(100)]
    self.assertEqual(set(concats), {(4,), (2, 4), (3, 4), (2, 3, 4)})

  def test_widths_shrink_with_size(self):
    def widths(num_params, n_cells, narrow=False):
      rng = np.random.default_rng(0)
      return {
        convnets_space._draw_width(rng, num_params, n_cells, narrow)["C"]
        for _ in range(200)
      }

    self.assertEqual(widths(100_000, 5), set(range(32, 129, 16)))
    self.assertEqual(widths(300_000, 5), {32, 48, 64})
    self.assertEqual(widths(500_000, 5), {32, 48})
    self.assertEqual(widths(900_000, 5), {32})
    self.assertEqual(widths(100_000, 9), {32, 48, 64})
    self.assertEqual(widths(100_000, 11), {32, 48})
    self.assertEqual(widths(100_000, 13), {32})
    self.assertEqual(widths(100_000, 5, narrow=True), {32})

  def test_only_shallow_networks_lack_norm(self):
    found = 0
    for index in range(60):
      architecture = space.sample(_CONVNETS, 6, index)
      names = {node.name for node in architecture.nodes}
      if not any(n.op is ops.Op.BATCH_NORM for n in architecture.nodes):
        found += 1
        self.assertFalse(any(name.startswith("cells.5.") for name in names))
    self.assertGreater(found, 0)


class DrawsTest(absltest.TestCase):
  def test_weighted_follows_the_weights(self):
    rng = np.random.default_rng(0)
    options = (("a", 1), ("b", 0), ("c", 3))
    drawn = [draws.weighted(rng, options) for _ in range(4000)]
    self.assertNotIn("b", drawn)
    # 5 standard deviations of 4000 draws: 5 sqrt(0.25 * 0.75 / 4000).
    self.assertAlmostEqual(drawn.count("a") / 4000, 0.25, delta=0.035)

  def test_one_of_reaches_every_option(self):
    rng = np.random.default_rng(0)
    drawn = {draws.one_of(rng, range(5)) for _ in range(200)}
    self.assertEqual(drawn, set(range(5)))


if __name__ == "__main__":
  absltest.main()
