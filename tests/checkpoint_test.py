# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of the file format of checkpoints."""

import errno
import os
import pathlib
import pickle
import stat
import struct
from unittest import mock
import warnings
import zipfile

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.ghn import checkpoint

_ARRAYS: dict[str, np.ndarray] = {
  "ghn/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
  "ghn/empty": np.zeros((0, 4), np.float32),
  "optimizer/iterations": np.array(7, np.int64),
  "file": np.array([True, False]),  # a parameter's name in numpy.savez
}
_METADATA = {"format": "test/1", "step": 7, "names": ["ä", None], "rate": 0.1}


def _npy(shape: bytes, data: bytes) -> bytes:
  """An array of float32 as NumPy writes it, with a shape of its own."""
  header = b"{'descr': '<f4', 'fortran_order': False, 'shape': %b, }\n" % shape
  return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data


class CheckpointTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.path = self.folder / "checkpoint.npz"

  def _assert_holds(self, arrays, metadata):
    loaded, loaded_metadata = checkpoint.load(self.path)
    self.assertEqual(loaded_metadata, metadata)
    self.assertEqual(list(loaded), list(arrays))
    for name, array in arrays.items():
      self.assertEqual(loaded[name].dtype, array.dtype, name)
      np.testing.assert_array_equal(loaded[name], array, name, strict=True)

  def test_load_returns_what_was_saved(self):
    checkpoint.save(self.path, _ARRAYS, _METADATA)
    self._assert_holds(_ARRAYS, _METADATA)
    checkpoint.save(self.path, {}, {})
    self._assert_holds({}, {})

  def test_other_programs_can_read_it(self):
    checkpoint.save(self.path, _ARRAYS, _METADATA)
    with np.load(self.path, allow_pickle=False) as file:
      np.testing.assert_array_equal(file["ghn/kernel"], _ARRAYS["ghn/kernel"])
    with zipfile.ZipFile(self.path) as file:
      self.assertIn(b'"step": 7', file.read("index.json"))
    self.assertTrue(self.path.stat().st_mode & stat.S_IRUSR)

  def test_equal_content_gives_equal_bytes(self):
    checkpoint.save(self.path, _ARRAYS, _METADATA)
    first = self.path.read_bytes()
    checkpoint.save(self.path, _ARRAYS, _METADATA)
    self.assertEqual(self.path.read_bytes(), first)

  def test_any_truncation_is_found(self):
    checkpoint.save(self.path, _ARRAYS, _METADATA)
    content = self.path.read_bytes()
    for length in range(len(content)):
      self.path.write_bytes(content[:length])
      with self.assertRaisesRegex(checkpoint.CheckpointError, "or damaged"):
        checkpoint.load(self.path)

  @parameterized.parameters(0x01, 0x80, 0xFF)
  def test_a_changed_byte_is_found_or_changes_nothing(self, change: int):
    checkpoint.save(self.path, _ARRAYS, _METADATA)
    content = bytearray(self.path.read_bytes())
    found = 0
    for position in range(len(content)):
      content[position] ^= change
      self.path.write_bytes(content)
      content[position] ^= change
      try:
        self._assert_holds(_ARRAYS, _METADATA)
      except checkpoint.CheckpointError:
        found += 1
    # A few bytes, like dates, mean nothing to us.
    self.assertGreater(found, 0.7 * len(content))

  def test_a_missing_file_is_named(self):
    with self.assertRaisesRegex(
      checkpoint.CheckpointError, f"no checkpoint {self.path}"
    ):
      checkpoint.load(self.path)

  def test_a_folder_is_no_checkpoint(self):
    with self.assertRaisesRegex(checkpoint.CheckpointError, "or damaged"):
      checkpoint.load(self.folder)

  def test_a_pipe_is_no_checkpoint(self):
    os.mkfifo(self.path)
    with self.assertRaisesRegex(checkpoint.CheckpointError, "is a pipe or a"):
      checkpoint.load(self.path)

  def test_arrays_without_metadata_are_no_checkpoint(self):
    np.savez(self.path, **{"ghn/kernel": np.zeros(3)})
    with self.assertRaisesRegex(
      checkpoint.CheckpointError, "lacks .*index.json"
    ):
      checkpoint.load(self.path)

  @parameterized.parameters(b"", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"{}")
  def test_another_file_is_no_checkpoint(self, content: bytes):
    self.path.write_bytes(content)
    with self.assertRaisesRegex(checkpoint.CheckpointError, "not a checkpoint"):
      checkpoint.load(self.path)

  def test_a_pickled_object_is_never_loaded(self):
    with zipfile.ZipFile(self.path, "w") as file:
      file.writestr("index.json", '{"arrays": ["ghn/kernel"], "metadata": {}}')
      with file.open("ghn/kernel.npy", "w") as member:
        np.lib.format.write_array(member, np.array([print], dtype=object))
    with (
      mock.patch.object(pickle, "load") as load,
      self.assertRaises(checkpoint.CheckpointError),
    ):
      checkpoint.load(self.path)
    load.assert_not_called()

  def _write(
    self, members: list[tuple[str, bytes]], compression: int = 0
  ) -> None:
    with (
      warnings.catch_warnings(),
      zipfile.ZipFile(self.path, "w", compression) as file,
    ):
      warnings.simplefilter("ignore")  # of names that stand twice
      for name, content in members:
        file.writestr(name, content)

  @parameterized.named_parameters(
    (
      "an_array",  # of 365 bytes in all, which asked for 400 TB
      [
        ("index.json", b'{"arrays": ["a"], "metadata": {}}'),
        ("a.npy", _npy(b"(100000000000000,)", b"1234")),
      ],
      r"a claims the shape \[100000000000000\] of <f4 in 4 bytes",
    ),
    (
      "more_than_it_claims",
      [
        ("index.json", b'{"arrays": ["a"], "metadata": {}}'),
        ("a.npy", _npy(b"()", b"12345678")),
      ],
      r"a claims the shape \[\] of <f4 in 8 bytes",
    ),
    (
      "a_program_in_a_header",
      [
        ("index.json", b'{"arrays": ["a"], "metadata": {}}'),
        ("a.npy", _npy(b"(" + b"-" * 300 + b"1,)", b"1234")),
      ],
      "a is not an array of numbers as NumPy writes it",
    ),
    (
      "a_member_twice",
      [("index.json", b'{"arrays": [], "metadata": {}}')] * 2,
      "it has 2 members of 1 names",
    ),
    (
      "an_array_twice",
      [
        ("index.json", b'{"arrays": ["a", "a"], "metadata": {}}'),
        ("a.npy", _npy(b"()", b"1234")),
      ],
      "index.json does not name each of its arrays once",
    ),
    (
      "an_array_that_is_not_named",
      [
        ("index.json", b'{"arrays": [], "metadata": {}}'),
        ("a.npy", _npy(b"()", b"1234")),
      ],
      "index.json does not name each of its arrays once",
    ),
    (
      "an_array_that_is_not_there",
      [("index.json", b'{"arrays": ["a"], "metadata": {}}')],
      "it lacks 'a.npy'",
    ),
    (
      "a_field_twice",
      [("index.json", b'{"arrays": [], "metadata": {"a": 1, "a": 2}}')],
      "two fields have the name 'a'",
    ),
    ("a_list", [("index.json", b"[]")], "index.json is no object"),
    (
      "metadata",
      [("index.json", b'{"arrays": [], "metadata": []}')],
      "the metadata in index.json are no object",
    ),
    (
      "names",
      [("index.json", b'{"arrays": [1], "metadata": {}}')],
      "the arrays in index.json are no list of names",
    ),
    (
      "a_long_index",
      [("index.json", b'{"arrays": [], "metadata": {}}' + b" " * (1 << 24))],
      "index.json has 16,777,246 bytes, more than 16,777,216",
    ),
  )
  def test_a_claim_that_does_not_hold_is_found(self, members, message):
    self._write(members)
    with self.assertRaisesRegex(checkpoint.CheckpointError, message):
      checkpoint.load(self.path)

  def test_compressed_and_overlapping_members_are_refused(self):
    index = b'{"arrays": [], "metadata": {}}'
    self._write([("index.json", index)], zipfile.ZIP_DEFLATED)
    with self.assertRaisesRegex(checkpoint.CheckpointError, "is compressed"):
      checkpoint.load(self.path)
    # A thousand entries of the directory share one member's bytes.
    self._write([("index.json", index + b" " * 10_000)])
    content = self.path.read_bytes()
    start = content.index(b"PK\1\2")
    end = content.index(b"PK\5\6")
    entry, tail = content[start:end], bytearray(content[end:])
    tail[8:12] = struct.pack("<HH", 1000, 1000)
    tail[12:16] = struct.pack("<I", 1000 * len(entry))
    entries = [
      entry.replace(b"index.json", b"%010d" % number) for number in range(1000)
    ]
    self.path.write_bytes(content[:start] + b"".join(entries) + tail)
    with self.assertRaisesRegex(
      checkpoint.CheckpointError, "its members claim 10,030,000 bytes of 66,"
    ):
      checkpoint.load(self.path)

  def test_a_file_that_is_too_large_is_refused(self):
    with open(self.path, "wb") as file:
      file.truncate(checkpoint.MAX_BYTES + 1)  # a hole
    with self.assertRaisesRegex(
      checkpoint.CheckpointError, "2,147,483,649 bytes, more than the 2,147,483"
    ):
      checkpoint.load(self.path)

  @parameterized.parameters(
    (np.array([None]),),
    (np.array(["text"]),),
    (np.array([1j]),),
    (np.zeros(2, [("a", np.int32)]),),
  )
  def test_an_array_of_another_kind_is_refused(self, array: np.ndarray):
    with self.assertRaisesRegex(ValueError, "Array 'ghn/bad' is of type"):
      checkpoint.save(self.path, {"ghn/bad": array}, {})
    self.assertEmpty(os.listdir(self.folder))

  @parameterized.parameters(float("nan"), float("inf"))
  def test_metadata_beyond_json_are_refused(self, value: float):
    with self.assertRaises(ValueError):
      checkpoint.save(self.path, {}, {"loss": value})
    self.assertEmpty(os.listdir(self.folder))

  def test_a_full_disk_leaves_the_old_checkpoint_and_nothing_else(self):
    checkpoint.save(self.path, _ARRAYS, _METADATA)
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with (
      mock.patch.object(os, "fsync", side_effect=full),
      self.assertRaisesRegex(OSError, "npz': No space left .*free") as caught,
    ):
      checkpoint.save(self.path, {}, {})
    self.assertEqual(caught.exception.errno, errno.ENOSPC)
    self.assertEqual(os.listdir(self.folder), [self.path.name])
    self._assert_holds(_ARRAYS, _METADATA)


if __name__ == "__main__":
  absltest.main()
