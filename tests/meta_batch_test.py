# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from typing import Any

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
    self.assertTrue(all(map(history.has, batches.batch(1))))
    self.assertFalse(any(map(history.has, batches.batch(2))))
    self.assertFalse(any(map(history.has, batches.held_out)))


if __name__ == "__main__":
  absltest.main()
