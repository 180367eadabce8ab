# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import calibrate
from ghn_tf.child import network
from ghn_tf.child import ranges
from ghn_tf.quant import fake_quant
from ghn_tf.quant import range_rules
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.spaces import space

_Op = ops.Op
_SHAPE = (4, 4, 3)


def _normal(shape, seed: int = 0) -> tf.Tensor:
  values = np.random.default_rng(seed).normal(0.3, 2, size=shape)
  return tf.constant(values.astype(np.float32))


def _architecture() -> spec.Architecture:
  builder = spec.Builder(_SHAPE)
  bn = builder.add(_Op.BATCH_NORM, builder.input, name="bn")
  conv = builder.add(_Op.CONV, bn, name="conv", filters=2)
  relu = builder.add(_Op.RELU, conv, name="relu")
  builder.add(_Op.GLOBAL_AVG_POOL, relu, name="mean")
  return builder.build("test")


def _params(architecture: spec.Architecture) -> dict[str, tf.Tensor]:
  return {
    param.name: _normal(param.shape, seed + 1)
    for seed, param in enumerate(architecture.param_specs)
  }


def _batches(count: int, size: int = 8) -> list[tf.Tensor]:
  return [_normal((size, *_SHAPE), seed) for seed in range(10, 10 + count)]


def _calibrate(name: str, batches: list[tf.Tensor]) -> dict[str, tf.Tensor]:
  architecture = _architecture()
  return calibrate.calibrate(
    architecture,
    _params(architecture),
    batches,
    recipe=recipe_lib.get(name),
  )


