# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of hypernetworks that grow."""

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.ghn import config as ghn_config
from ghn_tf.ghn import growth
from ghn_tf.ghn import model
from ghn_tf.spaces import splits

_SMALL = ghn_config.GhnConfig(
  hidden_dim=8,
  max_channels=8,
  max_kernel=7,
  tap_features=6,
  kernel_features=10,
  vector_features=6,
  traits=True,
  bounded_kernels=True,
)


def _hypernetwork(config: ghn_config.GhnConfig, seed: int) -> model.GHN:
  """Returns one in which nothing is zero."""
  ghn = model.GHN(config)
  rng = np.random.default_rng(seed)
  ghn.set_arrays(
    {
      name: array + 0.1 * rng.standard_normal(array.shape).astype(np.float32)
      for name, array in ghn.get_arrays().items()
    }
  )
  return ghn


class GrowTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    collection = splits.collection("tiny", (32, 32, 3), 10)
    self.architectures = collection.first("val", 1)

  def _grown(self, small: model.GHN, **widths: int) -> model.GHN:
    large = model.GHN(dataclasses.replace(small.config, **widths), seed=5)
    larger = large.get_arrays()
    large.set_arrays(growth.grow(small.get_arrays(), larger, seed=1))
    return large

  @parameterized.parameters(
    {"hidden_dim": 24, "max_distance": 1, "num_rounds": 2, "layer_norm": False},
    {"tap_features": 18, "kernel_features": 20, "vector_features": 12},
    dict(
      hidden_dim=16, tap_features=12, kernel_features=30, vector_features=12
    ),
  )
  def test_it_predicts_what_it_did(self, **changes):
    widths = {n: changes.pop(n) for n in ghn_config.WIDTHS if n in changes}
    small = _hypernetwork(dataclasses.replace(_SMALL, **changes), 0)
    large = self._grown(small, **widths)
    for own, same in zip(
      small(self.architectures), large(self.architectures), strict=True
    ):
      for name, value in own.items():
        # Sums of float32 in another order, over all levels of a graph.
        np.testing.assert_allclose(same[name], value, atol=1e-4, err_msg=name)

  def test_copies_learn_apart(self):
    widths = {name: 2 * getattr(_SMALL, name) for name in ghn_config.WIDTHS}
    large = self._grown(_hypernetwork(_SMALL, 0), **widths)
    with tf.GradientTape() as tape:
      params = large(self.architectures)
      loss = tf.add_n(
        [tf.nn.l2_loss(value) for own in params for value in own.values()]
      )
    names = (
      *("gru/bias", "message/hidden_bias", "norm/gamma"),
      *("kernel/taps_bias", "kernel/hidden_bias", "vector/hidden_bias"),
    )
    variables = {
      variable.name.removesuffix(":0"): variable
      for variable in large.trainable_variables
    }
    gradients = tape.gradient(loss, [variables[name] for name in names])
    for name, gradient in zip(names, map(np.array, gradients), strict=True):
      with self.subTest(name):
        first, second = gradient[..., ::2], gradient[..., 1::2]
        moved = np.abs(first) + np.abs(second) > 1e-6
        apart = np.abs(first - second)[moved] > 1e-2 * np.abs(first)[moved]
        self.assertGreater(apart.mean(), 0.9)

  def test_what_is_no_multiple_is_refused(self):
    arrays = {"decoder/kernel/hidden_bias": np.zeros(4, np.float32)}
    larger = {"decoder/kernel/hidden_bias": np.zeros(6, np.float32)}
    with self.assertRaisesRegex(ValueError, r"hidden_bias .*\[4\].*\[6\]"):
      growth.grow(arrays, larger, seed=0)


if __name__ == "__main__":
  absltest.main()
