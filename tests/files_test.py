# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import errno
import functools
import os
import pathlib
from unittest import mock

from absl.testing import absltest

from ghn_tf import files


class CheckWritableTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def test_makes_the_folder_and_leaves_it_empty(self):
    path = self.folder / "a" / "b" / "file"
    files.check_writable(path)
    self.assertEmpty(os.listdir(path.parent))

  def test_leaves_a_file_as_it_is(self):
    path = self.folder / "file"
    path.write_text("content")
    files.check_writable(path)
    self.assertEqual(path.read_text(), "content")
    self.assertEqual(os.listdir(self.folder), ["file"])

  def test_a_file_that_may_not_be_replaced_is_an_error(self):
    path = self.folder / "file"
    files.check_writable(path, overwrite=False)
    path.write_text("content")
    files.check_writable(path, overwrite=True)
    with self.assertRaisesRegex(
      FileExistsError, f"{path} exists; choose another --output or --overwrite"
    ):
      files.check_writable(path, overwrite=False)
    self.assertEqual(path.read_text(), "content")

  def test_a_file_in_the_place_of_a_folder_is_an_error(self):
    (self.folder / "file").touch()
    for path in ("file/output", "file/folder/output"):
      for function in (
        files.check_writable,
        functools.partial(files.write, content=""),
      ):
        with self.assertRaisesRegex(
          OSError,
          f"Cannot write '.*{path}': Not a directory; choose another folder$",
        ):
          function(self.folder / path)

  def test_a_folder_in_the_place_of_the_file_is_an_error(self):
    with self.assertRaisesRegex(OSError, "Is a directory; choose another"):
      files.check_writable(self.folder)

  def test_a_folder_that_may_not_be_written_is_an_error(self):
    if os.geteuid() == 0:
      self.skipTest("The superuser may write everywhere.")
    self.folder.chmod(0o500)
    with self.assertRaisesRegex(OSError, "Permission denied"):
      files.check_writable(self.folder / "file")


class WriteTest(absltest.TestCase):
  def test_a_full_disk_is_told_with_the_file_and_what_to_do(self):
    path = pathlib.Path(self.create_tempdir().full_path, "file")
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with (
      mock.patch.object(os, "fsync", side_effect=full),
      self.assertRaisesRegex(
        OSError,
        f"Cannot write '{path}': No space left on device; free space or choose"
        " another folder$",
      ) as caught,
    ):
      files.write(path, "content")
    self.assertEqual(caught.exception.errno, errno.ENOSPC)
    self.assertEmpty(os.listdir(path.parent))


class NewFolderTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.parent = pathlib.Path(self.create_tempdir().full_path)
    self.path = self.parent / "folder"

  def _make(self, content: str) -> None:
    with files.new_folder(self.path) as folder:
      folder.mkdir()
      (folder / content).touch()
      self.assertNotEqual(folder, self.path)

  def test_replaces_what_is_there(self):
    for content in ("a", "b"):
      self._make(content)
      self.assertEqual(os.listdir(self.path), [content])
      self.assertEqual(os.listdir(self.parent), ["folder"])

  def test_what_was_there_stays_on_an_error(self):
    self._make("a")
    with self.assertRaises(KeyboardInterrupt):
      with files.new_folder(self.path) as folder:
        folder.mkdir()
        raise KeyboardInterrupt
    self.assertEqual(os.listdir(self.path), ["a"])
    self.assertEqual(os.listdir(self.parent), ["folder"])


if __name__ == "__main__":
  absltest.main()
