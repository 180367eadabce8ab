# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.spaces import exclusion
from ghn_tf.spaces import splits


def _twins(first: str, second: str, filters: int) -> spec.Architecture:
  builder = spec.Builder((8, 8, 3))
  x = builder.add(ops.Op.CONV, 0, name=first, filters=filters)
  y = builder.add(ops.Op.CONV, 0, name=second, filters=filters)
  x = builder.add(ops.Op.ADD, y, x)
  builder.add(ops.Op.FLATTEN, x)
  return builder.build("network")


_SLOPED = (ops.Op.LEAKY_RELU, ops.Op.HARD_SIGMOID)


def _block(
  *,
  use_bias: bool = False,
  norm: bool = True,
  shortcut_norm: bool = False,
  activation: ops.Op | None = ops.Op.RELU,
  filters: int = 4,
  kernel: tuple[int, int] = (3, 3),
) -> spec.Architecture:
  """A residual block with a classifier."""
  builder = spec.Builder((8, 8, 3))
  x = builder.add(
    ops.Op.CONV, 0, filters=filters, kernel=kernel, use_bias=use_bias
  )
  if norm:
    x = builder.add(ops.Op.BATCH_NORM, x)
  if activation is not None:
    slope = {"slope": 0.2} if activation in _SLOPED else {}
    y = builder.add(activation, x, **slope)
    is_gate = activation in (ops.Op.SIGMOID, ops.Op.HARD_SIGMOID)
    x = builder.add(ops.Op.MULTIPLY, x, y) if is_gate else y
  y = builder.add(ops.Op.CONV, 0, filters=filters, kernel=(1, 1))
  if shortcut_norm:
    y = builder.add(ops.Op.BATCH_NORM, y)
  x = builder.add(ops.Op.GLOBAL_AVG_POOL, builder.add(ops.Op.ADD, x, y))
  builder.add(ops.Op.DENSE, x, filters=10, use_bias=True)
  return builder.build("block")


class ExclusionTest(parameterized.TestCase):
  def test_isomorphic_architectures_are_excluded(self):
    excluded = exclusion.Exclusion([_twins("a", "b", 4)])
    self.assertIn(_twins("b", "a", 4), excluded)
    self.assertNotIn(_twins("a", "b", 5), excluded)
    self.assertNotIn("network", excluded)

  @parameterized.parameters(
    {},
    {"use_bias": True},
    {"norm": False, "use_bias": True},
    {"shortcut_norm": True},
    {"activation": ops.Op.RELU6},
    {"activation": ops.Op.LEAKY_RELU},
    {"activation": ops.Op.SIGMOID},  # swish
    {"activation": ops.Op.HARD_SIGMOID},  # hard swish
    {"activation": None},
  )
  def test_near_twins_are_excluded_where_asked(self, **style):
    self.assertIn(_block(**style), exclusion.Exclusion((), [_block()]))
    self.assertEqual(
      _block(**style) in exclusion.Exclusion([_block()]), not style
    )

  @parameterized.parameters({"filters": 5}, {"kernel": (5, 5)})
  def test_other_networks_are_no_twins(self, **style):
    self.assertNotIn(_block(**style), exclusion.Exclusion((), [_block()]))

  def test_skeleton_keeps_what_multiplies(self):
    network = _block(use_bias=True, shortcut_norm=True)
    skeleton = exclusion.skeleton(network)
    self.assertEqual(skeleton.macs, network.macs)
    ops_left = {node.op for node in skeleton.nodes}
    self.assertNotIn(ops.Op.BATCH_NORM, ops_left)
    self.assertFalse(any(node.layer.use_bias for node in skeleton.nodes))

  def test_twins_of_targets_are_not_drawn(self):
    # This one was: ResNet-8 without the biases that its BatchNorm undoes.
    collection = splits.collection("edge")
    targets = collection.evaluation["predefined"]
    for target in targets:
      self.assertFalse(collection.may_train_on(exclusion.skeleton(target)))
    skeletons = {exclusion.skeleton(target) for target in targets}
    self.assertNotIn(exclusion.skeleton(collection.train(4544)), skeletons)


if __name__ == "__main__":
  absltest.main()
