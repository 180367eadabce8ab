# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of architectures: shapes, sizes, validation, identity."""

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.spaces import space

_INPUT = ops.Node("image", ops.Layer(ops.Op.INPUT))
_CONV = ops.Node("conv", ops.Layer(ops.Op.CONV, filters=4, kernel=(3, 3)), (0,))
_POOL = ops.Node("pool", ops.Layer(ops.Op.GLOBAL_AVG_POOL), (1,))
_DENSE = ops.Node(
  "logits", ops.Layer(ops.Op.DENSE, filters=5, use_bias=True), (2,)
)
_NODES = (_INPUT, _CONV, _POOL, _DENSE)


def _build(*nodes, input_shape=(8, 8, 3)):
  return spec.Architecture("test", input_shape, nodes)


def _example() -> spec.Architecture:
  """A network with every kind of parameter, a sum and a concat.

  8x8x3 -- conv 3x3 /2, bias, 4x4x4 -- norm -- relu -+-- depthwise --+
                                                     +---------------+ sum
                                                     +---- concat ---+
  """
  builder = spec.Builder((8, 8, 3))
  window = {"kernel": (3, 3)}
  x = builder.add(
    ops.Op.CONV,
    builder.input,
    name="conv",
    filters=4,
    strides=(2, 2),
    use_bias=True,
    **window,
  )
  x = builder.add(ops.Op.BATCH_NORM, x, name="norm")
  x = builder.add(ops.Op.RELU, x, name="relu")
  y = builder.add(ops.Op.DEPTHWISE_CONV, x, name="depthwise", **window)
  y = builder.add(ops.Op.ADD, x, y, name="sum")
  y = builder.add(ops.Op.CONCAT, x, y, name="concat")
  y = builder.add(ops.Op.GLOBAL_AVG_POOL, y, name="pool")
  builder.add(ops.Op.DENSE, y, name="logits", filters=5, use_bias=True)
  return builder.build("example")


def _with(node: ops.Node, **changes) -> ops.Node:
  """Returns the node with another place or layer attributes."""
  place = {k: changes.pop(k) for k in ("name", "inputs") if k in changes}
  return node._replace(layer=node.layer._replace(**changes), **place)


class SizeTest(parameterized.TestCase):
  def test_shapes(self):
    self.assertEqual(
      _example().shapes,
      (
        (8, 8, 3),
        (4, 4, 4),
        (4, 4, 4),
        (4, 4, 4),
        (4, 4, 4),
        (4, 4, 4),
        (4, 4, 8),
        (8,),
        (5,),
      ),
    )

  def test_param_specs(self):
    kind = spec.ParamKind
    self.assertEqual(
      _example().param_specs,
      (
        spec.ParamSpec("conv/kernel", kind.CONV_KERNEL, (3, 3, 3, 4), 1),
        spec.ParamSpec("conv/bias", kind.BIAS, (4,), 1),
        spec.ParamSpec("norm/gamma", kind.GAMMA, (4,), 2),
        spec.ParamSpec("norm/beta", kind.BETA, (4,), 2),
        spec.ParamSpec(
          "depthwise/kernel", kind.DEPTHWISE_KERNEL, (3, 3, 4, 1), 4
        ),
        spec.ParamSpec("logits/kernel", kind.DENSE_KERNEL, (8, 5), 8),
        spec.ParamSpec("logits/bias", kind.BIAS, (5,), 8),
      ),
    )

  def test_num_params(self):
    # 3*3*3*4 + 4 (conv), 4 + 4 (norm), 3*3*4 (depthwise), 8*5 + 5 (dense)
    self.assertEqual(_example().num_params, 108 + 4 + 8 + 36 + 45)

  def test_macs(self):
    # 4*4 positions of 3*3*3*4 and of 3*3*4, and 8*5
    self.assertEqual(_example().macs, 16 * 108 + 16 * 36 + 40)

  def test_consumers(self):
    self.assertEqual(
      _example().consumers,
      ((1,), (2,), (3,), (4, 5, 6), (5,), (6,), (7,), (8,), ()),
    )

  def test_classifier(self):
    self.assertEqual(_example().classifier, 8)
    self.assertEqual(_example().num_classes, 5)
    headless = _build(*_NODES[:3])
    self.assertIsNone(headless.classifier)
    self.assertEqual(headless.num_classes, 4)

  @parameterized.parameters(
    # same: ceil(7 / 2), ceil(6 / 2)
    ({"strides": (2, 2)}, (4, 3)),
    ({"strides": (1, 2)}, (7, 3)),
    # valid: (7 - 3) // 2 + 1, (6 - 3) // 2 + 1
    ({"strides": (2, 2), "padding": "valid"}, (3, 2)),
    # a dilated 3x3 window reaches over 5x5
    ({"dilation": 2, "padding": "valid"}, (3, 2)),
    ({"dilation": 2}, (7, 6)),
  )
  def test_window_sizes(self, attributes, expected):
    conv = _with(_CONV, **attributes)
    shape = ops.output_shape(conv.layer, [(7, 6, 3)])
    self.assertEqual(shape, (*expected, 4))

  def test_flatten_pad_and_crop(self):
    margins = (1, 2, 3, 4)
    pad = ops.Layer(ops.Op.ZERO_PAD, margins=margins)
    crop = ops.Layer(ops.Op.CROP, margins=margins)
    flatten = ops.Layer(ops.Op.FLATTEN)
    self.assertEqual(ops.output_shape(pad, [(8, 8, 3)]), (11, 15, 3))
    self.assertEqual(ops.output_shape(crop, [(8, 8, 3)]), (5, 1, 3))
    self.assertEqual(ops.output_shape(flatten, [(8, 8, 3)]), (192,))


