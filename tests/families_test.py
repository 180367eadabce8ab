# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import collections

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.spaces import families
from ghn_tf.spaces import splits

_FAMILY = families.Family
_OP = ops.Op


def _draw(seed: int, **changes) -> spec.Architecture:
  grammar = families.FamilyGrammar(((16, 1),), **changes)
  rng = np.random.default_rng(seed)
  return grammar.draw(rng, (32, 32, 3), 10, "network")


def _operations(family: families.Family, **changes) -> collections.Counter:
  counter: collections.Counter = collections.Counter()
  for seed in range(20):
    network = _draw(seed, families=((family, 1),), **changes)
    counter.update(node.op for node in network.nodes)
  return counter


class FamiliesTest(parameterized.TestCase):
  @parameterized.parameters(
    (_FAMILY.VGG, {_OP.CONV, _OP.MAX_POOL}, {_OP.ADD, _OP.DEPTHWISE_CONV}),
    (_FAMILY.RESIDUAL, {_OP.CONV, _OP.ADD}, {_OP.DEPTHWISE_CONV, _OP.MAX_POOL}),
    (_FAMILY.SEPARABLE, {_OP.CONV, _OP.DEPTHWISE_CONV}, {_OP.ADD}),
    (
      _FAMILY.INVERTED_RESIDUAL,
      {_OP.CONV, _OP.DEPTHWISE_CONV, _OP.ADD},
      {_OP.MAX_POOL},
    ),
  )
  def test_a_family_has_its_operations(self, family, has, lacks):
    operations = _operations(family)
    self.assertContainsSubset(has, operations)
    self.assertNoCommonElements(lacks, operations)

  def test_shares_are_those_of_the_grammar(self):
    everywhere = {"norm_free_share": 1.0, "relu6_share": 1.0}
    operations = _operations(_FAMILY.VGG, **everywhere)
    self.assertNotIn(_OP.BATCH_NORM, operations)
    self.assertNotIn(_OP.RELU, operations)
    self.assertIn(_OP.RELU6, operations)
    nowhere = {"norm_free_share": 0.0, "relu6_share": 0.0}
    operations = _operations(_FAMILY.VGG, **nowhere)
    self.assertIn(_OP.BATCH_NORM, operations)
    self.assertNotIn(_OP.RELU6, operations)

  @parameterized.parameters(*_FAMILY)
  def test_stages_halve_the_image_and_widen(self, family):
    network = _draw(
      3,
      families=((family, 1),),
      stages=((3, 1),),
      blocks=((2, 1),),
      widening=((2.0, 1),),
    )
    channels = {shape[-1] for shape in network.shapes if len(shape) == 3}
    self.assertContainsSubset({16, 32, 64}, channels)
    sizes = [shape[0] for shape in network.shapes if len(shape) == 3]
    self.assertGreaterEqual(sizes[1] // sizes[-1], 4)

  def test_the_targets_themselves_are_relatives(self):
    # The grammar reaches ResNet-8, which is why it must be excluded.
    (resnet8,) = (
      a
      for a in splits.collection("edge").evaluation["predefined"]
      if a.name == "resnet8"
    )
    grammar = families.FamilyGrammar(
      ((16, 1),),
      blocks=((1, 1),),
      stages=((3, 1),),
      widening=((2.0, 1),),
      families=((_FAMILY.RESIDUAL, 1),),
      bias_share=1.0,
      relu6_share=0.0,
    )
    drawn = {
      grammar.draw(
        np.random.default_rng(seed), (32, 32, 3), 10, "network"
      ).fingerprint
      for seed in range(20)
    }
    self.assertIn(resnet8.fingerprint, drawn)

  def test_other_images_and_classes(self):
    grammar = families.FamilyGrammar(((8, 1),))
    for seed in range(40):
      network = grammar.draw(
        np.random.default_rng(seed), (9, 13, 1), 3, "network"
      )
      self.assertEqual(network.num_classes, 3)


if __name__ == "__main__":
  absltest.main()
