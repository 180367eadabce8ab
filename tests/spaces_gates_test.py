# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of networks that are drawn with gates."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.arch import layers
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.spaces import edge
from ghn_tf.spaces import families
from ghn_tf.spaces import gates
from ghn_tf.spaces import splits

_ACTIVATION = gates.Activation
_ALWAYS_SQUEEZED = gates.Gates(activations=((_ACTIVATION.PLAIN, 1),))


def _style(
  activation: gates.Activation, builder: spec.Builder, **changes
) -> gates.Style:
  fields = {
    "activations": ((activation, 1),),
    "slopes": ((0.2, 1),),
    "mixed_share": 0.0,
    "squeeze_share": 1.0,
    "squeezed_blocks": ((1.0, 1),),
    "reductions": ((4, 1),),
    "hard_share": 0.0,
    "max_pool_share": 0.0,
  }
  return gates.Style(
    builder,
    np.random.default_rng(0),
    layers.RELU6,
    gates.Gates(**{**fields, **changes}),
  )


def _told(builder: spec.Builder, last: int) -> list[str]:
  """What was added to a builder, in order: each operation with its inputs."""
  nodes = builder.build("network", last).nodes
  return [" ".join(map(str, (node.op, *node.inputs))) for node in nodes[1:]]


class StyleTest(parameterized.TestCase):
  @parameterized.parameters(
    (_ACTIVATION.PLAIN, ["relu6 1"]),
    (_ACTIVATION.LEAKY_RELU, ["leaky_relu 1"]),
    (_ACTIVATION.SWISH, ["sigmoid 1", "multiply 1 2"]),
    (_ACTIVATION.HARD_SWISH, ["hard_sigmoid 1", "multiply 1 2"]),
  )
  def test_activations(self, activation, expected):
    builder = spec.Builder((4, 4, 3))
    x = builder.place(layers.GLOBAL_AVG_POOL, 0)
    x = _style(activation, builder).activate(x)
    self.assertEqual(_told(builder, x), ["global_avg_pool 0", *expected])

  @parameterized.parameters(
    (_ACTIVATION.PLAIN, 0.0, ["relu6 4"], "sigmoid"),
    (_ACTIVATION.PLAIN, 1.0, ["relu6 4"], "hard_sigmoid"),
    (_ACTIVATION.SWISH, 0.0, ["sigmoid 4", "multiply 4 5"], "sigmoid"),
    (_ACTIVATION.SWISH, 1.0, ["relu6 4"], "hard_sigmoid"),
    # As MobileNetV3.
    (_ACTIVATION.HARD_SWISH, 0.0, ["relu6 4"], "hard_sigmoid"),
  )
  def test_squeeze_and_excitation(self, activation, hard, within, gate):
    builder = spec.Builder((4, 4, 3))
    x = builder.place(layers.conv(64, 1), 0)
    x = builder.place(layers.batch_norm(), x)
    style = _style(activation, builder, hard_share=hard)
    x = style.squeeze(x)
    self.assertEqual(builder.shape(x), (4, 4, 64))
    self.assertEqual(builder.shape(4), (16,))  # 64 channels by 4
    x = builder.place(style.pool, x)
    last = 4 + len(within)
    self.assertEqual(
      _told(builder, x)[2:],
      ["global_avg_pool 2", "dense 3", *within, f"dense {last}"]
      + [f"{gate} {last + 1}", f"multiply 2 {last + 2}"]
      + [f"global_avg_pool {last + 3}"],
    )

  def test_few_channels_are_squeezed_to_eight(self):
    builder = spec.Builder((4, 4, 12))
    _style(_ACTIVATION.PLAIN, builder).squeeze(0)
    self.assertEqual(builder.shape(2), (8,))

  def test_without_gates_nothing_is_drawn(self):
    builder = spec.Builder((4, 4, 3))
    rng = np.random.default_rng(0)
    style = gates.Style(builder, rng, layers.RELU, None)
    self.assertEqual(style.squeeze(0), 0)
    x = builder.place(style.pool, style.activate(0))
    self.assertEqual(_told(builder, x), ["relu 0", "global_avg_pool 1"])
    self.assertEqual(rng.random(), np.random.default_rng(0).random())

  def test_a_mixed_network_has_relu_in_its_first_stage(self):
    builder = spec.Builder((4, 4, 3))
    style = _style(_ACTIVATION.LEAKY_RELU, builder, mixed_share=1.0)
    x = style.activate(0)  # of the stem
    for stage in range(3):
      style.enter_stage(stage)
      x = style.activate(x)
    x = builder.place(style.pool, x)
    found = [node.split()[0] for node in _told(builder, x)]
    self.assertEqual(
      found[:-1], ["leaky_relu", "relu6", "leaky_relu", "leaky_relu"]
    )


