# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.spaces import space as space_lib
from ghn_tf.spaces import tape
from ghn_tf.spaces import variations


def _residual() -> spec.Architecture:
  """A stem, a block that stays as it is, and one that halves the image."""
  builder = spec.Builder((8, 8, 3))

  def unit(x: int, name: str, filters: int, stride: int = 1) -> int:
    return builder.add(
      ops.Op.CONV,
      x,
      name=name,
      filters=filters,
      kernel=(3, 3),
      strides=(stride, stride),
    )

  x = builder.add(ops.Op.RELU, unit(0, "stem", 8), name="first")
  for name, filters, stride in (("a", 8, 1), ("b", 16, 2)):
    y = builder.add(ops.Op.RELU, unit(x, f"{name}1", filters, stride))
    y = unit(y, f"{name}2", filters)
    if stride > 1:
      x = unit(x, f"{name}0", filters, stride)
    x = builder.add(ops.Op.ADD, x, y)
    x = builder.add(ops.Op.RELU, x, name=f"{name}_out")
  x = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
  builder.add(ops.Op.DENSE, x, filters=10, name="logits")
  return builder.build("residual")


def _draw(
  network: spec.Architecture, **choices: object
) -> spec.Architecture | None:
  """Returns the variation in which all choices are these."""
  fixed = {
    "widths": 1.0,
    "expansions": 1.0,
    "windows": 0,
    "repetitions": 1,
    **choices,
  }
  grammar = variations.Variations(
    network, **{name: ((value, 1),) for name, value in fixed.items()}
  )
  return grammar.draw(
    np.random.default_rng(0), network.input_shape, network.num_classes, "v"
  )


def _shapes(network: spec.Architecture) -> dict[str, tuple[int, ...]]:
  return {
    param.name.removesuffix("/kernel"): param.shape
    for param in network.param_specs
  }


class VariationsTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.network = _residual()
    self.rng = np.random.default_rng(0)

  def test_no_choice_gives_the_network_itself(self):
    self.assertEqual(_draw(self.network), self.network)

  def test_widths(self):
    shapes = _shapes(_draw(self.network, widths=0.5))
    self.assertEqual(shapes["stem"], (3, 3, 3, 4))
    self.assertEqual(shapes["b1"], (3, 3, 4, 8))
    self.assertEqual(shapes["logits"], (8, 10))

  def test_expansions_widen_what_no_add_joins(self):
    shapes = _shapes(_draw(self.network, expansions=1.5))
    self.assertEqual(shapes["stem"], (3, 3, 3, 8))
    self.assertEqual(shapes["a1"], (3, 3, 8, 12))
    self.assertEqual(shapes["a2"], (3, 3, 12, 8))

  def test_windows(self):
    shapes = _shapes(_draw(self.network, windows=5))
    self.assertEqual(shapes["a2"], (5, 5, 8, 8))

  def test_parts(self):
    names = [node.name for node in self.network.nodes]
    self.assertEqual(
      [(names[a], names[b]) for a, b in variations.parts(self.network)],
      [("first", "a_out"), ("a_out", "b_out")],
    )

  def test_what_changes_nothing_is_left_out_with_none(self):
    shapes = _shapes(_draw(self.network, repetitions=0))
    self.assertEqual([*shapes], ["stem", "b1", "b2", "b0", "logits"])

  def test_repeated_parts_halve_the_image_once(self):
    network = _draw(self.network, repetitions=2)
    shapes = _shapes(network)
    self.assertEqual(shapes["b1"], (3, 3, 8, 16))
    self.assertEqual(shapes["b1_again1"], (3, 3, 16, 16))
    (pool,) = [n for n in network.nodes if n.op is ops.Op.GLOBAL_AVG_POOL]
    self.assertEqual(network.shapes[pool.inputs[0]], (4, 4, 16))

  def test_the_network_itself_is_a_draw(self):
    numbers = tape.numbers(variations.Variations(self.network).own)
    space = variations.space(self.network)
    self.assertEqual(tape.again(space, numbers, "residual"), self.network)

  def test_what_is_varied_is_told(self):
    grammar = variations.Variations(self.network)
    own = grammar.own
    for changes, expected in (
      ({}, "nothing"),
      ({0: 0.0}, "width 0.25"),
      ({-2: 0.0}, "block 1 left out"),
      # It halves the image, so it stays.
      ({-1: 0.0}, "nothing"),
      (
        {0: 0.999, -2: 0.7, -1: 0.99},
        "width 2.0, block 1 twice, block 2 three times",
      ),
    ):
      values = [*own]
      for place, value in changes.items():
        values[place] = value
      found = grammar.told(tape.Tape(self.rng, tape.numbers(values)))
      self.assertEqual(found, expected)

  def test_windows_and_expansions_are_counted(self):
    grammar = variations.Variations(
      self.network, ((1.0, 1),), ((2.0, 1),), ((5, 1),), ((1, 1),)
    )
    self.assertEqual(grammar.told(self.rng), "2 expansions, 6 windows")

  def test_other_images_are_refused(self):
    grammar = variations.Variations(self.network)
    with self.assertRaisesRegex(ValueError, "take images of .8, 8, 3."):
      grammar.draw(np.random.default_rng(0), (9, 9, 3), 10, "v")

  @parameterized.parameters(range(3))
  def test_variations_of_networks_of_a_space_are_networks(self, index):
    network = space_lib.sample(space_lib.SPACES["edge"], 5, index)
    space = variations.space(network)
    rng = np.random.default_rng(index)
    macs = set()
    for _ in range(10):
      drawn = tape.sample(space, rng, "v").architecture
      self.assertEqual(drawn.input_shape, network.input_shape)
      self.assertEqual(drawn.num_classes, network.num_classes)
      # Checked anew, without what the builder knew.
      spec.Architecture(drawn.name, drawn.input_shape, drawn.nodes)
      macs.add(drawn.macs)
    self.assertGreater(len(macs), 5)


if __name__ == "__main__":
  absltest.main()
