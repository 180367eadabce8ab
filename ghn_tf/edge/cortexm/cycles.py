# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Cycles of executed instructions: a model, apart from what was counted.

Of an M4 as its reference manual has it (Arm 100166, table of instructions),
with memory that never waits:

*   An instruction takes 1 cycle, also one that multiplies.
*   A load or store of n words takes 1 + n; a single store, and a single load
    behind another, 1. A division takes 7, between the 2 and 12 of the manual.
*   A jump takes 2 more to fill the pipeline, between the 1 and 3 of the manual.

An M3 takes 2 for a product of 32 bits that is added, 4 for one of 64 bits and 5
for one of 64 bits that is added (2, 3 to 5 and 4 to 7 in Arm DDI 0337I).
An M7 issues two instructions at once where it can: its cycles are 0.63 of an
M4's, the mean of three pieces of software for ResNet-8 of MLPerf Tiny that were
measured on both (0.64 and 0.58: X-CUBE-AI in the rounds v0.7 and v1.2; 0.67:
Plumerai in v1.1). On an M55 a vector takes 2, as it works on half of one at a
time; for all else, loads and jumps too, it is taken for an M4, though its
pipeline is another.

Not modelled: waits of flash and caches. No board ran these programs, so the
error is not known. Of other programs for the same network, boards with an M4
at 120 MHz took between 165 ms (X-CUBE-AI) and 704 ms (TFLite Micro's reference
kernels), by the results of its rounds v0.5 to v1.2.
"""

from collections.abc import Mapping
import dataclasses

from ghn_tf.edge.cortexm import counts as counts_lib
from ghn_tf.edge.cortexm import thumb

_JUMP = 2
_OTHERS = {"divide": 7, "vector": 2}


@dataclasses.dataclass(frozen=True)
class Timing:
  """What differs between cores.

  Attributes:
    products: cycles of kinds of instructions that multiply; 1 of the rest.
    scale: by which all of it is multiplied.
  """

  products: Mapping[str, float] = dataclasses.field(default_factory=dict)
  scale: float = 1


TIMINGS: Mapping[str, Timing] = {
  "cortex_m3": Timing(
    {"multiply_add": 2, "long_multiply": 4, "long_multiply_add": 5}
  ),
  "cortex_m4": Timing(),
  "cortex_m7": Timing(scale=0.63),
  "cortex_m55": Timing(),
}


def of_block(block: tuple[thumb.Instruction, ...], timing: Timing) -> float:
  """Returns the cycles of a block whose end is not jumped from."""
  total = 0.0
  is_after_memory = False
  for instruction in block:
    kind, words = instruction.kind, instruction.words
    if kind in ("load", "store"):
      if words > 1:
        total += 1 + words
      else:
        total += 2 if kind == "load" and not is_after_memory else 1
    else:
      total += timing.products.get(kind, _OTHERS.get(kind, 1))
    is_after_memory = kind in ("load", "store")
  return total


def of_operator(
  counts: counts_lib.Counts, operator: int, timing: Timing
) -> float:
  """Returns the cycles of an operator."""
  blocks = counts.blocks.get(operator, {})
  total = sum(
    times * of_block(tuple(counts.code[block]), timing)
    for block, times in blocks.items()
  )
  return timing.scale * (total + _JUMP * counts.jumps.get(operator, 0))