class GrammarsTest(parameterized.TestCase):
  @parameterized.parameters(*edge.Block)
  def test_every_block_of_edge_can_be_squeezed(self, block):
    self._check_squeezed(
      edge.EdgeGrammar(blocks=((block, 1),), gates=_ALWAYS_SQUEEZED)
    )

  @parameterized.parameters(*families.Family)
  def test_every_family_can_be_squeezed(self, family):
    self._check_squeezed(
      families.FamilyGrammar(
        ((16, 1),), families=((family, 1),), gates=_ALWAYS_SQUEEZED
      )
    )

  def _check_squeezed(self, grammar) -> None:
    """One in each block, the first of which reads an image."""
    network = grammar.draw(np.random.default_rng(0), (32, 32, 3), 10, "network")
    products = [n for n in network.nodes if n.op is ops.Op.MULTIPLY]
    self.assertGreaterEqual(len(products), 2)
    for node in products:
      image, factor = (network.shapes[i] for i in node.inputs)
      self.assertLen(image, 3)
      self.assertEqual(factor, image[-1:])

  def test_mobilenet_v3_lies_within_reach(self):
    # Its block (1905.02244, figure 4): expanded, filtered, squeezed, projected.
    grammar = families.FamilyGrammar(
      ((16, 1),),
      blocks=((1, 1),),
      stages=((1, 1),),
      windows=((5, 1),),
      expansions=((6, 1),),
      families=((families.Family.INVERTED_RESIDUAL, 1),),
      bias_share=0.0,
      relu6_share=0.0,
      gates=gates.Gates(
        activations=((_ACTIVATION.HARD_SWISH, 1),),
        mixed_share=0.0,
        squeeze_share=1.0,
        squeezed_blocks=((1.0, 1),),
        reductions=((4, 1),),
        max_pool_share=0.0,
      ),
    )
    network = grammar.draw(np.random.default_rng(0), (32, 32, 3), 10, "network")
    swish = ["batch_norm", "hard_sigmoid", "multiply"]
    squeeze = "global_avg_pool dense relu dense hard_sigmoid multiply".split()
    self.assertEqual(
      [str(node.op) for node in network.nodes][:21],
      ["input", "conv", *swish, "conv", *swish, "depthwise_conv", *swish]
      + squeeze
      + ["conv", "batch_norm"],
    )

  @parameterized.parameters("edge", "convnets")
  def test_what_the_gated_split_consists_of(self, name):
    networks = splits.collection(name).evaluation["gated"]
    beyond = {ops.Op.MULTIPLY, ops.Op.LEAKY_RELU}
    with_maximum = 0
    for network in networks:
      operations = {node.op for node in network.nodes}
      self.assertTrue(operations & beyond, network.name)
      with_maximum += ops.Op.GLOBAL_MAX_POOL in operations
    # 0.15 of 100; three standard deviations are 11, and some end otherwise.
    self.assertBetween(with_maximum, 4, 26)


if __name__ == "__main__":
  absltest.main()
