# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How programs begin and end, and that they alone speak."""

from collections.abc import Callable, Iterator, Sequence
import contextlib
import faulthandler
import importlib
import logging as std_logging
import math
import os
import pathlib
import select
import signal
import sys
from typing import Any

from absl import app
from absl import flags
from absl import logging

Work = Callable[[], int | None]


def run(work: Work, errors: tuple[type[Exception], ...] = ()) -> None:
  """Parses the flags, does the work and ends the process.

  Args:
    work: as `status` takes it; --help tells of the module that defines it.
    errors: what else it raises, as `status` takes it.
  """
  module = sys.modules[work.__module__]
  # absl tells of the file that was started, which may be a front of the module.
  sys.modules["__main__"].__doc__ = module.__doc__
  for flag in flags.FLAGS.get_key_flags_for_module(module):
    flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)

  def main(argv: Sequence[str]) -> int:
    _quieten()
    return status(work, argv, errors)

  app.run(main)


def status(
  work: Work, argv: Sequence[str], errors: tuple[type[Exception], ...] = ()
) -> int:
  """Does the work of a program and returns its exit status.

  Bad input is one line that says what to do, and status 1; --verbosity=1 shows
  where it was found. To be stopped from the keyboard is a line and status 130;
  that nobody reads on, as behind `| head`, is status 141 alone.

  Args:
    work: reads the flags, which are parsed already, and may return a status.
    argv: the program and what the flags left over.
    errors: what it raises of bad input, besides ValueError and OSError.

  Raises:
    UsageError: something was left over.
  """
  if len(argv) > 1:
    raise app.UsageError(f"Unknown arguments: {list(argv[1:])}")
  expected: tuple[type[Exception], ...] = (ValueError, OSError, *errors)
  name = pathlib.Path(argv[0]).stem
  try:
    module = sys.modules[work.__module__]
    _check_values(module)
    _expand_home(module)
    result = work() or 0
    sys.stdout.flush()
    return result
  except expected as error:
    if isinstance(error, BrokenPipeError) and _is_stdout_closed():
      return 128 + signal.SIGPIPE
    logging.debug("Where the error came from:", exc_info=True)
    print(f"{name}: error: {error}", file=sys.stderr)
    return 1
  except KeyboardInterrupt as stop:
    logging.debug("Where it was stopped:", exc_info=True)
    told = "; ".join(["stopped", *map(str, stop.args)])
    print(f"{name}: {told}", file=sys.stderr)
    return 128 + signal.SIGINT


def _is_stdout_closed() -> bool:
  """Whether nobody reads what is printed; what is yet to be is dropped then."""
  poll = select.poll()
  poll.register(sys.stdout.fileno(), 0)
  if not any(event & select.POLLERR for _, event in poll.poll(0)):
    return False
  # Python would try again when it ends, and complain.
  with open(os.devnull, "wb") as nobody:
    os.dup2(nobody.fileno(), sys.stdout.fileno())
  return True


def _is_text(flag: Any) -> bool:
  return flag.flag_type() in ("string", "multi string")


def _expand_home(module: Any) -> None:
  """Puts the home folder in place of ~, which no shell does behind --flag=."""
  for flag in filter(_is_text, flags.FLAGS.get_key_flags_for_module(module)):
    if isinstance(flag.value, list):
      flag.value = [os.path.expanduser(value) for value in flag.value]
    elif flag.value is not None:
      flag.value = os.path.expanduser(flag.value)


def _check_values(module: Any) -> None:
  """Raises ValueError for values that no flag of a program means.

  An empty one is what a shell makes of a misspelled variable, and would be
  taken for none; bounds do not keep NaN out.
  """
  for flag in flags.FLAGS.get_key_flags_for_module(module):
    values = flag.value if isinstance(flag.value, list) else [flag.value]
    for value in values:
      if _is_text(flag) and value == "":
        raise ValueError(
          f"--{flag.name} is empty; give a value or leave it out."
        )
      if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"--{flag.name} must be finite, got {value}.")


def check_effect(is_given: object, needed: str, *names: str) -> None:
  """Raises ValueError for flags that were given without what they need.

  Args:
    is_given: whether that was given, too.
    needed: what it is, as a user gives it.
    *names: of the flags, which have no effect without.
  """
  for flag in (flags.FLAGS[name] for name in names):
    if flag.present and not is_given:
      raise ValueError(
        f"{flag.serialize()} has no effect without {needed}; leave it out."
      )


def _quieten() -> None:
  """Lets only this project and Python write to the terminal; see `hidden`."""
  # What Python writes has a way of its own, past the one that `hidden` closes.
  sys.stderr = open(
    os.dup(2),
    "w",
    buffering=1,
    encoding=sys.stderr.encoding,
    errors="backslashreplace",
  )
  logging.get_absl_handler().python_handler.setStream(sys.stderr)
  faulthandler.enable(sys.stderr)
  if logging.level_debug():
    return
  # Of TensorFlow, which reads it when it is imported, only what ends a process.
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
  for name in ("matplotlib", "tensorflow"):
    std_logging.getLogger(name).setLevel(std_logging.ERROR)
  logging.get_absl_logger().addFilter(_is_worth_telling)


def _is_worth_telling(record: std_logging.LogRecord) -> bool:
  """Whether absl's logger, which we share with others, should show a record.

  TFDS tells of each step that it takes, and warns of folders that it skips;
  TensorFlow tells how long it takes to save.
  """
  others = {"tensorflow", "tensorflow_datasets"}
  is_theirs = others.intersection(pathlib.PurePath(record.pathname).parts)
  return not is_theirs or record.levelno >= std_logging.ERROR


@contextlib.contextmanager
def hidden() -> Iterator[None]:
  """Within it, C++ libraries and other processes write to nobody.

  They write past Python, some of it before they can be told not to. What they
  write is shown with --verbosity=1.
  """
  if logging.level_debug():
    yield
    return
  kept = os.dup(2)
  with open(os.devnull, "wb") as nobody:
    os.dup2(nobody.fileno(), 2)
  try:
    yield
  finally:
    os.dup2(kept, 2)
    os.close(kept)


@contextlib.contextmanager
def importing() -> Iterator[None]:
  """Within it, libraries have nothing to say, as they do when imported."""
  before = std_logging.root.manager.disable
  if not logging.level_debug():
    std_logging.disable(std_logging.WARNING)
  try:
    with hidden():
      yield
  finally:
    std_logging.disable(before)


def import_silently(name: str) -> None:
  """Imports a library that has something to say about that."""
  with importing():
    importlib.import_module(name)
