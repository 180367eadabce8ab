# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Activations of 16 bits: the recipe w8a16, and TFLite's 16x8 files."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import calibrate
from ghn_tf.child import grids
from ghn_tf.child import keras_io
from ghn_tf.child import keras_trained
from ghn_tf.edge import emulation
from ghn_tf.edge import model_file
from ghn_tf.edge import tflite
from ghn_tf.quant import fake_quant
from ghn_tf.quant import range_rules
from ghn_tf.quant import recipe as recipe_lib
from tests import conformance
from tests import micro

_Op = ops.Op
_RECIPE = recipe_lib.get("w8a16")
_GRID = _RECIPE.activations


def _images(number: int) -> tf.Tensor:
  values = np.random.default_rng(0).normal(size=(number, 9, 9, 3))
  return tf.constant(values.astype(np.float32))


def _child(architecture: spec.Architecture) -> conformance.Child:
  rng = np.random.default_rng(1)
  params = {
    param.name: tf.constant(rng.normal(size=param.shape).astype(np.float32))
    for param in architecture.param_specs
  }
  params = calibrate.calibrate(
    architecture, params, [_images(16)], recipe=_RECIPE
  )
  return conformance.Child(architecture, params, _RECIPE)


def _all_operators() -> spec.Architecture:
  """Of every operator that a file of int16 may have."""
  builder = spec.Builder((9, 9, 3))
  conv = {"filters": 8, "kernel": (3, 3)}
  window = {"kernel": (2, 2), "strides": (2, 2)}
  x = builder.add(_Op.CONV, 0, use_bias=True, **conv)
  x = builder.add(_Op.BATCH_NORM, x)
  x = builder.add(_Op.RELU6, x)
  y = builder.add(_Op.DEPTHWISE_CONV, x, kernel=(3, 3), dilation=2)
  y = builder.add(_Op.LEAKY_RELU, y, slope=0.1)
  x = builder.add(_Op.ADD, x, y)
  y = builder.add(_Op.HARD_SIGMOID, x, slope=1 / 6)
  x = builder.add(_Op.MULTIPLY, x, y)
  x = builder.add(_Op.BATCH_NORM, x)
  x = builder.add(_Op.MAX_POOL, x, **window)
  x = builder.add(_Op.CROP, x, margins=(1, 0, 0, 0))
  x = builder.add(_Op.RELU, x)
  x = builder.add(_Op.ZERO_PAD, x, margins=(1, 1, 0, 1))
  x = builder.add(_Op.AVG_POOL, x, **window)
  y = builder.add(_Op.CONV, x, **conv)
  y = builder.add(_Op.GLOBAL_AVG_POOL, y)
  y = builder.add(_Op.DENSE, y, filters=8)
  x = builder.add(_Op.MULTIPLY, x, y)
  x = builder.add(_Op.FLATTEN, x)
  builder.add(_Op.DENSE, x, filters=5, use_bias=True)
  return builder.build("all")


class GridTest(parameterized.TestCase):
  def test_by_hand(self):
    x = tf.constant([-9.0, -3.2767, -0.00014, 0.0, 0.00006, 1.0, 3.2767])
    low, high = range_rules.activation_range(
      x[1:], _GRID, range_rules.UNBOUNDED
    )
    self.assertEqual(-low, high)
    np.testing.assert_allclose(high, 3.2767, 1e-7)
    rounded = fake_quant.quantize_activation(x, low, high, 16, symmetric=True)
    np.testing.assert_allclose(
      rounded.numpy() / 1e-4,
      [-32767, -32767, -1, 0, 1, 10000, 32767],
      rtol=1e-6,
    )

  def test_an_output_of_zeros_has_a_range(self):
    low, high = range_rules.activation_range(
      tf.zeros(3), _GRID, range_rules.UNBOUNDED
    )
    rounded = fake_quant.quantize_activation(
      tf.zeros(3), low, high, 16, symmetric=True
    )
    np.testing.assert_array_equal(rounded, np.zeros(3))

  def test_image_logits_and_gates_have_16_bits_too(self):
    architecture = _all_operators()
    outputs = grids.of(architecture, _RECIPE).outputs
    self.assertEqual({grid for grid in outputs if grid}, {_GRID})


