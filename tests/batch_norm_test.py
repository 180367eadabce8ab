# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.child import batch_norm
from tests import reference_data

# Two threads with gradients of many sizes: where they do not take turns, such a
# process aborts with a corrupted heap.
_THREADS = """
import threading
import ghn_tf
import tensorflow as tf
from ghn_tf.child import batch_norm

def run(seed):
  for step in range(60):
    size, channels = 2 ** ((step + seed) % 3 + 2), 8 * (step % 4 + 1)
    x = tf.random.stateless_normal((64, size, size, channels), (seed, step))
    gamma, beta = tf.ones(channels), tf.zeros(channels)
    with tf.GradientTape() as tape:
      tape.watch((x, gamma, beta))
      y = batch_norm.normalize(x, gamma, beta, 1e-3)[0]
      loss = tf.reduce_sum(y * y)
    tape.gradient(loss, (x, gamma, beta))

threads = [threading.Thread(target=run, args=(seed,)) for seed in range(2)]
for thread in threads:
  thread.start()
for thread in threads:
  thread.join()
print("done")
"""


def _formula(x, gamma, beta, epsilon):
  mean, variance = tf.nn.moments(x, axes=(0, 1, 2))
  return (x - mean) / tf.sqrt(variance + epsilon) * gamma + beta


class NormalizeTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(((4, 5, 6, 3),), ((32, 1, 1, 2),))
  def test_value_and_gradient_are_those_of_the_formula(self, shape):
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(2, 3, shape).astype(np.float32))
    gamma = tf.constant(rng.uniform(0.5, 2, shape[-1]).astype(np.float32))
    beta = tf.constant(rng.normal(size=shape[-1]).astype(np.float32))
    weights = rng.normal(size=shape).astype(np.float32)
    inputs = (x, gamma, beta)
    with tf.GradientTape(persistent=True) as tape:
      tape.watch(inputs)
      actual, mean, variance = batch_norm.normalize(*inputs, 1e-3)
      expected = _formula(*inputs, 1e-3)
      losses = [tf.reduce_sum(weights * y) for y in (actual, expected)]
    # Float32 sums in another order.
    self.assertAllClose(actual, expected, 1e-5, 1e-5)
    self.assertAllClose(mean, np.mean(x, axis=(0, 1, 2)), 1e-5, 1e-5)
    unbiased = np.var(x, axis=(0, 1, 2), ddof=1)
    self.assertAllClose(variance, unbiased, 1e-5, 1e-5)
    for ours, theirs in zip(
      tape.gradient(losses[0], inputs),
      tape.gradient(losses[1], inputs),
      strict=True,
    ):
      self.assertAllClose(ours, theirs, 1e-4, 1e-4)

  def test_epsilon_is_added_to_the_variance(self):
    x = tf.constant([-1.0, 1.0], shape=(2, 1, 1, 1))
    y, *_ = batch_norm.normalize(x, tf.ones(1), tf.zeros(1), 3.0)
    self.assertAllClose(tf.reshape(y, [-1]), [-0.5, 0.5])  # 1 / sqrt(1 + 3)

  def test_no_gradient_flows_through_the_statistics(self):
    x = tf.random.stateless_normal((4, 2, 2, 3), (0, 0))
    with tf.GradientTape() as tape:
      tape.watch(x)
      _, mean, variance = batch_norm.normalize(x, tf.ones(3), tf.zeros(3), 1e-3)
      loss = tf.reduce_sum(mean) + tf.reduce_sum(variance)
    self.assertAllEqual(tape.gradient(loss, x), tf.zeros_like(x))

  def test_two_threads_run_gradients_side_by_side(self):
    done = subprocess.run(
      [sys.executable, "-c", _THREADS],
      capture_output=True,
      text=True,
      cwd=reference_data.ROOT,
      env={**os.environ, "PYTHONPATH": str(reference_data.ROOT)},
      timeout=300,
    )
    self.assertEqual(done.stdout, "done\n", done.stderr[-2000:])
    self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
  absltest.main()