class CalibrateTest(tf.test.TestCase, parameterized.TestCase):
  def test_statistics_of_one_batch_are_its_mean_and_biased_variance(self):
    (batch,) = _batches(1, size=2)
    params = _calibrate("float", [batch])
    axes = (0, 1, 2)
    # Float32 sums in another order. Unbiased, of 32 pixels, a variance would be
    # 3 % larger.
    self.assertAllClose(params["bn/moving_mean"], np.mean(batch, axes), 1e-5)
    self.assertAllClose(params["bn/moving_variance"], np.var(batch, axes), 1e-5)

  def test_statistics_of_several_batches_are_their_mean(self):
    batches = _batches(3)
    params = _calibrate("float", batches)
    each = [_calibrate("float", [batch]) for batch in batches]
    for key in ("bn/moving_mean", "bn/moving_variance"):
      self.assertAllClose(params[key], np.mean([p[key] for p in each], 0))

  def test_ranges_are_the_mean_of_those_of_the_batches(self):
    batches = _batches(3)
    low, high = _calibrate("w8a8", batches)["input/range"]
    self.assertAllClose(low, np.mean([np.min(b) for b in batches]))
    self.assertAllClose(high, np.mean([np.max(b) for b in batches]))

  @parameterized.parameters("w4a4", "w2a2")
  def test_ranges_below_8_bits_clip_by_the_rule_of_the_recipe(self, name):
    with mock.patch.object(
      fake_quant, "quantize_activation", wraps=fake_quant.quantize_activation
    ) as quantize:
      params = _calibrate(name, _batches(3))
    # What the ReLU gave in each batch: the only output that is so narrow.
    outputs = [
      call.args[0]
      for call in quantize.call_args_list
      if call.args[0].shape[1:] == (4, 4, 2)
    ]
    grid = recipe_lib.get(name).activations
    expected = [
      range_rules.activation_range(x, grid, (0.0, np.inf)) for x in outputs
    ]
    self.assertLen(expected, 3)
    self.assertAllClose(params["relu/range"], np.mean(expected, axis=0))

  def test_a_short_batch_counts_by_its_images(self):
    long, short = _batches(1, size=9)[0], _batches(2, size=3)[1]
    params = _calibrate("w8a8", [long, short])
    each = [_calibrate("w8a8", [batch]) for batch in (long, short)]
    for key in ("bn/moving_mean", "bn/moving_variance", "input/range"):
      expected = np.average([p[key] for p in each], 0, weights=[9, 3])
      self.assertAllClose(params[key], expected)
      self.assertNotAllClose(params[key], np.mean([p[key] for p in each], 0))

  @parameterized.parameters(
    ("float", np.nan, "moving_mean of node 'bn' is .*nan"),
    ("w8a8", np.inf, "range of node 'input' is .*inf.*images"),
  )
  def test_images_that_are_not_finite_name_the_first_node(
    self, name, value, message
  ):
    batch = _batches(1)[0].numpy()
    batch[0, 1, 2, 0] = value
    with self.assertRaisesRegex(ValueError, f"'test': the {message}"):
      _calibrate(name, [*_batches(1), tf.constant(batch)])

  @parameterized.parameters(np.nan, np.inf, -np.inf, 3e38)
  def test_a_param_that_overflows_names_its_node(self, value):
    architecture = _architecture()
    kernel = tf.fill((1, 1, 3, 2), np.float32(value))
    params = _params(architecture) | {"conv/kernel": kernel}
    with self.assertRaisesRegex(ValueError, "range of node '(relu|mean)'"):
      calibrate.calibrate(
        architecture, params, _batches(2), recipe=recipe_lib.get("w8a8")
      )

  def test_every_range_holds_zero(self):
    params = _calibrate("w8a8", [tf.abs(_batches(1)[0]) + 1])
    self.assertEqual(params["input/range"][0], 0)
    self.assertEqual(params["relu/range"][0], 0)

  @parameterized.parameters(0.0, 1e-36)
  def test_an_output_that_is_as_good_as_zero_has_a_range(self, value):
    architecture = _architecture()
    kernel = tf.fill((1, 1, 3, 2), value)
    params = _params(architecture) | {"conv/kernel": kernel}
    recipe = recipe_lib.get("w8a8")
    batches = _batches(2)
    params = calibrate.calibrate(architecture, params, batches, recipe=recipe)
    self.assertAllEqual(params["relu/range"], [0, 1])
    logits = network.apply(
      architecture, params, batches[0], recipe=recipe, training=False
    )
    self.assertAllEqual(logits, tf.zeros_like(logits))

  def test_given_params_are_kept(self):
    params = _calibrate("w8a8", _batches(1))
    for key, value in _params(_architecture()).items():
      self.assertAllEqual(params[key], value)

  @parameterized.parameters("edge", "convnets")
  def test_adds_what_running_needs_and_no_more(self, name: str):
    architecture = space.sample(space.SPACES[name], 0, 2)
    params = _params(architecture)
    recipe = recipe_lib.get("w4a4")
    batch = _normal((2, *architecture.input_shape))
    calibrated = calibrate.calibrate(
      architecture, params, [batch], recipe=recipe
    )
    outputs = ranges.output_ranges(architecture)
    expected = {
      ranges.name(node)
      for index, node in enumerate(architecture.nodes)
      if outputs[index] == ranges.OutputRange(index, rounds=True)
    }
    for node in architecture.nodes:
      if node.op is _Op.BATCH_NORM:
        expected |= {f"{node.name}/moving_{s}" for s in ("mean", "variance")}
    self.assertEqual(calibrated.keys() - params.keys(), expected)
    logits = network.apply(
      architecture, calibrated, batch, recipe=recipe, training=False
    )
    self.assertTrue(np.isfinite(logits).all())

  def test_the_float_recipe_has_no_ranges(self):
    self.assertNotIn("input/range", _calibrate("float", _batches(1)))

  @parameterized.parameters("float", "w8a8")
  def test_one_batch_runs_as_in_training(self, name: str):
    (batch,) = _batches(1, size=2)
    architecture, recipe = _architecture(), recipe_lib.get(name)
    params = _calibrate(name, [batch])
    stored, training = (
      network.apply(
        architecture, params, batch, recipe=recipe, training=training
      )
      for training in (False, True)
    )
    # Float32 sums of fused operations in another order, which may put a value
    # on the other side of a rounding: a step of the 8-bit logits.
    scale = np.abs(training).max()
    tolerance = {"float": 1e-5, "w8a8": 1 / 100}[name]
    self.assertAllClose(stored, training, 0, tolerance * scale)

  def test_no_batches_is_an_error(self):
    with self.assertRaisesRegex(ValueError, "at least one batch"):
      _calibrate("float", [])


if __name__ == "__main__":
  absltest.main()
