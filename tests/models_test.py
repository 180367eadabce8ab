# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import ast
from collections.abc import Callable
import functools
import json
import math
import re

from absl.testing import absltest
from absl.testing import parameterized
from ai_edge_litert import interpreter as litert
import h5py
import numpy as np
import pytest
import tf_keras as keras

from models import darts
from models import ds_cnn
from models import mobilenet
from models import resnet
from tests import reference_data

_MODULES = {
  "darts": darts,
  "ds_cnn": ds_cnn,
  "mobilenet": mobilenet,
  "resnet": resnet,
}

_BUILDERS = (
  ("resnet8", resnet.resnet8),
  ("resnet20", resnet.resnet20),
  ("mobilenet_v1", mobilenet.mobilenet_v1),
  ("mobilenet_v2", mobilenet.mobilenet_v2),
  ("ds_cnn", ds_cnn.ds_cnn),
  ("darts", darts.darts),
)

_ALLOWED_LAYERS = (
  "InputLayer Conv2D DepthwiseConv2D Dense BatchNormalization ReLU"
  " MaxPooling2D AveragePooling2D GlobalAveragePooling2D Add Concatenate"
  " ZeroPadding2D Cropping2D"
).split()

# Our layers with weights in the order in which the MLPerf Tiny reference
# creates its own: conv2d, conv2d_1, ..., each shortcut after its block.
_RESNET8_LAYERS = {
  "conv2d": (
    "stem_conv",
    "stage1_block1_conv1",
    "stage1_block1_conv2",
    "stage2_block1_conv1",
    "stage2_block1_conv2",
    "stage2_block1_shortcut_conv",
    "stage3_block1_conv1",
    "stage3_block1_conv2",
    "stage3_block1_shortcut_conv",
  ),
  "batch_normalization": (
    "stem_bn",
    "stage1_block1_bn1",
    "stage1_block1_bn2",
    "stage2_block1_bn1",
    "stage2_block1_bn2",
    "stage3_block1_bn1",
    "stage3_block1_bn2",
  ),
  "dense": ("logits",),
}


@functools.cache
def _default(build: Callable[..., keras.Model]) -> keras.Model:
  return build()


def _kernel(layer: keras.layers.Layer) -> tuple[int, ...]:
  """Shape of a layer's kernel; empty for a layer without."""
  for name in ("depthwise_kernel", "kernel"):
    if hasattr(layer, name):
      return tuple(getattr(layer, name).shape)
  return ()


def _num_parameters(model: keras.Model) -> int:
  return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def _macs(model: keras.Model) -> int:
  """Each element of a kernel is used once at each output position."""
  total = 0
  for layer in model.layers:
    if kernel := _kernel(layer):
      total += math.prod(kernel) * math.prod(layer.output_shape[1:-1])
  return total


def _readme_rows() -> dict[str, tuple[str, int, int]]:
  """Call -> (input, parameters, MACs), from the table of models/README.md."""
  rows = {}
  readme = reference_data.ROOT / "models" / "README.md"
  for line in readme.read_text().splitlines():
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    if line.startswith("| `"):
      numbers = [int(cell.replace(",", "")) for cell in cells[2:4]]
      rows[cells[0].strip("`")] = (cells[1], numbers[0], numbers[1])
  return rows


def _build(call: str) -> keras.Model:
  """Builds `module.function(literals)`, as the README writes it."""
  node = ast.parse(call, mode="eval").body
  assert isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
  assert isinstance(node.func.value, ast.Name)
  function = getattr(_MODULES[node.func.value.id], node.func.attr)
  return function(
    *map(ast.literal_eval, node.args),
    **{str(k.arg): ast.literal_eval(k.value) for k in node.keywords},
  )


