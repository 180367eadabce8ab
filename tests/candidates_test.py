# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import pickle

from absl.testing import absltest

from ghn_tf.convnets250k import store
from ghn_tf.search import candidates
from ghn_tf.spaces import space as space_lib
from tests import small_collection


class FromSpaceTest(absltest.TestCase):
  def test_a_candidate_is_a_function_of_its_index_and_parent(self):
    source = candidates.FromSpace(space_lib.SPACES["tiny"], seed=3)
    there = pickle.loads(pickle.dumps(source))  # as at a worker
    first = source.draw(7)
    self.assertEqual(there.draw(7), first)
    self.assertEqual(there.again(7, first.numbers), first.architecture)
    self.assertNotEqual(source.draw(8).architecture, first.architecture)
    child = source.draw(9, first.numbers)
    self.assertEqual(there.draw(9, [*first.numbers]), child)
    self.assertEqual(child.architecture.name, "tiny-3-9")


class FromNetworkTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.network = space_lib.sample(space_lib.SPACES["tiny"], 0, 0, name="mine")
    self.source = candidates.FromNetwork(self.network)

  def test_variations_travel_with_their_network(self):
    there = pickle.loads(pickle.dumps(self.source))
    drawn = self.source.draw(1)
    self.assertEqual(there.draw(1), drawn)
    self.assertEqual(drawn.architecture.name, "mine-0-1")
    self.assertEqual(there.again(1, drawn.numbers), drawn.architecture)
    (told,) = self.source.told(1, drawn.numbers).values()
    self.assertRegex(told, "width|block|window|expansion")

  def test_the_first_is_the_network_and_may_have_children(self):
    own = self.source.draw(0)
    self.assertEqual(own.architecture, self.network)
    self.assertEqual(self.source.again(0, own.numbers), self.network)
    self.assertEqual(self.source.told(0, own.numbers), {"is_own": True})
    child = self.source.draw(1, own.numbers).architecture
    self.assertNotEqual(child.fingerprint, self.network.fingerprint)


class FromStoreTest(absltest.TestCase):
  def test_reads_a_split_in_its_order(self):
    folder = small_collection.make()
    source = candidates.FromStore(folder, "val")
    stored = store.Store(folder, "val")
    self.assertLen(stored, len(source))
    drawn = [source.draw(index).architecture for index in range(len(source))]
    self.assertEqual(drawn, [*stored])
    self.assertFalse(source.may_evolve)


if __name__ == "__main__":
  absltest.main()
