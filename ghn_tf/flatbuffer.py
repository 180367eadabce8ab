# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""FlatBuffers read strictly, in time and memory bounded by their length.

Nothing in the format keeps offsets from pointing outside, or a thousand of them
at one table. Each access is checked against the bytes there are and taken off
what may be read in all. https://flatbuffers.dev/internals
"""

from collections.abc import Sequence
import mmap
import struct

import numpy as np

# How often each byte may be read on average. Tables share their vtables and a
# file its constants, so more than once; ours and MLPerf Tiny's need 2.
_READINGS = 16
# What a table here takes of that: its object is greater than its bytes.
_TABLE_COST = 64
_OFFSET = struct.Struct("<I")


class DamagedError(ValueError):
  """What is wrong in a FlatBuffer, or in what it says; no whole sentence."""


class Reader:
  """The bytes of a FlatBuffer, and how much of them may still be read."""

  def __init__(self, content: bytes | mmap.mmap):
    self._content = content
    self._left = _READINGS * len(content)

  def spend(self, size: int) -> None:
    """Takes bytes that are made of the content off what may be read.

    Raises:
      DamagedError: it has been read too often already.
    """
    self._left -= size
    if self._left < 0:
      raise DamagedError(
        f"more than {_READINGS} times as much is to be read as its"
        f" {len(self._content):,} bytes; offsets point at the same places"
      )

  def bytes(self, start: int, size: int, what: str) -> memoryview:
    """Returns a part of the content.

    Raises:
      DamagedError: it is not inside of it.
    """
    self.spend(size)
    if start < 0 or size < 0 or start + size > len(self._content):
      raise DamagedError(
        f"{what} is to be at bytes {start:,} to {start + size:,} of"
        f" {len(self._content):,}"
      )
    return memoryview(self._content)[start : start + size]

  def follow(self, place: int, what: str) -> int:
    """Returns the place that the offset at another one points at."""
    (offset,) = _OFFSET.unpack(self.bytes(place, 4, f"the offset of {what}"))
    if not offset:
      raise DamagedError(f"the offset of {what} is 0")
    return place + offset

  def root(self, what: str) -> "Table":
    """Returns the table that the content is."""
    return Table(self, self.follow(0, what), what)


class Table:
  """A table; of fields that it does not have there are the defaults."""

  def __init__(self, reader: Reader, place: int, what: str):
    """Reads which fields there are.

    Args:
      reader: of the content.
      place: where the table begins.
      what: to call it in errors.

    Raises:
      DamagedError: the table, or the vtable that describes it, is not inside.
    """
    self.what = what
    self._reader, self._place = reader, place
    reader.spend(_TABLE_COST)
    (back,) = struct.unpack("<i", reader.bytes(place, 4, what))
    vtable = f"the vtable of {what}"
    size, self._size = struct.unpack(
      "<HH", reader.bytes(place - back, 4, vtable)
    )
    if size < 4 or size % 2 or self._size < 4:
      raise DamagedError(f"{vtable} has sizes {size} and {self._size}")
    slots = reader.bytes(place - back + 4, size - 4, vtable)
    self._slots = np.frombuffer(slots, "<u2").tolist()
    reader.bytes(place, self._size, what)

  def _field(self, slot: int, size: int) -> int | None:
    offset = self._slots[slot] if slot < len(self._slots) else 0
    if not offset:
      return None
    if offset < 4 or offset + size > self._size:
      raise DamagedError(
        f"field {slot} of {self.what} is at {offset}, outside of its"
        f" {self._size} bytes"
      )
    return self._place + offset

  def has(self, slot: int) -> bool:
    """Whether the table has a field."""
    return self._field(slot, 0) is not None

  def scalar(self, slot: int, code: str, default: int | float) -> int | float:
    """Returns a number.

    Args:
      slot: of the field, from 0.
      code: its type, as in `struct`.
      default: if there is none.
    """
    size = struct.calcsize(f"<{code}")
    place = self._field(slot, size)
    if place is None:
      return default
    what = f"field {slot} of {self.what}"
    return struct.unpack(f"<{code}", self._reader.bytes(place, size, what))[0]

  def integer(self, slot: int, code: str, default: int = 0) -> int:
    """Returns a number of an integer type; see `scalar`."""
    return int(self.scalar(slot, code, default))

  def table(self, slot: int, what: str) -> "Table | None":
    """Returns another table, or None."""
    place = self._field(slot, 4)
    if place is None:
      return None
    return Table(self._reader, self._reader.follow(place, what), what)

  def array(self, slot: int, dtype: str, what: str) -> np.ndarray | None:
    """Returns a vector of numbers, which is a view of the content, or None."""
    place = self._field(slot, 4)
    if place is None:
      return None
    place = self._reader.follow(place, what)
    length = self._reader.bytes(place, 4, f"the length of {what}")
    size = _OFFSET.unpack(length)[0] * np.dtype(dtype).itemsize
    return np.frombuffer(self._reader.bytes(place + 4, size, what), dtype)

  def integers(
    self, slot: int, dtype: str, what: str, most: int | None = None
  ) -> tuple[int, ...]:
    """Returns a vector of integers, empty where there is none.

    Raises:
      DamagedError: it is not inside, or has more than the most.
    """
    array = self.array(slot, dtype, what)
    if array is None:
      return ()
    if most is not None and array.size > most:
      raise DamagedError(f"{what} has {array.size:,} numbers; {most} may be")
    return tuple(array.tolist())

  def text(self, slot: int, what: str) -> str:
    """Returns a string; bytes that are no UTF-8 are written as escapes."""
    array = self.array(slot, "u1", what)
    if array is None:
      return ""
    return array.tobytes().decode(errors="backslashreplace")

  def tables(
    self, slot: int, what: str, most: int | None = None
  ) -> Sequence["Table"]:
    """Returns a vector of tables, empty where there is none.

    Raises:
      DamagedError: one is not inside, or there are more than the most.
    """
    place = self._field(slot, 4)
    if place is None:
      return []
    place = self._reader.follow(place, f"the {what}s")
    length = self._reader.bytes(place, 4, f"the number of {what}s")
    (number,) = _OFFSET.unpack(length)
    if most is not None and number > most:
      raise DamagedError(f"it has {number:,} {what}s; {most:,} may be")
    self._reader.bytes(place + 4, 4 * number, f"the {what}s")
    result = []
    for index in range(number):
      name = f"{what} {index}"
      start = self._reader.follow(place + 4 + 4 * index, name)
      result.append(Table(self._reader, start, name))
    return result
