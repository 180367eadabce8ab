# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Ranges with which TFLite's converter takes the kernels of a Keras model.

A file has no other place for a range than the scale of an integer tensor, and
the converter has rules of its own. Where a model's range does not go through, a
neighbouring one does, with which the network computes the same to far less than
a step of its outputs.
"""

import collections
from collections.abc import Iterator, Sequence
import contextlib

import numpy as np
import tensorflow as tf
import tf_keras as keras

# The greatest code of a kernel, and the greatest bias in steps of the
# accumulator. Half of int32 is left to the sum of products, as by the converter
# when it quantizes after training (kBiasMax in its quantization_driver.cc).
# XNNPACK has 4-bit codes in the upper half of bytes, and so all of the sum 16
# times as great.
_INT8_CODE, _INT8_ROOM = 127, 2.0**30
_INT4_CODE, _INT4_ROOM = 7, 2.0**26
# What stands for a BatchNorm's factor of 0. Folded, it makes a scale of 0,
# which the converter drops, and all of the range with it.
_LEAST_GAIN = 1e-12
_NO_BIAS = np.zeros(())

_Changes = list[tuple[tf.Variable, np.ndarray]]


@contextlib.contextmanager
def suited(model: keras.Model) -> Iterator[None]:
  """Within it, the kernels of a quantize-aware model have suitable ranges.

  *   Every bias fits into the 32 bits of the accumulator, whose step is that of
      the input times that of the kernel. A kernel or channel of nearly 0 would
      have so small a step that its bias is cut off.
  *   No two layers with equal kernels have equal ranges. The converter would
      merge them into one constant that it cannot fold BatchNorm into, and store
      it with 8 bits, whatever the recipe.
  """
  changes: _Changes = []
  try:
    _make_room_for_biases(model, changes)
    _tell_equal_kernels_apart(model, changes)
    yield
  finally:
    for variable, value in reversed(changes):
      variable.assign(value)


def _assign(
  variable: tf.Variable, value: np.ndarray, changes: _Changes
) -> None:
  changes.append((variable, variable.numpy()))
  variable.assign(value)


def _variables(layer: keras.layers.Layer) -> dict[str, tf.Variable]:
  """The variables of a layer, also of a wrapped one, by what they are."""
  named = {v.name.split("/")[-1].split(":")[0]: v for v in layer.weights}
  return {name.removeprefix("depthwise_"): v for name, v in named.items()}


def _tell_equal_kernels_apart(model: keras.Model, changes: _Changes) -> None:
  """Widens the ranges of copies by units in the last place."""
  copies: collections.Counter[bytes] = collections.Counter()
  for layer in model.layers:
    own = _variables(layer)
    if "kernel_max" not in own:
      continue
    content = own["kernel"].numpy().tobytes()
    for end in ("kernel_min", "kernel_max") if copies[content] else ():
      value = own[end].numpy()
      for _ in range(copies[content]):
        value = np.nextafter(value, np.copysign(np.float32(np.inf), value))
      _assign(own[end], value, changes)
    copies[content] += 1


def _make_room_for_biases(model: keras.Model, changes: _Changes) -> None:
  """Widens the ranges with which an accumulator is too fine for its bias."""
  for layer in model.layers:
    step = _input_step(layer)
    if step is None:
      continue
    if hasattr(layer, "quantize_config") and "kernel_max" in _variables(layer):
      _widen_kernel(layer, step, changes)
    elif isinstance(layer, keras.layers.BatchNormalization) and not _is_folded(
      layer
    ):
      # A kernel of factors, each of which is its own range.
      _, bias = _gain_and_bias(layer)
      least = _INT8_CODE * np.abs(bias) / (_INT8_ROOM * step)
      _raise_gain(layer, least, changes)


def _widen_kernel(
  layer: keras.layers.Layer, step: float, changes: _Changes
) -> None:
  """Widens the range of a layer's kernel so that there is room for its bias.

  Args:
    layer: of a kernel with a range.
    step: of the layer's input.
    changes: to add to.
  """
  own = _variables(layer)
  bias = own["bias"].numpy() if "bias" in own else _NO_BIAS
  gain = np.ones(())
  for reader in _readers(layer):
    if _is_folded(reader):
      _raise_gain(reader, _LEAST_GAIN, changes)
      gain, bias = _gain_and_bias(reader, bias)
  limit = own["kernel_max"].numpy()
  # A file has 2 bits as {-7, 0, 7} of 4.
  code, room = _INT4_CODE, _INT4_ROOM
  if layer.quantize_config.quantizer.num_bits > 4:
    code, room = _INT8_CODE, _INT8_ROOM
  least = code * np.abs(bias) / (room * step * np.abs(gain))
  if not limit.shape:
    least = np.max(least)
  if np.any(limit < least):
    limit = np.maximum(limit, least)
    _assign(own["kernel_min"], -limit, changes)
    _assign(own["kernel_max"], limit, changes)


def _input_step(layer: keras.layers.Layer) -> float | None:
  """The step of what a layer reads; None without a range before it."""
  while layer.inbound_nodes:
    layer = layer.inbound_nodes[0].inbound_layers
    if isinstance(layer, list):  # of several inputs, or none
      return None
    own = _variables(layer)
    if "output_max" in own:
      width = own["output_max"].numpy() - own["output_min"].numpy()
      # A layer that comes from a SavedModel does not know its bits.
      config = getattr(layer, "quantize_config", None)
      bits = config.quantizer.num_bits if config else 8
      return float(width) / (2**bits - 1)
  return None


def _readers(layer: keras.layers.Layer) -> Sequence[keras.layers.Layer]:
  return [node.outbound_layer for node in layer.outbound_nodes]


def _is_folded(layer: keras.layers.Layer) -> bool:
  """Whether a layer is a BatchNorm that the converter folds into a kernel.

  Those that stand alone are of a class of their own.
  """
  return type(layer) is keras.layers.BatchNormalization and (
    {"gamma", "beta"} <= _variables(layer).keys()
  )


def _deviation(layer: keras.layers.BatchNormalization) -> np.ndarray:
  variance = _variables(layer)["moving_variance"].numpy()
  return np.sqrt(np.float64(variance) + layer.epsilon)


def _gain_and_bias(
  layer: keras.layers.BatchNormalization, bias: np.ndarray = _NO_BIAS
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the factor of a BatchNorm, and its sum with a bias before it."""
  own = _variables(layer)
  gain = own["gamma"].numpy() / _deviation(layer)
  mean = own["moving_mean"].numpy()
  return gain, own["beta"].numpy() + (bias - mean) * gain


def _raise_gain(
  layer: keras.layers.BatchNormalization,
  least: np.ndarray | float,
  changes: _Changes,
) -> None:
  """Keeps the factor of a BatchNorm away from 0."""
  gamma = _variables(layer)["gamma"]
  value = gamma.numpy()
  least = least * _deviation(layer)
  if np.any(np.abs(value) < least):
    value = np.copysign(np.maximum(np.abs(value), least), value)
    _assign(gamma, value, changes)