class BuilderTest(absltest.TestCase):
  def test_drops_what_does_not_reach_the_output(self):
    builder = spec.Builder((8, 8, 3))
    dead = builder.add(ops.Op.RELU, builder.input)
    builder.add(ops.Op.BATCH_NORM, dead)
    x = builder.add(ops.Op.GLOBAL_AVG_POOL, builder.input)
    builder.add(ops.Op.DENSE, x, filters=5)
    architecture = builder.build("test")
    self.assertEqual(
      [(node.op, node.inputs) for node in architecture.nodes],
      [
        (ops.Op.INPUT, ()),
        (ops.Op.GLOBAL_AVG_POOL, (0,)),
        (ops.Op.DENSE, (1,)),
      ],
    )

  def test_has_one_input(self):
    builder = spec.Builder((8, 8, 3))
    with self.assertRaisesRegex(ValueError, "has its input already"):
      builder.add(ops.Op.INPUT, builder.input)

  def test_knows_shapes_at_once(self):
    builder = spec.Builder((8, 8, 3))
    x = builder.add(ops.Op.CONV, builder.input, filters=4, strides=(2, 2))
    self.assertEqual(builder.shape(builder.input), (8, 8, 3))
    self.assertEqual(builder.shape(x), (4, 4, 4))


def _changed(index, **changes):
  nodes = list(_NODES)
  nodes[index] = _with(nodes[index], **changes)
  return nodes


_ADD = ops.Node("add", ops.Layer(ops.Op.ADD), (0, 1))
_CONCAT = ops.Node("concat", ops.Layer(ops.Op.CONCAT), (0, 1))
_STRIDED = _with(_CONV, strides=(2, 2))
_DEPTHWISE = ops.Node(
  "depthwise", ops.Layer(ops.Op.DEPTHWISE_CONV, strides=(1, 2)), (0,)
)


class ValidationTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ("lonely_input", [_INPUT], "needs an input and at least one more node"),
    ("no_input", [_CONV, _POOL], "first node, and only it, must be the input"),
    (
      "two_inputs",
      [_INPUT, _INPUT],
      r"named \['image'\], but names must be unique",
    ),
    (
      "late_input",
      [_INPUT, _INPUT._replace(name="second")],
      "'second' .* at position 1: the first node, and only it",
    ),
    ("no_name", _changed(1, name=""), "nodes named \\[''\\], but"),
    ("future", _changed(1, inputs=(2,)), "must be in topological order"),
    ("itself", _changed(1, inputs=(1,)), "must be in topological order"),
    ("missing", _changed(1, inputs=(9,)), "reads node 9, which does not exist"),
    (
      "negative",
      _changed(1, inputs=(-1,)),
      "reads node -1, which does not exist",
    ),
    ("two_sources", _changed(2, inputs=(0, 1)), "needs 1 input, got 2"),
    ("no_source", _changed(2, inputs=()), "needs 1 input, got 0"),
    (
      "one_addend",
      [_INPUT, _ADD._replace(inputs=(0,))],
      "needs 2 inputs, got 1",
    ),
    (
      "three_addends",
      [_INPUT, _ADD._replace(inputs=(0, 0, 0))],
      "needs 2 inputs, got 3",
    ),
    (
      "concat_of_one",
      [_INPUT, _CONCAT._replace(inputs=(0,))],
      "needs at least 2 inputs, got 1",
    ),
    (
      "foreign_attribute",
      _changed(2, filters=3),
      "'pool' .* has no attribute 'filters', got 3",
    ),
    ("no_filters", _changed(1, filters=0), "needs filters >= 1, got 0; give"),
    ("no_kernel", _changed(1, kernel=(0, 3)), "needs kernel, strides and dil"),
    ("no_strides", _changed(1, strides=(1, 0)), "strides and dilation from 1"),
    ("no_dilation", _changed(1, dilation=0), "strides and dilation from 1"),
    (
      "strided_dilation",
      _changed(1, strides=(2, 2), dilation=2),
      "allows only one of them to differ from 1",
    ),
    ("unequal_strides", [_INPUT, _DEPTHWISE], "needs equal strides"),
    ("padding", _changed(1, padding="full"), "'full', expected \"same\" or"),
    (
      "margins",
      [
        _INPUT,
        ops.Node("crop", ops.Layer(ops.Op.CROP, margins=(0, -1, 0, 0)), (0,)),
      ],
      "needs margins from 0 to 32,768, got",
    ),
    (
      "epsilon",
      [
        _INPUT,
        ops.Node("norm", ops.Layer(ops.Op.BATCH_NORM, epsilon=0.0), (0,)),
      ],
      "needs epsilon > 0, got 0.0",
    ),
    (
      "epsilon_nan",
      [
        _INPUT,
        ops.Node("n", ops.Layer(ops.Op.BATCH_NORM, epsilon=float("nan")), (0,)),
      ],
      "needs epsilon > 0, got nan",
    ),
    ("flat_conv", _changed(3, op=ops.Op.CONV), r"input of shape \[H, W, C\]"),
    (
      "dense_image",
      [_INPUT, _CONV, _DENSE._replace(inputs=(1,))],
      "put a flatten or global_avg",
    ),
    ("add_shapes", [_INPUT, _CONV, _ADD], "needs inputs of one shape"),
    (
      "concat_shapes",
      [_INPUT, _STRIDED, _CONCAT],
      "needs inputs that differ only in channels",
    ),
    (
      "empty_window",
      _changed(1, kernel=(9, 9), padding="valid"),
      r"empty output shape \[0, 0, 4\]",
    ),
    (
      "unread",
      [_INPUT, _CONV, _POOL._replace(inputs=(0,))],
      r"Nodes \['conv'\] .* do not reach the output 'pool'",
    ),
    ("image_output", _NODES[:2], "must end in logits"),
    ("a_space", _changed(1, name="a b"), r"named \['a b'\], but Keras names"),
    ("a_dash_first", _changed(1, name="-a"), "a letter, digit or point first"),
  )
  def test_wrong_nodes(self, nodes, message):
    with self.assertRaisesRegex(ValueError, message):
      _build(*nodes)

  @parameterized.parameters(((8, 8),), ((8, 8, 0),), ((8, 8, 3, 1),))
  def test_wrong_input_shape(self, shape):
    with self.assertRaisesRegex(
      ValueError, r"needs an input_shape \[H, W, C\]"
    ):
      _build(*_NODES, input_shape=shape)


