# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Thumb-2 code: where its instructions begin, and what kind each is."""

from typing import NamedTuple


class Instruction(NamedTuple):
  """An instruction.

  Attributes:
    kind: "load", "store", "multiply", "multiply_add", "long_multiply",
      "long_multiply_add", "divide", "branch", "it" or "vector"; those that are
      not told apart are "simple".
    words: of memory that it reads or writes.
  """

  kind: str
  words: int = 0


def decode(code: bytes) -> tuple[Instruction, ...]:
  """Returns the instructions of a block of code, in their order.

  An instruction has 4 bytes if the first five bits of its first half-word are
  11101, 11110 or 11111, else 2 (ARMv7-M reference manual, A5.1).
  """
  instructions = []
  at = 0
  while at < len(code):
    first = int.from_bytes(code[at : at + 2], "little")
    if first >> 11 >= 0b11101:
      second = int.from_bytes(code[at + 2 : at + 4], "little")
      found, size = _wide(first, second), 4
    else:
      found, size = _narrow(first), 2
    instructions.append(found)
    at += size
  return tuple(instructions)


def _narrow(code: int) -> Instruction:
  top = code >> 12
  if code >> 6 == 0b0100001101:  # MULS
    return Instruction("multiply")
  if code >> 8 == 0b01000111:  # BX, BLX
    return Instruction("branch")
  if code >> 8 in (0b01000100, 0b01000110) and code & 0x87 == 0x87:
    # ADD and MOV to pc.
    return Instruction("branch")
  if code >> 11 == 0b01001:  # LDR from a literal
    return Instruction("load", 1)
  if top == 0b0101:  # by register: STR, STRH, STRB are the first three
    return Instruction("store" if code >> 9 & 7 < 3 else "load", 1)
  if top in (0b0110, 0b0111, 0b1000, 0b1001):
    return Instruction("load" if code >> 11 & 1 else "store", 1)
  if code & 0xFE00 == 0xB400:  # PUSH
    return Instruction("store", (code & 0x1FF).bit_count())
  if code & 0xFE00 == 0xBC00:  # POP
    return Instruction("load", (code & 0x1FF).bit_count())
  if code & 0xFF00 == 0xBF00:
    return Instruction("it" if code & 15 else "simple")
  if code & 0xF500 == 0xB100:  # CBZ, CBNZ
    return Instruction("branch")
  if top == 0b1100:
    kind = "load" if code >> 11 & 1 else "store"
    return Instruction(kind, (code & 0xFF).bit_count())
  if top == 0b1101 or code >> 11 == 0b11100:  # B
    return Instruction("branch")
  return Instruction("simple")


def _wide(first: int, second: int) -> Instruction:
  # Of coprocessors, whose place MVE has: 111x 11.. .
  if first & 0xEC00 == 0xEC00:
    return Instruction("vector")
  if first >> 9 == 0b1110100:
    if not first & 0x40:  # LDM, STM
      kind = "load" if first & 0x10 else "store"
      return Instruction(kind, second.bit_count())
    if first & 0xFFF0 == 0xE8D0 and second & 0xFFE0 == 0xF000:  # TBB, TBH
      return Instruction("load", 1)
    is_double = first & 0x120 or False
    kind = "load" if first & 0x10 else "store"
    return Instruction(kind, 2 if is_double else 1)
  if first >> 11 == 0b11110 and second & 0x8000:
    if second & 0x5000 or first & 0x380 != 0x380:  # B, BL
      return Instruction("branch")
    return Instruction("simple")
  if first >> 9 == 0b1111100:
    kind = "load" if first & 0x10 else "store"
    return Instruction(kind, 1)
  if first >> 7 == 0b111110110:
    # What is added is in the register 15 where nothing is.
    return Instruction("multiply" if second >> 12 == 15 else "multiply_add")
  if first >> 7 == 0b111110111:
    if first & 0xFFD0 == 0xFB90:
      return Instruction("divide")
    is_added = first & 0x40
    return Instruction("long_multiply_add" if is_added else "long_multiply")
  return Instruction("simple")
