# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import contextlib
import importlib.util
import pathlib
import subprocess
import sys
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import int8_grid
from ghn_tf.child import keras_io
from ghn_tf.child import network
from ghn_tf.child import ranges
from ghn_tf.edge import kernel_ranges
from ghn_tf.edge import tflite
from ghn_tf.quant import recipe as recipe_lib
from tests import drawings
from tests import micro

_Op = ops.Op

# Without TensorFlow or ai_edge_litert, beside which tflite_runtime corrupts
# the heap: their C++ symbols clash.
_RUN_IN_TFLITE_RUNTIME = """
import sys
import numpy as np
from tflite_runtime import interpreter as tflite_runtime

interpreter = tflite_runtime.Interpreter(sys.argv[1])
interpreter.allocate_tensors()
(image,) = interpreter.get_input_details()
(logits,) = interpreter.get_output_details()
results = []
for code in np.load(sys.argv[2]):
  interpreter.set_tensor(image["index"], code[np.newaxis])
  interpreter.invoke()
  results.append(interpreter.get_tensor(logits["index"])[0])
np.save(sys.argv[3], np.stack(results))
"""


class ConvertTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ("conv_bn_relu", drawings.conv_bn_relu, ["CONV_2D"]),
    ("depthwise", drawings.depthwise, ["DEPTHWISE_CONV_2D", "CONV_2D"]),
    (
      "average_relu",
      drawings.average_relu,
      ["CONV_2D", "AVERAGE_POOL_2D", "CONV_2D"],
    ),
    ("two_dilated", drawings.two_dilated, None),
    ("dense_bn", drawings.dense_bn, None),
    ("pad_crop", drawings.pad_crop, None),
  )
  def test_batch_norm_and_relu_are_fused(self, draw, expected):
    model, _ = drawings.model(drawings.network(draw), "w8a8")
    operators = tflite.operator_names(tflite.convert(model))
    self.assertNoCommonElements(
      operators,
      ("BATCH_NORM", "RELU", "MUL", "SUB", "DEQUANTIZE", "SPACE_TO_BATCH_ND"),
    )
    if expected:
      self.assertEqual(operators, [*expected, "MEAN", "FULLY_CONNECTED"])

  @parameterized.product(
    draw=(
      drawings.conv_bn_relu,
      drawings.depthwise,
      drawings.two_dilated,
      drawings.two_equal_sums,
      drawings.average_relu,
      drawings.average_two_relus,
      drawings.average_relu_concat,
      drawings.two_relus,
      drawings.concat_bn_relu,
      drawings.dense_bn,
      drawings.pad_crop,
      drawings.relu6,
      drawings.relu6_concat,
    ),
    name=("w8a8", "w4a8"),
  )
  def test_a_file_agrees_with_its_model(self, draw, name):
    model, _ = drawings.model(drawings.network(draw), name)
    interpreter = tflite.Interpreter(tflite.convert(model))
    greatest, mean = drawings.difference(interpreter, model)
    # Up to four operators in a row, each rounding by itself: see
    # conformance_test. An average of two by two codes often ends in .5.
    self.assertLessEqual(greatest, 5)
    self.assertLess(mean, 1.5)

  def test_a_bias_that_is_cut_off_is_an_error_that_names_it(self):
    def build(b: spec.Builder) -> int:
      return drawings.conv(b, b.input, name="tiny", use_bias=True)

    architecture = drawings.network(build)
    params = drawings.random_params(architecture)
    params["tiny/kernel"] *= 1e-9
    model, _ = drawings.model(architecture, "w8a8", params)
    with mock.patch.object(kernel_ranges, "suited", contextlib.nullcontext):
      with self.assertRaisesRegex(
        tflite.ConversionError, r"beyond 32 bits, in \['drawing/quant_tiny"
      ):
        tflite.convert(model)

  def test_a_layer_that_gives_only_zeros_is_no_harm(self):
    def build(b: spec.Builder) -> int:
      dead = drawings.conv(b, b.input, name="dead", use_bias=True)
      return drawings.conv(b, b.add(_Op.RELU, dead))

    architecture = drawings.network(build)
    params = drawings.random_params(architecture)
    params["dead/bias"] = tf.fill((6,), -100.0)
    for name in ("w8a8", "w4a8"):
      model, _ = drawings.model(architecture, name, params)
      interpreter = tflite.Interpreter(tflite.convert(model))
      self.assertEqual(drawings.difference(interpreter, model), (0, 0))

  def test_a_float_model_is_an_error_that_says_so(self):
    model, _ = drawings.model(drawings.network(drawings.conv_bn_relu), "float")
    with self.assertRaisesRegex(
      tflite.ConversionError,
      "'drawing' rounds nothing, as with the recipe float, .* such as w8a8",
    ):
      tflite.convert(model)

  def test_a_model_without_an_input_shape_is_an_error(self):
    model = keras.Sequential([keras.layers.Dense(3)], name="unbuilt")
    with self.assertRaisesRegex(tflite.ConversionError, "'unbuilt' has no "):
      tflite.convert(model)

  @parameterized.parameters(("w4a4", 4), ("w2a2", 2))
  def test_activations_of_few_bits_are_an_error_that_says_what_works(
    self, name, num_bits
  ):
    model, _ = drawings.model(drawings.network(drawings.conv_bn_relu), name)
    with self.assertRaisesRegex(
      tflite.ConversionError,
      rf"to {num_bits} bits.* of w8a8 and w4a8 .*to_tflite\(\) and tools/"
      "to_tflite.* without what fine-tuning changed",
    ):
      tflite.convert(model)

  def test_says_nothing_of_the_converter_s_own_deprecations(self):
    model, _ = drawings.model(drawings.network(drawings.conv_bn_relu), "w8a8")
    with self.assertNoLogs("absl", "WARNING"):
      tflite.convert(model)

  def test_one_float_layer_is_named(self):
    model, _ = drawings.model(drawings.network(drawings.conv_bn_relu), "w8a8")
    logits = keras.layers.Dense(3, name="extra")(model.output)
    with self.assertRaisesRegex(
      tflite.ConversionError, "fully integer; in float are .*FULLY_CONNECTED"
    ) as raised:
      tflite.convert(keras.Model(model.input, logits))
    self.assertNotIn("CONV_2D", str(raised.exception))

  def test_what_the_converter_refuses_is_an_error(self):
    image = keras.Input(drawings.SHAPE)
    rounded = keras.layers.Lambda(tf.quantization.fake_quant_with_min_max_args)
    values, *_ = keras.layers.Lambda(tf.linalg.svd)(rounded(image))
    model = keras.Model(image, values, name="svd")
    with self.assertRaisesRegex(
      tflite.ConversionError, "TensorFlow cannot convert 'svd'"
    ):
      tflite.convert(model)

  @parameterized.parameters(("w8a8", 127), ("w4a8", 7), ("w2a2", 7))
  def test_kernels_have_the_bits_of_the_recipe(self, name, greatest):
    architecture, recipe = (
      drawings.network(drawings.conv_bn_relu),
      recipe_lib.get(name),
    )
    _, params = drawings.model(architecture, name)
    model = keras_io.to_keras(
      architecture, *int8_grid.on_int8(architecture, params, recipe)
    )
    content = tflite.convert(model)
    interpreter = tflite._interpreter_class()(model_content=content)
    interpreter.allocate_tensors()
    (kernel,) = (
      interpreter.get_tensor(detail["index"])
      for detail in interpreter.get_tensor_details()
      if list(detail["shape"]) == [6, 3, 3, 6]
    )
    self.assertEqual(np.abs(kernel).max(), greatest)
    if name == "w2a2":  # ternary, in steps of 7
      self.assertSameElements(np.unique(kernel), [-7, 0, 7])
    # Packed: two 4-bit kernels take the bytes of one of 8 bits.
    _, graph = tflite._main_graph(content)
    kinds = {tensor.type for tensor in graph.tensors}
    self.assertEqual(tflite.schema.TensorType.INT4 in kinds, name != "w8a8")

  def test_equal_kernels_keep_their_bits(self):
    # Symmetric branches are predicted the same kernels.
    def build(b: spec.Builder) -> int:
      branches = []
      for name in ("left", "right"):
        x = drawings.conv(b, b.input, name=name, kernel=(3, 3))
        branches.append(b.add(_Op.BATCH_NORM, x, name=f"{name}_bn"))
      return b.add(_Op.ADD, *branches)

    architecture = drawings.network(build)
    params = drawings.random_params(architecture)
    params["right/kernel"] = params["left/kernel"]
    model, _ = drawings.model(architecture, "w4a8", params)
    before = [variable.numpy() for variable in model.variables]
    _, graph = tflite._main_graph(tflite.convert(model))
    for variable, value in zip(model.variables, before, strict=True):
      np.testing.assert_array_equal(variable.numpy(), value)
    kinds = [t.type for t in graph.tensors if list(t.shape) == [6, 3, 3, 6]]
    self.assertEqual(kinds, [tflite.schema.TensorType.INT4] * 2)


