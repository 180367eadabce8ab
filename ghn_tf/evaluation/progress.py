# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How much of some work is done, while it is: a bar, or lines in the log."""

import time
from typing import Self

from absl import logging

from ghn_tf.training import metrics

# Seconds between lines in the log.
_BETWEEN_LINES = 30.0


class Progress:
  """Shows on a terminal or in a notebook a bar, elsewhere now and then a line.

  Attributes:
    seconds: after how many it is worth to look again how much is done.
  """

  def __init__(self, name: str, total: int):
    """Begins to show.

    Args:
      name: of what is counted, `probes`.
      total: how many there are.
    """
    self._note: list[str] = []
    self._name = name
    self._total = total
    self._done = self._before = 0
    self._start = self._told = time.monotonic()
    self._bar = metrics.progress_bar(total, 0, "", name)
    # Which it becomes, too, when it is closed.
    self._is_silent = bool(self._bar.disable)
    self.seconds = _BETWEEN_LINES if self._is_silent else 1.0

  def __enter__(self) -> Self:
    return self

  def __exit__(self, error: object, *_: object) -> None:
    self._bar.close()
    if self._is_silent and not error:
      self._say()

  def found(self, number: int) -> None:
    """Counts what was done before, which took no time."""
    self._done += number
    self._before += number
    if not self._is_silent:
      self._bar.initial += number
      self._bar.update(number)

  def add(self, number: int) -> None:
    """Counts what was done now."""
    self._done += number
    self._bar.update(number)
    if self._is_silent and time.monotonic() - self._told >= _BETWEEN_LINES:
      self._say()

  def note(self, text: str) -> None:
    """Shows something besides, from now on."""
    self._note = [text]
    if not self._is_silent:
      self._bar.set_postfix_str(text)

  def _say(self) -> None:
    self._told = time.monotonic()
    told = [f"{self._name} {self._done:,}/{self._total:,}"]
    if now := self._done - self._before:
      pace = (self._told - self._start) / now
      told.append(f"{1 / max(pace, 1e-9):.3g}/s")
      if left := self._total - self._done:
        told.append(f"{metrics.duration(pace * left)} left")
    logging.info("%s", ", ".join(told + self._note))