class NetworkTest(conformance.Conformance):
  def test_ways_to_run_it_agree(self):
    # Measured: 16, plus a quarter, plus one. A step is 1/65534 of the range.
    self.check_recipe(_child(_all_operators()), _images(8), bound=21)

  def test_a_keras_model_gives_the_recipe_back(self):
    builder = spec.Builder((9, 9, 3))
    x = builder.add(_Op.CONV, 0, filters=4, kernel=(3, 3))
    x = builder.add(_Op.GLOBAL_AVG_POOL, builder.add(_Op.BATCH_NORM, x))
    builder.add(_Op.DENSE, x, filters=5)
    model = keras_io.to_keras(*_child(builder.build("small")))
    self.assertEqual(keras_trained.parts(model).recipe, _RECIPE)


class FileTest(parameterized.TestCase):
  def test_is_one_of_16x8(self):
    content = tflite.convert(keras_io.to_keras(*_child(_all_operators())))
    file = model_file.read(content)
    for operator in file.operators:
      source, *others = file.operands(operator).inputs
      (output,) = file.operands(operator).outputs
      for tensor in (source, output):
        self.assertEqual(tensor.dtype, "INT16")
        self.assertEqual(tensor.zero_points, (0,))
      if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        kernel, bias = others
        self.assertEqual(kernel.dtype, "INT8")
        if bias is not None:
          self.assertEqual(bias.dtype, "INT64")
          np.testing.assert_allclose(
            bias.scales,
            np.float64(source.scales) * np.float64(kernel.scales),
            rtol=1e-6,
          )

  @absltest.skipUnless(micro.IS_INSTALLED, micro.MISSING)
  def test_runs_in_runtimes_and_is_refused_where_it_cannot(self):
    content = tflite.convert(keras_io.to_keras(*_child(_all_operators())))
    names = ["file", "tflm", "cortex_m4", "edgetpu"]
    results = emulation.emulate(content, names)
    self.assertEqual([*results.errors], ["cortex_m4"])
    self.assertIn("takes one INT8 tensor", results.errors["cortex_m4"])
    _, of_micro, of_tpu = results.reports
    # None refuses it. They differ by one, as they round in other ways.
    runtimes = [f for f in of_micro.figures if f.name.endswith("_max_lsb")]
    for figure in runtimes:
      self.assertIsNotNone(figure.value, figure)
      self.assertLessEqual(figure.value, 2, figure)
    self.assertEqual({o.placement for o in of_tpu.operators}, {"cpu"})

  @parameterized.named_parameters(
    ("concat", "CONCATENATION", "TensorFlow's converter"),
    ("sigmoid", "LOGISTIC", "TensorFlow's converter"),
    ("relu6", "RELU6", "TensorFlow's converter"),
    ("global_max_pool", "REDUCE_MAX", "TFLite Micro"),
  )
  def test_operators_without_a_kernel_are_refused(self, operator, whose):
    builder = spec.Builder((9, 9, 3))
    x = builder.add(_Op.CONV, 0, filters=4, kernel=(3, 3))
    y = builder.add(_Op.MAX_POOL, x, kernel=(2, 2))
    if operator == "CONCATENATION":
      y = builder.add(_Op.CONCAT, x, y)
    elif operator == "LOGISTIC":
      y = builder.add(_Op.SIGMOID, y)
    elif operator == "RELU6":
      y = builder.add(_Op.CROP, y, margins=(1, 0, 0, 0))
      y = builder.add(_Op.RELU6, y)
    is_maximum = operator == "REDUCE_MAX"
    pool = _Op.GLOBAL_MAX_POOL if is_maximum else _Op.GLOBAL_AVG_POOL
    builder.add(_Op.DENSE, builder.add(pool, y), filters=5)
    child = _child(builder.build("refused"))
    with self.assertRaisesRegex(
      tflite.ConversionError,
      f"'refused' needs the operator {operator}, which {whose} does not have"
      " for activations of 16 bits; choose a recipe of 8, such as w8a8",
    ):
      tflite.convert(keras_io.to_keras(*child))


if __name__ == "__main__":
  absltest.main()
