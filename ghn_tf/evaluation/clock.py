# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How long work took, in all the processes that it went on in."""

from collections.abc import Callable, Iterator
import contextlib
import json
import threading
import time
import uuid

from apache_beam.io import filesystems

# After so many seconds it is noted again, as a process may be killed.
_BETWEEN = 10.0


@contextlib.contextmanager
def running(folder: str, start: float) -> Iterator[Callable[[], float]]:
  """Within it, how long this process took is noted now and then, and at last.

  Args:
    folder: of the records of the work, where those before have noted theirs.
    start: of this one, by `time.monotonic`.

  Yields:
    What returns the seconds of all of them, until now.
  """
  folder = filesystems.FileSystems.join(folder, "seconds")
  earlier = _noted(folder)
  path = filesystems.FileSystems.join(folder, f"{uuid.uuid4().hex}.json")
  ends = threading.Event()

  def note() -> None:
    with filesystems.FileSystems.create(f"{path}.part") as file:
      file.write(json.dumps(time.monotonic() - start).encode())
    filesystems.FileSystems.rename([f"{path}.part"], [path])

  def go_on() -> None:
    while not ends.wait(_BETWEEN):
      note()

  note()
  thread = threading.Thread(target=go_on, daemon=True)
  thread.start()
  try:
    yield lambda: earlier + time.monotonic() - start
  finally:
    ends.set()
    thread.join()
    note()


def _noted(folder: str) -> float:
  """Returns the sum of the seconds in a folder, which is made if need be."""
  if not filesystems.FileSystems.exists(folder):
    filesystems.FileSystems.mkdirs(folder)
  pattern = filesystems.FileSystems.join(folder, "*.json")
  (found,) = filesystems.FileSystems.match([pattern])
  seconds = 0.0
  for own in found.metadata_list:
    with filesystems.FileSystems.open(own.path) as file:
      seconds += json.loads(file.read())
  return seconds
