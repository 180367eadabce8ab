# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Hostile `.tflite` files: damaged, cut off, with numbers that lie.

Reading one gives something valid or a ValueError, in little time; what native
code makes of the valid ones is a report or a ValueError, whatever happens to
the process that it runs in.
"""

from collections.abc import Iterator
import functools
import random
import time

from absl.testing import absltest
from absl.testing import parameterized
import pytest

from ghn_tf.edge import emulation
from ghn_tf.edge import model_file
from tests import int8_files

# Inputs of each part; the parts may run side by side.
_READ, _READ_ALL = 500, 25_000
_RUN, _RUN_ALL = 4, 100
_PARTS = 4
# A valid one takes a thousandth of that, on a machine that has nothing to do.
_SECONDS = 2
# Sizes at which something may overflow or not end.
_NUMBERS = [0, 1, 2, 3, 4, 7, 8, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**16]
_NUMBERS += [2**24, 2**30, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1]


@functools.cache
def _originals() -> tuple[bytes, ...]:
  return (int8_files.network(), int8_files.relu6_with_two_scales())


def _flip(content: bytearray, rng: random.Random) -> None:
  for _ in range(rng.randint(1, 8)):
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def _replace(content: bytearray, rng: random.Random) -> None:
  """Numbers of 32 bits, where FlatBuffers have offsets, lengths and values."""
  for _ in range(rng.randint(1, 3)):
    place = 4 * rng.randrange(len(content) // 4)
    number = rng.choice((*_NUMBERS, rng.randrange(2 * len(content))))
    content[place : place + 4] = number.to_bytes(4, "little")


def _shorten(content: bytearray, rng: random.Random) -> None:
  """Numbers of 16 bits, of which vtables are made."""
  place = 2 * rng.randrange(len(content) // 2)
  number = rng.choice([n for n in _NUMBERS if n < 2**16])
  content[place : place + 2] = number.to_bytes(2, "little")


def _cut(content: bytearray, rng: random.Random) -> None:
  del content[rng.randrange(len(content)) :]


def _move(content: bytearray, rng: random.Random) -> None:
  size = 4 * rng.randint(1, 16)
  start, end = (4 * rng.randrange(len(content) // 4) for _ in range(2))
  content[end : end + size] = content[start : start + size]


_MUTATIONS = (_flip, _replace, _shorten, _cut, _move)


def _mutated(seed: str, number: int) -> Iterator[bytes]:
  """Yields files that were valid, the same ones for each seed."""
  rng = random.Random(seed)
  for _ in range(number):
    content = bytearray(rng.choice(_originals()))
    for _ in range(rng.choice((1, 1, 2, 3))):
      if len(content) >= 4:
        rng.choice(_MUTATIONS)(content, rng)
    yield bytes(content)


def _survivors(seed: str, number: int) -> Iterator[bytes]:
  """Yields mutated files that can be read, which native code gets to see."""
  for content in _mutated(seed, 100 * number):
    try:
      model_file.read(content)
    except ValueError:
      continue
    yield content
    number -= 1
    if not number:
      return


class _Fuzz(parameterized.TestCase):
  """Both tests; the classes below choose how many inputs."""

  num_read: int
  num_run: int

  @parameterized.parameters(*range(_PARTS))
  def test_reading_gives_a_model_or_a_value_error(self, part: int):
    valid = 0
    for content in _mutated(f"read{part}", self.num_read):
      start = time.monotonic()
      try:
        model = model_file.read(content)
      except ValueError as error:
        self.assertIn("Not an integer .tflite file", str(error))
      else:
        valid += 1
        self.assertLen(model.lifetimes, len({*model.lifetimes}))
      self.assertLess(time.monotonic() - start, _SECONDS)
    # Flipped weights are weights, too: so that both ways are taken.
    self.assertBetween(valid, 1, self.num_read - 1)

  @parameterized.parameters(*range(_PARTS))
  def test_running_gives_a_report_or_a_value_error(self, part: int):
    names = ["tflm", "cortex_m4", "ethos_u55_128", "edgetpu"]
    for content in _survivors(f"run{part}", self.num_run):
      try:
        results = emulation.emulate(content, names)
      except ValueError:
        continue
      done = [report.target for report in results.reports]
      self.assertCountEqual([*done, *results.errors], names)


class FuzzTest(_Fuzz):
  num_read, num_run = _READ, _RUN


@pytest.mark.large
class LongFuzzTest(_Fuzz):
  """100,000 inputs to the reader, 400 of those that it takes to the targets."""

  num_read, num_run = _READ_ALL, _RUN_ALL


del _Fuzz  # has no numbers of its own


if __name__ == "__main__":
  absltest.main()
