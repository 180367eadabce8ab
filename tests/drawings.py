# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Small networks, drawn by hand, and what becomes of them on the way to files.

A drawing adds operations to a builder and returns the last one's index.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import calibrate
from ghn_tf.child import keras_io
from ghn_tf.child import network as child_network
from ghn_tf.edge import tflite
from ghn_tf.quant import recipe as recipe_lib

_Op = ops.Op
SHAPE = (8, 8, 6)
CLASSES = 5


def images() -> np.ndarray:
  rng = np.random.default_rng(9)
  return rng.normal(size=(64, *SHAPE)).astype(np.float32)


def random_params(architecture: spec.Architecture) -> dict[str, tf.Tensor]:
  """Random params with which outputs of all layers are about 1."""
  rng = np.random.default_rng(0)
  params = {}
  for param in architecture.param_specs:
    values = rng.normal(size=param.shape)
    if param.kind in (spec.ParamKind.CONV_KERNEL, spec.ParamKind.DENSE_KERNEL):
      values *= np.sqrt(2 / np.prod(param.shape[:-1]))
    params[param.name] = tf.constant(values.astype(np.float32))
  return params


def network(draw: Callable[[spec.Builder], int]) -> spec.Architecture:
  """A drawing, ended by a pool and logits."""
  builder = spec.Builder(SHAPE)
  x = draw(builder)
  if len(builder.shape(x)) == 3:
    x = builder.add(_Op.GLOBAL_AVG_POOL, x, name="pool")
  builder.add(_Op.DENSE, x, name="logits", filters=CLASSES, use_bias=True)
  return builder.build("drawing")


def model(
  architecture: spec.Architecture,
  name: str,
  params: dict[str, tf.Tensor] | None = None,
) -> tuple[keras.Model, child_network.Params]:
  recipe = recipe_lib.get(name)
  calibrated = calibrate.calibrate(
    architecture,
    params or random_params(architecture),
    [tf.constant(images())],
    recipe=recipe,
  )
  return keras_io.to_keras(architecture, calibrated, recipe), calibrated


def difference(
  interpreter: tflite.Interpreter, model: keras.Model
) -> tuple[int, float]:
  """How far the logits of a file are from its model's: greatest and mean."""
  logits = model(images(), training=False).numpy()
  labels = logits.argmax(axis=-1)
  compared = interpreter.compare([(images(), labels, logits)])
  return compared.max_lsb, compared.mean_lsb


def conv(b: spec.Builder, x: int, **attributes) -> int:
  return b.add(_Op.CONV, x, filters=6, **attributes)


def conv_bn_relu(b: spec.Builder) -> int:
  bn = b.add(_Op.BATCH_NORM, conv(b, 0, kernel=(3, 3)))
  return b.add(_Op.RELU, bn)


def depthwise(b: spec.Builder) -> int:
  x = b.add(_Op.DEPTHWISE_CONV, 0, kernel=(3, 3), dilation=2)
  return conv(b, b.add(_Op.BATCH_NORM, x))


def two_dilated(b: spec.Builder) -> int:
  # TensorFlow takes the same tensor apart for both.
  window = {"kernel": (3, 3), "dilation": 2, "use_bias": True}
  left, right = (b.add(_Op.DEPTHWISE_CONV, 0, **window) for _ in range(2))
  return b.add(_Op.ADD, b.add(_Op.RELU, left), conv(b, right))


def two_equal_sums(b: spec.Builder) -> int:
  x, y = conv(b, 0), conv(b, 0)
  relu, plain = (b.add(_Op.ADD, x, y) for _ in range(2))
  return b.add(_Op.ADD, b.add(_Op.RELU, relu), plain)


def average(b: spec.Builder, x: int) -> int:
  return b.add(_Op.AVG_POOL, x, kernel=(2, 2), strides=(2, 2))


def average_relu(b: spec.Builder) -> int:
  return conv(b, b.add(_Op.RELU, average(b, conv(b, 0))))


def average_two_relus(b: spec.Builder) -> int:
  x = average(b, conv(b, 0))
  return b.add(_Op.CONCAT, b.add(_Op.RELU, x), conv(b, b.add(_Op.RELU, x)))


def average_relu_concat(b: spec.Builder) -> int:
  relu = b.add(_Op.RELU, average(b, conv(b, 0)))
  return b.add(_Op.CONCAT, relu, average(b, 0))


def two_relus(b: spec.Builder) -> int:
  x = b.add(_Op.ADD, 0, conv(b, 0))
  left, right = (conv(b, b.add(_Op.RELU, x)) for _ in range(2))
  return b.add(_Op.ADD, left, right)


def concat_bn_relu(b: spec.Builder) -> int:
  x = b.add(_Op.CONCAT, conv(b, 0), b.add(_Op.MAX_POOL, 0, kernel=(3, 3)))
  return b.add(_Op.RELU6, b.add(_Op.BATCH_NORM, x))


def _wide(b: spec.Builder) -> int:
  """Outputs that go well beyond 6."""
  x = conv(b, 0)
  return b.add(_Op.ADD, x, x)


def relu6(b: spec.Builder) -> int:
  # Another reads what the RELU6 reads, so that it is an operator of its own.
  x = _wide(b)
  return b.add(_Op.ADD, x, conv(b, b.add(_Op.RELU6, x)))


def relu6_concat(b: spec.Builder) -> int:
  # On the range of the concat, which goes beyond 6.
  x = _wide(b)
  both = b.add(_Op.CONCAT, b.add(_Op.RELU6, x), conv(b, x))
  return b.add(_Op.CONCAT, both, conv(b, x))


def dense_bn(b: spec.Builder) -> int:
  x = b.add(_Op.DENSE, b.add(_Op.GLOBAL_AVG_POOL, 0), filters=9)
  return b.add(_Op.RELU, b.add(_Op.BATCH_NORM, x))


def pad_crop(b: spec.Builder) -> int:
  x = b.add(_Op.ZERO_PAD, 0, margins=(0, 1, 0, 1))
  x = conv(b, x, kernel=(3, 3), strides=(2, 2), padding="valid")
  return b.add(_Op.FLATTEN, b.add(_Op.CROP, x, margins=(1, 0, 0, 1)))
