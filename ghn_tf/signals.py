# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Signals that ask a program to stop."""

from collections.abc import Callable, Iterator
import contextlib
import signal
from typing import Any


@contextlib.contextmanager
def stopping(stop: Callable[[int], None]) -> Iterator[list[int]]:
  """Within it, the first SIGTERM or SIGINT asks for a stop; a second one ends.

  Args:
    stop: is called with the number of the signal.

  Yields:
    The numbers of those received, which is filled later.
  """
  received: list[int] = []

  def on_signal(number: int, frame: Any) -> None:
    del frame
    signal.signal(number, before[number])
    received.append(number)
    stop(number)

  numbers = (int(signal.SIGTERM), int(signal.SIGINT))
  before = {number: signal.signal(number, on_signal) for number in numbers}
  try:
    yield received
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)
