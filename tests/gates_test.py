# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Products, differences, slopes, sigmoids, maxima, convolutions with groups."""

import unittest

from absl.testing import parameterized
import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf.arch import ops
from ghn_tf.arch import serialization
from ghn_tf.arch import spec
from ghn_tf.child import gradients
from ghn_tf.child import grids
from ghn_tf.child import keras_io
from ghn_tf.child import keras_trained
from ghn_tf.child import network
from ghn_tf.convnets250k import records
from ghn_tf.edge import emulation
from ghn_tf.edge import tflite
from ghn_tf.edge.cortexm import emulator
from ghn_tf.edge.cortexm import toolchain
from ghn_tf.ghn import graph
from ghn_tf.quant import recipe as recipe_lib
from tests import conformance
from tests import micro
from tests import twins

_Op = ops.Op
_FLOAT = recipe_lib.get("float")


def _squeezed(gate: _Op) -> spec.Architecture:
  """Squeeze-and-excitation (arXiv 1709.01507) between two convolutions."""
  builder = spec.Builder((9, 9, 3))
  x = builder.add(_Op.CONV, 0, filters=8, kernel=(3, 3), use_bias=True)
  x = builder.add(_Op.RELU, x)
  y = builder.add(_Op.GLOBAL_AVG_POOL, x)
  y = builder.add(_Op.DENSE, y, filters=4, use_bias=True)
  y = builder.add(_Op.RELU, y)
  y = builder.add(_Op.DENSE, y, filters=8, use_bias=True)
  slope = {"slope": 0.2} if gate is _Op.HARD_SIGMOID else {}
  y = builder.add(gate, y, **slope)
  x = builder.add(_Op.MULTIPLY, x, y)
  x = builder.add(_Op.CONV, x, filters=6, kernel=(3, 3))
  x = builder.add(_Op.BATCH_NORM, x)
  x = builder.add(_Op.GLOBAL_MAX_POOL, x)
  builder.add(_Op.DENSE, x, filters=5, use_bias=True)
  return builder.build("squeezed")


def _swish(gate: _Op) -> spec.Architecture:
  builder = spec.Builder((9, 9, 3))
  x = 0
  for filters in (8, 6):
    x = builder.add(_Op.CONV, x, filters=filters, kernel=(3, 3))
    x = builder.add(_Op.BATCH_NORM, x)
    slope = {"slope": 1 / 6} if gate is _Op.HARD_SIGMOID else {}
    y = builder.add(gate, x, **slope)
    x = builder.add(_Op.MULTIPLY, x, y)
  x = builder.add(_Op.GLOBAL_AVG_POOL, x)
  builder.add(_Op.DENSE, x, filters=5, use_bias=True)
  return builder.build("swish")


def _leaky() -> spec.Architecture:
  builder = spec.Builder((9, 9, 3))
  x = builder.add(_Op.CONV, 0, filters=8, kernel=(3, 3), use_bias=True)
  x = builder.add(_Op.LEAKY_RELU, x, slope=0.3)
  y = builder.add(_Op.CONV, x, filters=8, kernel=(3, 3))
  y = builder.add(_Op.BATCH_NORM, y)
  y = builder.add(_Op.LEAKY_RELU, y, slope=0.1)
  x = builder.add(_Op.RELU, builder.add(_Op.MULTIPLY, x, y))
  x = builder.add(_Op.CONCAT, x, builder.add(_Op.LEAKY_RELU, y, slope=0.2))
  x = builder.add(_Op.MAX_POOL, x, kernel=(2, 2), strides=(2, 2))
  x = builder.add(_Op.GLOBAL_MAX_POOL, x)
  builder.add(_Op.DENSE, x, filters=5, use_bias=True)
  return builder.build("leaky")


def _prelu() -> spec.Architecture:
  builder = spec.Builder((9, 9, 3))
  x = builder.add(_Op.CONV, 0, filters=8, kernel=(3, 3), use_bias=True)
  x = builder.add(_Op.PRELU, x)
  y = builder.add(_Op.CONV, x, filters=8, kernel=(3, 3))
  y = builder.add(_Op.BATCH_NORM, y)
  y = builder.add(_Op.PRELU, y)
  x = builder.add(_Op.RELU, builder.add(_Op.ADD, x, y))
  x = builder.add(_Op.CONCAT, x, builder.add(_Op.PRELU, y))
  x = builder.add(_Op.GLOBAL_AVG_POOL, x)
  x = builder.add(_Op.DENSE, x, filters=6, use_bias=True)
  x = builder.add(_Op.PRELU, x)
  builder.add(_Op.DENSE, x, filters=5, use_bias=True)
  return builder.build("prelu")


