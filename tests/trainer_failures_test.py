# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Steps that fail, and workers that do not fit each other."""

import dataclasses
from unittest import mock

from absl.testing import absltest
import numpy as np
import tensorflow as tf

from ghn_tf.arch import spec
from ghn_tf.child import accuracy as accuracy_lib
from ghn_tf.child import network
from ghn_tf.training import children
from ghn_tf.training import distribution
from ghn_tf.training import errors
from ghn_tf.training import state as training_state
from ghn_tf.training import trainer as trainer_lib
from tests import tiny_run


class NonFiniteTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.enter_context(tiny_run.small_space())
    self.state = tiny_run.state(max_skipped_steps=2)
    self.trainer = trainer_lib.Trainer(self.state)
    self.apply = network.apply

  def _break(self, architecture: spec.Architecture) -> None:
    """Makes one architecture give logits that are not numbers."""

    def apply(other, *args, **kwargs):
      logits = self.apply(other, *args, **kwargs)
      return logits * np.nan if other == architecture else logits

    self.enter_context(mock.patch.object(network, "apply", apply))

  def test_a_step_is_skipped_counted_and_its_culprit_named(self):
    good, bad = self.trainer.meta_batches.batch(0)
    self._break(bad)
    before = self.state.ghn.get_arrays()
    with self.assertLogs("absl", "WARNING") as logs:
      self.trainer.step()
    self.assertIn(bad.fingerprint, logs.output[0])
    self.assertNotIn(good.fingerprint, logs.output[0])
    for name, array in self.state.ghn.get_arrays().items():
      np.testing.assert_array_equal(array, before[name])
    self.assertEqual(self.state.step, 1)
    self.assertEqual(self.state.num_skipped, 1)
    self.assertEqual(self.state.take_means(), {})

  def test_a_step_that_updates_ends_the_row(self):
    self._break(self.trainer.meta_batches.batch(0)[0])
    self.trainer.step()
    self.assertEqual(self.state.num_skipped_in_row, 1)
    self.trainer.step()
    self.assertEqual(self.state.num_skipped_in_row, 0)
    self.assertEqual(self.state.num_skipped, 1)

  def test_a_network_of_another_worker_is_named(self):
    class SecondOfTwo(distribution.Distribution):
      """Adds what a first worker sends, whose network fails."""

      def sum(self, tensors):
        if len(tensors) == 1:  # who is to blame
          return [tensors[0] + [[0.0, 0.0], [1.0, 0.0]]]
        return [*(tensor * np.nan for tensor in tensors[:-1]), tensors[-1] + 1]

    workers = self.trainer.workers = SecondOfTwo()
    workers.num_workers, workers.index = 2, 1
    bad, good = self.trainer.meta_batches.batch(0)
    with self.assertLogs("absl", "WARNING") as logs:
      self.trainer.step()
    self.assertIn(bad.fingerprint, logs.output[0])
    self.assertNotIn(good.fingerprint, logs.output[0])

  def test_too_many_in_a_row_stop_training(self):
    def apply(*args, **kwargs):
      return self.apply(*args, **kwargs) * np.inf

    self.enter_context(mock.patch.object(network, "apply", apply))
    self.trainer.step()
    self.trainer.step()
    with self.assertRaisesRegex(
      errors.TrainingError,
      "number 3 in a row, more than.*=2.*another --workdir .*--init_checkpoint",
    ):
      self.trainer.step()


