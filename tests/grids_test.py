# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import grids
from ghn_tf.quant import recipe as recipe_lib

_Op = ops.Op


class _Drawing(spec.Builder):
  """A network drawn by hand: 8 channels throughout, 1x1 kernels."""

  def __init__(self):
    super().__init__((8, 8, 8), "image")

  def conv(self, name: str, source: int) -> int:
    return self.add(_Op.CONV, source, name=name, filters=8)

  def block(self, name: str, source: int) -> int:
    """A convolution with BatchNorm and ReLU."""
    x = self.add(_Op.BATCH_NORM, self.conv(name, source), name=f"{name}_bn")
    return self.add(_Op.RELU, x, name=f"{name}_relu")

  def finish(self, source: int) -> spec.Architecture:
    pool = self.add(_Op.GLOBAL_AVG_POOL, source, name="mean")
    self.add(_Op.DENSE, pool, name="logits", filters=3)
    return self.build("drawing")


def _draw(draw: Callable[[_Drawing], int]) -> spec.Architecture:
  drawing = _Drawing()
  return drawing.finish(draw(drawing))


def _blocks(d: _Drawing) -> int:
  return d.block("second", d.block("stem", d.input))


def _residual(d: _Drawing) -> int:
  x = d.block("a", d.input)
  y = d.add(_Op.BATCH_NORM, d.conv("b", x), name="b_bn")
  return d.add(_Op.RELU, d.add(_Op.ADD, x, y, name="sum"), name="sum_relu")


def _concat(d: _Drawing) -> int:
  return d.add(_Op.CONCAT, d.conv("a", 0), d.block("b", 0), name="concat")


def _pools(d: _Drawing) -> int:
  x = d.add(_Op.DEPTHWISE_CONV, d.input, name="depthwise")
  x = d.add(_Op.MAX_POOL, x, name="max", kernel=(2, 2))
  x = d.add(_Op.AVG_POOL, x, name="avg", kernel=(2, 2))
  return d.add(_Op.RELU, x, name="relu")


def _equal_relus(d: _Drawing) -> int:
  conv = d.conv("conv", d.input)
  relus = [d.add(_Op.RELU, conv, name=name) for name in ("relu1", "relu2")]
  return d.add(_Op.ADD, relus[0], d.conv("after", relus[1]), name="sum")


def _two_readers(d: _Drawing) -> int:
  conv = d.conv("conv", d.input)
  bn = d.add(_Op.BATCH_NORM, conv, name="bn")
  return d.add(_Op.ADD, conv, bn, name="sum")


def _bits(architecture: spec.Architecture, name: str) -> dict[str, str]:
  """By name of a node w<bits of the kernel>a<bits of the stored output>."""
  found = grids.of(architecture, recipe_lib.get(name))
  result = {}
  for node, kernel, output in zip(architecture.nodes, *found, strict=True):
    texts = [
      f"{letter}{grid.num_bits}"
      for letter, grid in (("w", kernel), ("a", output))
      if grid is not None
    ]
    if texts:
      result[node.name] = "".join(texts)
  return result