def _difference() -> spec.Architecture:
  builder = spec.Builder((9, 9, 3))
  x = builder.add(_Op.CONV, 0, filters=8, kernel=(3, 3), use_bias=True)
  x = builder.add(_Op.RELU, x)
  y = builder.add(_Op.CONV, x, filters=8, kernel=(3, 3), use_bias=True)
  more = builder.add(_Op.RELU, builder.add(_Op.SUBTRACT, y, x))
  x = builder.add(_Op.ADD, x, more)
  x = builder.add(_Op.SUBTRACT, x, y)
  x = builder.add(_Op.GLOBAL_AVG_POOL, x)
  builder.add(_Op.DENSE, x, filters=5, use_bias=True)
  return builder.build("difference")


def _grouped() -> spec.Architecture:
  builder = spec.Builder((9, 9, 4))
  window = {"kernel": (3, 3)}
  # One range for both images of the sum: with a bias, and behind a BatchNorm.
  x = builder.add(
    *(_Op.GROUPED_CONV, 0), filters=8, groups=2, use_bias=True, **window
  )
  x = builder.add(_Op.RELU, x)
  y = builder.add(
    _Op.GROUPED_CONV, x, filters=12, groups=4, strides=(2, 2), **window
  )
  y = builder.add(_Op.RELU6, builder.add(_Op.BATCH_NORM, y))
  # Each channel a group of its own, with two filters.
  x = builder.add(
    *(_Op.GROUPED_CONV, y), filters=24, groups=12, dilation=2, **window
  )
  x = builder.add(_Op.GLOBAL_AVG_POOL, x)
  builder.add(_Op.DENSE, x, filters=5, use_bias=True)
  return builder.build("grouped")


_ALL = {
  "sigmoid": _squeezed(_Op.SIGMOID),
  "hard_sigmoid": _squeezed(_Op.HARD_SIGMOID),
  "swish": _swish(_Op.SIGMOID),
  "hard_swish": _swish(_Op.HARD_SIGMOID),
  "leaky": _leaky(),
  "prelu": _prelu(),
  "difference": _difference(),
  "grouped": _grouped(),
}
_EACH = _ALL.items()
# By how many steps the logits of a file in w8a8 and in w4a8 may differ: none
# was above 3, but for 4 of the last in TFLite Micro.
_BOUNDS = {
  "sigmoid": (3, 3),
  "hard_sigmoid": (3, 3),
  "swish": (3, 3),
  "hard_swish": (3, 3),
  "leaky": (5, 5),
  "prelu": (5, 5),
  "difference": (3, 3),
  "grouped": (3, 3),
}


class GatesTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.named_parameters(*_EACH)
  def test_gradients_are_those_of_a_tape(self, architecture):
    params = {
      name: tf.Variable(value)
      for name, value in twins.calibrated(architecture, _FLOAT).items()
    }
    x = twins.images(architecture)
    with tf.GradientTape() as tape:
      logits = network.apply(
        architecture, params, x, recipe=_FLOAT, training=True
      )
      loss = tf.reduce_sum(logits * logits)
    names = [param.name for param in architecture.param_specs]
    expected = tape.gradient(loss, [params[name] for name in names])
    pullbacks: network.Pullbacks = []
    logits = network.apply(
      architecture, params, x, recipe=_FLOAT, training=True, pullbacks=pullbacks
    )
    actual = gradients.backward(architecture, pullbacks, 2 * logits)
    for name, gradient in zip(names, expected, strict=True):
      # Summed in another order.
      self.assertAllClose(actual[name], gradient, rtol=1e-3, atol=1e-4)

  @parameterized.parameters(
    ((_Op.LEAKY_RELU, {"slope": 0.5}, [-4.0, 0.0, 4.0], [-2.0, 0.0, 4.0]),),
    ((_Op.SIGMOID, {}, [0.0, np.log(3), -np.log(3)], [0.5, 0.75, 0.25]),),
    (
      (
        *(_Op.HARD_SIGMOID, {"slope": 0.25}),
        *([-9.0, -1.0, 1.0, 9.0], [0.0, 0.25, 0.75, 1.0]),
      ),
    ),
  )
  def test_values(self, case):
    op, attributes, values, expected = case
    builder = spec.Builder((1, 1, len(values)))
    builder.add(_Op.FLATTEN, builder.add(op, 0, **attributes))
    actual = network.apply(
      builder.build("one"),
      {},
      tf.reshape(tf.constant(values, tf.float32), (1, 1, 1, -1)),
      recipe=_FLOAT,
      training=True,
    )
    self.assertAllClose(actual[0], expected)

  @parameterized.named_parameters(*_EACH)
  def test_is_the_keras_model(self, architecture):
    params = twins.calibrated(architecture, _FLOAT)
    x = twins.images(architecture)
    expected = network.apply(
      architecture, params, x, recipe=_FLOAT, training=False
    )
    model = keras_io.to_keras(architecture, params, _FLOAT)
    self.assertAllClose(model(x), expected, rtol=1e-5, atol=1e-5)

  @parameterized.named_parameters(*_EACH)
  def test_is_kept_in_text_and_in_records(self, architecture):
    text = serialization.to_json(architecture)
    self.assertEqual(serialization.from_json(text), architecture)
    again = records.decode(records.encode(architecture), architecture.name)
    self.assertEqual(again.fingerprint, architecture.fingerprint)

  def test_a_gate_has_8_bits_in_every_recipe(self):
    architecture = _ALL["sigmoid"]
    recipe = recipe_lib.get("w2a2")
    outputs = grids.of(architecture, recipe).outputs
    bits = {
      node.op: grid.num_bits
      for node, grid in zip(architecture.nodes, outputs, strict=True)
      if grid is not None
    }
    self.assertEqual((bits[_Op.SIGMOID], bits[_Op.MULTIPLY]), (8, 2))
    params = twins.calibrated(architecture, recipe)
    (name,) = [n.name for n in architecture.nodes if n.op is _Op.SIGMOID]
    self.assertAllEqual(params[f"{name}/range"], [0.0, 255 / 256])

  def test_training_leaves_the_range_of_a_gate(self):
    architecture, recipe = _ALL["swish"], recipe_lib.get("w8a8")
    params = twins.calibrated(architecture, recipe)
    model = keras_io.to_keras(architecture, params, recipe)
    model(twins.images(architecture), training=True)
    content = tflite.convert(model)
    self.assertIn("LOGISTIC", tflite.operator_names(content))

  def test_nodes_of_the_graph(self):
    def nodes(architecture):
      encoded = graph.encode([architecture]).node_sets["op"]
      kinds = [graph.NODE_TYPES[i] for i in encoded["type_id"].numpy()]
      return [*zip(kinds, encoded["traits"].numpy()[:, 0], strict=True)]

    squeezed = nodes(_ALL["sigmoid"])
    self.assertIn(("cse", 0), squeezed)
    self.assertIn(("bias", 3), squeezed)  # of the dense layer before the gate
    for name, trait in (("swish", 5), ("hard_swish", 6)):
      self.assertIn(("bn", trait), nodes(_ALL[name]))
      self.assertNotIn("cse", [kind for kind, _ in nodes(_ALL[name])])
    for name in ("leaky", "prelu"):
      self.assertIn(("bn", 7), nodes(_ALL[name]))

  @parameterized.parameters(
    (_Op.LEAKY_RELU, 0.0), (_Op.LEAKY_RELU, 1.5), (_Op.HARD_SIGMOID, -0.2)
  )
  def test_slopes_have_bounds(self, op, slope):
    builder = spec.Builder((4, 4, 3))
    with self.assertRaisesRegex(ValueError, "slope above 0 up to 1"):
      builder.add(op, 0, slope=slope)

  def test_the_order_of_a_difference_tells_networks_apart(self):
    def network_of(op, is_turned):
      builder = spec.Builder((4, 4, 3))
      pair = 0, builder.add(_Op.RELU, 0)
      x = builder.add(op, *(pair[::-1] if is_turned else pair))
      builder.add(_Op.GLOBAL_AVG_POOL, x)
      return builder.build("one").fingerprint

    for op in ops.PAIRS:
      alike = network_of(op, False) == network_of(op, True)
      self.assertEqual(alike, op is not _Op.SUBTRACT)

  @parameterized.parameters((1, 8), (3, 8), (2, 9))
  def test_groups_divide_channels_and_filters(self, groups, filters):
    builder = spec.Builder((4, 4, 4))
    with self.assertRaisesRegex(ValueError, "groups.* divide"):
      builder.add(_Op.GROUPED_CONV, 0, filters=filters, groups=groups)
    with self.assertRaisesRegex(ValueError, "has no attribute 'groups'"):
      builder.add(_Op.CONV, 0, filters=8, groups=2)

  def test_filters_see_the_channels_of_their_group(self):
    builder = spec.Builder((1, 1, 4))
    x = builder.add(_Op.GROUPED_CONV, 0, filters=2, groups=2)
    builder.add(_Op.FLATTEN, x)
    kernel = tf.constant([[1.0, 10.0], [2.0, 20.0]])  # [c_in, c_out]
    actual = network.apply(
      builder.build("one"),
      {"grouped_conv_1/kernel": tf.reshape(kernel, (1, 1, 2, 2))},
      tf.constant([1.0, -1.0, 2.0, 1.0], shape=(1, 1, 1, 4)),
      recipe=_FLOAT,
      training=True,
    )
    self.assertAllEqual(actual, [[-1.0, 40.0]])

  def test_factors_have_the_shape_of_the_image_or_of_its_channels(self):
    builder = spec.Builder((4, 4, 3))
    mean = builder.add(_Op.GLOBAL_AVG_POOL, 0)
    self.assertEqual(
      builder.shape(builder.add(_Op.MULTIPLY, 0, mean)), (4, 4, 3)
    )
    with self.assertRaisesRegex(ValueError, "as the second, got"):
      builder.add(_Op.MULTIPLY, mean, 0)


