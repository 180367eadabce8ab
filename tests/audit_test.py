# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import pathlib
import shutil
from unittest import mock

from absl.testing import absltest
import tensorflow as tf

from ghn_tf.convnets250k import audit
from ghn_tf.spaces import space as space_lib
from tests import small_collection


class AuditTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.directory = self.create_tempdir().full_path
    shutil.copytree(small_collection.make(), self.directory, dirs_exist_ok=True)

  def test_a_whole_data_set_is_clean(self):
    collection = small_collection.COLLECTION
    progress = mock.Mock()
    found = audit.audit(self.directory, collection, progress)
    self.assertEqual(
      {split: result.number for split, result in found.items()},
      dict(collection.sizes),
    )
    self.assertTrue(all(result.is_clean for result in found.values()))
    train = [collection.train(i) for i in range(small_collection.NUM_TRAIN)]
    fingerprints = {architecture.fingerprint for architecture in train}
    self.assertEqual(found["train"].distinct, len(fingerprints))
    self.assertEqual(progress.call_count, sum(collection.sizes.values()))

  def test_what_is_wrong_is_counted(self):
    # A limit that most break, and a file with a damaged record.
    collection = small_collection.COLLECTION
    limited = dataclasses.replace(collection.space, max_macs=500_000)
    (path,) = pathlib.Path(self.directory).glob("*-train.tfrecord*")
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    found = audit.audit(
      self.directory, dataclasses.replace(collection, space=limited)
    )
    outside = [
      bool(space_lib.violations(limited, collection.train(i)))
      for i in range(1, small_collection.NUM_TRAIN)
    ]
    self.assertEqual(found["train"].outside_limits, sum(outside))
    self.assertEqual(found["train"].unreadable, 1)
    self.assertEqual(found["train"].damaged_files, 1)
    self.assertEqual(found["val"].damaged_files, 0)
    self.assertFalse(found["train"].is_clean)
    # The targets are there whatever the limits.
    self.assertEqual(found["predefined"].outside_limits, 0)

  def test_what_is_in_two_splits_is_counted(self):
    train, val = (
      next(pathlib.Path(self.directory).glob(f"*-{split}.tfrecord*"))
      for split in ("train", "val")
    )
    # The first records of train, with the same indices, become those of val.
    examples = list(tf.data.TFRecordDataset(str(train)).as_numpy_iterator())
    mixed = list(tf.data.TFRecordDataset(str(val)).as_numpy_iterator())
    with tf.io.TFRecordWriter(str(train)) as writer:
      for example in mixed + examples[5:]:
        writer.write(example)
    found = audit.audit(self.directory, small_collection.COLLECTION)
    self.assertEqual(found["train"].shared, 5)
    self.assertEqual(found["train"].damaged_files, 0)
    self.assertEqual(found["val"].shared, 0)

  def test_a_wrong_byte_that_hurts_nobody_is_still_found(self):
    (path,) = pathlib.Path(self.directory).glob("*-train.tfrecord*")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # of the checksum of the last record
    path.write_bytes(content)
    found = audit.audit(self.directory, small_collection.COLLECTION)
    self.assertEqual(found["train"].unreadable, 0)
    self.assertEqual(found["train"].damaged_files, 1)
    self.assertFalse(found["train"].is_clean)

  def test_near_twins_of_targets_are_counted(self):
    collection = dataclasses.replace(small_collection.COLLECTION)
    first = collection.train(0)
    with mock.patch.dict(vars(collection), exclusion={first}):
      found = audit.audit(self.directory, collection)
    self.assertEqual(found["train"].shared, 1)


if __name__ == "__main__":
  absltest.main()
