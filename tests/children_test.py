# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.training import children


def linear_classifier() -> spec.Architecture:
  """Mean colour to two classes."""
  builder = spec.Builder((2, 2, 3))
  pooled = builder.add(ops.Op.GLOBAL_AVG_POOL, builder.input)
  builder.add(ops.Op.DENSE, pooled, name="logits", filters=2)
  return builder.build("linear")


class RunChildTest(parameterized.TestCase):
  @parameterized.parameters((0.0, np.inf), (0.2, np.inf), (0.0, 0.01))
  def test_equals_softmax_regression(self, smoothing, clip_norm):
    rng = np.random.default_rng(0)
    images = rng.standard_normal((5, 2, 2, 3), dtype=np.float32)
    labels = np.array([0, 1, 1, 0, 1], np.int32)
    kernel = rng.standard_normal((3, 2), dtype=np.float32)
    result = children.run_child(
      linear_classifier(),
      {"logits/kernel": tf.constant(kernel)},
      tf.constant(images),
      tf.constant(labels),
      recipe_lib.get("float"),
      label_smoothing=smoothing,
      clip_norm=clip_norm,
    )
    features = images.mean((1, 2))
    logits = features @ kernel
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    targets = np.eye(2)[labels] * (1 - smoothing) + smoothing / 2
    loss = -(targets * np.log(probabilities)).sum(1).mean()
    gradient = features.T @ (probabilities - targets) / 5
    norm = np.linalg.norm(gradient)
    self.assertGreater(norm, 0.01)
    gradient *= min(1, clip_norm / norm)
    # float32 sums of a few terms.
    np.testing.assert_allclose(result.loss, loss, rtol=1e-5)
    np.testing.assert_allclose(
      result.gradients["logits/kernel"], gradient, rtol=1e-4, atol=1e-6
    )
    hits = (logits.argmax(1) == labels).mean()
    np.testing.assert_allclose(result.accuracy, hits, rtol=1e-6)


class PoolTest(absltest.TestCase):
  def test_every_operation_in_every_form_is_shown_first(self):
    network = children.every_operation()
    self.assertEqual({node.op for node in network.nodes}, set(ops.Op))
    for op in (ops.Op.CONV, ops.Op.DEPTHWISE_CONV):
      layers = [node.layer for node in network.nodes if node.op is op]
      self.assertEqual({layer.use_bias for layer in layers}, {False, True})
      self.assertEqual({layer.dilation > 1 for layer in layers}, {False, True})
    ranks = {
      len(network.shapes[i])
      for i, node in enumerate(network.nodes)
      if node.op is ops.Op.BATCH_NORM
    }
    self.assertEqual(ranks, {1, 3})

  def test_children_stay_in_order_each_with_images_of_its_own(self):
    network = linear_classifier()
    rng = np.random.default_rng(0)
    kernels = rng.standard_normal((5, 3, 2), dtype=np.float32)
    params = [{"logits/kernel": tf.constant(kernel)} for kernel in kernels]
    images = rng.standard_normal((5, 4, 2, 2, 3), dtype=np.float32)
    labels = rng.integers(0, 2, (5, 4), dtype=np.int32)
    recipes = [*map(recipe_lib.get, ("float", "w8a8", "w4a4", "w2a2", "float"))]
    results = children.Pool(recipes, 3).run(
      [network] * 5,
      params,
      lambda number: (images[number - 10], labels[number - 10]),
      recipes=recipes,
      seed=0,
      numbers=range(10, 15),
    )
    for i, result in enumerate(results):
      alone = children.run_child(
        network,
        params[i],
        tf.constant(images[i]),
        tf.constant(labels[i]),
        recipes[i],
      )
      np.testing.assert_array_equal(result.loss, alone.loss)
      np.testing.assert_array_equal(
        result.gradients["logits/kernel"], alone.gradients["logits/kernel"]
      )


if __name__ == "__main__":
  absltest.main()