class OfTest(parameterized.TestCase):
  @parameterized.parameters("w8a8", "w4a8", "w4a4", "w2a2")
  def test_of_a_uniform_recipe_all_grids_but_those_of_image_and_logits(
    self, name: str
  ):
    recipe = recipe_lib.get(name)
    kernels, outputs = grids.of(_draw(_blocks), recipe)
    none, w, a = None, recipe.weights, recipe.activations
    interface = recipe_lib.INTERFACE
    self.assertEqual(kernels, (none, w, none, none, w, none, none, none, w))
    self.assertEqual(
      outputs, (interface, none, none, a, none, none, a, a, interface)
    )

  def test_of_float_none(self):
    kernels, outputs = grids.of(_draw(_blocks), recipe_lib.get("float"))
    self.assertEqual(kernels, (None,) * 9)
    self.assertEqual(outputs, (None,) * 9)

  @parameterized.parameters(
    # The image and the logits have 8 bits, however they are named.
    (
      _blocks,
      "w2a2+stem=w8a4+logits=w4a2",
      {"stem": "w8", "stem_relu": "a4", "second": "w2", "second_relu": "a2"}
      | {"mean": "a2", "logits": "w4a8"},
    ),
    # What is stored is named by all that it is fused of, the last one first.
    (
      _blocks,
      "w2a2+stem_relu=w8a8+second_bn=w8a4+mean=w8a3",
      {"stem": "w2", "stem_relu": "a8", "second": "w2", "second_relu": "a4"}
      | {"mean": "a3", "logits": "w2a8"},
    ),
    (
      _blocks,
      "w2a2+stem=w8a8+stem_bn=w4a4+stem_relu=w4a6+second=w4a2",
      {"stem": "w8", "stem_relu": "a6", "second": "w4", "second_relu": "a2"}
      | {"mean": "a2", "logits": "w2a8"},
    ),
    (
      _residual,
      "w4a4+b=w8a8+sum=w2a2",
      {"a": "w4", "a_relu": "a4", "b": "w8", "b_bn": "a8", "sum_relu": "a2"}
      | {"mean": "a4", "logits": "w4a8"},
    ),
    # The operands of a concat are stored in it.
    (
      _concat,
      "w4a4+a=w8a8",
      {"a": "w8", "b": "w4", "concat": "a8", "mean": "a4", "logits": "w4a8"},
    ),
    (
      _concat,
      "w4a4+a=w8a8+b=w2a2+concat=w4a6",
      {"a": "w8", "b": "w2", "concat": "a6", "mean": "a4", "logits": "w4a8"},
    ),
    (
      _concat,
      "w4a4+a=w8a2+b=w2a2",
      {"a": "w8", "b": "w2", "concat": "a2", "mean": "a4", "logits": "w4a8"},
    ),
    # Pools, and a ReLU behind an average, keep the range of what they read.
    (
      _pools,
      "w4a4+depthwise=w8a2",
      {"depthwise": "w8a2", "max": "a2", "relu": "a2"}
      | {"mean": "a4", "logits": "w4a8"},
    ),
    # Equal ReLUs are one operator of a file.
    (
      _equal_relus,
      "w4a4+relu2=w8a8",
      {"conv": "w4", "relu1": "a8", "relu2": "a8", "after": "w4a4"}
      | {"sum": "a4", "mean": "a4", "logits": "w4a8"},
    ),
    (
      _equal_relus,
      "w4a4+conv=w8a8",
      {"conv": "w8", "relu1": "a8", "relu2": "a8", "after": "w4a4"}
      | {"sum": "a4", "mean": "a4", "logits": "w4a8"},
    ),
    # What two read is stored by itself.
    (
      _two_readers,
      "w4a4+conv=w8a8+bn=w8a2",
      {"conv": "w8a8", "bn": "a2", "sum": "a4"}
      | {"mean": "a4", "logits": "w4a8"},
    ),
  )
  def test_of_named_layers_by_hand(self, draw, name, expected):
    self.assertEqual(_bits(_draw(draw), name), {"image": "a8", **expected})

  @parameterized.parameters(_residual, _concat, _pools, _equal_relus)
  def test_to_name_layers_as_they_are_changes_nothing(self, draw):
    architecture = _draw(draw)
    names = "+".join(f"{name}=w4a4" for name in grids.layers(architecture))
    self.assertEqual(
      grids.of(architecture, recipe_lib.get(f"w4a4+{names}")),
      grids.of(architecture, recipe_lib.get("w4a4")),
    )

  @parameterized.parameters(
    (_blocks, "sten=w8a8", "'sten' of network 'drawing'.*exist.*'stem'"),
    (_blocks, "xyz=w8a8", r"'xyz' .*exist; there are \['stem', 'stem_bn', "),
    (_blocks, "image=w8a8", "'image' .*has 8 bits in every recipe"),
    (_pools, "max=w8a8", "'max' .*keeps those of 'depthwise'; name that"),
    (_pools, "avg=w8a8", "'avg' .*keeps those of 'depthwise'; name that"),
    (_pools, "relu=w8a8", "'relu' .*keeps those of 'depthwise'; name that"),
    (
      _concat,
      "a=w8a8+b_bn=w8a2",
      "of a=w8a8 and b_bn=w8a2 as one, that of 'concat'; give them the same",
    ),
    (
      _equal_relus,
      "relu1=w8a8+relu2=w8a2",
      "of relu1=w8a8 and relu2=w8a2 as one, that of 'relu1'",
    ),
  )
  def test_names_that_mean_nothing_or_two_things(self, draw, layers, message):
    with self.assertRaisesRegex(ValueError, message):
      grids.of(_draw(draw), recipe_lib.get(f"w4a4+{layers}"))


class LayersTest(parameterized.TestCase):
  @parameterized.parameters(
    (_residual, ["a", "a_bn", "a_relu", "b", "b_bn", "sum", "sum_relu"]),
    (_pools, ["depthwise"]),
    (_concat, ["a", "b", "b_bn", "b_relu", "concat"]),
  )
  def test_are_those_with_bits_of_their_own(self, draw, expected):
    architecture = _draw(draw)
    layers = grids.layers(architecture)
    self.assertEqual([*layers], [*expected, "mean", "logits"])
    for name, index in layers.items():
      self.assertEqual(architecture.nodes[index].name, name)


class BitsTest(absltest.TestCase):
  def test_by_hand(self):
    architecture = _draw(_residual)
    recipe = recipe_lib.get("w4a4+a=w8a3+b=w2a8+logits=w8a8")
    expected = {
      "image": (0, 8),
      "a": (8, 3),
      "a_bn": (8, 3),
      "a_relu": (0, 3),
      "b": (2, 8),
      "b_bn": (2, 8),
      "sum": (0, 4),
      "sum_relu": (0, 4),
      "mean": (0, 4),
      "logits": (8, 8),
    }
    bits = map(tuple, grids.bits(architecture, recipe))
    names = [node.name for node in architecture.nodes]
    self.assertEqual(dict(zip(names, bits, strict=True)), expected)

  def test_of_float_are_zero(self):
    bits = grids.bits(_draw(_concat), recipe_lib.get("float"))
    np.testing.assert_array_equal(bits, np.zeros((8, 2)))


if __name__ == "__main__":
  absltest.main()
