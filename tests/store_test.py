# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import hashlib
import os
import pathlib
import shutil
import struct
import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from ghn_tf.convnets250k import dataset
from ghn_tf.convnets250k import records
from ghn_tf.convnets250k import store
from ghn_tf.spaces import extent
from ghn_tf.spaces import splits
from tests import small_collection

_SIZE = small_collection.NUM_TRAIN


class DatasetTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.directory = small_collection.make()

  def test_loads_like_any_data_set(self):
    builder = tfds.builder_from_directory(self.directory)
    self.assertEqual(builder.name, "convnets250k")
    self.assertIn("GHN-QAT", builder.info.citation)
    self.assertEqual(
      {name: split.num_examples for name, split in builder.info.splits.items()},
      dict(small_collection.COLLECTION.sizes),
    )
    examples = [*tfds.as_numpy(builder.as_dataset(split="train"))]
    for index, example in enumerate(examples):
      self.assertEqual(
        records.decode(example["architecture"], "stored").fingerprint,
        small_collection.COLLECTION.train(index).fingerprint,
      )

  def test_published_configurations(self):
    for name in ("edge", "convnets"):
      config = dataset.ConvNets250K.builder_configs[name]
      self.assertEqual(config.collection, splits.collection(name))
      self.assertEqual(config.collection.sizes["train"], 250_000)

  def test_bytes_do_not_depend_on_the_workers(self):
    other = small_collection.make(num_workers=2)
    self.assertNotEqual(self.directory, other)
    self.assertEqual(_digests(self.directory), _digests(other))


def _digests(directory: str) -> dict[str, str]:
  return {
    path.name: hashlib.sha256(path.read_bytes()).hexdigest()
    for path in sorted(pathlib.Path(directory).glob("*.tfrecord*"))
  }


class StoreTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.directory = small_collection.make()

  def setUp(self):
    super().setUp()
    # Some tests damage it.
    self.copy = tempfile.mkdtemp(dir=self.create_tempdir().full_path)
    shutil.copytree(self.directory, self.copy, dirs_exist_ok=True)
    (self.file,) = pathlib.Path(self.copy).glob("*-train.tfrecord*")

  def _bytes(self) -> bytearray:
    return bytearray(self.file.read_bytes())

  def _places(self) -> list[int]:
    """Where the records of the file start, by TensorFlow's own reader."""
    lengths = [
      len(record)
      for record in tf.data.TFRecordDataset(str(self.file)).as_numpy_iterator()
    ]
    return np.cumsum([0, *(length + 16 for length in lengths)]).tolist()

  def test_any_order(self):
    stored = store.Store(self.directory, "train")
    self.assertLen(stored, _SIZE)
    for index in (17, 0, _SIZE - 1, 3):
      expected = small_collection.COLLECTION.train(index)
      self.assertEqual(stored[index].fingerprint, expected.fingerprint)
    self.assertEqual(stored[-1].name, f"small-train-{_SIZE - 1}")
    self.assertEqual(stored[2:5], [stored[2], stored[3], stored[4]])
    with self.assertRaisesRegex(IndexError, f"{_SIZE} is out of range"):
      _ = stored[_SIZE]

  def test_the_checksum_is_of_the_content(self):
    architectures = small_collection.COLLECTION.evaluation["val"]
    digest = hashlib.sha256()
    for index, architecture in enumerate(architectures):
      digest.update(records.content(records.encode(architecture, index)))
    stored = store.Store(self.directory, "val").records()
    self.assertEqual(records.checksum(stored), digest.hexdigest())

  def _check(self, index: int, message: str, readable: list[int]) -> None:
    """One architecture cannot be read, others can."""
    stored = store.Store(self.copy, "train")
    with self.assertRaisesRegex(ValueError, message) as raised:
      _ = stored[index]
    self.assertIn(f"Architecture {index} cannot be read", str(raised.exception))
    self.assertIn(str(self.file), str(raised.exception))
    for other in readable:
      expected = small_collection.COLLECTION.train(other)
      self.assertEqual(stored[other].fingerprint, expected.fingerprint)

  def test_a_damaged_record(self):
    content, places = self._bytes(), self._places()
    content[places[6] - 20] ^= 0xFF  # in the data of record 5
    self.file.write_bytes(content)
    self._check(
      5, "record 5 of .*: The record is damaged", [0, 4, 6, _SIZE - 1]
    )

  def test_a_damaged_message(self):
    content, places = self._bytes(), self._places()
    content[places[5] + 12] ^= 0xFF  # the first byte of its tf.train.Example
    self.file.write_bytes(content)
    self._check(5, "record 5 of .*", [0, 4, 6, _SIZE - 1])

  @parameterized.named_parameters(
    ("leads_to_the_next_but_one", lambda places: places[7] - places[5] - 16),
    ("leads_into_a_record", lambda places: 3),
    ("leads_beyond_the_file", lambda places: 2**60),
  )
  def test_a_damaged_length(self, make_length):
    content, places = self._bytes(), self._places()
    length = make_length(places)
    content[places[5] : places[5] + 8] = struct.pack("<Q", length)
    self.file.write_bytes(content)
    others = [index for index in range(_SIZE) if index != 5]
    self._check(5, "it is missing or damaged", others)

  def test_all_kinds_of_damage_at_once(self):
    content, places = self._bytes(), self._places()
    for damaged in (0, 8, 20, 21, 22):  # their lengths
      content[places[damaged]] ^= 1
    content[places[30] + 10] ^= 1  # the checksum of its length
    content[places[41] - 20] ^= 0xFF  # the data of record 40
    content[places[60] : places[70]] = bytes(places[70] - places[60])
    # From the end, so that the places before stay where they are.
    del content[places[_SIZE - 2] + 20 :]
    content[places[100] : places[100]] = b"not a record" * 7
    del content[places[90] : places[91]]
    self.file.write_bytes(content)
    lost = {0, 8, 20, 21, 22, 30, 40, *range(60, 70), 90, _SIZE - 2, _SIZE - 1}
    stored = store.Store(self.copy, "train")
    for index in range(_SIZE):
      if index in lost:
        with self.assertRaisesRegex(ValueError, f"Architecture {index} cannot"):
          _ = stored[index]
      else:
        expected = small_collection.COLLECTION.train(index)
        self.assertEqual(stored[index].fingerprint, expected.fingerprint)

  def test_records_in_each_others_place(self):
    content, places = self._bytes(), self._places()
    first, second = (bytes(content[places[i] : places[i + 1]]) for i in (3, 4))
    content[places[3] : places[5]] = second + first
    self.file.write_bytes(content)
    self._check(3, "architecture 4 is in its place", [0, 2, 5, _SIZE - 1])

  def test_a_truncated_file(self):
    places = self._places()
    self.file.write_bytes(self._bytes()[: places[9] - 1])
    self._check(8, "missing or damaged", [*range(8)])

  def test_an_empty_and_a_missing_file(self):
    self.file.write_bytes(b"")
    self._check(0, "missing or damaged", [])
    os.unlink(self.file)
    self._check(0, "the file is missing", [])

  def test_a_file_of_false_starts_is_read_once(self):
    # Good headers, each followed by what was once searched 16 KB far.
    content, places = self._bytes(), self._places()
    header = content[places[5] : places[5] + 12]
    self.file.write_bytes(bytes(header + bytes(9)) * 20_000)
    is_header, rows = store._is_header, 0

    def counted(candidates: np.ndarray) -> np.ndarray:
      nonlocal rows
      rows += len(candidates)
      return is_header(candidates)

    with mock.patch.object(store, "_is_header", counted):
      stored = store.Store(self.copy, "train")
    self.assertLess(rows, 2 * self.file.stat().st_size)
    with self.assertRaisesRegex(ValueError, "missing or damaged"):
      _ = stored[0]

  def test_wrong_folders_and_splits(self):
    with self.assertRaisesRegex(ValueError, "holds no data set.*make_archit"):
      store.Store("/nowhere", "train")
    with self.assertRaisesRegex(ValueError, "no split 'trian'; it has.*'train"):
      store.Store(self.directory, "trian")


class StoredCollectionTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.source = store.StoredCollection(small_collection.make())

  def test_an_epoch_has_every_architecture_once(self):
    collection = small_collection.COLLECTION
    stored = sorted(collection.train(i).fingerprint for i in range(_SIZE))
    orders = []
    for epoch in range(2):
      start = epoch * _SIZE
      orders.append(
        [self.source.train(start + i, seed=1).fingerprint for i in range(_SIZE)]
      )
      self.assertEqual(sorted(orders[-1]), stored)
    self.assertNotEqual(orders[0], orders[1])
    self.assertEqual(self.source.train(3, seed=1).fingerprint, orders[0][3])
    other = [self.source.train(i, seed=2).fingerprint for i in range(_SIZE)]
    self.assertNotEqual(orders[0], other)

  def test_the_extent_is_that_of_all_up_to_a_thousand(self):
    stored = map(self.source.train, range(_SIZE))
    self.assertEqual(self.source.extent, extent.of(stored))

  def test_validation(self):
    held_out = self.source.first("val", 2)
    self.assertEqual(
      [a.fingerprint for a in held_out],
      [
        a.fingerprint for a in small_collection.COLLECTION.evaluation["val"][:2]
      ],
    )
    self.assertFalse(any(map(self.source.may_train_on, held_out)))
    self.assertTrue(self.source.may_train_on(self.source.train(0)))
    with self.assertRaisesRegex(
      ValueError, "Split .val. of .*, got 99; ask for"
    ):
      self.source.first("val", 99)


if __name__ == "__main__":
  absltest.main()
