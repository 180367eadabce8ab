# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import hashlib
import itertools
import pickle

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.arch import ops
from ghn_tf.child import keras_io
from ghn_tf.spaces import space as space_lib
from ghn_tf.spaces import splits
from models import darts
from models import ds_cnn
from models import mobilenet
from models import resnet

_SPLITS = ("val", "test", "wide", "deep", "dense", "bnfree", "gated")
_TARGETS = {
  "resnet8": resnet.resnet8,
  "resnet20": resnet.resnet20,
  "mobilenet_v1": mobilenet.mobilenet_v1,
  "mobilenet_v2": mobilenet.mobilenet_v2,
  "ds_cnn": ds_cnn.ds_cnn,
  "darts": darts.darts,
}


def _small() -> splits.Collection:
  """A collection whose evaluation splits are quickly drawn."""
  return dataclasses.replace(
    splits.collection("edge"), num_val=6, num_beyond=4, num_train=50
  )


def _tiny_limits() -> space_lib.SearchSpace:
  """A space of few networks, which a seed draws again and again."""
  return dataclasses.replace(space_lib.SPACES["tiny"], max_nodes=12)


def _median_nodes(architectures) -> int:
  return sorted(len(a.nodes) for a in architectures)[len(architectures) // 2]


class CollectionTest(parameterized.TestCase):
  def test_what_names_no_space_is_told_the_spaces(self):
    for name in ("nosuch", None, ["edge"]):
      with self.assertRaises(ValueError) as caught:
        splits.collection(name)
      self.assertEqual(
        str(caught.exception),
        f"There is no space {name!r}; expected one of"
        f" {', '.join(space_lib.SPACES)}.",
      )

  def test_numbers_and_names(self):
    collection = splits.collection("edge")
    self.assertEqual(
      dict(collection.sizes),
      {
        "train": 250_000,
        **{"val": 500, "test": 500, "predefined": 6},
        **{"wide": 100, "deep": 100, "dense": 100, "bnfree": 100},
        "gated": 100,
      },
    )
    for split, architectures in collection.evaluation.items():
      self.assertLen(architectures, collection.sizes[split])
    self.assertEqual(collection.evaluation["wide"][7].name, "edge-wide-7")
    self.assertEqual(collection.train(7).name, "edge-train-7")

  @parameterized.parameters("edge", "convnets", "tiny")
  def test_no_network_for_evaluation_is_in_another_split(self, name):
    collection = splits.collection(name)
    fingerprints = [
      architecture.fingerprint
      for architectures in collection.evaluation.values()
      for architecture in architectures
    ]
    self.assertLen(set(fingerprints), len(fingerprints))
    train = {collection.train(index).fingerprint for index in range(300)}
    self.assertEmpty(train.intersection(fingerprints))

  def test_training_leaves_out_what_the_space_would_draw(self):
    # The space has so few networks that they would meet without exclusion.
    collection = splits.Collection(_tiny_limits(), num_val=20)
    held_out = {
      a.fingerprint for s in ("val", "test") for a in collection.evaluation[s]
    }
    self.assertLen(held_out, 40)
    indices = range(300)
    drawn = {
      space_lib.sample(collection.space, 0, i).fingerprint for i in indices
    }
    self.assertNotEmpty(drawn & held_out)
    train = {collection.train(index).fingerprint for index in indices}
    self.assertEmpty(train & held_out)

  def test_a_space_with_too_few_networks_says_so(self):
    only = space_lib.sample(space_lib.SPACES["edge"], 0, 0)

    @dataclasses.dataclass(frozen=True)
    class OneArchitecture:
      def draw(self, *arguments):
        del arguments
        return only

    space = space_lib.SearchSpace("one", OneArchitecture(), max_tries=7)
    collection = splits.Collection(space, num_val=1)
    with self.assertRaisesRegex(
      ValueError, "'one-test-0' after 7 draws.* 7 draws were excluded"
    ):
      _ = collection.evaluation

  @parameterized.parameters("edge", "convnets")
  def test_all_are_within_the_limits_of_their_spaces(self, name):
    collection = splits.collection(name)
    spaces = dict(collection.beyond)
    for split in _SPLITS:
      space = spaces.get(split, collection.space)
      for architecture in collection.evaluation[split]:
        self.assertEmpty(space_lib.violations(space, architecture))
    for index in range(100):
      self.assertEmpty(
        space_lib.violations(collection.space, collection.train(index))
      )

  @parameterized.parameters("edge", "convnets")
  def test_splits_beyond_training_differ_as_they_are_named(self, name):
    found = splits.collection(name).evaluation

    def channels(split: str) -> float:
      widest = [max(s[-1] for s in a.shapes) for a in found[split]]
      return sum(widest) / len(widest)

    def concats_and_sums(split: str) -> float:
      joins = (ops.Op.CONCAT, ops.Op.ADD)
      shares = [
        sum(node.op in joins for node in a.nodes) / len(a.nodes)
        for a in found[split]
      ]
      return sum(shares) / len(shares)

    self.assertGreater(channels("wide"), 2 * channels("test"))
    self.assertGreater(
      _median_nodes(found["deep"]), 1.8 * _median_nodes(found["test"])
    )
    self.assertGreater(concats_and_sums("dense"), concats_and_sums("test"))
    operations = {n.op for a in found["bnfree"] for n in a.nodes}
    self.assertNotIn(ops.Op.BATCH_NORM, operations)

  @parameterized.parameters("edge", "convnets")
  def test_every_fifth_network_is_of_a_family_every_seventh_gated(self, name):
    collection = splits.collection(name)
    for index in range(36):
      space = collection.families if index % 5 == 4 else collection.space
      if index % 7 == 6:
        space = collection.gated
      self.assertEqual(
        collection.train(index).fingerprint,
        space_lib.sample(space, 0, index).fingerprint,
      )

  def test_validation_stays_as_it_was_before_there_were_gates(self):
    # What is measured on it is compared to what was measured then.
    digests = {"edge": "b71578a2bd497ff7", "convnets": "5be647b6c6d5de44"}
    for name, digest in digests.items():
      content = "".join(
        architecture.fingerprint
        for architecture in splits.collection(name).evaluation["val"]
      )
      found = hashlib.sha256(content.encode()).hexdigest()
      self.assertEqual(found[:16], digest)

  @parameterized.parameters("edge", "convnets")
  def test_every_operation_occurs_in_training(self, name):
    collection = splits.collection(name)
    nodes = [node for i in range(300) for node in collection.train(i).nodes]
    # These are parts of targets alone, and so is cropping in edge.
    lacks = {ops.Op.ZERO_PAD, ops.Op.GROUPED_CONV}
    lacks |= {ops.Op.PRELU, ops.Op.SUBTRACT}
    lacks |= {ops.Op.CROP} if name == "edge" else set()
    self.assertEqual({node.op for node in nodes}, set(ops.Op) - lacks)

  def test_seeds_and_indices_are_functions_not_states(self):
    collection = _small()
    forward = [collection.train(index, seed=3) for index in range(10)]
    backward = [_small().train(i, seed=3) for i in reversed(range(10))]
    self.assertEqual(forward, backward[::-1])
    self.assertNotEqual(forward[0], collection.train(0, seed=4))

  def test_ranges_join_to_the_whole(self):
    collection = _small()
    for split in ("train", "val", "predefined"):
      size = collection.sizes[split]
      parts = [
        [*collection.architectures(split, start, min(start + 4, size))]
        for start in range(0, size, 4)
      ]
      self.assertEqual(
        [*itertools.chain(*parts)], [*collection.architectures(split, 0, size)]
      )

  def test_tighter_limits_change_training_but_not_evaluation(self):
    collection = splits.collection("edge")
    limited = dataclasses.replace(collection, max_macs=2_000_000)
    self.assertIs(limited.evaluation, collection.evaluation)
    for index in range(30):
      self.assertLessEqual(limited.train(index).macs, 2_000_000)
    validation = limited.first("val", 10)
    self.assertContainsSubset(validation, collection.evaluation["val"])
    self.assertLessEqual(max(a.macs for a in validation), 2_000_000)
    with self.assertRaisesRegex(
      ValueError, "Split .val. of space .* got 400; ask for"
    ):
      limited.first("val", 400)

  def test_what_training_may_give(self):
    collection = splits.collection("edge")
    self.assertTrue(collection.may_train_on(collection.train(0)))
    for split in ("val", "wide", "predefined"):
      self.assertFalse(collection.may_train_on(collection.evaluation[split][0]))
    limited = dataclasses.replace(collection, max_macs=2_000_000)
    large = next(
      a for a in map(collection.train, range(99)) if a.macs > 2_000_000
    )
    self.assertFalse(limited.may_train_on(large))

  def test_wrong_seeds(self):
    with self.assertRaisesRegex(ValueError, "at most 2147483647, got 21474836"):
      _small().train(0, seed=2**31)

  def test_a_pickle_holds_what_to_draw_and_not_what_was_drawn(self):
    collection = _small()
    _ = collection.exclusion
    content = pickle.dumps(collection)
    self.assertLess(len(content), 10_000)
    again = pickle.loads(content)
    self.assertEqual(again.evaluation, collection.evaluation)

  def test_other_images_and_classes(self):
    collection = splits.collection("tiny", (20, 24, 1), 7)
    predefined = collection.evaluation["predefined"]
    # MobileNetV2 halves the sizes five times, with the paddings of 32x32.
    self.assertContainsSubset(
      {"resnet8", "resnet20", "mobilenet_v1", "ds_cnn"},
      {architecture.name for architecture in predefined},
    )
    drawn = (collection.train(0), collection.evaluation["val"][0])
    for architecture in (*drawn, *predefined):
      self.assertEqual(architecture.input_shape, (20, 24, 1))
      self.assertEqual(architecture.num_classes, 7)


class PredefinedTest(absltest.TestCase):
  def test_they_fit_the_images(self):
    space = splits.collection("edge", (33, 27, 1), 7)
    resnet8 = {a.name: a for a in space.evaluation["predefined"]}["resnet8"]
    target = keras_io.from_keras(resnet.resnet8((33, 27, 1), 7))
    self.assertEqual(resnet8, target)
    self.assertFalse(space.may_train_on(target))
    # A pooling window of 7x7 does not fit; a network without one does.
    tiny = splits.collection("edge", (4, 4, 3)).evaluation["predefined"]
    self.assertIn("resnet8", [architecture.name for architecture in tiny])

  def test_predefined_are_the_targets_of_models(self):
    predefined = {
      architecture.name: architecture
      for architecture in splits.collection("edge").evaluation["predefined"]
    }
    self.assertEqual(set(predefined), set(_TARGETS))
    for name, build in _TARGETS.items():
      target = keras_io.from_keras(build((32, 32, 3), 10))
      self.assertEqual(predefined[name], target)


if __name__ == "__main__":
  absltest.main()
