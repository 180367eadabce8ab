# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Networks whose layers have bits of their own, in all ways to run them."""

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import calibrate
from ghn_tf.child import grids
from ghn_tf.child import keras_io
from ghn_tf.child import network
from ghn_tf.edge import tflite
from ghn_tf.quant import recipe as recipe_lib
from tests import conformance
from tests import drawings

_Op = ops.Op


def _block(b: spec.Builder, name: str, x: int, **attributes) -> int:
  x = drawings.conv(b, x, name=name, kernel=(3, 3), **attributes)
  x = b.add(_Op.BATCH_NORM, x, name=f"{name}_bn")
  return b.add(_Op.RELU, x, name=f"{name}_relu")


def _residual(b: spec.Builder) -> int:
  x = _block(b, "stem", b.input)
  y = drawings.conv(b, _block(b, "a", x), name="b")
  y = b.add(_Op.BATCH_NORM, y, name="b_bn")
  return b.add(_Op.RELU, b.add(_Op.ADD, x, y, name="sum"), name="sum_relu")


def _concat(b: spec.Builder) -> int:
  x = _block(b, "stem", b.input)
  y = _block(b, "a", x)
  z = b.add(_Op.MAX_POOL, x, name="max", kernel=(3, 3))
  x = b.add(_Op.CONCAT, y, drawings.conv(b, x, name="b"), z, name="concat")
  return _block(b, "after", x)


def _depthwise(b: spec.Builder) -> int:
  x = _block(b, "stem", b.input, use_bias=True)
  x = b.add(_Op.DEPTHWISE_CONV, x, name="depthwise", kernel=(3, 3))
  x = b.add(_Op.RELU6, b.add(_Op.BATCH_NORM, x, name="bn"), name="relu6")
  x = b.add(_Op.AVG_POOL, x, name="avg", kernel=(2, 2), strides=(2, 2))
  return drawings.conv(b, x, name="pointwise", use_bias=True)


_NETWORKS = {
  "residual": _residual,
  "concat": _concat,
  "depthwise": _depthwise,
}


def _child(draw, name: str) -> conformance.Child:
  architecture, recipe = drawings.network(draw), recipe_lib.get(name)
  params = calibrate.calibrate(
    architecture,
    drawings.random_params(architecture),
    [tf.constant(drawings.images())],
    recipe=recipe,
  )
  return conformance.Child(architecture, params, recipe)


class BitsConformanceTest(conformance.Conformance):
  @parameterized.parameters(
    ("residual", "w4a4+stem=w8a8+logits=w8a8"),
    ("residual", "w8a8+a=w2a2+b=w4a3+sum=w8a5"),
    ("concat", "w4a4+stem=w8a8+logits=w8a8"),
    ("concat", "w2a8+a=w8a2+concat=w8a4+after=w4a2"),
    ("depthwise", "w4a4+stem=w8a8+logits=w8a8"),
    ("depthwise", "w8a8+depthwise=w2a4+pointwise=w4a2+pool=w8a3"),
  )
  def test_a_mix(self, name: str, recipe: str):
    images = tf.constant(drawings.images())
    self.check_recipe(_child(_NETWORKS[name], recipe), images)


class FileTest(parameterized.TestCase):
  def test_each_kernel_is_stored_with_its_bits(self):
    child = _child(_residual, "w4a4+stem=w8a8+b=w2a4+logits=w8a8")
    content = tflite.convert(keras_io.to_keras(*child.stored()))
    model, graph = tflite._main_graph(content)
    kinds = [
      tensor.type
      for tensor in graph.tensors
      if model.buffers[tensor.buffer].data is not None and len(tensor.shape) > 1
    ]
    types = tflite.schema.TensorType
    self.assertCountEqual(kinds, 2 * [types.INT4] + 2 * [types.INT8])


class UniformTest(parameterized.TestCase):
  @parameterized.product(
    name=tuple(_NETWORKS),
    recipe=("w8a8", "w2a2"),
    mode=tuple(recipe_lib.Mode),
    training=(False, True),
  )
  def test_layers_named_with_the_same_bits_change_no_bit(
    self, name, recipe, mode, training
  ):
    child = _child(_NETWORKS[name], recipe)
    layers = [f"{n}={recipe}" for n in grids.layers(child.architecture)]
    one, other = (
      network.apply(
        child.architecture,
        child.params,
        tf.constant(drawings.images()),
        recipe=recipe_lib.get(name, mode),
        training=training,
        seed=(3, 4),
      )
      for name in (recipe, "+".join((recipe, *layers)))
    )
    np.testing.assert_array_equal(one, other)


if __name__ == "__main__":
  absltest.main()
