# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.child import functions
from tests import reference_data

_Op = ops.Op

# Two threads with gradients of many sizes: where they do not take turns, such a
# process aborts with a corrupted heap.
_THREADS = """
import threading
import ghn_tf
import tensorflow as tf
from ghn_tf.arch import layers
from ghn_tf.child import functions

def run(seed):
  for step in range(60):
    size, channels = 2 ** ((step + seed) % 3 + 2), 8 * (step % 4 + 1)
    x = tf.random.stateless_normal((64, size, size, channels), (seed, step))
    params = {"gamma": tf.ones(channels), "beta": tf.zeros(channels)}
    y, pullback, _ = functions.batch_norm(layers.batch_norm(), x, params)
    pullback(2 * y, True)

threads = [threading.Thread(target=run, args=(seed,)) for seed in range(2)]
for thread in threads:
  thread.start()
for thread in threads:
  thread.join()
print("done")
"""


def _normal(shape, seed: int = 0, dtype: type = np.float32) -> tf.Tensor:
  return tf.constant(np.random.default_rng(seed).normal(size=shape), dtype)


def _formula(x, gamma, beta, epsilon):
  axes = tuple(range(len(x.shape) - 1))
  mean, variance = tf.nn.moments(x, axes)
  return (x - mean) / tf.sqrt(variance + epsilon) * gamma + beta


class FunctionsTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.named_parameters(
    ("conv", _Op.CONV, {"filters": 3, "kernel": (3, 2), "use_bias": True}),
    ("strided_conv", _Op.CONV, {"filters": 3, "strides": (2, 1)}),
    ("valid_conv", _Op.CONV, {"filters": 3, "padding": "valid"}),
    (
      "grouped",
      _Op.GROUPED_CONV,
      {"filters": 4, "kernel": (3, 2), "groups": 2, "use_bias": True},
    ),
    (
      "strided_grouped",
      _Op.GROUPED_CONV,
      {"filters": 6, "kernel": (3, 3), "groups": 2, "strides": (2, 1)},
    ),
    (
      "dilated_grouped",
      _Op.GROUPED_CONV,
      {"filters": 2, "kernel": (2, 2), "groups": 2, "dilation": 2},
    ),
    ("depthwise", _Op.DEPTHWISE_CONV, {"kernel": (3, 3), "use_bias": True}),
    (
      "strided_depthwise",
      _Op.DEPTHWISE_CONV,
      {"kernel": (3, 3), "strides": (2, 2)},
    ),
    (
      "dilated",
      _Op.DEPTHWISE_CONV,
      {"kernel": (3, 3), "dilation": 2, "use_bias": True},
    ),
    (
      "valid_dilated",
      _Op.DEPTHWISE_CONV,
      {"kernel": (2, 2), "dilation": 3, "padding": "valid"},
    ),
    ("relu", _Op.RELU, {}),
    ("relu6", _Op.RELU6, {}),
    ("max_pool", _Op.MAX_POOL, {"kernel": (3, 2), "strides": (2, 1)}),
    ("avg_pool", _Op.AVG_POOL, {"kernel": (3, 2), "strides": (2, 1)}),
    ("global_avg_pool", _Op.GLOBAL_AVG_POOL, {}),
    ("flatten", _Op.FLATTEN, {}),
    ("zero_pad", _Op.ZERO_PAD, {"margins": (1, 0, 2, 3)}),
    ("crop", _Op.CROP, {"margins": (0, 1, 2, 0)}),
  )
  def test_pullback_is_that_of_finite_differences(self, op, attributes):
    layer = ops.Layer(op, **attributes)
    # Numbers far from each other and from the kinks of ReLU6 and max.
    x = np.random.default_rng(0).permutation(2 * 6 * 5 * 2) / 9 - 3.03
    x = tf.constant(x.reshape((2, 6, 5, 2)))
    params = {}
    if op is _Op.CONV:
      params["kernel"] = _normal((*layer.kernel, 2, 3), 1, np.float64)
    elif op is _Op.DEPTHWISE_CONV:
      params["kernel"] = _normal((*layer.kernel, 2, 1), 1, np.float64)
    elif op is _Op.GROUPED_CONV:
      shape = (*layer.kernel, 2 // layer.groups, layer.filters)
      params["kernel"] = _normal(shape, 1, np.float64)
    if layer.use_bias:
      params["bias"] = _normal((layer.filters or 2,), 2, np.float64)
    self._check(layer, [x], params)

  @parameterized.parameters((1, 2), (2, 1))
  def test_gradients_of_groups_with_and_without_onednn(self, *strides):
    layer = ops.Layer(
      _Op.GROUPED_CONV, filters=12, kernel=(3, 3), groups=4, strides=strides
    )
    # In float64 oneDNN has none.
    gradients = []
    for dtype in (np.float32, np.float64):
      x = tf.cast(_normal((2, 9, 8, 8)), dtype)
      params = {"kernel": tf.cast(_normal((3, 3, 2, 12), 1), dtype)}
      y, pullback = functions.FUNCTIONS[layer.op](layer, [x], params)
      upstream = tf.cast(_normal(y.shape, 2), dtype)
      (into_x,), own = pullback(upstream, True)
      gradients.append((into_x, own["kernel"]))
      self.assertFalse(pullback(upstream, False)[0][0])
    # Sums of some 100 products in float32.
    self.assertAllClose(*gradients, 1e-4, 1e-4)

  def test_pullback_of_dense_add_and_concat(self):
    x, y = _normal((4, 3), 0, np.float64), _normal((4, 3), 1, np.float64)
    dense = ops.Layer(_Op.DENSE, filters=2, use_bias=True)
    kernel, bias = _normal((3, 2), 2, np.float64), _normal(2, 3, np.float64)
    self._check(dense, [x], {"kernel": kernel, "bias": bias})
    self._check(ops.Layer(_Op.ADD), [x, y], {})
    self._check(ops.Layer(_Op.CONCAT), [x, y, x], {})

  def _check(self, layer, inputs, params) -> None:
    function = functions.FUNCTIONS[layer.op]
    names = list(params)

    def run(*values):
      given = values[: len(inputs)]
      own = dict(zip(names, values[len(inputs) :], strict=True))
      return function(layer, given, own)

    values = [*inputs, *params.values()]
    y, pullback = run(*values)
    upstream = _normal(y.shape, 9, np.float64)
    into_inputs, into_params = pullback(upstream, True)
    ours = [*into_inputs, *(into_params[name] for name in names)]
    for index, value in enumerate(values):

      def loss(v, index=index):
        changed = [*values[:index], v, *values[index + 1 :]]
        return tf.reduce_sum(run(*changed)[0] * upstream)

      expected = np.zeros(value.shape)
      for place in np.ndindex(*value.shape):
        step = np.zeros(value.shape)
        step[place] = 1e-4
        expected[place] = (loss(value + step) - loss(value - step)) / 2e-4
      # Linear between the kinks: only float64 rounding remains.
      self.assertAllClose(ours[index], expected, 1e-7, 1e-7)

  @parameterized.parameters(((4, 5, 6, 3),), ((32, 1, 1, 2),), ((32, 2),))
  def test_batch_norm_is_the_formula(self, shape):
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(2, 3, shape).astype(np.float32))
    gamma = tf.constant(rng.uniform(0.5, 2, shape[-1]).astype(np.float32))
    beta = _normal(shape[-1], 1)
    layer = ops.Layer(_Op.BATCH_NORM, epsilon=1e-3)
    y, pullback, (mean, variance) = functions.batch_norm(
      layer, x, {"gamma": gamma, "beta": beta}
    )
    inputs = (x, gamma, beta)
    with tf.GradientTape() as tape:
      tape.watch(inputs)
      expected = _formula(*inputs, 1e-3)
    # Float32 sums in another order.
    self.assertAllClose(y, expected, 1e-5, 1e-5)
    axes = tuple(range(len(shape) - 1))
    self.assertAllClose(mean, np.mean(x, axis=axes), 1e-5, 1e-5)
    self.assertAllClose(variance, np.var(x, axis=axes, ddof=1), 1e-5, 1e-5)
    upstream = _normal(shape, 2)
    (into_x,), own = pullback(upstream, True)
    for ours, theirs in zip(
      (into_x, own["gamma"], own["beta"]),
      tape.gradient(expected, inputs, upstream),
      strict=True,
    ):
      self.assertAllClose(ours, theirs, 1e-4, 1e-4)

  def test_two_threads_do_not_corrupt_the_heap(self):
    for _ in range(2):
      done = subprocess.run(
        [sys.executable, "-c", _THREADS],
        cwd=reference_data.ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
      )
      self.assertEqual(done.returncode, 0, done.stderr)
      self.assertEqual(done.stdout, "done\n")


if __name__ == "__main__":
  absltest.main()
