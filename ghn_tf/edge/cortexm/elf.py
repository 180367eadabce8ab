# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Compiled programs: what is loaded where, and the addresses of functions."""

import dataclasses
import struct

_LOAD = 1
_FUNCTION = 2
_SYMBOLS = 2


@dataclasses.dataclass(frozen=True)
class Symbol:
  """A name in a program.

  Attributes:
    address: without the bit that marks Thumb code.
    size: in bytes.
    is_function: whether it is one.
  """

  address: int
  size: int
  is_function: bool

  @property
  def end(self) -> int:
    """Returns the address behind it."""
    return self.address + self.size


@dataclasses.dataclass(frozen=True, eq=False)
class Elf:
  """A program for a 32-bit little-endian machine.

  Attributes:
    segments: address in flash or memory and bytes of what is loaded.
    symbols: by name.
  """

  segments: tuple[tuple[int, bytes], ...]
  symbols: dict[str, Symbol]

  @property
  def flash_bytes(self) -> int:
    """Returns the bytes that are loaded: code and constants."""
    return sum(len(data) for _, data in self.segments)

  def read(self, address: int, size: int) -> bytes:
    """Returns bytes that are loaded.

    Raises:
      ValueError: they are not.
    """
    for start, data in self.segments:
      if start <= address and address + size <= start + len(data):
        return data[address - start : address - start + size]
    raise ValueError(f"Nothing is loaded at {address:#x}.")


def read(content: bytes) -> Elf:
  """Reads an ELF file that our toolchain made.

  Raises:
    ValueError: it is not one for this machine.
  """
  if content[:6] != b"\x7fELF\x01\x01":
    raise ValueError("Not a 32-bit little-endian ELF file.")
  programs, sections = struct.unpack_from("<II", content, 28)
  program_size, program_count, section_size, section_count = struct.unpack_from(
    "<4H", content, 42
  )
  segments = []
  for number in range(program_count):
    kind, offset, _, address, size = struct.unpack_from(
      "<5I", content, programs + number * program_size
    )
    if kind == _LOAD and size:
      segments.append((address, content[offset : offset + size]))
  headers = [
    struct.unpack_from("<10I", content, sections + number * section_size)
    for number in range(section_count)
  ]
  symbols = {}
  for header in headers:
    if header[1] != _SYMBOLS:
      continue
    start, size, link, entry = header[4], header[5], header[6], header[9]
    names = headers[link][4]
    for at in range(start, start + size, entry):
      name_at, value, length, info = struct.unpack_from("<IIIB", content, at)
      end = content.index(b"\0", names + name_at)
      name = content[names + name_at : end].decode()
      is_function = info & 15 == _FUNCTION
      symbols[name] = Symbol(value & ~is_function, length, is_function)
  return Elf(tuple(segments), symbols)
