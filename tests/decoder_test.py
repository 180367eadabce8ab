# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of the decoders, against decoding everything and cutting it out."""

from collections.abc import Sequence
import math
from typing import Any

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.ghn import decoder
from ghn_tf.ghn import graph
from ghn_tf.ghn import layout

_DIM = 6
_CHANNELS = 8
_KERNEL = 5
_CLASSES = 3
# Sums of up to 16 products of float32 in another order.
_TOLERANCE = 1e-5


def _decoder(**arguments) -> decoder.Decoder:
  defaults: dict[str, Any] = {
    "dim": _DIM,
    "max_channels": _CHANNELS,
    "max_kernel": _KERNEL,
    "num_classes": _CLASSES,
    "tap_features": 10,
    "kernel_features": 16,
    "vector_features": 12,
    "bounded_kernels": False,
    "rng": np.random.default_rng(0),
  }
  return decoder.Decoder(**(defaults | arguments))


def _network(
  *nodes: tuple[ops.Op, dict], classes: int = _CLASSES
) -> spec.Architecture:
  """An image, nodes one after the other, and a classifier."""
  builder = spec.Builder((16, 16, 3))
  last = builder.input
  for index, (op, attributes) in enumerate(nodes):
    last = builder.add(op, last, name=f"n{index}", **attributes)
  if len(builder.shape(last)) == 3:
    last = builder.add(ops.Op.GLOBAL_AVG_POOL, last)
  builder.add(ops.Op.DENSE, last, name="logits", filters=classes, use_bias=True)
  return builder.build("network")


def _conv(filters: int, height: int, width: int) -> tuple[ops.Op, dict]:
  return ops.Op.CONV, {"filters": filters, "kernel": (height, width)}


# Every network and kind of parameter, with fewer channels than the decoder has,
# as many, and more, which are repeated.
_EVERYTHING = _network(
  _conv(5, 3, 3),
  _conv(8, 5, 5),
  (ops.Op.BATCH_NORM, {}),
  _conv(19, 1, 1),
  (ops.Op.PRELU, {}),
  (ops.Op.GROUPED_CONV, {"filters": 38, "kernel": (3, 3), "groups": 19}),
  _conv(18, 1, 3),
  (ops.Op.GROUPED_CONV, {"filters": 9, "kernel": (1, 3), "groups": 9}),
  _conv(20, 3, 1),
  (ops.Op.DEPTHWISE_CONV, {"kernel": (5, 5), "use_bias": True}),
  (ops.Op.BATCH_NORM, {}),
  _conv(1, 1, 1),
  (ops.Op.DEPTHWISE_CONV, {"kernel": (3, 3)}),
  _conv(2, 3, 3),
  (ops.Op.FLATTEN, {}),
  (ops.Op.DENSE, {"filters": 7, "use_bias": True}),
  (ops.Op.DENSE, {"filters": 33, "use_bias": True}),
  (ops.Op.DENSE, {"filters": 1}),
  (ops.Op.DENSE, {"filters": 2}),
)
_SMALL = _network(_conv(5, 3, 3), (ops.Op.BATCH_NORM, {}))


def _embeddings(
  architectures: Sequence[spec.Architecture], seed: int = 0
) -> tf.Tensor:
  num_nodes = len(graph.encode(architectures).node_sets["op"]["level"])
  values = np.random.default_rng(seed).standard_normal((num_nodes, _DIM))
  return tf.constant(values, tf.float32)


def _linear(arrays, name: str, x: tf.Tensor) -> tf.Tensor:
  return tf.tensordot(x, arrays[f"{name}_kernel"], 1) + arrays[f"{name}_bias"]


