# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import calibrate
from ghn_tf.child import keras_io
from ghn_tf.child import network
from ghn_tf.quant import fake_quant
from ghn_tf.quant import recipe as recipe_lib

_Op = ops.Op
_FLOAT = recipe_lib.get("float")


def _chain(shape: tuple[int, int, int], *operations) -> spec.Architecture:
  """Operations in a row, each with its attributes."""
  builder = spec.Builder(shape)
  x = builder.input
  for op, attributes in operations:
    x = builder.add(op, x, **attributes)
  return builder.build("chain")


def _normal(shape, seed: int = 0, dtype: type = np.float32) -> tf.Tensor:
  return tf.constant(np.random.default_rng(seed).normal(size=shape), dtype)


def _params(
  architecture: spec.Architecture, dtype: type = np.float32
) -> dict[str, tf.Tensor]:
  return {
    param.name: _normal(param.shape, seed, dtype)
    for seed, param in enumerate(architecture.param_specs)
  }


def _every_operation() -> spec.Architecture:
  builder = spec.Builder((9, 10, 3))
  pad = builder.add(_Op.ZERO_PAD, 0, margins=(1, 2, 0, 1))
  conv = builder.add(_Op.CONV, pad, filters=4, kernel=(3, 5), strides=(2, 1))
  bn = builder.add(_Op.BATCH_NORM, conv, epsilon=1e-2)
  relu = builder.add(_Op.RELU, bn)
  window = {"kernel": (3, 3), "strides": (2, 2)}
  left = builder.add(_Op.MAX_POOL, relu, **window)
  right = builder.add(_Op.AVG_POOL, relu, **window)
  depthwise = builder.add(
    _Op.DEPTHWISE_CONV, left, kernel=(3, 3), dilation=2, use_bias=True
  )
  added = builder.add(_Op.ADD, builder.add(_Op.RELU6, depthwise), right)
  both = builder.add(_Op.CONCAT, added, right)
  crop = builder.add(_Op.CROP, both, margins=(1, 0, 0, 2))
  valid = builder.add(
    _Op.CONV, crop, filters=6, kernel=(2, 2), padding="valid", use_bias=True
  )
  mean = builder.add(_Op.GLOBAL_AVG_POOL, valid)
  dense = builder.add(_Op.DENSE, builder.add(_Op.FLATTEN, valid), filters=6)
  bn = builder.add(_Op.BATCH_NORM, dense)
  builder.add(_Op.DENSE, builder.add(_Op.ADD, bn, mean), filters=5)
  return builder.build("every_operation")


class ValueTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.named_parameters(
    ("relu", _Op.RELU, {}, lambda x: np.maximum(x, 0)),
    ("relu6", _Op.RELU6, {}, lambda x: np.clip(x, 0, 6)),
    (
      "max_pool",
      _Op.MAX_POOL,
      {"kernel": (2, 2), "strides": (2, 2)},
      lambda x: x[1::2, 1::2],
    ),
    (
      # The window at the end holds one row; what is padded does not count.
      "avg_pool",
      _Op.AVG_POOL,
      {"kernel": (2, 1)},
      lambda x: np.concatenate([(x[:-1] + x[1:]) / 2, x[-1:]]),
    ),
    (
      "avg_pool_valid",
      _Op.AVG_POOL,
      {"kernel": (4, 1), "padding": "valid"},
      lambda x: x.mean(axis=0),
    ),
    (
      "zero_pad",
      _Op.ZERO_PAD,
      {"margins": (1, 0, 2, 3)},
      lambda x: np.pad(x, ((1, 0), (2, 3))),
    ),
    ("crop", _Op.CROP, {"margins": (0, 1, 2, 0)}, lambda x: x[:3, 2:]),
  )
  def test_without_params(self, op, attributes, expected):
    architecture = _chain((4, 4, 1), (op, attributes), (_Op.FLATTEN, {}))
    image = np.arange(-5, 11, dtype=np.float32).reshape((4, 4))
    (y,) = network.apply(
      architecture,
      {},
      tf.reshape(image, (1, 4, 4, 1)),
      recipe=_FLOAT,
      training=False,
    )
    self.assertAllEqual(y, expected(image).ravel())

  def test_convolution_and_dense_layer(self):
    architecture = _chain(
      (5, 4, 3),
      (_Op.CONV, {"filters": 2, "kernel": (3, 2), "padding": "valid"}),
      (_Op.GLOBAL_AVG_POOL, {}),
      (_Op.DENSE, {"filters": 4, "use_bias": True}),
    )
    params = _params(architecture)
    images = _normal((2, 5, 4, 3), seed=9)
    kernel, dense, bias = (value.numpy() for value in params.values())
    conv = sum(
      np.tensordot(images[:, i : i + 3, j : j + 3], kernel[i, j], 1)
      for i in range(3)
      for j in range(2)
    )
    y = network.apply(
      architecture, params, images, recipe=_FLOAT, training=True
    )
    # Float32 sums in another order.
    expected = conv.mean(axis=(1, 2)) @ dense + bias
    self.assertAllClose(y, expected, 1e-5, 1e-5)

  @parameterized.parameters(True, False)
  def test_is_the_keras_model(self, training: bool):
    architecture = _every_operation()
    images = _normal((4, 9, 10, 3), seed=9)
    params = calibrate.calibrate(
      architecture, _params(architecture), [images], recipe=_FLOAT
    )
    model = keras_io.to_keras(architecture, params, _FLOAT)
    actual = network.apply(
      architecture, params, images, recipe=_FLOAT, training=training
    )
    expected = model(images, training=training)
    # The same operations, but float32 sums of fused ones in another order.
    self.assertAllClose(actual, expected, 1e-5, 1e-5)

  @parameterized.parameters("float", "w8a8", "w2a2")
  def test_stored_statistics_make_images_independent(self, name: str):
    architecture, recipe = _every_operation(), recipe_lib.get(name)
    images = _normal((6, 9, 10, 3), seed=9)
    params = calibrate.calibrate(
      architecture, _params(architecture), [images], recipe=recipe
    )
    together, alone = (
      network.apply(architecture, params, batch, recipe=recipe, training=False)
      for batch in (images, images[:1])
    )
    self.assertAllClose(together[:1], alone, 1e-5, 1e-5)

  def test_rounds_image_kernel_and_logits(self):
    architecture = _chain(
      (2, 2, 3), (_Op.FLATTEN, {}), (_Op.DENSE, {"filters": 4})
    )
    params, recipe = _params(architecture), recipe_lib.get("w4a4")
    images = _normal((5, 2, 2, 3), seed=9)

    def rounded(x):  # image and logits have 8 bits in every recipe
      low, high = tf.reduce_min(x), tf.reduce_max(x)
      return fake_quant.quantize_activation(x, low, high, 8)

    kernel = fake_quant.quantize_kernel(
      params["dense_2/kernel"], recipe.weights, channel_axis=None
    )
    self.assertAllEqual(
      network.apply(architecture, params, images, recipe=recipe, training=True),
      rounded(tf.reshape(rounded(images), (5, -1)) @ kernel),
    )


