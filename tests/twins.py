# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The Keras model of a user with the params of its architecture."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import calibrate
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.reading import models
from ghn_tf.reading import network


def images(architecture: spec.Architecture, number: int = 4) -> tf.Tensor:
  """Returns normalized images that it takes."""
  rng = np.random.default_rng(1)
  return tf.constant(
    rng.normal(size=(number, *architecture.input_shape)), tf.float32
  )


def calibrated(
  architecture: spec.Architecture, recipe: recipe_lib.Recipe
) -> dict[str, tf.Tensor]:
  """Returns random params of a sensible scale, calibrated."""
  rng = np.random.default_rng(0)
  params = {}
  for param in architecture.param_specs:
    fan_in = np.prod(param.shape[:-1]) if len(param.shape) > 1 else 100
    value = rng.normal(size=param.shape) / np.sqrt(fan_in)
    if param.kind is spec.ParamKind.GAMMA:
      value = value + 1
    params[param.name] = tf.constant(value, tf.float32)
  return calibrate.calibrate(
    architecture, params, [images(architecture, 64)], recipe=recipe
  )


def set_weights(
  model: keras.Model,
  reading: network.Reading,
  params: Mapping[str, tf.Tensor],
) -> None:
  """Gives a model the params of the architecture that was read from it."""
  layers = dict(models.layers(model))
  for node in reading.architecture.nodes:
    if node.name not in reading.sources:
      continue
    layer = layers[reading.sources[node.name].layer]
    weights = {
      weight.name.split("/")[-1].split(":")[0]: weight
      for weight in layer.weights
    }
    for suffix in (
      *("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"),
      "alpha",
    ):
      if (value := params.get(f"{node.name}/{suffix}")) is None:
        continue
      name = suffix
      if suffix == "kernel" and suffix not in weights:
        is_depthwise = node.op is ops.Op.DEPTHWISE_CONV
        name = "depthwise_kernel" if is_depthwise else "pointwise_kernel"
      if name == "gamma" and name not in weights:
        np.testing.assert_array_equal(value, 1.0)  # as such a layer has it
        continue
      if name == "beta" and name not in weights:
        np.testing.assert_array_equal(value, 0.0)
        continue
      weights[name].assign(tf.reshape(value, weights[name].shape))


def logits(
  model: keras.Model, reading: network.Reading, x: tf.Tensor
) -> np.ndarray:
  """Returns what the model gives for the images of its architecture."""
  size = [1 if s is None else s for s in model.input_shape[1:]]
  if np.prod(size) == np.prod(x.shape[1:]):
    x = tf.reshape(x, (len(x), *size))
  y = model(x, training=False)
  return tf.reshape(y, (len(x), reading.architecture.num_classes)).numpy()
