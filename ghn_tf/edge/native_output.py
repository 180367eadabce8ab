# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What native code writes to the terminal, past Python."""

from collections.abc import Callable, Iterator
import contextlib
import os
import sys
import tempfile


@contextlib.contextmanager
def captured() -> Iterator[Callable[[], str]]:
  """Within it, what is written to the terminal is kept instead.

  Yields:
    A function that returns what has been written so far.
  """
  with tempfile.TemporaryFile() as file:

    def read() -> str:
      sys.stdout.flush()
      file.seek(0)
      return file.read().decode(errors="backslashreplace")

    sys.stdout.flush()
    kept = [os.dup(number) for number in (1, 2)]
    for number in (1, 2):
      os.dup2(file.fileno(), number)
    try:
      yield read
    finally:
      sys.stdout.flush()
      for number, before in zip((1, 2), kept, strict=True):
        os.dup2(before, number)
        os.close(before)
