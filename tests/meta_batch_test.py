# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import dataclasses
from typing import Any

from absl.testing import absltest

from ghn_tf import meta_batch
from ghn_tf.arch import space as space_lib


def meta_batches(**changes) -> meta_batch.MetaBatches:
  arguments: dict[str, Any] = {
    "space": space_lib.SPACES["edge"],
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

  def test_what_is_held_out_is_never_trained_on(self):
    # With the seed of the held-out ones, the first draws would be theirs.
    batches = meta_batches(seed=meta_batch.HELD_OUT_SEED)
    held_out = {a.fingerprint for a in batches.held_out}
    self.assertLen(held_out, 4)
    for step in range(3):
      for architecture in batches.batch(step):
        self.assertNotIn(architecture.fingerprint, held_out)

  def test_a_space_of_one_architecture_cannot_be_split(self):
    only = space_lib.sample(space_lib.SPACES["edge"], 0, 0)

    @dataclasses.dataclass(frozen=True)
    class OneArchitecture:
      def draw(self, *arguments):
        del arguments
        return only

    space = space_lib.SearchSpace("one", OneArchitecture())
    with self.assertRaisesRegex(ValueError, "'one' has only 1 different"):
      _ = meta_batches(space=space, num_held_out=2).held_out
    with self.assertRaisesRegex(ValueError, "only held-out architectures"):
      meta_batches(space=space, num_held_out=1).batch(0)


if __name__ == "__main__":
  absltest.main()
