# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How the programs of this folder end."""

from collections.abc import Callable, Sequence

from absl import app
from absl import logging


def run(work: Callable[[], None]) -> None:
  """Parses the flags, does the work and ends the process; see `status`."""
  app.run(lambda argv: status(work, argv))


def status(work: Callable[[], None], argv: Sequence[str]) -> int:
  """Does the work of a program and returns its exit status.

  Bad input is one line that says what to do, and status 1; --verbosity=1 shows
  where it was found.

  Args:
    work: reads the flags, which are parsed already.
    argv: the program and what the flags left over.

  Raises:
    UsageError: something was left over.
  """
  if len(argv) > 1:
    raise app.UsageError(f"Unknown arguments: {list(argv[1:])}")
  try:
    work()
  except (ValueError, OSError) as error:
    logging.debug("Where the error came from:", exc_info=True)
    logging.error("%s", error)
    return 1
  return 0