class EveryBuilderTest(parameterized.TestCase):
  @parameterized.named_parameters(*_BUILDERS)
  def test_layers_are_those_a_target_may_have(
    self, build: Callable[..., keras.Model]
  ):
    for layer in _default(build).layers:
      kind = type(layer).__name__
      self.assertIn(kind, _ALLOWED_LAYERS, layer.name)
      activation = layer.get_config().get("activation", "linear")
      self.assertEqual(activation, "linear", layer.name)
      if kind == "ReLU":
        self.assertIn(layer.max_value, (None, 6.0), layer.name)
        self.assertEqual(layer.negative_slope, 0.0, layer.name)
      if kind == "DepthwiseConv2D":
        self.assertEqual(layer.depth_multiplier, 1, layer.name)

  @parameterized.named_parameters(*_BUILDERS)
  def test_layer_names_are_stable(self, build: Callable[..., keras.Model]):
    first, second = _default(build), build()
    # Keras numbers the layers that it names itself, so that those differ.
    names = [layer.name for layer in first.layers]
    self.assertEqual(names, [layer.name for layer in second.layers])
    for name in names:
      self.assertRegex(name, r"^[a-z][a-z0-9_]*$")

  @parameterized.named_parameters(*_BUILDERS)
  def test_gives_logits_for_any_size_channels_and_classes(
    self, build: Callable[..., keras.Model]
  ):
    model = build((33, 30, 1), 3)
    logits = model(np.ones((2, 33, 30, 1), np.float32))
    self.assertEqual(logits.shape, (2, 3))
    self.assertTrue(np.isfinite(logits.numpy()).all())
    self.assertIsInstance(model.layers[-1], keras.layers.Dense)
    self.assertEqual(model.layers[-1].name, "logits")


class ReadmeTest(parameterized.TestCase):
  @parameterized.parameters(*_readme_rows())
  def test_numbers_are_those_of_keras(self, call: str):
    shape, parameters, macs = _readme_rows()[call]
    model = _build(call)
    self.assertEqual("x".join(map(str, model.input_shape[1:])), shape)
    self.assertEqual(_num_parameters(model), parameters)
    self.assertEqual(_macs(model), macs)

  def test_every_builder_has_a_row(self):
    listed = {re.split(r"[.(]", call)[1] for call in _readme_rows()}
    self.assertEqual(listed, {name for name, _ in _BUILDERS})


class ResnetTest(absltest.TestCase):
  def test_resnet8_macs_by_hand(self):
    # 32x32: 27*16 + 2 * 144*16; 16x16: 144*32 + 288*32 + 16*32;
    # 8x8: 288*64 + 576*64 + 32*64; dense 64*10.
    expected = (
      1024 * (27 * 16 + 2 * 144 * 16)
      + 256 * (144 + 288 + 16) * 32
      + 64 * (288 + 576 + 32) * 64
      + 640
    )
    self.assertEqual(_macs(_default(resnet.resnet8)), expected)

  def test_resnet20_has_20_layers_and_two_projections(self):
    kernels = [
      layer
      for layer in _default(resnet.resnet20).layers
      if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
    ]
    shortcuts = [layer for layer in kernels if "shortcut" in layer.name]
    self.assertLen(shortcuts, 2)
    self.assertLen(kernels, 20 + len(shortcuts))

  def test_resnet8_with_reference_weights_is_the_reference(self):
    weights_path = reference_data.path("mlperf_tiny/pretrainedResnet.h5")
    tflite_path = reference_data.path("mlperf_tiny/pretrainedResnet.tflite")
    images = np.load(reference_data.path("cifar10_mini.npz"))
    image_key = next(k for k in images if images[k].shape[1:] == (32, 32, 3))
    batch = images[image_key][:8].astype(np.float32)
    model = resnet.resnet8()
    with h5py.File(weights_path) as file:
      config = json.loads(file.attrs["model_config"])
      expected = sum(
        np.prod(weight.shape)
        for layer in file["model_weights"].values()
        for name in layer.attrs["weight_names"]
        for weight in (layer[name],)
      )
      self.assertEqual(model.count_params(), expected)
      self.assertLen(
        [c for c in config["config"]["layers"] if c["class_name"] == "Conv2D"],
        len(_RESNET8_LAYERS["conv2d"]),
      )
      for kind, names in _RESNET8_LAYERS.items():
        for index, name in enumerate(names):
          group = file["model_weights"][f"{kind}_{index}" if index else kind]
          # Fails unless the shapes are equal.
          model.get_layer(name).set_weights(
            [group[weight][()] for weight in group.attrs["weight_names"]]
          )
    probabilities = keras.activations.softmax(model(batch, training=False))
    reference = litert.Interpreter(str(tflite_path))
    reference.allocate_tensors()
    for image, ours in zip(batch, probabilities.numpy(), strict=True):
      reference.set_tensor(
        reference.get_input_details()[0]["index"], image[None]
      )
      reference.invoke()
      theirs = reference.get_tensor(reference.get_output_details()[0]["index"])[
        0
      ]
      # Float32 kernels that sum in another order, and folded BatchNorm.
      np.testing.assert_allclose(ours, theirs, atol=1e-4)


