# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from typing import Any

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import network
from ghn_tf.quant import recipe as recipe_lib

_Op = ops.Op
_FLOAT = recipe_lib.get("float")

# Operations in a row, each reading the one before, with their attributes.
_Chain = tuple[tuple[ops.Op, dict[str, Any]], ...]


def _chain(shape: tuple[int, int, int], *operations) -> spec.Architecture:
  builder = spec.Builder(shape)
  x = builder.input
  for op, attributes in operations:
    x = builder.add(op, x, **attributes)
  return builder.build("chain")


def _params(
  architecture: spec.Architecture, dtype: type = np.float32
) -> dict[str, tf.Tensor]:
  rng = np.random.default_rng(1)
  return {
    p.name: tf.constant(rng.normal(size=p.shape).astype(dtype))
    for p in architecture.param_specs
  }


def _images(
  architecture: spec.Architecture, count: int = 4, dtype: type = np.float32
) -> tf.Tensor:
  shape = (count, *architecture.input_shape)
  return tf.constant(np.random.default_rng(2).normal(size=shape).astype(dtype))


def _every_operation() -> spec.Architecture:
  builder = spec.Builder((9, 10, 3))
  pad = builder.add(_Op.ZERO_PAD, 0, margins=(1, 2, 0, 1))
  conv = builder.add(_Op.CONV, pad, filters=4, kernel=(3, 5), strides=(2, 1))
  bn = builder.add(_Op.BATCH_NORM, conv, epsilon=1e-2)
  relu = builder.add(_Op.RELU, bn)
  window = {"kernel": (3, 3), "strides": (2, 2)}
  left = builder.add(_Op.MAX_POOL, relu, **window)
  right = builder.add(_Op.AVG_POOL, relu, **window)
  depthwise = builder.add(
    _Op.DEPTHWISE_CONV, left, kernel=(3, 3), dilation=2, use_bias=True
  )
  added = builder.add(_Op.ADD, builder.add(_Op.RELU6, depthwise), right)
  both = builder.add(_Op.CONCAT, added, right)
  crop = builder.add(_Op.CROP, both, margins=(1, 0, 0, 2))
  valid = builder.add(
    _Op.CONV, crop, filters=6, kernel=(2, 2), padding="valid", use_bias=True
  )
  mean = builder.add(_Op.GLOBAL_AVG_POOL, valid)
  flat = builder.add(_Op.FLATTEN, valid)
  dense = builder.add(_Op.DENSE, flat, filters=6)
  normal = builder.add(_Op.BATCH_NORM, dense)
  builder.add(_Op.DENSE, builder.add(_Op.ADD, normal, mean), filters=5)
  return builder.build("everything")


class ValueTest(tf.test.TestCase, parameterized.TestCase):
  """Operations without params on the image 0, 1, ..., 15 by hand."""

  _IMAGE = np.arange(16.0, dtype=np.float32).reshape((4, 4))

  @parameterized.named_parameters(
    ("relu", ((_Op.RELU, {}),), lambda x: np.maximum(x, 0)),
    ("relu6", ((_Op.RELU6, {}),), lambda x: np.clip(x, 0, 6)),
    (
      "max_pool",
      ((_Op.MAX_POOL, {"kernel": (2, 2), "strides": (2, 2)}),),
      lambda x: x[1::2, 1::2],
    ),
    (
      # One row and column of padding, at the end, which does not count.
      "avg_pool",
      ((_Op.AVG_POOL, {"kernel": (2, 2)}),),
      lambda x: (lambda y: (y[:4, :4] + y[1:, :4] + y[:4, 1:] + y[1:, 1:]) / 4)(
        np.pad(x, (0, 1), "edge")
      ),
    ),
    (
      "avg_pool_valid",
      ((_Op.AVG_POOL, {"kernel": (4, 1), "padding": "valid"}),),
      lambda x: x.mean(axis=0),
    ),
    (
      "zero_pad",
      ((_Op.ZERO_PAD, {"margins": (1, 0, 2, 3)}),),
      lambda x: np.pad(x, ((1, 0), (2, 3))),
    ),
    ("crop", ((_Op.CROP, {"margins": (0, 1, 2, 0)}),), lambda x: x[:3, 2:]),
    ("global_avg_pool", ((_Op.GLOBAL_AVG_POOL, {}),), np.mean),
  )
  def test_by_hand(self, operations: _Chain, expected):
    architecture = (
      _chain(
        (4, 4, 1), *operations, *((_Op.FLATTEN, {}),) * (len(operations) == 1)
      )
      if operations[0][0] is not _Op.GLOBAL_AVG_POOL
      else _chain((4, 4, 1), *operations)
    )
    image = self._IMAGE - 5
    y = network.apply(
      architecture,
      {},
      image[np.newaxis, :, :, np.newaxis],
      recipe=_FLOAT,
      training=False,
    )
    self.assertAllClose(y[0], np.ravel(expected(image)))
