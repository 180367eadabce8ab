# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.edge.cortexm import thumb


class ThumbTest(parameterized.TestCase):
  # Encodings as an assembler gives them.
  @parameterized.parameters(
    ("1c48", thumb.Instruction("simple")),  # adds r0, r1, #1
    ("4348", thumb.Instruction("multiply")),  # muls r0, r1
    ("6808", thumb.Instruction("load", 1)),  # ldr r0, [r1]
    ("5708", thumb.Instruction("load", 1)),  # ldrsb r0, [r1, r4]
    ("7008", thumb.Instruction("store", 1)),  # strb r0, [r1]
    ("b5f0", thumb.Instruction("store", 5)),  # push {r4-r7, lr}
    ("bdf0", thumb.Instruction("load", 5)),  # pop {r4-r7, pc}
    ("4770", thumb.Instruction("branch")),  # bx lr
    ("d1fe", thumb.Instruction("branch")),  # bne
    ("e7fe", thumb.Instruction("branch")),  # b
    ("b108", thumb.Instruction("branch")),  # cbz r0
    ("bfb8", thumb.Instruction("it")),  # it lt
    ("bf00", thumb.Instruction("simple")),  # nop
  )
  def test_narrow(self, code: str, expected: thumb.Instruction):
    self.assertEqual(
      thumb.decode(int(code, 16).to_bytes(2, "little")), (expected,)
    )

  @parameterized.parameters(
    ("e8f0", "ab02", thumb.Instruction("load", 2)),  # ldrd r10, r11, [r0], #8
    ("e9dd", "0900", thumb.Instruction("load", 2)),  # ldrd r0, r9, [sp]
    ("e8e0", "2306", thumb.Instruction("store", 2)),  # strd r2, r3, [r0], #24
    ("e92d", "4ff0", thumb.Instruction("store", 9)),  # push {r4-r11, lr}
    ("e8bd", "8ff0", thumb.Instruction("load", 9)),
    ("fa2f", "f28a", thumb.Instruction("simple")),  # sxtb16 r2, r10
    (
      "fb2c",
      "4402",
      thumb.Instruction("multiply_add"),
    ),  # smlad r4, r12, r2, r4
    ("fb53", "f314", thumb.Instruction("multiply")),  # smmulr r3, r3, r4
    ("fb01", "f002", thumb.Instruction("multiply")),  # mul r0, r1, r2
    ("fb01", "3002", thumb.Instruction("multiply_add")),  # mla r0, r1, r2, r3
    ("fb01", "3012", thumb.Instruction("multiply_add")),  # mls r0, r1, r2, r3
    ("fb82", "0103", thumb.Instruction("long_multiply")),  # smull
    ("fba2", "0103", thumb.Instruction("long_multiply")),  # umull
    ("fbc6", "010a", thumb.Instruction("long_multiply_add")),  # smlal
    ("fbe2", "0103", thumb.Instruction("long_multiply_add")),  # umlal
    ("fb90", "f0f1", thumb.Instruction("divide")),  # sdiv r0, r0, r1
    ("f995", "3000", thumb.Instruction("load", 1)),  # ldrsb.w r3, [r5]
    ("f808", "1b01", thumb.Instruction("store", 1)),  # strb.w r1, [r8], #1
    ("f000", "fb4c", thumb.Instruction("branch")),  # bl
    ("f340", "80af", thumb.Instruction("branch")),  # ble.w
    ("f300", "0007", thumb.Instruction("simple")),  # ssat r0, #8, r0
    ("ee80", "6e10", thumb.Instruction("vector")),  # vmladava.s8
    ("eb01", "71e3", thumb.Instruction("simple")),  # add.w r1, r1, r3, asr #31
  )
  def test_wide(self, first: str, second: str, expected: thumb.Instruction):
    code = b"".join(
      int(half, 16).to_bytes(2, "little") for half in (first, second)
    )
    self.assertEqual(thumb.decode(code), (expected,))

  def test_finds_where_instructions_begin(self):
    # Two bytes, four, and two.
    code = bytes.fromhex("481c") + bytes.fromhex("2ffa8af2") + b"\x70\x47"
    kinds = [instruction.kind for instruction in thumb.decode(code)]
    self.assertEqual(kinds, ["simple", "simple", "branch"])


if __name__ == "__main__":
  absltest.main()