class MobilenetTest(parameterized.TestCase):
  @parameterized.parameters(0.25, 1.0)
  def test_v1_is_that_of_keras_applications(self, alpha: float):
    ours = mobilenet.mobilenet_v1((96, 96, 3), 10, alpha=alpha, total_stride=32)
    theirs = keras.applications.MobileNet(
      (96, 96, 3), alpha=alpha, weights=None, classes=10
    )
    # Keras' classifier is a 1x1 convolution.
    self.assertEqual(
      [_kernel(layer) for layer in ours.layers if _kernel(layer)][:-1],
      [_kernel(layer) for layer in theirs.layers if _kernel(layer)][:-1],
    )
    self.assertEqual(_num_parameters(ours), _num_parameters(theirs))
    self.assertEqual(_macs(ours), _macs(theirs))

  @parameterized.parameters(0.35, 1.0, 1.4)
  def test_v2_is_that_of_keras_applications(self, alpha: float):
    ours = mobilenet.mobilenet_v2((96, 96, 3), 10, alpha=alpha, total_stride=32)
    theirs = keras.applications.MobileNetV2(
      (96, 96, 3), alpha=alpha, weights=None, classes=10
    )
    self.assertEqual(
      [_kernel(layer) for layer in ours.layers if _kernel(layer)],
      [_kernel(layer) for layer in theirs.layers if _kernel(layer)],
    )
    self.assertEqual(_num_parameters(ours), _num_parameters(theirs))
    self.assertEqual(_macs(ours), _macs(theirs))

  def test_visual_wake_words_kernels_are_those_of_the_reference(self):
    path = reference_data.path("mlperf_tiny/vww_96_float.tflite")
    reference = litert.Interpreter(
      str(path), experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF
    )
    reference.allocate_tensors()
    details = reference._get_ops_details()
    shapes = {
      detail["index"]: tuple(detail["shape"])
      for detail in reference.get_tensor_details()
    }
    theirs = [
      shapes[op["inputs"][1]]
      for op in details
      if op["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D")
    ]
    model = mobilenet.mobilenet_v1((96, 96, 3), 2, total_stride=32)
    ours = []
    for layer in model.layers:
      if kernel := _kernel(layer):
        height, width, c_in, c_out = kernel if len(kernel) == 4 else (0,) * 4
        if isinstance(layer, keras.layers.DepthwiseConv2D):
          ours.append((1, height, width, c_in))
        elif height:
          ours.append((c_out, height, width, c_in))
    self.assertEqual(ours, theirs)

  @parameterized.parameters((1, 32), (4, 8), (16, 2))
  def test_total_stride_is_the_reduction(self, total_stride: int, size: int):
    for build in (mobilenet.mobilenet_v1, mobilenet.mobilenet_v2):
      model = build((32, 32, 1), alpha=0.1, total_stride=total_stride)
      pool = model.get_layer("pool")
      self.assertEqual(pool.input_shape[1:3], (size, size))

  def test_width_is_a_multiple_of_8_and_not_10_percent_less(self):
    # 0.35 * 24 = 8.4 -> 8; 0.35 * 32 = 11.2 -> 8 would lose 29%: 16.
    model = mobilenet.mobilenet_v2(alpha=0.35)
    self.assertEqual(model.get_layer("stage2_block1_project_conv").filters, 8)
    self.assertEqual(model.get_layer("stage3_block1_project_conv").filters, 16)

  def test_wrong_total_stride_is_named(self):
    with self.assertRaisesRegex(ValueError, r"\[1, 2, 4, 8, 16, 32\], got 5"):
      mobilenet.mobilenet_v1(total_stride=5)

  def test_wrong_alpha_is_named(self):
    with self.assertRaisesRegex(ValueError, "positive multiplier, got -0.5"):
      mobilenet.mobilenet_v2(alpha=-0.5)


