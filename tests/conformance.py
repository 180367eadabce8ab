# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the ways to run a network have in common; the tables hold networks."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import spec
from ghn_tf.child import int8_grid
from ghn_tf.child import keras_io
from ghn_tf.child import network
from ghn_tf.child import ranges
from ghn_tf.edge import tflite
from ghn_tf.quant import fake_quant
from ghn_tf.quant import recipe as recipe_lib
from tests import micro
from tests import stored_tensors

# Images whose every stored tensor is compared.
_TRACED_IMAGES = 4
# Images whose logits are compared in TFLite Micro, a hundred times as slow.
_MICRO_IMAGES = 50

# The columns of each recipe.
_INTERPRETERS = {"TFLite": None, "TFLite Micro": micro.Interpreter}


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


def _operator_differences(
  child: Child, content: bytes, images: tf.Tensor, interpreter_class: Any
) -> list[tuple[np.ndarray, int]]:
  """Returns the differences in codes of all stored outputs, and their bounds.

  The network runs on fake quantization, but goes on with what the file has
  stored, so that each operator is given the same codes in both.
  """
  tensors = stored_tensors.read(
    content,
    tflite.Interpreter(content).quantize(images.numpy()),
    interpreter_class,
  )
  differences: list[tuple[np.ndarray, int]] = []
  quantize = fake_quant.quantize_activation

  def compare(
    x: tf.Tensor,
    low: tf.Tensor,
    high: tf.Tensor,
    num_bits: int,
    *,
    symmetric: bool,
    **_,
  ):
    scale = float(high - low) / (2**num_bits - 1 - symmetric)
    zero_point = 0 if symmetric else np.round(-128 - float(low) / scale)
    values = quantize(x, low, high, num_bits, symmetric=symmetric).numpy()
    rounded = values / scale + zero_point
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


class Conformance(parameterized.TestCase):
  """The properties of a network in a recipe; tests choose the networks."""

  def check_recipe(
    self, child: Child, images: tf.Tensor, bound: int | None = None
  ) -> None:
    """Fake-quantized logits and the integer file.

    Args:
      child: in a recipe that rounds.
      images: normalized.
      bound: by how many steps the logits of the file may differ; no matter if
        None.
    """
    stored = child.stored()
    model = keras_io.to_keras(*child)
    expected = model(images, training=False).numpy()
    same = np.isclose(child.apply(images), expected, rtol=1e-5, atol=1e-5)
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
        self._check_operators(stored, content, images, interpreter_class)
        if bound is not None:
          count = (
            _MICRO_IMAGES
            if interpreter_class is micro.Interpreter
            else len(images)
          )
          self._check_logits(
            tflite.Interpreter(content, interpreter_class),
            images[:count],
            expected[:count],
            bound,
          )

  def _check_operators(
    self,
    stored: Child,
    content: bytes,
    images: tf.Tensor,
    interpreter_class: Any,
  ) -> None:
    differences = _operator_differences(
      stored, content, images[:_TRACED_IMAGES], interpreter_class
    )
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
    interpreter: tflite.Interpreter,
    images: tf.Tensor,
    expected: np.ndarray,
    bound: int,
  ) -> None:
    actual = interpreter.run(images.numpy()).astype(int)
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
