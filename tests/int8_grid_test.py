# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import calibrate
from ghn_tf.child import int8_grid
from ghn_tf.child import network
from ghn_tf.child import ranges
from ghn_tf.quant import fake_quant
from ghn_tf.quant import recipe as recipe_lib

_Op = ops.Op
_LOW_BITS = ("w4a4", "w2a2")


def _normal(shape, seed: int = 0) -> tf.Tensor:
  values = np.random.default_rng(seed).normal(size=shape)
  return tf.constant(values.astype(np.float32))


def _architecture() -> spec.Architecture:
  """With outputs that ReLU, ReLU6 or nothing clips, and that pools share."""
  builder = spec.Builder((8, 8, 3))
  conv = builder.add(_Op.CONV, 0, name="conv", filters=6, kernel=(3, 3))
  bn = builder.add(_Op.BATCH_NORM, conv, name="bn")
  relu = builder.add(_Op.RELU, bn, name="relu")
  linear = builder.add(_Op.CONV, relu, name="linear", filters=6)
  added = builder.add(_Op.ADD, linear, relu, name="add")
  relu6 = builder.add(_Op.RELU6, added, name="relu6")
  window = {"kernel": (2, 2), "strides": (2, 2)}
  left = builder.add(_Op.MAX_POOL, relu6, name="max", **window)
  right = builder.add(_Op.AVG_POOL, linear, name="avg", **window)
  both = builder.add(_Op.CONCAT, left, right, name="both")
  pool = builder.add(_Op.GLOBAL_AVG_POOL, both, name="pool")
  builder.add(_Op.DENSE, pool, name="logits", filters=5, use_bias=True)
  return builder.build("test")


def _calibrated(
  name: str,
  batches: list[tf.Tensor],
  range_rule: recipe_lib.RangeRule | None = None,
) -> tuple[spec.Architecture, dict[str, tf.Tensor], recipe_lib.Recipe]:
  architecture = _architecture()
  recipe = recipe_lib.get(name, range_rule=range_rule)
  params = {
    param.name: _normal(param.shape, seed)
    for seed, param in enumerate(architecture.param_specs)
  }
  params = calibrate.calibrate(architecture, params, batches, recipe=recipe)
  return architecture, params, recipe


class OnInt8Test(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(*_LOW_BITS)
  def test_logits_are_those_of_the_narrow_grid(self, name):
    # Ranges of all values of the images that are run, so that nothing falls
    # below them.
    images = _normal((16, 8, 8, 3), seed=9)
    architecture, params, recipe = _calibrated(
      name, [images], recipe_lib.RangeRule.MAX
    )
    # Stored statistics differ a little from those of the batch.
    for node, output in zip(
      architecture.nodes, ranges.output_ranges(architecture), strict=True
    ):
      if output is not None and ranges.name(node) in params:
        params[ranges.name(node)] *= 1.5
    stored, stored_recipe = int8_grid.on_int8(architecture, params, recipe)
    expected = network.apply(
      architecture, params, images, recipe=recipe, training=False
    )
    actual = network.apply(
      architecture, stored, images, recipe=stored_recipe, training=False
    )
    # The same grid, of which float32 knows the step to 1e-7.
    self.assertAllClose(actual, expected, 1e-5, 1e-5)
    self.assertGreater(np.std(expected), 0)

  @parameterized.product(
    num_bits=(2, 3, 4), low=(0.0, -0.3, -1.9), high=(0.4, 2.0)
  )
  def test_every_value_of_the_narrow_grid_is_on_the_wide(
    self, num_bits, low, high
  ):
    grid = tf.unique(
      fake_quant.quantize_activation(
        tf.linspace(low, high, 1001),
        tf.constant(low),
        tf.constant(high),
        num_bits,
      )
    ).y
    self.assertLen(grid, 2**num_bits)
    wide = int8_grid._on_int8(low, high, num_bits)
    self.assertAllClose(
      fake_quant.quantize_activation(grid, wide[0], wide[1], 8), grid, 1e-6
    )
    # Equal steps; the greatest value of both is the same, so that both clip.
    step = (wide[1] - wide[0]) / 255
    self.assertAllClose(np.diff(grid), [step] * (2**num_bits - 1), 1e-4)
    self.assertAllClose(wide[1], grid[-1], 1e-5, 1e-6)
    above = tf.constant([2 * high, high])
    self.assertAllClose(
      fake_quant.quantize_activation(above, wide[0], wide[1], 8)[0], grid[-1]
    )

  @parameterized.parameters(*_LOW_BITS)
  def test_what_falls_below_the_range_is_kept(self, name):
    # The difference that the module states.
    images = _normal((16, 8, 8, 3), seed=9)
    architecture, params, recipe = _calibrated(name, [images])
    low, high = params["linear/range"]
    wide = int8_grid.on_int8(architecture, params, recipe)[0]["linear/range"]
    below = tf.reshape(2 * low, [1])
    kept = fake_quant.quantize_activation(below, wide[0], wide[1], 8)
    bits = recipe.activations.num_bits
    clipped = fake_quant.quantize_activation(below, low, high, bits)
    self.assertLess(kept[0], clipped[0])

  @parameterized.parameters("w8a8", "w4a8")
  def test_eight_bits_stay_as_they_are(self, name):
    architecture, params, recipe = _calibrated(name, [_normal((4, 8, 8, 3))])
    stored, stored_recipe = int8_grid.on_int8(architecture, params, recipe)
    self.assertEqual(stored_recipe, recipe)
    self.assertEqual(stored.keys(), params.keys())
    for key, value in params.items():
      self.assertIs(stored[key], value)

  def test_only_ranges_within_the_network_change(self):
    architecture, params, recipe = _calibrated("w4a4", [_normal((4, 8, 8, 3))])
    stored, stored_recipe = int8_grid.on_int8(architecture, params, recipe)
    changed = {key for key in params if stored[key] is not params[key]}
    self.assertEqual(
      changed,
      {f"{name}/range" for name in ("relu", "linear", "relu6", "both", "pool")},
    )
    self.assertEqual(stored_recipe.weights, recipe.weights)
    self.assertEqual(stored_recipe.activations.num_bits, 8)

  def test_the_float_recipe_is_an_error(self):
    with self.assertRaisesRegex(ValueError, "'float' rounds nothing.*w8a8"):
      int8_grid.on_int8(_architecture(), {}, recipe_lib.get("float"))

  def test_a_missing_range_is_an_error(self):
    with self.assertRaisesRegex(ValueError, "lack 'input/range'; calibrate"):
      int8_grid.on_int8(_architecture(), {}, recipe_lib.get("w4a4"))


if __name__ == "__main__":
  absltest.main()