def _oracle(
  arrays,
  param: spec.ParamSpec,
  is_classifier: bool,
  is_bounded: bool,
  row: tf.Tensor,
) -> tf.Tensor:
  """Decodes the largest tensor, [out, in, h, w], and tiles and crops that."""
  if param.kind is spec.ParamKind.ALPHA:
    return tf.fill(param.shape, 0.25)
  if len(param.shape) == 1:
    hidden = tf.nn.relu(_linear(arrays, "vector/hidden", row))
    scale, offset = tf.unstack(_linear(arrays, "vector/output", hidden))
    if is_classifier:
      offset = _linear(arrays, "vector/classes", tf.nn.relu(offset)[None])[0]
    is_gamma = param.kind is spec.ParamKind.GAMMA
    value = 2 * tf.sigmoid(0.5 * scale) if is_gamma else tf.tanh(0.2 * offset)
    return tf.tile(value, [99])[: param.shape[0]]
  taps = tf.nn.relu(_linear(arrays, "kernel/taps", row))
  hidden = tf.nn.relu(_linear(arrays, "kernel/hidden", taps))
  kernel = _linear(arrays, "kernel/output", hidden)  # [h, w, in, out]
  if is_classifier:
    kernel = _linear(arrays, "kernel/classes", tf.nn.relu(kernel))
  kernel = tf.transpose(kernel, (3, 2, 0, 1))
  c_out, c_in, height, width = graph.shape_of(param)
  if is_bounded and not is_classifier:
    decoded = kernel[:c_out, :c_in, :height, :width]  # before it is repeated
    kernel /= tf.sqrt(1 + tf.reduce_mean(decoded**2))
  kernel = tf.tile(kernel, [99, 99, 1, 1])[:c_out, :c_in, :height, :width]
  is_dense = param.kind is spec.ParamKind.DENSE_KERNEL
  beta = 1 if not is_dense and (c_in == 1 or height < width) else 2
  kernel *= math.sqrt(beta / (c_in * height * width))
  match param.kind:
    case spec.ParamKind.CONV_KERNEL:
      return tf.transpose(kernel, (2, 3, 1, 0))
    case spec.ParamKind.DEPTHWISE_KERNEL:
      return tf.transpose(kernel, (2, 3, 0, 1))
    case _:
      return tf.transpose(kernel[:, :, 0, 0])


def _expected(layer, embeddings, architectures, is_bounded=False):
  return [
    {
      param.name: _oracle(
        layer.arrays,
        param,
        param.node == architecture.classifier,
        is_bounded,
        embeddings[node],
      )
      for param, node in zip(architecture.param_specs, nodes, strict=True)
    }
    for architecture, nodes in zip(
      architectures, graph.param_nodes(architectures), strict=True
    )
  ]


def _loss(params) -> tf.Tensor:
  """A sum over all parameters, each element with another weight."""
  rng = np.random.default_rng(7)
  return tf.add_n(
    [
      tf.reduce_sum(value * rng.standard_normal(value.shape).astype(np.float32))
      for of_one in params
      for value in of_one.values()
    ]
  )


class DecoderTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(False, True)
  def test_is_the_largest_tensor_tiled_cropped_and_normalized(self, is_bounded):
    layer = _decoder(bounded_kernels=is_bounded)
    architectures = [_EVERYTHING, _SMALL]
    embeddings = _embeddings(architectures)
    variables = [embeddings, *layer.trainable_variables]
    with tf.GradientTape(persistent=True) as tape:
      tape.watch(embeddings)
      actual = layer(embeddings, architectures)
      expected = _expected(layer, embeddings, architectures, is_bounded)
      losses = _loss(actual), _loss(expected)
    for ours, theirs in zip(actual, expected, strict=True):
      self.assertEqual(list(ours), list(theirs))
      for name in ours:
        self.assertAllClose(
          ours[name], theirs[name], _TOLERANCE, _TOLERANCE, name
        )
    for ours, theirs in zip(
      tape.gradient(losses[0], variables),
      tape.gradient(losses[1], variables),
      strict=True,
    ):
      ours, theirs = tf.convert_to_tensor(ours), tf.convert_to_tensor(theirs)
      scale = float(tf.reduce_max(tf.abs(theirs)))
      self.assertGreater(scale, 0)
      self.assertAllClose(ours, theirs, 0, _TOLERANCE * scale)

  def test_shapes_and_order_are_those_of_the_parameters(self):
    (params,) = _decoder()(_embeddings([_EVERYTHING]), [_EVERYTHING])
    self.assertEqual(
      [(name, tuple(value.shape)) for name, value in params.items()],
      [(param.name, param.shape) for param in _EVERYTHING.param_specs],
    )

  def test_vectors_keep_to_their_ranges(self):
    layer = _decoder()
    (params,) = layer(100 * _embeddings([_EVERYTHING]), [_EVERYTHING])
    for param in _EVERYTHING.param_specs:
      if len(param.shape) == 1:
        low = 0 if param.kind is spec.ParamKind.GAMMA else -1
        self.assertAllInRange(params[param.name], low, low + 2)

  def test_one_trace_serves_all_shapes(self):
    layer = _decoder()
    for architectures in ([_SMALL], [_EVERYTHING], [_SMALL, _EVERYTHING]):
      layer(_embeddings(architectures), architectures)
    self.assertEqual(layer.decode.experimental_get_tracing_count(), 1)

  def test_a_network_without_parameters_has_none(self):
    builder = spec.Builder((4, 4, 3))
    builder.add(ops.Op.GLOBAL_AVG_POOL, builder.input)
    architecture = builder.build("mean")
    embeddings = _embeddings([architecture])
    self.assertEqual(_decoder()(embeddings, [architecture]), [{}])

  def test_a_convolution_that_gives_the_logits_is_a_convolution(self):
    builder = spec.Builder((4, 4, 3))
    conv = builder.add(ops.Op.CONV, builder.input, filters=11)
    builder.add(ops.Op.GLOBAL_AVG_POOL, conv)
    architecture = builder.build("fully_convolutional")
    layer, embeddings = _decoder(), _embeddings([architecture])
    (params,) = layer(embeddings, [architecture])
    (expected,) = _expected(layer, embeddings, [architecture])
    self.assertAllClose(params, expected, _TOLERANCE, _TOLERANCE)

  @parameterized.parameters(((6, 1),), ((1, 6),))
  def test_a_kernel_beyond_the_largest_is_an_error(self, kernel):
    architecture = _network(_conv(4, 3, 3), _conv(4, *kernel))
    with self.assertRaisesRegex(
      ValueError, r"Node 'n1' \(conv\) .* kernel .* up to \(5, 5\)"
    ):
      _decoder().check(architecture)

  def test_a_pool_may_be_larger_than_the_largest_kernel(self):
    pool = (ops.Op.MAX_POOL, {"kernel": (8, 8), "strides": (8, 8)})
    architecture = _network(pool)
    _decoder().check(architecture)
    self.assertLen(
      _decoder()(_embeddings([architecture]), [architecture])[0], 2
    )

  def test_another_number_of_classes_is_an_error(self):
    architecture = _network(classes=4)
    with self.assertRaisesRegex(ValueError, "4 classes.* num_classes=4"):
      _decoder().check(architecture)


class KernelScaleTest(parameterized.TestCase):
  @parameterized.parameters(
    ("conv", (3, 3, 16, 8), 2 / 144),
    ("conv", (1, 1, 64, 8), 2 / 64),
    ("conv", (3, 3, 1, 8), 1 / 9),  # of a grey image
    ("depthwise", (5, 5, 8, 1), 1 / 25),
    ("conv", (1, 7, 8, 8), 1 / 56),  # the first of a pair
    ("conv", (7, 1, 8, 8), 2 / 56),  # the second
    ("dense", (64, 10), 2 / 64),
    ("dense", (1, 10), 2),
  )
  def test_is_the_root_of_beta_over_fan_in(self, kind, shape, expected):
    param = spec.ParamSpec(
      "kernel", spec.ParamKind(f"{kind}_kernel"), shape, node=1
    )
    self.assertAlmostEqual(layout.kernel_scale(param) ** 2, expected)


if __name__ == "__main__":
  absltest.main()
