# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""One table: networks times recipes, and what the ways to run them share.

A network with predicted parameters runs in three ways: `child.network`, the
Keras model with TFMOT wrappers, and the integer file in the interpreter. The
first two give the same logits. The file computes with integers, so it may
differ from them:

*   A folded bias is rounded to a step of the accumulator, and products are
    rounded to the output by a fixed-point multiplication. Kernels outside of
    XNNPACK (all with 4-bit weights) round that product twice; the first time to
    2^-shift of a step, and the fewer bits the kernel has, the smaller is shift.
*   An average of codes that ends in .5 goes away from zero, not up.

Each of these moves single codes by one, and in each operator no code by more
than one: that is tested, for every recipe. What comes of it at the logits is
another matter: predicted by an untrained hypernetwork, networks with BatchNorm
amplify small differences from layer to layer (arXiv 1902.08129), as fake
quantization itself does when one in 2,000 of its codes is moved by one. So the
bound on the logits stands in the row; with activations of 4 or 2 bits, where
one code is 1/15 or 1/3 of a range, a deep network leaves none to state.
"""

from collections.abc import Mapping
import dataclasses
import functools
from typing import NamedTuple
from unittest import mock

from ai_edge_litert import interpreter as litert
import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf import data
from ghn_tf.arch import space
from ghn_tf.arch import spec
from ghn_tf.child import calibrate
from ghn_tf.child import keras_io
from ghn_tf.child import network
from ghn_tf.child import storage
from ghn_tf.edge import tflite
from ghn_tf.ghn import model as ghn_model
from ghn_tf.quant import fake_quant
from ghn_tf.quant import recipe as recipe_lib
from models import darts
from models import ds_cnn
from models import mobilenet
from models import resnet

_IMAGE_SHAPE = (32, 32, 3)
_CALIBRATION_BATCHES = 2
_BATCH_SIZE = 64
# Images whose every stored tensor is compared.
_TRACED_IMAGES = 4

_MODELS = {
  "resnet8": resnet.resnet8,
  "resnet20": resnet.resnet20,
  "mobilenet_v1": mobilenet.mobilenet_v1,
  "mobilenet_v2": mobilenet.mobilenet_v2,
  "ds_cnn": ds_cnn.ds_cnn,
  "darts": darts.darts,
}


class Row(NamedTuple):
  """A network, and how many steps (LSB) of the logits a file may be off.

  Measured on 500 images, plus a quarter, plus one, for other CPUs.
  """

  name: str
  w8a8: int
  w4a8: int


@functools.cache
def _dataset() -> data.Dataset:
  return data.load(data.SAMPLE)


@functools.cache
def _images() -> tf.Tensor:
  """The 500 test images."""
  return tf.constant(_dataset().normalize(_dataset().test.images))


def _calibration_batches() -> list[tf.Tensor]:
  images = _dataset().train.images[: _CALIBRATION_BATCHES * _BATCH_SIZE]
  return tf.split(_dataset().normalize(images), _CALIBRATION_BATCHES)


def _architecture(name: str) -> spec.Architecture:
  if name in _MODELS:
    return keras_io.from_keras(_MODELS[name](_IMAGE_SHAPE, 10))
  space_name, seed, index = name.split("-")
  return space.sample(space.SPACES[space_name], int(seed), int(index))


@functools.cache
def _hypernetwork(num_classes: int) -> ghn_model.GHN:
  config = ghn_model.CONFIGS["ghn2"]
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
    params, recipe = storage.on_int8(*self)
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


def _stored_tensors(
  content: bytes, codes: np.ndarray
) -> list[tuple[float, np.ndarray]]:
  """Scale and codes [B, size] of every int8 tensor that a file computes."""
  interpreter = litert.Interpreter(
    model_content=content,
    # The kernels that microcontrollers have, and no tensor is reused.
    experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    experimental_preserve_all_tensors=True,
  )
  interpreter.allocate_tensors()
  (image,) = interpreter.get_input_details()
  details = [
    detail
    for detail in interpreter.get_tensor_details()
    if detail["dtype"] == np.int8 and detail["shape"][:1] == [1]
  ]
  found: list[list[np.ndarray]] = [[] for _ in details]
  for code in codes:
    interpreter.set_tensor(image["index"], code[np.newaxis])
    interpreter.invoke()
    for detail, values in zip(details, found, strict=True):
      values.append(interpreter.get_tensor(detail["index"]).ravel())
  return [
    (detail["quantization"][0], np.stack(values).astype(int))
    for detail, values in zip(details, found, strict=True)
  ]


def _operator_differences(child: Child, content: bytes) -> list[np.ndarray]:
  """Returns the differences in codes of a file's stored outputs, one by one.

  The network runs on fake quantization, but goes on with what the file has
  stored, so that each operator is given the same codes in both.
  """
  images = _images()[:_TRACED_IMAGES]
  tensors = _stored_tensors(
    content, tflite.Runner(content).quantize(images.numpy())
  )
  differences: list[np.ndarray] = []
  quantize = fake_quant.quantize_activation

  def compare(
    x: tf.Tensor, low: tf.Tensor, high: tf.Tensor, num_bits: int, **_
  ):
    shape = x.shape
    scale = float(high - low) / (2**num_bits - 1)
    zero_point = np.round(-128 - float(low) / scale)
    rounded = quantize(x, low, high, num_bits).numpy() / scale + zero_point
    expected = np.round(rounded).reshape((len(x), -1)).astype(int)
    # Several tensors have the same range only if one moves another's values,
    # or where it is exactly that of a ReLU6: the nearest is meant.
    candidates = [
      codes - expected
      for tensor_scale, codes in tensors
      if codes.shape == expected.shape
      and np.isclose(tensor_scale, scale, rtol=1e-5, atol=0)
    ]
    difference = min(candidates, key=lambda d: np.abs(d).sum())
    differences.append(difference)
    stored = (expected + difference - zero_point) * scale
    return tf.constant(stored.reshape(shape).astype(np.float32))

  with mock.patch.object(fake_quant, "quantize_activation", compare):
    child.apply(images)
  return differences
