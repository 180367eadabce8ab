# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from unittest import mock

from absl.testing import absltest
import numpy as np
import tensorflow as tf

from ghn_tf import image_batches
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import network
from ghn_tf.training import meta_batch
from ghn_tf.training import trainer as trainer_lib
from tests import tiny_run


class TrainerTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.enter_context(tiny_run.small_space())

  def test_gradients_are_those_of_the_mean_loss_over_all_children(self):
    # Against one tape over everything: hypernetwork, children, mean. In step
    # 1 the children are numbers 2 and 3, and so are their images.
    state = tiny_run.state(weight_decay=0.0, clip_network_norm=1e9)
    trainer = trainer_lib.Trainer(state)
    state.step = 1
    architectures = trainer.meta_batches.batch(1)
    with tf.GradientTape() as tape:
      losses = []
      for number, params in enumerate(state.ghn(architectures), 2):
        architecture = architectures[number - 2]
        images, labels = image_batches.training(state.dataset, 0, number, 6)
        logits = network.apply(
          architecture,
          params,
          tf.constant(images),
          recipe=trainer.recipes.draw(architecture, number),
          training=True,
        )
        losses.append(
          tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        )
      loss = tf.reduce_mean(losses)
    expected = tape.gradient(
      loss,
      state.ghn.trainable_variables,
      unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    with mock.patch.object(trainer, "_update") as update:
      trainer.step()
    (gradients,) = update.call_args.args
    self.assertAllClose(state.sums["loss"], loss, rtol=1e-6)
    for actual, wanted in zip(gradients, expected, strict=True):
      # The two order their float32 sums differently.
      self.assertAllClose(
        actual, tf.convert_to_tensor(wanted), rtol=1e-4, atol=1e-6
      )

  def test_the_update_is_clipped_adam_with_an_l2_penalty(self):
    # Against the formulas of arXiv 1412.6980 in float64, for three updates.
    decay, rate, clip = 1e-3, 0.01, 2.0
    state = tiny_run.state(weight_decay=decay, clip_norm=clip)
    trainer = trainer_lib.Trainer(state)
    state.optimizer.learning_rate = rate
    variables = state.ghn.trainable_variables
    expected = [v.numpy().astype(np.float64) for v in variables]
    first = [np.zeros(v.shape) for v in variables]
    second = [np.zeros(v.shape) for v in variables]
    rng = np.random.default_rng(0)
    for t in range(1, 4):
      # Of one sign and far from 0, so that float32 loses no digits in sums.
      gradients = [
        rng.uniform(0.5, 1.5, v.shape).astype(np.float32) for v in variables
      ]
      trainer._update([tf.constant(g) for g in gradients])
      norm = np.sqrt(sum(np.sum(g.astype(np.float64) ** 2) for g in gradients))
      for i, gradient in enumerate(gradients):
        g = gradient * min(1, clip / norm) + decay * expected[i]
        first[i] = 0.9 * first[i] + 0.1 * g
        second[i] = 0.999 * second[i] + 0.001 * g**2
        mean, variance = first[i] / (1 - 0.9**t), second[i] / (1 - 0.999**t)
        expected[i] -= rate * mean / (np.sqrt(variance) + 1e-8)
    for variable, wanted in zip(variables, expected, strict=True):
      # Steps of 0.01, for which Keras takes 1 - 0.999 in float32: 4 digits.
      self.assertAllClose(variable, wanted, rtol=1e-6, atol=1e-5)

  def test_the_averages_follow_the_updates(self):
    # By hand: after n updates the decay is (1 + n) / (10 + n), at most 1/4.
    state = tiny_run.state(average_decay=0.25)
    trainer = trainer_lib.Trainer(state)
    expected = {k: a.copy() for k, a in state.ghn.get_arrays().items()}
    for decay in (2 / 11, 3 / 12, 1 / 4):
      trainer.step()
      for name, array in state.ghn.get_arrays().items():
        expected[name] = decay * expected[name] + (1 - decay) * array
    self.assertGreater(
      np.abs(array - expected[name]).max(), 1e-4, "the last update is too small"
    )
    for name, array in state.averaged_ghn.get_arrays().items():
      np.testing.assert_allclose(array, expected[name], atol=1e-6)

  def test_an_evaluation_is_of_the_averages(self):
    state = tiny_run.state()
    trainer = trainer_lib.Trainer(state)
    with mock.patch.object(
      state.averaged_ghn, "call", wraps=state.averaged_ghn.call
    ) as call:
      trainer.evaluate()
    call.assert_called_once()

  def test_a_network_drawn_in_every_step_is_learned(self):
    # Its classes can be told by colour; chance is 1/3, a loss of log(3) = 1.1.
    builder = spec.Builder((8, 8, 3))
    x = builder.add(ops.Op.CONV, builder.input, filters=8, kernel=(3, 3))
    x = builder.add(ops.Op.RELU, builder.add(ops.Op.BATCH_NORM, x))
    x = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
    builder.add(ops.Op.DENSE, x, filters=3, use_bias=True)
    state = tiny_run.state(learning_rate=1e-2, steps=40, image_batch_size=20)
    trainer = trainer_lib.Trainer(state)
    self.enter_context(
      mock.patch.object(
        meta_batch.MetaBatches, "batch", return_value=[builder.build("only")]
      )
    )
    for _ in range(30):
      trainer.step()
    state.take_means()
    for _ in range(10):
      trainer.step()
    means = state.take_means()
    self.assertLess(means["loss"], 0.8)
    self.assertGreater(means["accuracy"], 0.6)

  def test_children_side_by_side_give_what_one_by_one_gives(self):
    weights = []
    for parallel in (1, 3):
      state = tiny_run.state(meta_batch_size=4, parallel_children=parallel)
      trainer = trainer_lib.Trainer(state)
      for _ in range(2):
        trainer.step()
      weights.append(state.ghn.get_arrays())
    for name, array in weights[0].items():
      np.testing.assert_array_equal(array, weights[1][name], name)

  def test_noise_depends_on_seed_step_and_architecture_alone(self):
    def losses(seed: int) -> list[float]:
      state = tiny_run.state(
        recipe="w2a2", quantization_mode="noise", seed=seed, learning_rate=0.0
      )
      trainer = trainer_lib.Trainer(state)
      # The same architectures and images in every step and for each seed.
      architectures = trainer.meta_batches.batch(0)
      batch = image_batches.training(state.dataset, 0, 0, 6)
      params = state.ghn(architectures)
      result = []
      for state.step in (0, 1, 0):
        children = trainer.pool.run(
          architectures,
          params,
          lambda _: batch,
          recipes=[*map(trainer.recipes.draw, architectures, (0, 1))],
          seed=seed,
          numbers=[2 * state.step, 2 * state.step + 1],
        )
        result.append(float(children[0].loss))
      return result

    first = losses(0)
    self.assertEqual(first[0], first[2])
    self.assertNotEqual(first[0], first[1])
    self.assertEqual(first, losses(0))


if __name__ == "__main__":
  absltest.main()