class InterpreterTest(parameterized.TestCase):
  def _interpreter(
    self, name: str = "w8a8"
  ) -> tuple[tflite.Interpreter, network.Params, spec.Architecture]:
    architecture = drawings.network(lambda b: b.add(_Op.FLATTEN, 0))
    model, params = drawings.model(architecture, name)
    return tflite.Interpreter(tflite.convert(model)), params, architecture

  def test_scales_are_those_of_the_calibrated_ranges(self):
    interpreter, params, architecture = self._interpreter()
    for node, scale, zero_point in (
      (
        architecture.nodes[0],
        interpreter.input_scale,
        interpreter.input_zero_point,
      ),
      (
        architecture.nodes[-1],
        interpreter.output_scale,
        interpreter.output_zero_point,
      ),
    ):
      low, high = params[ranges.name(node)].numpy()
      self.assertAlmostEqual(scale, (high - low) / 255, delta=1e-6 * scale)
      self.assertEqual(zero_point, np.round(-128 - low / scale))

  def test_quantizes_to_the_nearest_code_and_halves_up(self):
    interpreter, *_ = self._interpreter()
    interpreter.input_scale, interpreter.input_zero_point = 0.5, 3
    images = np.zeros((1, *drawings.SHAPE))
    images.flat[:7] = [0.0, 0.2, 0.25, -0.25, 0.4, 1e3, -1e3]
    codes = interpreter.quantize(images).flat[:7]
    np.testing.assert_array_equal(codes, [3, 3, 4, 3, 4, 127, -128])

  def test_one_layer_is_integer_arithmetic(self):
    interpreter, params, _ = self._interpreter()
    images = drawings.images()
    kernel = params["logits/kernel"].numpy().astype(np.float64)
    scale = np.abs(kernel).max() / 127
    unit = interpreter.input_scale * scale  # of the accumulator
    codes = interpreter.quantize(images).reshape((len(images), -1)).astype(int)
    accumulator = (codes - interpreter.input_zero_point) @ np.round(
      kernel / scale
    ) + np.round(params["logits/bias"].numpy() / unit)
    expected = np.floor(accumulator * unit / interpreter.output_scale + 0.5)
    expected = np.clip(expected + interpreter.output_zero_point, -128, 127)
    differences = np.abs(interpreter.run(images) - expected)
    # Runtimes round the product in fixed point, so that ties may differ.
    self.assertLessEqual(differences.max(), 1)
    self.assertLess(differences.mean(), 0.02)

  def test_images_do_not_depend_on_their_batch(self):
    interpreter, *_ = self._interpreter()
    images = drawings.images()
    some = interpreter.run(images[5:7])
    np.testing.assert_array_equal(interpreter.run(images)[5:7], some)

  def test_accuracy_is_the_share_of_greatest_logits(self):
    interpreter, *_ = self._interpreter()
    images = drawings.images()[:8]
    labels = interpreter.run(images).argmax(axis=-1)
    labels[:2] = (labels[:2] + 1) % drawings.CLASSES
    self.assertEqual(interpreter.accuracy(images, labels), 0.75)
    self.assertRegex(interpreter.tool, r"^ai-edge-litert \d")

  def test_files_are_compared_in_steps_of_the_logits(self):
    interpreter, *_ = self._interpreter()
    images = drawings.images()[:8]
    steps = interpreter.run(images) - float(interpreter.output_zero_point)
    steps[0, 0] += np.copysign(3.4, -steps[0, 0])  # rounded to 3
    labels, logits = steps.argmax(axis=-1), steps * interpreter.output_scale
    labels[1:3] = (labels[1:3] + 1) % drawings.CLASSES
    compared = interpreter.compare([(images, labels, logits)])
    self.assertEqual(compared, (0.75, 3, 3 / steps.size))

  def test_images_and_labels_of_another_kind_are_errors(self):
    interpreter, *_ = self._interpreter()
    images = drawings.images()[:2]
    for wrong, message in (
      (images[:0], "one or more; got .0, 8"),
      (images[0], r"\[number, 8, 8, 6\], .* got \[8, 8, 6\]"),
      (images.astype(np.uint8), r"got uint8; .*ghn.normalize\(images\)"),
    ):
      with self.assertRaisesRegex(ValueError, f"The file takes .*{message}"):
        interpreter.run(wrong)
    last = drawings.CLASSES - 1
    for labels, message in (
      ([-1, 0], f"from 0 to {last}; 1 of 2 are not, such as -1"),
      ([0, last + 1], f"1 of 2 are not, such as {last + 1}"),
      ([[0], [1]], r"each of 2 images, got int64 of shape \[2, 1\]"),
      ([0.0, 1.0], "got float64"),
    ):
      with self.assertRaisesRegex(ValueError, message):
        interpreter.accuracy(images, labels)

  def test_a_float_file_is_an_error(self):
    model, _ = drawings.model(drawings.network(drawings.conv_bn_relu), "float")
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    with self.assertRaisesRegex(ValueError, "is float32, expected int8"):
      tflite.Interpreter(content)

  def test_a_damaged_file_is_an_error(self):
    model, _ = drawings.model(drawings.network(drawings.conv_bn_relu), "w8a8")
    with self.assertRaises(ValueError):
      tflite.Interpreter(tflite.convert(model)[:1000])