class DsCnnTest(absltest.TestCase):
  def test_macs_by_hand(self):
    # 25x5 positions: 10x4 stem, four times depthwise 9 and pointwise 64.
    expected = 125 * (40 * 64 + 4 * (9 * 64 + 64 * 64)) + 64 * 12
    self.assertEqual(_macs(_default(ds_cnn.ds_cnn)), expected)


class DartsTest(parameterized.TestCase):
  @pytest.mark.large  # Builds 1,033 layers.
  def test_paper_network_has_3_3_million_parameters(self):
    # arXiv 1806.09055, Table 1, DARTS (second order), without auxiliary head.
    model = darts.darts(channels=36, cells=20)
    self.assertAlmostEqual(_num_parameters(model) / 1e6, 3.3, delta=0.05)

  def test_cells_at_a_third_and_two_thirds_halve_size_and_double_channels(self):
    model = darts.darts(channels=4, cells=6)
    shapes = [
      model.get_layer(f"cell{i}_concat").output_shape[1:] for i in range(1, 7)
    ]
    # A cell concatenates four states.
    self.assertEqual(
      shapes,
      [(32, 32, 16)] * 2 + [(16, 16, 32)] * 2 + [(8, 8, 64)] * 2,
    )

  @parameterized.parameters(6, 7)
  def test_factorized_reduce_reads_alternate_pixels(self, size: int):
    image = np.arange(1.0, size * size + 1, dtype=np.float32)
    image = image.reshape(1, size, size, 1)
    inputs = keras.Input((size, size, 1))
    model = keras.Model(inputs, darts._factorized_reduce(inputs, 2, "reduce"))
    for layer in ("reduce_conv1", "reduce_conv2"):
      model.get_layer(layer).set_weights([np.ones((1, 1, 1, 1))])
    model.get_layer("reduce_bn").epsilon = 0.0
    output = model(image, training=False).numpy()[0]
    shifted = np.pad(image[0, 1:, 1:, 0], ((0, size % 2),) * 2)
    np.testing.assert_array_equal(output[..., 0], image[0, ::2, ::2, 0])
    np.testing.assert_array_equal(output[..., 1], shifted[::2, ::2])

  def test_strided_dilation_is_a_dilated_convolution_read_at_every_other(self):
    inputs = keras.Input((8, 8, 2))
    outputs = [
      darts._separable(inputs, 3, 3, strides, 2, f"stride{strides}")
      for strides in (1, 2)
    ]
    model = keras.Model(inputs, outputs)
    for suffix in ("depthwise_conv", "pointwise_conv"):
      weights = model.get_layer(f"stride1_{suffix}").get_weights()
      model.get_layer(f"stride2_{suffix}").set_weights(weights)
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 2))
    whole, strided = model(images.astype(np.float32), training=False)
    # The order of float32 sums.
    np.testing.assert_allclose(whole[:, ::2, ::2], strided, atol=1e-6)

  @parameterized.parameters(
    "avg_pool_3x3", "max_pool_3x3", "sep_conv_5x5", "dil_conv_3x3",
    "dil_conv_5x5", "skip_connect",
  )  # fmt: skip
  def test_every_operation_of_the_search_space_builds(self, op: str):
    edges = ((op, 0), (op, 1))
    model = darts.darts(
      genotype=darts.Genotype(edges, (2,), edges, (2,)), channels=2, cells=3
    )
    self.assertEqual(model.output_shape, (None, 10))

  def test_unknown_operation_is_named(self):
    edges = (("conv_9x9", 0), ("skip_connect", 1))
    with self.assertRaisesRegex(
      ValueError, "'conv_9x9'.*expected skip_connect"
    ):
      darts.darts(genotype=darts.Genotype(edges, (2,), edges, (2,)))

  def test_wrong_size_is_named(self):
    with self.assertRaisesRegex(ValueError, "at least 1, got 16 and 0"):
      darts.darts(cells=0)


if __name__ == "__main__":
  absltest.main()
