# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tables of a FlatBuffer, read with every place and length checked.

(FlatBuffers, "Binary Format": a table begins with the distance back to its
vtable, which has the place of each field in the table.)
"""

import mmap
import struct

from ghn_tf.reading import records

_FORMATS = {"b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "q": 8, "f": 4}


def wrong() -> records.ReadingError:
  """Returns the error of a damaged file."""
  return records.ReadingError("it is damaged", "write the file again")


class Table:
  """A table in a buffer.

  Args:
    content: the whole buffer.
    place: of the table.
  """

  def __init__(self, content: bytes | mmap.mmap, place: int):
    self._content, self._place = content, place
    vtable = place - self._read("i", place)
    size = self._read("H", vtable)
    if size < 4 or size % 2 or vtable + size > len(content):
      raise wrong()
    self._vtable, self._size = vtable, size

  @classmethod
  def root(cls, content: bytes | mmap.mmap) -> "Table":
    """Returns the table that a buffer begins with."""
    return cls(content, _read(content, "I", 0))

  def _read(self, form: str, place: int) -> int:
    return _read(self._content, form, place)

  def _field(self, number: int) -> int:
    """Returns the place of a field; 0 where the table lacks it."""
    at = 4 + 2 * number
    if at + 2 > self._size:
      return 0
    offset = self._read("H", self._vtable + at)
    return self._place + offset if offset else 0

  def scalar(self, number: int, form: str, default: int) -> int:
    """Returns a number in a field; `form` is that of `struct`."""
    place = self._field(number)
    return self._read(form, place) if place else default

  def table(self, number: int) -> "Table | None":
    """Returns the table in a field, if there is one."""
    if not (place := self._field(number)):
      return None
    return Table(self._content, place + self._read("I", place))

  def _vector(self, number: int, size: int) -> tuple[int, int]:
    """Returns the place and the length of a vector of elements of a size."""
    place = self._field(number)
    if not place:
      return 0, 0
    place += self._read("I", place)
    length = self._read("I", place)
    if length > (len(self._content) - place - 4) // size:
      raise wrong()
    return place + 4, length

  def numbers(self, number: int, form: str, most: int) -> tuple[int, ...]:
    """Returns the numbers of a vector; raises ReadingError of too many."""
    place, length = self._vector(number, _FORMATS[form])
    if length > most:
      raise wrong()
    return struct.unpack_from(f"<{length}{form}", self._content, place)

  def data(self, number: int, most: int) -> bytes:
    """Returns the first bytes of a vector or a text."""
    place, length = self._vector(number, 1)
    return self._content[place : place + min(length, most)]

  def tables(self, number: int, most: int) -> "list[Table]":
    """Returns the tables of a vector; raises ReadingError of too many."""
    place, length = self._vector(number, 4)
    if length > most:
      raise wrong()
    return [
      Table(self._content, at + self._read("I", at))
      for at in range(place, place + 4 * length, 4)
    ]


def _read(content: bytes | mmap.mmap, form: str, place: int) -> int:
  if not 0 <= place <= len(content) - _FORMATS[form]:
    raise wrong()
  return struct.unpack_from(f"<{form}", content, place)[0]
