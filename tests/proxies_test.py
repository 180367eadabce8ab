# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import math

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import random_params
from ghn_tf.evaluation import proxies


def _chain(*, norm: bool, bias: bool) -> spec.Architecture:
  """A convolution, what may be behind it, and a dense layer."""
  builder = spec.Builder((4, 4, 2))
  x = builder.add(ops.Op.CONV, builder.input, filters=3, use_bias=bias)
  if norm:
    x = builder.add(ops.Op.BATCH_NORM, x)
  x = builder.add(ops.Op.GLOBAL_AVG_POOL, builder.add(ops.Op.RELU, x))
  builder.add(ops.Op.DENSE, x, filters=5, use_bias=bias)
  return builder.build("chain")


class SynflowTest(parameterized.TestCase):
  @parameterized.product(norm=(False, True), bias=(False, True))
  def test_a_chain_by_hand(self, norm, bias):
    # R is the product of the absolute matrices, summed; each of the two is in
    # every term of it once, so that the sum over its params is R again.
    linear = spec.Builder((4, 4, 2))
    x = linear.add(ops.Op.CONV, linear.input, filters=3)
    x = linear.add(ops.Op.GLOBAL_AVG_POOL, x)
    linear.add(ops.Op.DENSE, x, filters=5)
    params = random_params.he_normal(linear.build("linear"))
    first, second = (np.abs(value.numpy()) for value in params.values())
    expected = 2 * (np.ones(2) @ first[0, 0] @ second).sum()
    self.assertAlmostEqual(
      proxies.synflow(_chain(norm=norm, bias=bias)), math.log10(expected), 5
    )

  def test_a_sum_is_the_sum_of_its_ways(self):
    # x + x has twice the R of x.
    def network(doubles: bool) -> spec.Architecture:
      builder = spec.Builder((4, 4, 2))
      x = builder.add(ops.Op.CONV, builder.input, filters=3, name="c")
      if doubles:
        x = builder.add(ops.Op.ADD, x, x)
      x = builder.add(ops.Op.FLATTEN, x)
      builder.add(ops.Op.DENSE, x, filters=2, name="d")
      return builder.build("n")

    # Params are drawn by the names that the skeleton gives: those of the dense
    # layer differ, and with them the sum, by less than the factor of 2.
    flows = [proxies.synflow(network(doubles)) for doubles in (False, True)]
    self.assertAlmostEqual(flows[1] - flows[0], math.log10(2), delta=0.15)

  def test_does_not_overflow_where_float32_would(self):
    builder = spec.Builder((2, 2, 64))
    x = builder.input
    for _ in range(45):
      x = builder.add(ops.Op.CONV, x, filters=64, kernel=(3, 3))
    builder.add(ops.Op.DENSE, builder.add(ops.Op.FLATTEN, x), filters=2)
    self.assertBetween(proxies.synflow(builder.build("deep")), 39, 300)

  def test_a_flow_beyond_float64_is_an_error(self):
    # Each gate squares it: after 12 it is the 4096th power.
    builder = spec.Builder((4, 4, 8))
    x = builder.input
    for _ in range(12):
      gate = builder.add(ops.Op.CONV, x, filters=8)
      x = builder.add(ops.Op.MULTIPLY, x, gate)
    builder.add(ops.Op.DENSE, builder.add(ops.Op.FLATTEN, x), filters=2)
    with self.assertRaisesRegex(ValueError, "'gated' is (nan|inf), which has"):
      proxies.synflow(builder.build("gated"))

  def test_a_flow_of_nothing_is_an_error(self):
    builder = spec.Builder((4, 4, 2))
    x = builder.add(ops.Op.CONV, builder.input, filters=3)
    x = builder.add(ops.Op.FLATTEN, builder.add(ops.Op.SUBTRACT, x, x))
    builder.add(ops.Op.DENSE, x, filters=2)
    with self.assertRaisesRegex(ValueError, "'none' is 0.0, which has no log"):
      proxies.synflow(builder.build("none"))


class NaswotTest(absltest.TestCase):
  def test_a_determinant_by_hand(self):
    # Of 3 bits the codes agree in 1: det [[3, 1], [1, 3]] = 8.
    codes = [np.array([[1, 0], [1, 1]], bool), np.array([[1], [0]], bool)]
    self.assertAlmostEqual(proxies.log_determinant(codes), math.log(8), 5)

  def test_equal_codes_are_worst(self):
    codes = [np.ones((2, 3), bool)]
    self.assertLess(proxies.log_determinant(codes), -30)

  def test_codes_are_those_of_relus(self):
    network = _chain(norm=True, bias=False)
    images = np.random.default_rng(0).normal(size=(3, 4, 4, 2))
    images = images.astype(np.float32)
    kernel = random_params.he_normal(network)["conv_1/kernel"].numpy()[0, 0]
    x = images @ kernel
    bits = (x > x.mean(axis=(0, 1, 2))).reshape(3, -1)  # of 48 each
    agree = (bits[:, np.newaxis] == bits).sum(axis=-1)
    self.assertAlmostEqual(
      proxies.naswot(network, images), np.linalg.slogdet(agree)[1], 4
    )

  def test_needs_a_relu(self):
    builder = spec.Builder((4, 4, 2))
    builder.add(ops.Op.DENSE, builder.add(ops.Op.FLATTEN, 0), filters=2)
    images = np.ones((2, 4, 4, 2), np.float32)
    with self.assertRaisesRegex(ValueError, "'linear' has no ReLU"):
      proxies.naswot(builder.build("linear"), images)


if __name__ == "__main__":
  absltest.main()
