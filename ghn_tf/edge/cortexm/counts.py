# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a run of a program executed, by operators and blocks of code."""

from collections.abc import Mapping, Sequence
import dataclasses

from ghn_tf.edge.cortexm import elf
from ghn_tf.edge.cortexm import thumb

# What runs between operators.
BETWEEN = -1
_PREFIX = "operator_"

_Blocks = Mapping[int, Mapping[tuple[int, int], int]]


@dataclasses.dataclass(frozen=True, eq=False)
class Counts:
  """What one run executed.

  Attributes:
    blocks: operator -> address and size of a block of code -> how often it ran;
      `BETWEEN` for what is of none.
    jumps: operator -> how often it went on elsewhere than after a block.
    code: address and size of a block -> its instructions.
  """

  blocks: _Blocks
  jumps: Mapping[int, int]
  code: Mapping[tuple[int, int], Sequence[thumb.Instruction]]

  @classmethod
  def of(
    cls, program: elf.Elf, blocks: _Blocks, jumps: Mapping[int, int]
  ) -> "Counts":
    """Decodes the blocks of a program that were counted."""
    code = {
      block: thumb.decode(program.read(*block))
      for times in blocks.values()
      for block in times
    }
    return cls(blocks, jumps, code)

  def instructions(self, operator: int) -> int:
    """Returns how many instructions an operator took."""
    return sum(
      times * len(self.code[block])
      for block, times in self.blocks.get(operator, {}).items()
    )


def entries(program: elf.Elf) -> dict[int, int]:
  """Returns the addresses of the functions of operators, by their indices."""
  return {
    int(name.removeprefix(_PREFIX)): symbol.address
    for name, symbol in program.symbols.items()
    if name.startswith(_PREFIX) and symbol.is_function
  }


def owners(program: elf.Elf) -> dict[int, int]:
  """Returns addresses after which instructions are an operator's."""
  run = program.symbols["network_run"]
  result = dict.fromkeys(range(run.address, run.end), BETWEEN)
  result |= {address: index for index, address in entries(program).items()}
  return result
