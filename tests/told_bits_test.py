# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of hypernetworks that are told the bits of every node."""

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import grids
from ghn_tf.ghn import config as ghn_config
from ghn_tf.ghn import graph
from ghn_tf.ghn import model
from ghn_tf.quant import recipe as recipe_lib

_TABLE = "encoder/bits_embedding"


def _network() -> spec.Architecture:
  builder = spec.Builder((8, 8, 3))
  x = builder.add(
    ops.Op.CONV, builder.input, name="stem", filters=8, use_bias=True
  )
  x = builder.add(ops.Op.RELU, x, name="stem_relu")
  y = builder.add(ops.Op.DEPTHWISE_CONV, x, name="depthwise", kernel=(3, 3))
  y = builder.add(ops.Op.BATCH_NORM, y, name="bn")
  x = builder.add(ops.Op.ADD, x, y, name="sum")
  y = builder.add(ops.Op.RELU, x, name="sum_relu")
  x = builder.add(ops.Op.ADD, x, y, name="both")
  x = builder.add(ops.Op.GLOBAL_AVG_POOL, x, name="mean")
  builder.add(ops.Op.DENSE, x, name="logits", filters=10)
  return builder.build("network")


def _bits(*names: str) -> list[np.ndarray]:
  return [grids.bits(_network(), recipe_lib.get(name)) for name in names]


def _trained(ghn: model.GHN) -> model.GHN:
  """Fills the table with what it could have learnt."""
  arrays = ghn.get_arrays()
  rng = np.random.default_rng(0)
  shape = arrays[_TABLE].shape
  arrays[_TABLE] = rng.standard_normal(shape).astype(np.float32)
  ghn.set_arrays(arrays)
  return ghn


def _told(**changes) -> model.GHN:
  return model.GHN(ghn_config.GhnConfig(bits=True, **changes))


class GraphTest(tf.test.TestCase, parameterized.TestCase):
  def test_a_network_by_hand(self):
    bits = _bits("w4a4+stem=w8a2+depthwise=w2a8+sum=w2a8+sum_relu=w2a3")
    nodes = graph.encode([_network()], bits).node_sets["op"]
    types = [graph.NODE_TYPES[index] for index in nodes["type_id"]]
    self.assertEqual(
      [*zip(types, nodes["bits"].numpy().tolist(), strict=True)],
      [
        ("input", [0, 8]),
        ("conv", [8, 2]),
        ("bias", [8, 2]),  # its kernel's
        ("sep_conv", [2, 8]),
        ("bn", [2, 8]),  # those of the convolution that it scales
        # Also for its ReLU, and for the sum of both: of 8, 3 and 4 the least.
        ("sum", [0, 3]),
        ("glob_avg", [0, 4]),
        ("conv", [4, 8]),  # the logits
      ],
    )

  def test_by_default_they_are_of_float(self):
    nodes = graph.encode([_network()]).node_sets["op"]
    self.assertAllEqual(nodes["bits"], np.zeros((8, 2)))
    nodes = graph.encode([_network()], _bits("float")).node_sets["op"]
    self.assertAllEqual(nodes["bits"], np.zeros((8, 2)))

  def test_those_of_another_network_are_an_error(self):
    with self.assertRaisesRegex(ValueError, r"\[10, 2\], two .* got \[3, 2\]"):
      graph.encode([_network()], [np.zeros((3, 2), np.int32)])


class ModelTest(tf.test.TestCase, parameterized.TestCase):
  def test_they_begin_at_what_there_would_be_without(self):
    told, plain = _told(), model.GHN(ghn_config.GhnConfig())
    (expected,) = plain([_network()])
    for bits in _bits("float", "w2a2"):
      for name, value in told([_network()], [bits])[0].items():
        # Rounding of float32 alone.
        self.assertAllClose(value, expected[name], atol=1e-6)

  def test_after_that_every_recipe_has_params_of_its_own(self):
    ghn = _trained(_told())
    names = ("float", "w8a8", "w4a8", "w4a4", "w2a2", "w4a4+depthwise=w8a8")
    params = ghn([_network()] * len(names), _bits(*names))
    for index, own in enumerate(params):
      for other in params[:index]:
        self.assertNotAllClose(
          own["depthwise/kernel"], other["depthwise/kernel"]
        )

  @parameterized.parameters(
    # As the nearest ones, the smaller of two.
    *(
      ("w4a3", "w4a2"),
      ("w4a5", "w4a4"),
      ("w8a6", "w8a4"),
      ("w8a7", "w8a8"),
      ("w8a16", "w8a8"),
    )
  )
  def test_bits_without_an_embedding_are_told_as_near_ones(self, name, near):
    one, other = _trained(_told())([_network()] * 2, _bits(name, near))
    for key, value in one.items():
      self.assertAllEqual(value, other[key])

  def test_kernels_and_activations_are_told_apart(self):
    one, other = _trained(_told())([_network()] * 2, _bits("w4a8", "w8a4"))
    self.assertNotAllClose(one["stem/kernel"], other["stem/kernel"])

  def test_gradients_reach_each_row_that_is_used(self):
    ghn = _told(layer_norm=False)
    with tf.GradientTape() as tape:
      (params,) = ghn([_network()], _bits("w4a2"))
      loss = tf.add_n([tf.reduce_sum(p**2) for p in params.values()])
    (table,) = (
      v for v in ghn.trainable_variables if "bits_embedding" in v.name
    )
    gradient = tf.convert_to_tensor(tape.gradient(loss, table)).numpy()
    # Kernels of 2, 4, 8 bits, none; outputs of 2, 4, 8 bits, float.
    self.assertEqual(
      (np.abs(gradient).max(axis=1) > 0).tolist(),
      [False, True, False, True, True, False, True, False],
    )

  def test_who_is_told_needs_them(self):
    with self.assertRaisesRegex(
      ValueError, "that it is told; give it those of each"
    ):
      _told()([_network()])

  def test_who_is_not_told_does_not_look_at_them(self):
    plain = model.GHN(ghn_config.GhnConfig())
    (expected,), (params,) = (
      plain([_network()]),
      plain([_network()], _bits("w2a2")),
    )
    for name, value in params.items():
      self.assertAllEqual(value, expected[name])


if __name__ == "__main__":
  tf.test.main()
