# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Input that nobody has thought of, for readers of what others wrote.

Whatever it is, a reader returns something valid or raises the error that it
documents, in little time and memory. Examples are the same in every run, but
for the long form.
"""

from collections.abc import Callable, Iterator, Sequence
import contextlib
import datetime
import pathlib
import resource
from typing import Any

from absl.testing import parameterized
import hypothesis
from hypothesis import strategies as st

DEFAULT, ALL = 60, 1_000
# What is valid takes a tenth of a second, and a shared machine ten times that.
_DEADLINE = datetime.timedelta(seconds=5)
# More than the process had; valid input takes a few of them.
_MEMORY_BYTES = 1 << 30


# Sizes at which something may overflow, repeat or go on for ever.
SIZES = st.one_of(
  st.integers(-1, 9),
  st.sampled_from([2**k + d for k in (7, 15, 31, 32, 63, 64) for d in (-1, 0)]),
  st.sampled_from([10**9, 10**14, 10**400]),
)
_LEAVES = st.one_of(
  st.none(),
  st.booleans(),
  SIZES,
  st.floats(),
  st.text(max_size=9),
  st.sampled_from(["conv", "image", "same", "é\n", "\ud800", "a" * 10_000]),
)
VALUES = st.recursive(
  _LEAVES,
  lambda inner: st.one_of(
    st.lists(inner, max_size=9),
    st.dictionaries(st.text(max_size=9), inner, max_size=9),
  ),
  max_leaves=20,
)
BYTES = st.one_of(
  st.binary(max_size=9),
  st.sampled_from([b"\xff" * 8, b"\x80" * 99, b"\0" * 4, b"9" * 5_000]),
  st.sampled_from([b"[" * 2_000, b'{"a":' * 2_000, b"-" * 900, b'"', b"}"]),
)


@st.composite
def mutated(draw, originals: Sequence[bytes]) -> bytes:
  """Bytes, some of which are others, or stand twice, or not at all."""
  content = bytearray(draw(st.sampled_from(originals)))
  for _ in range(draw(st.integers(1, 4))):
    start = draw(st.integers(0, len(content)))
    end = min(len(content), start + draw(st.integers(0, 64)))
    old = bytes(content[start:end])
    content[start:end] = draw(st.one_of(BYTES, st.just(old * 2)))
  return bytes(content)


# Whether to leave the way of what is valid.
SELDOM = st.integers(0, 15).map(lambda number: number == 15)


@contextlib.contextmanager
def _limited_memory() -> Iterator[None]:
  """Within it, what asks for much more memory than there is use of fails."""
  pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
  soft, hard = resource.getrlimit(resource.RLIMIT_AS)
  limit = pages * resource.getpagesize() + _MEMORY_BYTES
  resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


class Fuzz(parameterized.TestCase):
  """Tests of readers; classes below it choose how many inputs."""

  num_examples: int

  def fuzz(
    self, read: Callable[[Any], None], *inputs: Any, share: float = 1.0
  ) -> None:
    def limited(content: Any) -> None:
      with _limited_memory():
        read(content)

    for strategy in inputs:
      check = hypothesis.settings(
        max_examples=int(share * self.num_examples),
        deadline=_DEADLINE,
        database=None,
        derandomize=self.num_examples == DEFAULT,
        suppress_health_check=list(hypothesis.HealthCheck),
      )(hypothesis.given(strategy)(limited))
      check()

  def folder(self) -> pathlib.Path:
    return pathlib.Path(self.create_tempdir().full_path)
