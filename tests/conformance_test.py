# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""One table: networks times recipes, and what the ways to run them share.

A network with predicted parameters runs in four ways: `child.network`, the
Keras model with TFMOT wrappers, and the integer file in the interpreters of
TFLite and of TFLite Micro. The first two give the same logits. The file
computes with integers, which differs:

*   A bias is rounded to a step of its operator's accumulator.
*   A sum of products is brought to the output's scale in fixed point. XNNPACK
    rounds once; the other kernels, among them all for 4-bit weights, round to
    2^-shift steps first, and the coarser the accumulator, the smaller shift.
*   Pools round averages that end in .5 away from zero, and not up.

Each moves few codes, by one. That is tested operator by operator, and holds in
every recipe. How much of it reaches the logits is another matter. A network at
initialization, and the parameters here are no better, grows differences from
layer to layer if it has BatchNorm (arXiv 1902.08129): where fake quantization
moves one in 2,000 of its own codes by one, the logits of MobileNetV2 differ by
as much as those of its file. Hence each row states its bound. For activations
of 4 and 2 bits there is none to state: a code is 1/15 or 1/3 of a range.
"""

from collections.abc import Mapping
import dataclasses
import functools
import itertools
from typing import Any, NamedTuple
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from ghn_tf import data
from ghn_tf.arch import spec
from ghn_tf.child import calibrate
from ghn_tf.child import int8_grid
from ghn_tf.child import keras_io
from ghn_tf.child import network
from ghn_tf.child import ranges
from ghn_tf.edge import tflite
from ghn_tf.ghn import config as ghn_config
from ghn_tf.ghn import model as ghn_model
from ghn_tf.quant import fake_quant
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.spaces import space
from models import darts
from models import ds_cnn
from models import mobilenet
from models import resnet
from tests import micro
from tests import stored_tensors

_IMAGE_SHAPE = (32, 32, 3)
_CALIBRATION_BATCHES = 2
# Images whose every stored tensor is compared.
_TRACED_IMAGES = 4
# Images whose logits are compared in TFLite Micro, a hundred times as slow.
_MICRO_IMAGES = 50

# The columns of each recipe.
_INTERPRETERS = {"TFLite": None, "TFLite Micro": micro.Interpreter}

_MODELS = {
  "resnet8": resnet.resnet8,
  "resnet20": resnet.resnet20,
  "mobilenet_v1": mobilenet.mobilenet_v1,
  "mobilenet_v2": mobilenet.mobilenet_v2,
  "ds_cnn": ds_cnn.ds_cnn,
  "darts": darts.darts,
}


# By how many steps (LSB) the logits of the w8a8 and the w4a8 file may differ on
# any of 500 images: what was measured, plus a quarter, plus one, because other
# CPUs sum float32 in another order and thereby round other codes up.
_BOUNDS = {
  "resnet8": (2, 2),
  "resnet20": (2, 3),
  "mobilenet_v1": (7, 33),
  "mobilenet_v2": (36, 39),
  "ds_cnn": (2, 4),
  "darts": (4, 9),
  "edge-0-0": (2, 2),
  "edge-0-1": (3, 4),
  "edge-0-2": (1, 2),
  "edge-0-3": (2, 4),
  "edge-0-4": (31, 41),
  "edge-0-5": (4, 8),
  "edge-0-6": (2, 3),
  "edge-0-7": (3, 3),
  "edge-0-8": (2, 3),
  "edge-0-9": (2, 4),
  "edge-0-10": (2, 2),
  "edge-0-11": (2, 2),
  "edge-0-12": (3, 6),
  "edge-0-13": (1, 2),
  "edge-0-14": (2, 9),
  "edge-0-15": (7, 17),
  "edge-0-16": (2, 4),
  "edge-0-17": (2, 3),
  "edge-0-18": (2, 3),
  "edge-0-19": (3, 9),
  "edge-0-20": (1, 1),
  "edge-0-21": (2, 7),
  "edge-0-22": (6, 6),
  "edge-0-23": (3, 7),
  "edge-0-24": (2, 3),
  "edge-0-25": (2, 3),
  "edge-0-26": (16, 23),
  "edge-0-27": (4, 14),
  "edge-0-28": (2, 4),
  "edge-0-29": (2, 2),
  "edge-0-30": (2, 3),
  "edge-0-31": (3, 7),
  "edge-0-32": (8, 19),
  "edge-0-33": (2, 4),
  "edge-0-34": (3, 4),
  "edge-0-35": (6, 13),
  "edge-0-36": (3, 6),
  "edge-0-37": (2, 3),
  "edge-0-38": (1, 1),
  "edge-0-39": (4, 6),
  "convnets-0-0": (13, 17),
  "convnets-0-1": (14, 18),
  "convnets-0-2": (11, 19),
  "convnets-0-3": (21, 31),
  "convnets-0-4": (5, 13),
  "convnets-0-5": (20, 36),
  "convnets-0-6": (6, 9),
  "convnets-0-7": (4, 5),
  "convnets-0-8": (23, 34),
  "convnets-0-9": (24, 41),
}

# The rest of the table takes most of an hour.
_DEFAULT = (
  *_MODELS,
  *(f"edge-0-{index}" for index in (0, 1, 7, 22)),
  "convnets-0-0",
)


@functools.cache
def _dataset() -> data.Dataset:
  return data.load(data.SAMPLE)


@functools.cache
def _images() -> tf.Tensor:
  """The 500 test images."""
  return tf.constant(_dataset().normalize(_dataset().test.images))


def _calibration_batches() -> list[tf.Tensor]:
  images = _dataset().train.images[: _CALIBRATION_BATCHES * network.BATCH_SIZE]
  return tf.split(_dataset().normalize(images), _CALIBRATION_BATCHES)


def _architecture(name: str) -> spec.Architecture:
  if name in _MODELS:
    return keras_io.from_keras(_MODELS[name](_IMAGE_SHAPE, 10))
  space_name, seed, index = name.split("-")
  return space.sample(space.SPACES[space_name], int(seed), int(index))


@functools.cache
def _hypernetwork(num_classes: int) -> ghn_model.GHN:
  config = ghn_config.CONFIGS["ghn2"]
  return ghn_model.GHN(dataclasses.replace(config, num_classes=num_classes))


def _predict(architecture: spec.Architecture) -> dict[str, tf.Tensor]:
  (params,) = _hypernetwork(architecture.num_classes)([architecture])
  return params


class Child(NamedTuple):
  """A network ready to run: architecture, calibrated params and recipe."""

  architecture: spec.Architecture
  params: Mapping[str, tf.Tensor]
  recipe: recipe_lib.Recipe

  def stored(self) -> "Child":
    """The same network as a file holds it."""
    params, recipe = int8_grid.on_int8(*self)
    return Child(self.architecture, params, recipe)

  def apply(self, images: tf.Tensor) -> np.ndarray:
    """Logits by `network.apply`."""
    return network.apply(
      self.architecture,
      self.params,
      images,
      recipe=self.recipe,
      training=False,
    ).numpy()


def _child(name: str, recipe: str) -> Child:
  architecture = _architecture(name)
  chosen = recipe_lib.get(recipe)
  params = calibrate.calibrate(
    architecture, _predict(architecture), _calibration_batches(), recipe=chosen
  )
  return Child(architecture, params, chosen)


def _logits(model: keras.Model) -> np.ndarray:
  return model(_images(), training=False).numpy()


def _operator_differences(
  child: Child, content: bytes, interpreter_class: Any
) -> list[tuple[np.ndarray, int]]:
  """Returns the differences in codes of all stored outputs, and their bounds.

  The network runs on fake quantization, but goes on with what the file has
  stored, so that each operator is given the same codes in both.
  """
  images = _images()[:_TRACED_IMAGES]
  tensors = stored_tensors.read(
    content,
    tflite.Interpreter(content).quantize(images.numpy()),
    interpreter_class,
  )
  differences: list[tuple[np.ndarray, int]] = []
  quantize = fake_quant.quantize_activation

  def compare(
    x: tf.Tensor, low: tf.Tensor, high: tf.Tensor, num_bits: int, **_
  ):
    scale = float(high - low) / (2**num_bits - 1)
    zero_point = np.round(-128 - float(low) / scale)
    rounded = quantize(x, low, high, num_bits).numpy() / scale + zero_point
    expected = np.round(rounded).reshape((len(x), -1)).astype(int)
    # Several tensors have the same range only if one moves another's values,
    # or where it is exactly that of a ReLU6: the nearest is meant.
    candidates = [
      (tensor.codes - expected, tensor.bound)
      for tensor in tensors
      if tensor.codes.shape == expected.shape
      and np.isclose(tensor.scale, scale, rtol=3e-7, atol=0)
    ]
    if not candidates:
      raise AssertionError(f"No {list(x.shape)} in the file has scale {scale}.")
    nearest = min(candidates, key=lambda pair: np.abs(pair[0]).sum())
    differences.append(nearest)
    stored = (expected + nearest[0] - zero_point) * scale
    return tf.constant(stored.reshape(x.shape).astype(np.float32))

  with mock.patch.object(fake_quant, "quantize_activation", compare):
    child.apply(images)
  return differences


def _keras_shapes(model: keras.Model) -> dict[str, tuple[int, ...]]:
  """Shapes of a Keras model's trainable weights, under the params' names."""
  shapes = {}
  for layer in model.layers:
    for weight in layer.trainable_weights:
      name = weight.name.split("/")[-1].split(":")[0]
      name = name.removeprefix("depthwise_")
      shapes[f"{layer.name}/{name}"] = tuple(weight.shape)
  return shapes


class _Conformance(parameterized.TestCase):
  """The properties of a row; the classes below choose the rows."""

  def check_float(self, name: str) -> None:
    """Parameters and float logits."""
    child = _child(name, "float")
    model = keras_io.to_keras(*child)
    predicted = _predict(child.architecture)
    self.assertEqual(
      {key: tuple(value.shape) for key, value in predicted.items()},
      _keras_shapes(_MODELS[name](_IMAGE_SHAPE, 10))
      if name in _MODELS
      else _keras_shapes(model),
    )
    expected = _logits(model)
    # Both run the same operations, of which only the order may differ.
    np.testing.assert_allclose(
      child.apply(_images()), expected, rtol=0, atol=1e-4 * abs(expected).max()
    )

  def check_recipe(self, name: str, recipe: str) -> None:
    """Fake-quantized logits and the integer file."""
    child = _child(name, recipe)
    stored = child.stored()
    model = keras_io.to_keras(*child)
    expected = _logits(model)
    same = np.isclose(child.apply(_images()), expected, rtol=1e-5, atol=1e-5)
    # Bit by bit where this was written. Elsewhere a float32 sum on the edge of
    # a step may fall to either side, in a few images.
    self.assertGreaterEqual(same.all(axis=1).mean(), 0.99)
    if stored.recipe != child.recipe:
      model = keras_io.to_keras(*stored)
    content = tflite.convert(model)
    self.assertEmpty(tflite.float_operators(content))
    for column, interpreter_class in _INTERPRETERS.items():
      with self.subTest(column):
        if interpreter_class is micro.Interpreter and not micro.IS_INSTALLED:
          self.skipTest(micro.MISSING)
        self._check_operators(stored, content, interpreter_class)
        if stored.recipe == child.recipe and name in _BOUNDS:
          bound = _BOUNDS[name][recipe == "w4a8"]
          self._check_logits(content, expected, bound, interpreter_class)

  def _check_operators(
    self, stored: Child, content: bytes, interpreter_class: Any
  ) -> None:
    differences = _operator_differences(stored, content, interpreter_class)
    outputs = ranges.output_ranges(stored.architecture)
    rounding = [output for output in outputs if output and output.rounds]
    self.assertLen(differences, len(rounding))
    for difference, bound in differences:
      self.assertLessEqual(np.abs(difference).max(), bound)
    moved = np.concatenate([np.ravel(d != 0) for d, _ in differences])
    # Measured: up to 0.05.
    self.assertLess(moved.mean(), 0.1)

  def _check_logits(
    self,
    content: bytes,
    expected: np.ndarray,
    bound: int,
    interpreter_class: Any,
  ) -> None:
    if interpreter_class is micro.Interpreter:
      expected = expected[:_MICRO_IMAGES]
    interpreter = tflite.Interpreter(content, interpreter_class)
    actual = interpreter.run(_images()[: len(expected)].numpy()).astype(int)
    codes = (
      np.round(expected / interpreter.output_scale)
      + interpreter.output_zero_point
    )
    self.assertLessEqual(np.abs(actual - codes).max(), bound)
    second, first = np.sort(codes, axis=1)[:, -2:].T
    clear = first - second > bound
    np.testing.assert_array_equal(
      actual[clear].argmax(axis=1), codes[clear].argmax(axis=1)
    )


def _named(*cells: tuple[str, ...]) -> list[tuple[str, ...]]:
  """Returns the arguments of tests, each with a name before them."""
  return [("_".join(cell).replace("-", "_"), *cell) for cell in cells]


_RECIPES = [name for name in recipe_lib.RECIPES if name != "float"]
# One row by default in every recipe, the others in the one most used.
_DEFAULT_CELLS = [
  (name, recipe)
  for name in _DEFAULT
  for recipe in (_RECIPES if name == "resnet8" else ["w8a8"])
]
_REST_CELLS = [
  cell
  for cell in (
    *itertools.product(_BOUNDS, _RECIPES),
    # Without bounds for the logits.
    *((f"edge-0-{index}", "w8a8") for index in range(40, 100)),
  )
  if cell not in _DEFAULT_CELLS
]


class ConformanceTest(_Conformance):
  @parameterized.named_parameters(*_named(*((name,) for name in _DEFAULT)))
  def test_float(self, name: str):
    self.check_float(name)

  @parameterized.named_parameters(*_named(*_DEFAULT_CELLS))
  def test_recipe(self, name: str, recipe: str):
    self.check_recipe(name, recipe)


@pytest.mark.large
class WholeConformanceTest(_Conformance):
  @parameterized.named_parameters(
    *_named(*((name,) for name in _BOUNDS if name not in _DEFAULT))
  )
  def test_float(self, name: str):
    self.check_float(name)

  @parameterized.named_parameters(*_named(*_REST_CELLS))
  def test_recipe(self, name: str, recipe: str):
    self.check_recipe(name, recipe)


if __name__ == "__main__":
  absltest.main()