def _relabelled(architecture, rng) -> spec.Architecture:
  """The same network with other names, another order, and shuffled sums."""
  nodes = architecture.nodes
  order: list[int] = []
  waiting = set(range(len(nodes)))
  while waiting:
    done = set(order)
    ready = [i for i in waiting if done.issuperset(nodes[i].inputs)]
    order.append(int(rng.choice(ready)))
    waiting.remove(order[-1])
  relabelled = []
  for position, old in enumerate(order):
    inputs = [order.index(i) for i in nodes[old].inputs]
    if nodes[old].op is ops.Op.ADD:
      rng.shuffle(inputs)
    relabelled.append(
      ops.Node(f"node{position}", nodes[old].layer, tuple(inputs))
    )
  return spec.Architecture("other", architecture.input_shape, tuple(relabelled))


class IdentityTest(parameterized.TestCase):
  def test_equality_and_hash_ignore_only_the_name(self):
    first, second = _build(*_NODES), _build(*_NODES)
    second = dataclasses.replace(second, name="other")
    self.assertEqual(first, second)
    self.assertEqual(hash(first), hash(second))
    self.assertLen({first, second}, 1)
    self.assertNotEqual(first, _build(*_changed(1, filters=8)))
    self.assertNotEqual(first, _build(*_NODES, input_shape=(9, 8, 3)))

  @parameterized.product(name=("edge", "convnets"), index=(0, 1, 2))
  def test_fingerprint_of_isomorphic_architectures_is_equal(self, name, index):
    architecture = space.sample(space.SPACES[name], 5, index)
    rng = np.random.default_rng(index)
    for _ in range(3):
      other = _relabelled(architecture, rng)
      self.assertNotEqual(architecture, other)
      self.assertEqual(architecture.fingerprint, other.fingerprint)

  @parameterized.parameters(
    (1, {"filters": 4, "kernel": (1, 3)}),
    (1, {"dilation": 2, "strides": (1, 1)}),
    (1, {"padding": "valid", "kernel": (2, 2)}),
    (1, {"use_bias": False}),
    (2, {"epsilon": 1e-5}),
    (3, {"op": ops.Op.RELU6}),
    (4, {"inputs": (2,)}),
    (5, {"inputs": (3, 3)}),
    (6, {"inputs": (5, 3)}),  # channels in another order
    (8, {"filters": 6}),
  )
  def test_fingerprint_tells_changes_apart(self, index, change):
    architecture = _example()
    nodes = list(architecture.nodes)
    nodes[index] = _with(nodes[index], **change)
    try:
      changed = dataclasses.replace(architecture, nodes=tuple(nodes))
    except ValueError:
      # Rewired around a node, which nothing reads then: cut it out.
      builder = spec.Builder((8, 8, 3), "image")
      for node in nodes[1:]:
        builder.place(node.layer, *node.inputs, name=node.name)
      changed = builder.build("changed")
    self.assertNotEqual(architecture.fingerprint, changed.fingerprint)

  def test_fingerprint_tells_shared_from_repeated_layers_apart(self):
    # One convolution added to itself, or two convolutions of one shape.
    fingerprints = set()
    for inputs in ((1, 1), (1, 2)):
      builder = spec.Builder((8, 8, 3))
      for _ in range(2):
        builder.add(ops.Op.CONV, builder.input, filters=4)
      x = builder.add(ops.Op.ADD, *inputs)
      builder.add(ops.Op.GLOBAL_AVG_POOL, x)
      fingerprints.add(builder.build("test").fingerprint)
    self.assertLen(fingerprints, 2)

  def test_fingerprint_depends_on_the_image(self):
    wide = _build(*_NODES, input_shape=(8, 9, 3))
    self.assertNotEqual(_build(*_NODES).fingerprint, wide.fingerprint)

  def test_fingerprint_is_stable(self):
    # Held-out sets are stored by fingerprint: changing it loses them.
    self.assertEqual(
      _build(*_NODES).fingerprint, "ecc5d4d65faae0e49727536b7df6777b"
    )


if __name__ == "__main__":
  absltest.main()