class NoiseTest(tf.test.TestCase):
  def _logits(self, mode: recipe_lib.Mode, training: bool, seed=None):
    architecture = _every_operation()
    recipe = recipe_lib.get("w8a8", mode)
    images = _normal((4, 9, 10, 3), seed=9)
    params = calibrate.calibrate(
      architecture, _params(architecture), [images], recipe=recipe
    )
    return network.apply(
      architecture, params, images, recipe=recipe, training=training, seed=seed
    )

  def test_stands_for_rounding_in_training_with_a_seed_only(self):
    sim, noise = recipe_lib.Mode.SIM, recipe_lib.Mode.NOISE
    rounded = self._logits(sim, training=True)
    self.assertAllEqual(self._logits(noise, training=True), rounded)
    self.assertAllEqual(self._logits(sim, True, seed=(1, 2)), rounded)
    self.assertNotAllEqual(self._logits(noise, True, seed=(1, 2)), rounded)
    self.assertAllEqual(
      self._logits(noise, False, seed=(1, 2)), self._logits(sim, False)
    )

  def test_is_a_function_of_the_seed(self):
    noise = recipe_lib.Mode.NOISE
    first, again, other = (
      self._logits(noise, True, seed) for seed in ((1, 2), (1, 2), (1, 3))
    )
    self.assertAllEqual(first, again)
    self.assertNotAllEqual(first, other)

  def test_differs_between_tensors(self):
    builder = spec.Builder((4, 4, 2))
    kernels = [
      builder.add(_Op.CONV, 0, filters=3, name=name) for name in ("a", "b")
    ]
    added = builder.add(_Op.CONCAT, *kernels)
    builder.add(_Op.FLATTEN, added)
    architecture = builder.build("twins")
    kernel = _normal((1, 1, 2, 3))
    y = network.apply(
      architecture,
      {"a/kernel": kernel, "b/kernel": kernel},
      _normal((1, 4, 4, 2)),
      recipe=recipe_lib.get("w4a8", recipe_lib.Mode.NOISE),
      training=True,
      seed=(1, 2),
    )
    left, right = tf.split(tf.reshape(y, (4, 4, 6)), 2, axis=-1)
    # 4-bit kernels that share their noise would differ by 8-bit noise alone.
    self.assertGreater(np.abs(left - right).mean(), 0.02)


class ErrorTest(parameterized.TestCase):
  _ARCHITECTURE = _chain(
    (4, 4, 3),
    (_Op.CONV, {"filters": 2, "name": "conv"}),
    (_Op.BATCH_NORM, {"name": "bn"}),
    (_Op.GLOBAL_AVG_POOL, {}),
  )

  def _apply(self, params, images=None, name="float"):
    if images is None:
      images = tf.zeros((1, 4, 4, 3))
    return network.apply(
      self._ARCHITECTURE,
      params,
      images,
      recipe=recipe_lib.get(name),
      training=False,
    )

  def test_images_of_another_kind(self):
    for images, message in (
      (tf.zeros((1, 4, 4, 1)), r"images of shape \[number, 4, 4, 3\]"),
      (np.zeros((1, 4, 4, 1)), r"images of shape \[number, 4, 4, 3\]"),
      (
        np.zeros((1, 4, 4, 3), np.uint8),
        "normalized images, floats, got uint8",
      ),
    ):
      with self.assertRaisesRegex(ValueError, f"'chain' takes {message}"):
        self._apply(_params(self._ARCHITECTURE), images)

  def test_params_that_are_missing(self):
    with self.assertRaisesRegex(
      ValueError, r"params lack \['bn/gamma', 'bn/beta'\]"
    ):
      self._apply({"conv/kernel": tf.zeros((1, 1, 3, 2))})

  def test_statistics_that_are_missing(self):
    with self.assertRaisesRegex(
      ValueError, "lack 'bn/moving_mean'; call calibrate, or run with training"
    ):
      self._apply(_params(self._ARCHITECTURE))

  def test_ranges_that_are_missing(self):
    params = calibrate.calibrate(
      self._ARCHITECTURE,
      _params(self._ARCHITECTURE),
      [_normal((2, 4, 4, 3))],
      recipe=_FLOAT,
    )
    with self.assertRaisesRegex(ValueError, "lack 'input/range'; call calib"):
      self._apply(params, name="w8a8")


if __name__ == "__main__":
  absltest.main()
