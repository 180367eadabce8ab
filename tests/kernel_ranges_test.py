# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import int8_grid
from ghn_tf.child import keras_io
from ghn_tf.edge import kernel_ranges
from ghn_tf.edge import tflite
from ghn_tf.quant import recipe as recipe_lib
from tests import drawings
from tests import micro

_Op = ops.Op
_ALL, _ONE = slice(None), slice(1, 2)


def _conv(b: spec.Builder) -> int:
  x = drawings.conv(b, 0, kernel=(3, 3), name="tiny", use_bias=True)
  return b.add(_Op.RELU, x)


def _conv_bn(b: spec.Builder) -> int:
  x = drawings.conv(b, 0, kernel=(3, 3), name="conv", use_bias=True)
  return b.add(_Op.RELU, b.add(_Op.BATCH_NORM, x, name="tiny"))


def _depthwise_bn(b: spec.Builder) -> int:
  x = b.add(_Op.DEPTHWISE_CONV, 0, kernel=(3, 3))
  return b.add(_Op.BATCH_NORM, x, name="tiny")


def _dense(b: spec.Builder) -> int:
  x = b.add(_Op.GLOBAL_AVG_POOL, 0)
  x = b.add(_Op.DENSE, x, filters=9, use_bias=True, name="tiny")
  return b.add(_Op.RELU, x)


def _alone(b: spec.Builder) -> int:
  x = b.add(_Op.MAX_POOL, drawings.conv(b, 0), kernel=(2, 2))
  return b.add(_Op.RELU, b.add(_Op.BATCH_NORM, x, name="tiny"))


def _dense_alone(b: spec.Builder) -> int:
  x = b.add(_Op.DENSE, b.add(_Op.GLOBAL_AVG_POOL, 0), filters=9)
  return b.add(_Op.BATCH_NORM, x, name="tiny")


def _after_tiny(b: spec.Builder) -> int:
  x = b.add(_Op.RELU, drawings.conv(b, 0, name="tiny"))
  # The range of a pool is that of what it reads.
  x = b.add(_Op.MAX_POOL, x, kernel=(2, 2))
  return drawings.conv(b, x, kernel=(3, 3), use_bias=True)


_CASES = (
  (_conv, "kernel", 1e-6),
  (_conv, "kernel", 0),
  (_conv_bn, "gamma", 1e-6),
  (_conv_bn, "gamma", 0),
  (_depthwise_bn, "gamma", -1e-30),
  (_dense, "kernel", 1e-5),
  (_alone, "gamma", 0),
  (_dense_alone, "gamma", 1e-9),
  (_after_tiny, "kernel", 1e-9),
)


def _tiny(
  draw: Callable[[spec.Builder], int],
  param: str,
  factor: float,
  channels: slice = _ALL,
) -> tuple[spec.Architecture, dict[str, tf.Tensor]]:
  """A drawing and params, one of which is made small in some channels."""
  architecture = drawings.network(draw)
  params = drawings.random_params(architecture)
  value = params[f"tiny/{param}"].numpy()
  value[..., channels] *= factor
  return architecture, params | {f"tiny/{param}": tf.constant(value)}


def _greatest_bias(content: bytes) -> int:
  """The greatest magnitude of an int32 in a file."""
  model, graph = tflite._main_graph(content)
  codes = [
    model.buffers[tensor.buffer].data.view("<i4").astype(np.int64)
    for tensor in graph.tensors
    if tensor.type == tflite.schema.TensorType.INT32
  ]
  return np.abs(np.concatenate(codes)).max()


class SuitedTest(parameterized.TestCase):
  @parameterized.parameters(
    *(
      (*case, channels, "w8a8") for case in _CASES for channels in (_ALL, _ONE)
    ),
    (*_CASES[3], _ONE, "w4a8"),
    # XNNPACK has these 16 times as great.
    (_dense, "kernel", 1e-5, _ALL, "w4a8"),
    (_dense_alone, "gamma", 0, _ALL, "w4a8"),
  )
  def test_a_kernel_of_nearly_nothing_keeps_its_bias(
    self, draw, param, factor, channels, name
  ):
    architecture, params = _tiny(draw, param, factor, channels)
    model, _ = drawings.model(architecture, name, params)
    before = [variable.numpy() for variable in model.variables]
    content = tflite.convert(model)
    for variable, value in zip(model.variables, before, strict=True):
      np.testing.assert_array_equal(variable.numpy(), value)
    # Half of int32 is left to the products; scales are rounded to float32.
    self.assertLessEqual(_greatest_bias(content), 2**30 * (1 + 1e-5))
    for runtime in (None, micro.Interpreter if micro.IS_INSTALLED else None):
      interpreter = tflite.Interpreter(content, runtime)
      greatest, _ = drawings.difference(interpreter, model)
      # Rounding alone, of two or three operators in a row.
      self.assertLessEqual(greatest, 3)

  @parameterized.parameters(
    (_conv, "kernel"), (_conv_bn, "gamma"), (_dense_alone, "gamma")
  )
  def test_a_bias_also_fits_where_2_bits_are_stored_in_4(self, draw, param):
    architecture, params = _tiny(draw, param, 1e-9)
    recipe = recipe_lib.get("w2a2")
    _, calibrated = drawings.model(architecture, "w2a2", params)
    model = keras_io.to_keras(
      architecture, *int8_grid.on_int8(architecture, calibrated, recipe)
    )
    content = tflite.convert(model)
    self.assertLessEqual(_greatest_bias(content), 2**30 * (1 + 1e-5))

  def test_ranges_with_room_for_their_bias_are_left_as_they_are(self):
    model, _ = drawings.model(drawings.network(drawings.concat_bn_relu), "w8a8")
    before = [variable.numpy() for variable in model.variables]
    with kernel_ranges.suited(model):
      for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


if __name__ == "__main__":
  absltest.main()