class OversizedTest(tf.test.TestCase):
  """Networks that do not fit into memory."""

  def setUp(self):
    super().setUp()
    self.enter_context(tiny_run.small_space())
    self.state = tiny_run.state()
    self.trainer = trainer_lib.Trainer(self.state)
    self.run_child = children.run_child

  def _exhaust(self, *oversized: spec.Architecture) -> None:
    def run_child(architecture, *args, **kwargs):
      if architecture in oversized:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM")
      return self.run_child(architecture, *args, **kwargs)

    self.enter_context(mock.patch.object(children, "run_child", run_child))

  def test_one_is_skipped_counted_and_named(self):
    fits, oversized = self.trainer.meta_batches.batch(0)
    self._exhaust(oversized)
    before = self.state.ghn.get_arrays()
    with self.assertLogs("absl", "WARNING") as logs:
      self.trainer.step()
    self.assertIn(oversized.fingerprint, logs.output[0])
    self.assertIn("does not fit into memory", logs.output[0])
    self.assertRegex(logs.output[0], "in another --workdir.*--init_checkpoint")
    self.assertNotIn(fits.fingerprint, logs.output[0])
    self.assertEqual(self.state.num_oversized, 1)
    # The others train on.
    self.assertEqual(self.state.num_skipped, 0)
    self.assertTrue(np.isfinite(self.state.take_means()["loss"]))
    after = self.state.ghn.get_arrays()
    self.assertTrue(any((after[name] != before[name]).any() for name in after))

  def test_the_others_have_its_weight(self):
    # The gradient of the mean loss of those that ran, whatever was drawn.
    def gradients(*drawn):
      with (
        mock.patch.object(
          type(self.trainer.meta_batches), "batch", return_value=drawn
        ),
        mock.patch.object(self.trainer, "_update") as update,
      ):
        self.state.step = 0
        self.trainer.step()
      return update.call_args.args[0]

    fits, oversized = self.trainer.meta_batches.batch(0)
    expected = gradients(fits)
    self._exhaust(oversized)
    actual = gradients(fits, oversized)
    for one, other in zip(actual, expected, strict=True):
      # The two predict other numbers of networks at once.
      self.assertAllClose(one, other, rtol=1e-4, atol=1e-6)

  def test_a_step_of_nothing_else_updates_nothing(self):
    self._exhaust(*self.trainer.meta_batches.batch(0))
    before = self.state.ghn.get_arrays()
    with self.assertLogs("absl", "WARNING") as logs:
      self.trainer.step()
    for architecture in self.trainer.meta_batches.batch(0):
      self.assertIn(architecture.fingerprint, logs.output[-1])
    self.assertEqual(self.state.num_oversized, 2)
    self.assertEqual(self.state.num_skipped, 1)
    for name, array in self.state.ghn.get_arrays().items():
      np.testing.assert_array_equal(array, before[name])

  def test_one_beside_another_that_fails_is_not_to_blame(self):
    bad, oversized = self.trainer.meta_batches.batch(0)
    self._exhaust(oversized)
    with (
      mock.patch.object(children.Result, "is_finite", lambda child: False),
      mock.patch.object(tf.linalg, "global_norm", return_value=np.nan),
      self.assertLogs("absl", "WARNING") as logs,
    ):
      self.trainer.step()
    self.assertIn("is not finite", logs.output[-1])
    self.assertIn(bad.fingerprint, logs.output[-1])
    self.assertNotIn(oversized.fingerprint, logs.output[-1])

  def test_an_evaluation_is_of_those_that_fit(self):
    expected = self.trainer.evaluate()
    top1 = accuracy_lib.top1
    first, second = self.trainer.meta_batches.held_out
    accuracies = []

    def evaluate(architecture, *args, **kwargs):
      if architecture == first:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM")
      accuracies.append(top1(architecture, *args, **kwargs))
      return accuracies[-1]

    with (
      mock.patch.object(accuracy_lib, "top1", evaluate),
      self.assertLogs("absl", "WARNING") as logs,
    ):
      result = self.trainer.evaluate()
    self.assertIn(first.fingerprint, logs.output[0])
    self.assertNotIn(second.fingerprint, "".join(logs.output))
    self.assertEqual(list(result.values()), accuracies[: len(result)])
    self.assertEqual(result.keys(), expected.keys())

  def test_an_evaluation_without_networks_has_no_accuracy(self):
    error = tf.errors.ResourceExhaustedError(None, None, "OOM")
    with mock.patch.object(accuracy_lib, "top1", side_effect=error):
      self.assertEqual(self.trainer.evaluate(), {})

  def test_a_hypernetwork_that_does_not_fit_says_what_to_do(self):
    error = tf.errors.ResourceExhaustedError(None, None, "OOM")
    with mock.patch.object(type(self.state.ghn), "__call__", side_effect=error):
      with self.assertRaisesRegex(
        errors.TrainingError,
        "smaller --meta_batch_size.*another --workdir.*--init_checkpoint.*OOM",
      ):
        self.trainer.step()
      with self.assertRaisesRegex(
        errors.TrainingError, "smaller --evaluation_architectures.*OOM"
      ):
        self.trainer.evaluate()


class WorkersTest(absltest.TestCase):
  """Workers of one run, of which the others have another state."""

  def setUp(self):
    super().setUp()
    self.enter_context(tiny_run.small_space())

  def _begin(self, state, other) -> None:
    """Begins a run of two workers; `other` is the state of the second."""

    class FirstOfTwo(distribution.Distribution):
      def sum(self, tensors):
        return [a + b for a, b in zip(tensors, sent, strict=True)]

    with mock.patch.object(distribution.Distribution, "sum") as sent_sum:
      sent_sum.side_effect = lambda tensors: tensors
      trainer_lib.Trainer(other)
    (sent,) = sent_sum.call_args.args
    workers = FirstOfTwo()
    workers.num_workers = 2
    trainer_lib.Trainer(state, workers)

  def test_the_same_flags_and_images_are_one_run(self):
    self._begin(tiny_run.state(), tiny_run.state())

  def test_other_flags_are_an_error(self):
    with self.assertRaisesRegex(ValueError, "workers differ.*seed=0.*same"):
      self._begin(tiny_run.state(), tiny_run.state(seed=1))

  def test_other_images_are_an_error(self):
    state = tiny_run.state()
    labels = np.roll(state.dataset.train.labels, 1)
    train = dataclasses.replace(state.dataset.train, labels=labels)
    dataset = dataclasses.replace(state.dataset, train=train)
    other = training_state.create(tiny_run.config(), dataset)
    with self.assertRaisesRegex(ValueError, "workers differ.*40 training"):
      self._begin(state, other)

  def test_another_step_is_an_error(self):
    other = tiny_run.state()
    other.step = 2
    with self.assertRaisesRegex(ValueError, "different steps, this one at 0"):
      self._begin(tiny_run.state(), other)


if __name__ == "__main__":
  absltest.main()
