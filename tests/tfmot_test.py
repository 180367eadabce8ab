# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import json

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot_lib
import tf_keras as keras

from ghn_tf.quant import fake_quant
from ghn_tf.quant import range_rules
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.quant import tfmot

_layers = keras.layers

# A layer, the shape of its input, and the axis of its output channels.
_LAYERS = (
  ("conv", lambda: _layers.Conv2D(6, 3), (8, 8, 4), 3),
  ("depthwise", lambda: _layers.DepthwiseConv2D(3), (8, 8, 4), 2),
  ("dense", lambda: _layers.Dense(5), (4,), None),
)


_ANY = range_rules.UNBOUNDED


def _grid(
  num_bits: int, rule: recipe_lib.RangeRule = recipe_lib.RangeRule.MAX
) -> recipe_lib.TensorQuantization:
  """An asymmetric grid."""
  return recipe_lib.TensorQuantization(num_bits, False, False, rule)


class _StockOutputConfig(tfmot.OutputConfig):
  """Rounds an output to 8 bits as TFMOT itself does."""

  def __init__(self):
    super().__init__(_grid(8), _ANY)
    self.quantizer = (
      tfmot_lib.quantization.keras.quantizers.MovingAverageQuantizer(
        8, per_axis=False, symmetric=False, narrow_range=False
      )
    )


def _normal(shape, seed: int = 0) -> np.ndarray:
  return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _kernel(layer: keras.layers.Layer) -> tf.Variable:
  depthwise = isinstance(layer, _layers.DepthwiseConv2D)
  return layer.depthwise_kernel if depthwise else layer.kernel


def _wrapped(
  make, shape, channel_axis, recipe: recipe_lib.Recipe
) -> tuple[keras.Model, keras.layers.Layer, tf.Variable]:
  """A model of one wrapped layer, the wrapper, and the layer's own kernel."""
  wrapper = tfmot.quantize_kernel(make(), recipe.weights, channel_axis)
  image = keras.Input(shape)
  model = keras.Model(image, wrapper(image))
  kernel = next(w for w in wrapper.trainable_weights if "kernel" in w.name)
  kernel.assign(_normal(kernel.shape))
  return model, wrapper, kernel


def _range(wrapper: keras.layers.Layer, name: str) -> list[np.ndarray]:
  return [
    weight.numpy()
    for end in ("min", "max")
    for weight in wrapper.weights
    if weight.name.endswith(f"{name}_{end}:0")
  ]


class KernelTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.named_parameters(*_LAYERS)
  def test_has_one_range_per_channel_and_dense_one(
    self, make, shape, channel_axis
  ):
    _, wrapper, kernel = _wrapped(
      make, shape, channel_axis, recipe_lib.get("w8a8")
    )
    tfmot.set_kernel_range(wrapper, kernel)
    low, high = _range(wrapper, "kernel")
    axes = tuple(i for i in range(len(kernel.shape)) if i != channel_axis)
    self.assertAllEqual(high, np.abs(kernel.numpy()).max(axis=axes))
    self.assertAllEqual(low, -high)

  def test_the_stock_configuration_has_one_range_for_a_depthwise_kernel(self):
    # The reason for ours; should this fail, the stock one may do.
    layer = _layers.DepthwiseConv2D(3)
    registry = (
      tfmot_lib.quantization.keras.default_8bit.Default8BitQuantizeRegistry()
    )
    wrapper = tfmot.Wrapper(layer, registry.get_quantize_config(layer))
    wrapper(tf.zeros((1, 8, 8, 4)))
    self.assertEqual(_range(wrapper, "depthwise_kernel")[1].size, 1)

  @parameterized.named_parameters(*_LAYERS)
  def test_per_tensor_ranges_are_all_that_of_the_tensor(
    self, make, shape, channel_axis
  ):
    recipe = recipe_lib.get("w8a8", per_channel=False)
    _, wrapper, kernel = _wrapped(make, shape, channel_axis, recipe)
    tfmot.set_kernel_range(wrapper, kernel)
    _, high = _range(wrapper, "kernel")
    self.assertAllEqual(np.unique(high), [np.abs(kernel.numpy()).max()])
    channels = () if channel_axis is None else (kernel.shape[channel_axis],)
    self.assertEqual(high.shape, channels)

  @parameterized.product(
    layer=_LAYERS, name=("w8a8", "w4a4", "w2a2"), per_channel=(True, False)
  )
  def test_is_rounded_as_in_training(self, layer, name, per_channel):
    _, make, shape, channel_axis = layer
    recipe = recipe_lib.get(name, per_channel=per_channel)
    model, wrapper, kernel = _wrapped(make, shape, channel_axis, recipe)
    tfmot.set_kernel_range(wrapper, kernel)
    plain = make()
    plain.build((None, *shape))
    _kernel(plain).assign(
      fake_quant.quantize_kernel(
        tf.constant(kernel), recipe.weights, channel_axis=channel_axis
      )
    )
    x = _normal((2, *shape), seed=1)
    self.assertAllEqual(model(x, training=False), plain(x))
    # In training the range follows the kernel.
    tfmot.set_kernel_range(wrapper, 2 * kernel)
    self.assertAllEqual(model(x, training=True), plain(x))

  @parameterized.named_parameters(*_LAYERS)
  def test_a_tiny_kernel_is_as_good_as_zero(self, make, shape, channel_axis):
    model, wrapper, kernel = _wrapped(
      make, shape, channel_axis, recipe_lib.get("w8a8")
    )
    kernel.assign(tf.fill(kernel.shape, 1e-36))  # with NaN, where unguarded
    tfmot.set_kernel_range(wrapper, kernel)
    x = _normal((2, *shape), seed=1)
    for training in (False, True):
      y = model(x, training=training)
      self.assertAllEqual(y, tf.zeros_like(y))

  @parameterized.named_parameters(*_LAYERS)
  def test_gets_a_gradient_in_training(self, make, shape, channel_axis):
    model, _, kernel = _wrapped(
      make, shape, channel_axis, recipe_lib.get("w4a4")
    )
    with tf.GradientTape() as tape:
      loss = tf.reduce_sum(model(_normal((2, *shape), seed=1), training=True))
    gradient = tape.gradient(loss, kernel)
    # Rounding of the range to float32 may leave its end, the largest element
    # of each channel, outside, where TensorFlow's gradient is 0.
    channels = 1 if channel_axis is None else kernel.shape[channel_axis]
    self.assertTrue(np.isfinite(gradient).all())
    self.assertLessEqual(np.sum(gradient == 0), channels)

  @parameterized.parameters(3, 2, None)
  def test_configuration_survives_serialization(self, channel_axis):
    grid = recipe_lib.TensorQuantization(
      4, True, False, recipe_lib.RangeRule.LEAST_SQUARES
    )
    config = tfmot.KernelConfig(grid, channel_axis).get_config()
    again = tfmot.KernelConfig.from_config(json.loads(json.dumps(config)))
    self.assertEqual(again.get_config(), config)
    self.assertEqual(again.quantizer.grid, grid)
    self.assertEqual(again.quantizer.channel_axis, channel_axis)

  def test_a_model_survives_saving(self):
    model, wrapper, kernel = _wrapped(*_LAYERS[1][1:], recipe_lib.get("w4a4"))
    tfmot.set_kernel_range(wrapper, kernel)
    path = f"{self.create_tempdir().full_path}/model.keras"
    model.save(path)
    again = keras.models.load_model(path)
    x = _normal((2, 8, 8, 4), seed=1)
    self.assertAllEqual(again(x, training=False), model(x, training=False))


class OutputTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(8, 4, 2)
  def test_is_rounded_as_in_training(self, num_bits):
    layer = tfmot.quantize_output("x_range", _grid(num_bits), _ANY)
    x = _normal((3, 4, 4, 2))
    layer(x)
    low, high = tf.constant(-1.0), tf.constant(1.5)
    tfmot.set_output_range(layer, low, high)
    self.assertAllEqual(
      layer(x, training=False),
      fake_quant.quantize_activation(tf.constant(x), low, high, num_bits),
    )

  def test_a_range_without_its_two_variables_is_an_error(self):
    layer = tfmot.quantize_output("x_range", _grid(8), _ANY)
    one = tf.constant(1.0)
    with self.assertRaisesRegex(
      ValueError, r"'quant_x_range' has 0 variables named \*output_min:0"
    ):
      tfmot.set_output_range(layer, -one, one)
    layer(_normal((3, 4)))
    layer.add_weight("second_output_max", shape=())
    with self.assertRaisesRegex(
      ValueError, r"'quant_x_range' has 2 variables named \*output_max:0"
    ):
      tfmot.set_output_range(layer, -9 * one, one)
    self.assertNotEqual(_range(layer, "output")[0], -9, "Set by half.")

  def test_is_named_after_what_it_rounds(self):
    self.assertEqual(
      tfmot.quantize_output("stem_relu_range", _grid(8), _ANY).name,
      "quant_stem_relu_range",
    )

  def test_training_moves_the_range_towards_that_of_the_batch(self):
    layer = tfmot.quantize_output("x_range", _grid(8), _ANY)
    x = _normal((3, 4))
    layer(x)
    tfmot.set_output_range(layer, tf.constant(-9.0), tf.constant(9.0))
    layer(x, training=True)
    low, high = _range(layer, "output")
    self.assertBetween(low, -9, x.min(), "moved")
    self.assertBetween(high, x.max(), 9, "moved")
    self.assertNotAllEqual([low, high], [-9, 9])

  def test_the_range_of_an_output_that_has_become_zero_stays_apart_from_it(
    self,
  ):
    layer = tfmot.quantize_output("x_range", _grid(8), _ANY)
    x = tf.zeros((3, 4))
    layer(x)
    # As 80,000 steps leave it; any less wide, it gives NaN.
    tfmot.set_output_range(layer, tf.constant(0.0), tf.constant(3e-36))
    for _ in range(200):
      self.assertAllEqual(layer(x, training=True), x)
    self.assertGreater(_range(layer, "output")[1], 1e-31)

  @parameterized.parameters(*recipe_lib.RangeRule)
  def test_training_moves_it_by_the_rule_of_the_recipe(self, rule):
    grid, bounds = _grid(4, rule), (0.0, 6.0)
    layer = tfmot.quantize_output("x_range", grid, bounds)
    x = np.abs(_normal((3, 4)))
    layer(x)
    tfmot.set_output_range(layer, tf.constant(0.0), tf.constant(9.0))
    rounded = layer(x, training=True)
    _, batch = range_rules.activation_range(tf.constant(x), grid, bounds)
    # The moving average goes a fiftieth of the way.
    low, high = _range(layer, "output")
    self.assertAllClose([low, high], [0, 9 - (9 - batch) / 50], 1e-6)
    self.assertAllEqual(
      rounded, fake_quant.quantize_activation(tf.constant(x), low, high, 4)
    )

  def test_by_max_a_range_goes_where_that_of_tfmot_does_20_times_as_fast(self):
    x = _normal((3, 4))
    moved = []
    for layer in (
      tfmot.quantize_output("x_range", _grid(8), _ANY),
      tfmot.Wrapper(_layers.Activation("linear"), _StockOutputConfig()),
    ):
      layer(x)
      tfmot.set_output_range(layer, tf.constant(-9.0), tf.constant(9.0))
      layer(x, training=True)
      moved.append(np.subtract(_range(layer, "output"), [-9, 9]))
    # Differences by 0.01 of numbers of 9 have 4 digits in float32.
    self.assertAllClose(moved[0], 20 * moved[1], 1e-3)

  def test_an_output_that_grows_by_a_hundredth_a_batch_is_not_clipped_by_half(
    self,
  ):
    layer = tfmot.quantize_output("x_range", _grid(4), _ANY)
    x = np.abs(_normal((3, 4)))
    layer(x)
    tfmot.set_output_range(layer, tf.constant(0.0), tf.constant(x.max()))
    for _ in range(300):  # in the limit 0.67 of it; by TFMOT's average 0.11
      x *= 1.01
      rounded = layer(x, training=True)
    self.assertGreater(tf.reduce_max(rounded), x.max() / 2)

  @parameterized.parameters(_ANY, (0.0, 6.0))
  def test_configuration_survives_serialization(self, *bounds):
    grid = _grid(4, recipe_lib.RangeRule.LEAST_SQUARES)
    config = tfmot.OutputConfig(grid, bounds).get_config()
    again = tfmot.OutputConfig.from_config(json.loads(json.dumps(config)))
    self.assertEqual(again.get_config(), config)
    self.assertEqual(again.quantizer.grid, grid)
    self.assertEqual(again.quantizer.bounds, bounds)


class StandaloneBatchNormalizationTest(
  tf.test.TestCase, parameterized.TestCase
):
  def _layers(self, shape):
    """A standalone and a plain layer with the same random statistics."""
    layers = (
      tfmot.StandaloneBatchNormalization(epsilon=1e-3),
      _layers.BatchNormalization(epsilon=1e-3),
    )
    rng = np.random.default_rng(0)
    values = [rng.normal(size=shape[-1]) for _ in range(3)]
    values.append(rng.uniform(0.1, 2, size=shape[-1]))
    for layer in layers:
      layer.build((None, *shape))
      layer.set_weights(values)  # gamma, beta, mean, variance
    return layers

  @parameterized.parameters(((5, 6, 7),), ((7,),))
  def test_is_batch_normalization(self, *shape):
    (shape,) = shape
    standalone, plain = self._layers(shape)
    x = _normal((4, *shape), seed=1)
    # One kernel value per channel is on any symmetric grid: float32 rounding.
    self.assertAllClose(
      standalone(x, training=False), plain(x, training=False), 1e-6, 1e-6
    )
    self.assertAllEqual(standalone(x, training=True), plain(x, training=True))

  @parameterized.parameters(((5, 6, 7),), ((7,),))
  def test_a_tiny_gain_is_as_good_as_zero(self, shape):
    standalone, _ = self._layers(shape)
    standalone.gamma.assign(tf.fill(shape[-1:], 1e-36))
    x = _normal((4, *shape), seed=1)
    self.assertAllEqual(
      standalone(x, training=False), tf.broadcast_to(standalone.beta, x.shape)
    )

  def test_configuration_survives_serialization(self):
    standalone, _ = self._layers((7,))
    again = type(standalone).from_config(standalone.get_config())
    self.assertEqual(again.get_config(), standalone.get_config())


if __name__ == "__main__":
  absltest.main()
