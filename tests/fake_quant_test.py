# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras

from ghn_tf.quant import fake_quant
from ghn_tf.quant import recipe as recipe_lib

_quantizers = tfmot.quantization.keras.quantizers

# Kernel shape and the axis of its output channels.
_KERNELS = (
  ("conv", (3, 3, 4, 5), 3),
  ("pointwise", (1, 1, 6, 2), 3),
  ("depthwise", (5, 5, 7, 1), 2),
  ("dense", (9, 4), None),
)
_BITS = (8, 4, 2)


def _grid(num_bits: int, per_channel: bool = True):
  return recipe_lib.TensorQuantization(
    num_bits, symmetric=True, per_channel=per_channel
  )


def _normal(shape, seed: int = 0) -> tf.Tensor:
  rng = np.random.default_rng(seed)
  return tf.constant(rng.normal(size=shape).astype(np.float32))


def _tensor(values) -> tf.Tensor:
  return tf.constant(values, tf.float32)


def _limit(kernel: np.ndarray, channel_axis: int | None) -> np.ndarray:
  """Largest magnitude of each channel, or of the tensor, to broadcast."""
  axes = tuple(i for i in range(kernel.ndim) if i != channel_axis)
  return np.abs(kernel).max(axis=axes, keepdims=True).astype(np.float64)


# Steps of a grid with these limits are too small for float32, or their inverse
# too great.
_TINY = (2e-36, 1e-36, 1e-37, 1.2e-38)


class KernelGridTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.named_parameters(
    # 127 steps of 1 to either side; halves go up.
    ("8_bits", 8, [-127, 126.4, 0.5, -0.5, -1.6], [-127, 126, 1, 0, -2]),
    # 7 steps of 1; the code -8 is not used.
    ("4_bits", 4, [-7, 2.4, 2.5, -2.5, -6.6], [-7, 2, 3, -2, -7]),
    # One step of 3: ternary.
    ("2_bits", 2, [-3, 1.4, 1.6, -1.4, -1.6], [-3, 0, 3, 0, -3]),
  )
  def test_by_hand(self, num_bits, kernel, expected):
    kernel = tf.constant(kernel, shape=(5, 1))
    rounded = fake_quant.quantize_kernel(
      kernel, _grid(num_bits), channel_axis=None
    )
    self.assertAllEqual(rounded, np.reshape(expected, (5, 1)))

  @parameterized.product(kernel=_KERNELS, num_bits=_BITS, per_channel=(0, 1))
  def test_is_the_nearest_value_of_the_grid(
    self, kernel, num_bits, per_channel
  ):
    _, shape, channel_axis = kernel
    x = _normal(shape)
    rounded = fake_quant.quantize_kernel(
      x, _grid(num_bits, bool(per_channel)), channel_axis=channel_axis
    )
    limit = _limit(x.numpy(), channel_axis if per_channel else None)
    step = limit / (2 ** (num_bits - 1) - 1)
    expected = np.round(x.numpy() / step) * step
    # The kernel scales by a reciprocal in float32.
    self.assertAllClose(rounded, expected, rtol=0, atol=1e-6 * limit.max())

  def test_each_channel_of_a_depthwise_kernel_has_its_own_range(self):
    x = _normal((3, 3, 4, 1)) * np.reshape([1, 10, 100, 1000], (1, 1, 4, 1))
    rounded = fake_quant.quantize_kernel(x, _grid(2), channel_axis=2)
    for channel in range(4):
      values = np.unique(np.abs(rounded[:, :, channel]))
      self.assertAllClose(
        values, [0, np.abs(x[:, :, channel]).max()], rtol=1e-6
      )

  @parameterized.product(num_bits=_BITS, per_channel=(True, False))
  def test_a_zero_kernel_stays_zero(self, num_bits, per_channel):
    x = tf.zeros((3, 3, 2, 4))
    rounded = fake_quant.quantize_kernel(
      x, _grid(num_bits, per_channel), channel_axis=3
    )
    self.assertAllEqual(rounded, x)

  def test_a_zero_channel_does_not_disturb_the_others(self):
    x = tf.concat([_normal((3, 3, 2, 1)), tf.zeros((3, 3, 2, 1))], axis=-1)
    rounded = fake_quant.quantize_kernel(x, _grid(8), channel_axis=3)
    alone = fake_quant.quantize_kernel(x[..., :1], _grid(8), channel_axis=3)
    self.assertAllEqual(rounded[..., :1], alone)
    self.assertAllEqual(rounded[..., 1:], x[..., 1:])

  @parameterized.product(limit=_TINY, num_bits=_BITS, per_channel=(True, False))
  def test_a_tiny_kernel_is_as_good_as_zero(self, limit, num_bits, per_channel):
    x = tf.constant([limit, -limit, limit / 2, 0], shape=(1, 1, 2, 2))
    rounded = fake_quant.quantize_kernel(
      x, _grid(num_bits, per_channel), channel_axis=3
    )
    self.assertAllEqual(rounded, tf.zeros_like(x))

  def test_an_asymmetric_grid_is_an_error(self):
    grid = recipe_lib.TensorQuantization(8, symmetric=False, per_channel=True)
    with self.assertRaisesRegex(ValueError, "no zero point for kernels"):
      fake_quant.quantize_kernel(_normal((2, 2)), grid, channel_axis=None)


class ActivationGridTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.named_parameters(
    # Zero is a value of the grid as it is.
    ("2_bits", 2, -1, 2, [-3, -0.6, 0.4, 1.5, 9], [-1, -1, 0, 2, 2]),
    # 0.4 of a step below zero: nudged to {0, 1, 2, 3}.
    ("nudged_up", 2, -0.4, 2.6, [-0.4, 0.4, 1.2, 2.6], [0, 0, 1, 3]),
    # 1.6 of a step below zero: nudged to {-2, ..., 13}.
    ("nudged_down", 4, -1.6, 13.4, [-1.6, 0.4, 13.4], [-2, 0, 13]),
    ("8_bits", 8, -10, 245, [-20, -9.6, 7.4, 300], [-10, -10, 7, 245]),
    ("of_a_relu", 8, 0, 255, [0, 0.4, 0.6, 254.4], [0, 0, 1, 254]),
  )
  def test_by_hand(self, num_bits, low, high, x, expected):
    rounded = fake_quant.quantize_activation(
      tf.constant(x, tf.float32),
      tf.constant(low, tf.float32),
      tf.constant(high, tf.float32),
      num_bits,
    )
    # Steps of 1 that float32 divisions give only nearly.
    self.assertAllClose(rounded, expected, rtol=0, atol=1e-5)

  @parameterized.parameters(*_BITS)
  def test_zero_is_on_the_grid_which_has_a_value_for_every_code(self, bits):
    x = tf.concat([tf.linspace(-0.7, 1.9, 10_001), [0.0]], axis=0)
    rounded = fake_quant.quantize_activation(
      x, tf.reduce_min(x), tf.reduce_max(x), bits
    )
    self.assertEqual(rounded[-1], 0)
    self.assertLen(np.unique(rounded), 2**bits)

  def test_a_range_of_zero_gives_zeros(self):
    rounded = fake_quant.quantize_activation(
      tf.zeros(5), tf.constant(0.0), tf.constant(0.0), 8
    )
    self.assertAllEqual(rounded, tf.zeros(5))

  @parameterized.product(limit=_TINY, num_bits=_BITS, low=(0, -1))
  def test_a_tiny_range_gives_zeros(self, limit, num_bits, low):
    x = tf.constant([limit, -limit, limit / 2, 0])
    rounded = fake_quant.quantize_activation(
      x, tf.constant(low * limit), tf.constant(limit), num_bits
    )
    self.assertAllEqual(rounded, tf.zeros_like(x))


class NoiseTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.product(kernel=_KERNELS, num_bits=_BITS, per_channel=(0, 1))
  def test_of_a_kernel_is_at_most_half_a_step(
    self, kernel, num_bits, per_channel
  ):
    _, shape, channel_axis = kernel
    x = _normal(shape)
    noisy = fake_quant.quantize_kernel(
      x,
      _grid(num_bits, bool(per_channel)),
      channel_axis=channel_axis,
      noise_seed=(3, 4),
    )
    limit = _limit(x.numpy(), channel_axis if per_channel else None)
    in_steps = (noisy - x) * (2 ** (num_bits - 1) - 1) / limit
    # The sum of kernel and noise is rounded to float32.
    self.assertAllInRange(in_steps, -0.5 - 1e-4, 0.5 + 1e-4)
    # Chance that n >= 12 uniform draws all stay in the inner half: 2^-12.
    self.assertGreater(np.abs(in_steps).max(), 0.25)

  def test_is_uniform_over_one_step(self):
    n = 100_000
    noisy = fake_quant.quantize_activation(
      tf.zeros(n), tf.constant(-3.0), tf.constant(12.0), 4, noise_seed=(5, 6)
    )
    # One of 15 steps is 1. Mean 0 and variance 1/12 within 5 standard errors,
    # sqrt(1 / 12 / n) and sqrt(1 / 180 / n).
    self.assertAllInRange(noisy, -0.5, 0.5)
    self.assertAllClose(np.mean(noisy), 0, atol=5 * (1 / 12 / n) ** 0.5)
    self.assertAllClose(np.var(noisy), 1 / 12, atol=5 * (1 / 180 / n) ** 0.5)

  def test_is_added_to_what_is_within_the_range(self):
    # What lies beyond is clipped as by rounding, whose part noise plays.
    kernel = _tensor([[1, 1], [-1, -1], [-4, 0.1]])
    grid = recipe_lib.TensorQuantization(
      2, True, True, recipe_lib.RangeRule.LEAST_SQUARES
    )
    noisy = fake_quant.quantize_kernel(
      kernel, grid, channel_axis=1, noise_seed=(1, 2)
    )
    # The ranges are 18/6 and 2.01/2.1, and steps are as wide as they.
    limit = np.array([3, 2.01 / 2.1])
    clipped = np.clip(kernel, -limit, limit)
    self.assertAllInRange((noisy - clipped) / limit, -0.5 - 1e-6, 0.5 + 1e-6)
    zero, one = tf.constant(0.0), tf.constant(1.0)
    noisy = fake_quant.quantize_activation(
      _tensor([-9, 0.5, 9]), zero, one, 2, noise_seed=(1, 2)
    )
    self.assertAllClose(noisy, [0, 0.5, 1], rtol=0, atol=1 / 6 + 1e-6)

  def test_is_a_function_of_the_seed(self):
    def noise(seed):
      return fake_quant.quantize_activation(
        tf.zeros(8), tf.constant(0.0), tf.constant(1.0), 8, noise_seed=seed
      )

    self.assertAllEqual(noise((1, 2)), noise((1, 2)))
    self.assertNotAllEqual(noise((1, 2)), noise((1, 3)))
    self.assertNotAllEqual(noise((1, 2)), noise((2, 2)))


class StockQuantizerTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.product(kernel=_KERNELS, num_bits=_BITS)
  def test_a_kernel_is_rounded_as_by_tfmot(self, kernel, num_bits):
    name, shape, channel_axis = kernel
    x = _normal(shape)
    # The stock quantizer takes the last axis for the channels.
    stock_input = tf.squeeze(x, -1) if name == "depthwise" else x
    quantizer = _quantizers.LastValueQuantizer(
      num_bits, channel_axis is not None, symmetric=True, narrow_range=True
    )
    if name == "depthwise":
      stock_input = stock_input[tf.newaxis]
    variables = quantizer.build(
      stock_input.shape, "kernel", keras.layers.Layer()
    )
    expected = quantizer(stock_input, training=True, weights=variables)
    rounded = fake_quant.quantize_kernel(
      x, _grid(num_bits), channel_axis=channel_axis
    )
    self.assertAllEqual(rounded, tf.reshape(expected, shape))

  @parameterized.parameters(*_BITS)
  def test_an_activation_is_rounded_as_by_tfmot(self, num_bits):
    x = _normal((6, 7))
    quantizer = _quantizers.LastValueQuantizer(
      num_bits, per_axis=False, symmetric=False, narrow_range=False
    )
    variables = quantizer.build(x.shape, "output", keras.layers.Layer())
    expected = quantizer(x, training=True, weights=variables)
    rounded = fake_quant.quantize_activation(
      x, tf.reduce_min(x), tf.reduce_max(x), num_bits
    )
    self.assertAllEqual(rounded, expected)


if __name__ == "__main__":
  absltest.main()
