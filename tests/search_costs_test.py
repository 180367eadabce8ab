# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.arch import layers
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.search import costs
from ghn_tf.spaces import space as space_lib


def _network() -> spec.Architecture:
  builder = spec.Builder((8, 8, 3))
  x = builder.place(layers.conv(4, 3), 0)
  x = builder.place(layers.batch_norm(), x)
  x = skip = builder.place(layers.RELU, x)
  x = builder.place(layers.depthwise(3), x)
  x = builder.place(layers.batch_norm(), x)
  x = builder.place(layers.RELU, x)
  x = builder.place(layers.conv(4, 1), x)
  x = builder.place(layers.ADD, skip, x)
  x = builder.place(layers.RELU, x)
  x = builder.place(layers.GLOBAL_AVG_POOL, x)
  builder.place(layers.dense(10), x)
  return builder.build("network")


class CountsTest(parameterized.TestCase):
  def test_operators(self):
    network = _network()
    found = costs.operators(network)
    self.assertEqual(
      [network.nodes[i].op for i in found.nodes],
      [
        ops.Op.INPUT,
        ops.Op.RELU,  # of the convolution
        ops.Op.RELU,  # of the depthwise one
        ops.Op.CONV,
        ops.Op.RELU,  # of the sum
        ops.Op.GLOBAL_AVG_POOL,
        ops.Op.DENSE,
      ],
    )
    self.assertEqual(found.tensors, (0, 1, 1, 1, 2, 2, 2, 3, 4, 4, 5, 6))

  def test_counts_by_hand(self):
    found = costs.counts(_network())
    expected = {
      "multiplications": 64 * 4 * 27 + 64 * 4 * 4 + 4 * 10,
      "outputs": 2 * 64 * 4 + 10,
      "laid_out": 64 * 27,
      "depthwise": 64 * 4 * 9,
      "depthwise_outputs": 64 * 4,
      "pooled": 64 * 4,
      "moved": 64 * 4,  # by the sum
      "operators": 7,
      "kernels": 4 * 27 + 4 * 9 + 4 * 4 + 40,
      "channels": 4 + 4 + 4 + 10,
      "one": 1,
    }
    self.assertEqual({name: found[name] for name in expected}, expected)

  def test_arena_by_hand(self):
    # While the pointwise convolution runs: what is added, its input and output
    # of 256 bytes each, and its columns.
    self.assertEqual(costs.arena_bytes(_network()), 3 * 256 + 6 * 4)

  @parameterized.parameters("edge", "tiny", "convnets")
  def test_every_node_of_a_space_is_held_by_an_operator(self, name):
    space = space_lib.SPACES[name]
    for index in range(3):
      network = space_lib.sample(space, 11, index)
      found = costs.operators(network)
      self.assertNotIn(-1, found.tensors)
      counts = costs.counts(network)
      # Without a BatchNorm that stands alone, which multiplies, too.
      self.assertBetween(
        network.macs,
        counts["multiplications"],
        counts["multiplications"] + counts["depthwise"],
      )


class FitTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    space = space_lib.SPACES["tiny"]
    self.networks = [space_lib.sample(space, 0, index) for index in range(14)]

  def _known(self, network):
    found = costs.counts(network)
    return {
      "arena_bytes": 1.5 * found["arena"] + 100,
      "flash_bytes": found["kernels"] + 12 * found["channels"] + 9000,
      "latency_ms": 2e-6 * found["multiplications"] + 1e-5 * found["outputs"],
    }

  def test_finds_what_costs_are_made_of(self):
    known = [*map(self._known, self.networks)]
    model = costs.fit(self.networks[:12], known[:12])
    for network, expected in zip(self.networks[12:], known[12:], strict=True):
      told = model.costs(network)
      self.assertEqual(told.pop("macs"), network.macs)
      for name, value in expected.items():
        self.assertAlmostEqual(told[name] / value, 1, 6)
    for estimate in model.estimates.values():
      self.assertLess(estimate.error, 1e-6)

  def test_an_error_is_left_to_limits(self):
    known = [
      {"flash_bytes": self._known(n)["flash_bytes"]} for n in self.networks
    ]
    for index, own in enumerate(known):
      own["flash_bytes"] *= 1.1 if index % 2 else 0.9
    model = costs.fit(self.networks, known)
    error = model.estimates["flash_bytes"].error
    self.assertBetween(error, 0.05, 0.5)
    limits = {"flash_bytes": 100, "macs": 5}
    near = {"flash_bytes": 100 * (1 + error) - 1, "macs": 5}
    self.assertEmpty(model.violations(near, limits))
    beyond = {"flash_bytes": 100 * (1 + error) + 1, "macs": 6}
    self.assertEqual(model.violations(beyond, limits), beyond)

  def test_too_few(self):
    with self.assertRaisesRegex(ValueError, "three networks or more, got 2"):
      costs.fit(self.networks[:2], [{"latency_ms": 1.0}] * 2)
    with self.assertRaisesRegex(ValueError, "has latency_ms 0.0"):
      costs.fit(self.networks, [{"latency_ms": 0.0}] * 14)


if __name__ == "__main__":
  absltest.main()
