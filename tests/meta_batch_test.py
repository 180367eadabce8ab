# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from typing import Any
from unittest import mock

from absl.testing import absltest

from ghn_tf.spaces import splits
from ghn_tf.training import meta_batch


def meta_batches(**changes) -> meta_batch.MetaBatches:
  arguments: dict[str, Any] = {
    "source": splits.collection("tiny"),
    "seed": 0,
    "size": 3,
    "num_held_out": 4,
  }
  return meta_batch.MetaBatches(**(arguments | changes))


class MetaBatchesTest(absltest.TestCase):
  def test_a_batch_is_a_pure_function_of_the_step(self):
    batches = meta_batches()
    first = batches.batch(5)
    batches.batch(0)
    self.assertEqual(first, batches.batch(5))
    self.assertEqual(first, meta_batches().batch(5))

  def test_steps_and_seeds_have_their_own_architectures(self):
    fingerprints = [
      architecture.fingerprint
      for seed in (0, 1)
      for step in range(4)
      for architecture in meta_batches(seed=seed).batch(step)
    ]
    self.assertLen(set(fingerprints), 24)

  def test_what_is_held_out_does_not_depend_on_the_seed(self):
    self.assertEqual(
      meta_batches(seed=0).held_out, meta_batches(seed=1).held_out
    )

  def test_fewer_held_out_are_the_first_of_more(self):
    self.assertEqual(
      meta_batches(num_held_out=2).held_out, meta_batches().held_out[:2]
    )


class HistoryTest(absltest.TestCase):
  def test_has_what_the_steps_drew_and_nothing_else(self):
    batches = meta_batches()
    history = meta_batch.History(batches, num_steps=2)
    self.assertTrue(all(map(history.may_have, batches.batch(1))))
    self.assertFalse(any(map(history.may_have, batches.batch(2))))
    self.assertFalse(any(map(history.may_have, batches.held_out)))

  def test_of_too_many_to_draw_again_any_that_it_draws_may_be_one(self):
    batches = meta_batches()
    self.assertEqual(meta_batch.MAX_DRAWN_AGAIN, 50_000)
    history = meta_batch.History(batches, num_steps=10**15)
    with self.assertLogs("absl", "INFO") as logs:
      self.assertTrue(all(map(history.may_have, batches.batch(0))))
    self.assertLen(logs.output, 1)
    self.assertIn("drew 3,000,000,000,000,000 architectures", logs.output[0])
    self.assertFalse(any(map(history.may_have, batches.held_out)))
    # The last run that is drawn again; here, of another limit.
    with mock.patch.object(meta_batch, "MAX_DRAWN_AGAIN", 6):
      for num_steps, known in ((2, True), (3, False)):
        history = meta_batch.History(batches, num_steps)
        self.assertEqual(not history.may_have(batches.batch(3)[0]), known)


if __name__ == "__main__":
  absltest.main()