class OtherRuntimeTest(parameterized.TestCase):
  @parameterized.product(
    draw=(
      drawings.conv_bn_relu,
      drawings.depthwise,
      drawings.average_relu_concat,
      drawings.concat_bn_relu,
      drawings.pad_crop,
      drawings.relu6,
      drawings.relu6_concat,
    ),
    name=("w8a8", "w4a8"),
  )
  def test_tflite_micro_agrees(self, draw, name):
    if not micro.IS_INSTALLED:
      self.skipTest(micro.MISSING)
    model, _ = drawings.model(drawings.network(draw), name)
    interpreter = tflite.Interpreter(tflite.convert(model), micro.Interpreter)
    greatest, mean = drawings.difference(interpreter, model)
    # As test_a_file_agrees_with_its_model.
    self.assertLessEqual(greatest, 5)
    self.assertLess(mean, 1.5)

  @parameterized.product(
    draw=(drawings.conv_bn_relu, drawings.depthwise, drawings.concat_bn_relu),
    name=("w8a8", "w4a8"),
  )
  def test_tflite_runtime_agrees(self, draw, name):
    if importlib.util.find_spec("tflite_runtime") is None:
      self.skipTest("tflite_runtime is not installed (Python < 3.12 only).")
    model, _ = drawings.model(drawings.network(draw), name)
    content = tflite.convert(model)
    interpreter = tflite.Interpreter(content)
    folder = pathlib.Path(self.create_tempdir().full_path)
    files = [folder / name for name in ("x.tflite", "in.npy", "out.npy")]
    files[0].write_bytes(content)
    np.save(files[1], interpreter.quantize(drawings.images()))
    subprocess.run(
      [sys.executable, "-c", _RUN_IN_TFLITE_RUNTIME, *map(str, files)],
      check=True,
      timeout=120,
    )
    differences = np.load(files[2]).astype(int) - interpreter.run(
      drawings.images()
    )
    # Three operators in a row, whose fixed-point products are rounded once in
    # some kernels and twice in others.
    self.assertLessEqual(np.abs(differences).max(), 2)


if __name__ == "__main__":
  absltest.main()