class GatesConformanceTest(conformance.Conformance):
  @parameterized.product(name=[*_ALL], recipe=["w8a8", "w4a8", "w4a4", "w2a2"])
  def test_file(self, name: str, recipe: str):
    architecture, chosen = _ALL[name], recipe_lib.get(recipe)
    params = twins.calibrated(architecture, chosen)
    child = conformance.Child(architecture, params, chosen)
    bound = None
    if recipe in ("w8a8", "w4a8"):
      bound = _BOUNDS[name][recipe == "w4a8"]
    self.check_recipe(child, twins.images(architecture, 64), bound)

  def test_file_of_a_difference_in_16_bits(self):
    architecture, recipe = _ALL["difference"], recipe_lib.get("w8a16")
    params = twins.calibrated(architecture, recipe)
    child = conformance.Child(architecture, params, recipe)
    self.check_recipe(child, twins.images(architecture, 64))


@unittest.skipUnless(micro.IS_INSTALLED, micro.MISSING)
class TargetsTest(parameterized.TestCase):
  @parameterized.parameters(
    *("sigmoid", "hard_swish", "leaky", "prelu", "difference", "grouped")
  )
  def test_every_target_takes_the_file(self, name):
    for tool in (toolchain, emulator):
      if not tool.is_installed():
        self.skipTest(tool.MISSING)
    architecture, recipe = _ALL[name], recipe_lib.get("w8a8")
    params = twins.calibrated(architecture, recipe)
    content = tflite.convert(keras_io.to_keras(architecture, params, recipe))
    results = emulation.emulate(content, emulation.DEFAULT)
    self.assertEmpty(results.errors)
    reports = {report.target: report for report in results.reports}
    self.assertEqual(reports["cortex_m4"].max_lsb_difference, 0)
    # By what single rounding may move a code; None is of what is not executed.
    self.assertBetween(reports["edgetpu"].max_lsb_difference, 0, 2)
    left = {
      operator.name: operator.reason
      for target in ("ethos_u55_128", "edgetpu")
      for operator in reports[target].operators
      if operator.placement == "cpu" and "comes after" not in operator.reason
    }
    missing = "is not among the supported operations"
    expected = {"LEAKY_RELU": missing} if name == "leaky" else {}
    self.assertEqual(left, expected)


class SavedTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.product(name=[*_ALL], recipe=["float", "w4a8"])
  def test_what_was_trained_comes_back(self, name, recipe):
    architecture, chosen = _ALL[name], recipe_lib.get(recipe)
    params = twins.calibrated(architecture, chosen)
    path = f"{self.get_temp_dir()}/model.keras"
    keras_io.to_keras(architecture, params, chosen).save(path)
    trained = keras_trained.load(path)
    self.assertEqual(trained.architecture, architecture)
    self.assertEqual(trained.recipe, chosen)
    for param in architecture.param_specs:
      self.assertAllEqual(trained.params[param.name], params[param.name])

  def test_slopes_come_back_as_they_were(self):
    # Keras makes 0.1 and 0.3 float32 numbers.
    architecture = _ALL["leaky"]
    params = twins.calibrated(architecture, _FLOAT)
    again = keras_io.from_keras(keras_io.to_keras(architecture, params, _FLOAT))
    self.assertEqual(again.fingerprint, architecture.fingerprint)

  def test_a_model_with_gates_is_loaded(self):
    for recipe in (_FLOAT, recipe_lib.get("w8a8")):
      architecture = _ALL["hard_swish"]
      params = twins.calibrated(architecture, recipe)
      model = keras_io.to_keras(architecture, params, recipe)
      path = f"{self.get_temp_dir()}/model.keras"
      model.save(path)
      x = twins.images(architecture)
      self.assertAllEqual(keras.models.load_model(path)(x), model(x))


if __name__ == "__main__":
  tf.test.main()
