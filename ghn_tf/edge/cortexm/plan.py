# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Where tensors lie in memory."""

from collections.abc import Sequence
import dataclasses

_ALIGNMENT = 4


@dataclasses.dataclass(frozen=True)
class Need:
  """Memory that is needed for a while.

  Attributes:
    num_bytes: at least 1.
    first, last: the operators from which and up to which it is needed.
  """

  num_bytes: int
  first: int
  last: int


@dataclasses.dataclass(frozen=True)
class Plan:
  """Offsets for needs.

  Attributes:
    offsets: of the needs, in bytes.
    num_bytes: of all of it.
  """

  offsets: tuple[int, ...]
  num_bytes: int


def plan(needs: Sequence[Need]) -> Plan:
  """Returns offsets with which none overlap that are needed at once.

  The greatest first, each to the lowest place that is free, as TFLite Micro's
  GreedyMemoryPlanner does.
  """
  order = sorted(
    range(len(needs)), key=lambda i: (-needs[i].num_bytes, needs[i].first, i)
  )
  offsets: dict[int, int] = {}
  for index in order:
    need = needs[index]
    taken = sorted(
      (offset, offset + needs[other].num_bytes)
      for other, offset in offsets.items()
      if needs[other].first <= need.last and need.first <= needs[other].last
    )
    offset = 0
    for start, end in taken:
      if offset + need.num_bytes <= start:
        break
      offset = max(offset, -(-end // _ALIGNMENT) * _ALIGNMENT)
    offsets[index] = offset
  ends = [offset + needs[index].num_bytes for index, offset in offsets.items()]
  return Plan(
    tuple(offsets[index] for index in range(len(needs))), max(ends, default=0)
  )
