# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""An attribute of an HDF5 file's root, and nothing else of it.

Keras keeps a model's configuration there. Reading it takes a few hundred bytes
beside it, of a format that is checked at each step, where the whole library
would trust a file that somebody sent.
(The HDF5 File Format Specification, version 3.0: sections II.A, III.E, IV.A.)
"""

from collections.abc import Iterator
import os
from typing import BinaryIO

from ghn_tf.reading import records

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_CONTINUATION, _ATTRIBUTE = 0x10, 0x0C
_FIXED_TEXT, _VARIABLE = 3, 9
# Of an object, where Keras's files have some ten.
_MAX_MESSAGES = 1 << 12
_REMEDY = "save the model again, best as a .keras file"


def _wrong(reason: str) -> records.ReadingError:
  return records.ReadingError(f"it is no HDF5 file of Keras: {reason}", _REMEDY)


class _File:
  """Bytes at places, all of which lie in the file."""

  def __init__(self, file: BinaryIO):
    self._file = file
    self.size = file.seek(0, os.SEEK_END)

  def read(self, start: int, size: int) -> bytes:
    """Returns so many bytes; raises ReadingError beyond the end."""
    if size > self.size or start > self.size - size:
      raise _wrong(f"it ends before byte {start + size:,}")
    self._file.seek(start)
    return self._file.read(size)

  def integer(self, start: int, size: int) -> int:
    """Returns an unsigned integer of so many bytes."""
    return int.from_bytes(self.read(start, size), "little")


def attribute(file: BinaryIO, name: str, max_bytes: int) -> bytes | None:
  """Returns a text attribute of the root; None if there is none of its name.

  Args:
    file: to read.
    name: of the attribute.
    max_bytes: of its text.

  Raises:
    records.ReadingError: the file is damaged, or of a form that Keras does not
      write.
  """
  content = _File(file)
  if content.read(0, 8) != SIGNATURE:
    raise _wrong("it begins with other bytes")
  version = content.integer(8, 1)
  if version > 1 or content.read(13, 2) != b"\x08\x08":
    raise _wrong(f"its superblock of version {version} is of another form")
  root = content.integer(24 + 4 * version + 4 * 8 + 8, 8)
  for kind, start, size in _messages(content, root):
    if kind == _ATTRIBUTE:
      found = _text(content, start, size, name, max_bytes)
      if found is not None:
        return found
  return None


def _messages(content: _File, header: int) -> Iterator[tuple[int, int, int]]:
  """Returns kind, place and size of each message in an object's header."""
  if content.integer(header, 1) != 1:
    raise _wrong("the header of its root is of another version than 1")
  blocks = [(header + 16, content.integer(header + 8, 4))]
  seen = 0
  while blocks:
    start, size = blocks.pop()
    end = start + size
    while start + 8 <= end:
      kind, length = content.integer(start, 2), content.integer(start + 2, 2)
      seen += 1
      if start + 8 + length > end or seen > _MAX_MESSAGES:
        raise _wrong("the header of its root is damaged")
      if kind == _CONTINUATION:
        blocks.append(
          (content.integer(start + 8, 8), content.integer(start + 16, 8))
        )
      yield kind, start + 8, length
      start += 8 + length


def _text(
  content: _File, start: int, size: int, name: str, max_bytes: int
) -> bytes | None:
  """Returns the text of an attribute if it has this name."""
  if size < 8:
    raise _wrong("an attribute is damaged")
  version = content.integer(start, 1)
  lengths = [content.integer(start + at, 2) for at in (2, 4, 6)]
  place = start + 8
  if version == 1:
    lengths = [-(-length // 8) * 8 for length in lengths]
  elif version == 3:
    place += 1  # the encoding of the name
  elif version != 2:
    raise _wrong(f"an attribute is of version {version}")
  name_length, type_length, space_length = lengths
  data = place + name_length + type_length + space_length
  if data > start + size or type_length < 8:
    raise _wrong("an attribute is damaged")
  if content.read(place, name_length).rstrip(b"\0") != name.encode():
    return None
  datatype = place + name_length
  kind = content.integer(datatype, 1) & 15
  length = content.integer(datatype + 4, 4)
  if kind == _FIXED_TEXT and data + length <= start + size:
    return content.read(data, length).rstrip(b"\0")
  if kind != _VARIABLE or data + 16 > start + size:
    raise _wrong(f"{name} is no text")
  length = content.integer(data, 4)
  if length > max_bytes:
    raise _wrong(f"{name} has {length:,} bytes, more than {max_bytes:,}")
  heap, index = content.integer(data + 4, 8), content.integer(data + 12, 4)
  return _of_heap(content, heap, index, length)


def _of_heap(content: _File, heap: int, index: int, length: int) -> bytes:
  """Returns the beginning of an object in a global heap collection."""
  if content.read(heap, 4) != b"GCOL":
    raise _wrong("a text is not where it is said to be")
  end = heap + content.integer(heap + 8, 8)
  place = heap + 16
  for _ in range(1 << 16):  # as many as an index can tell apart
    if place + 16 > end:
      break
    size = content.integer(place + 8, 8)
    if content.integer(place, 2) == index:
      if size < length:
        break
      return content.read(place + 16, length)
    place += 16 + -(-size // 8) * 8
  raise _wrong("a text is not where it is said to be")
