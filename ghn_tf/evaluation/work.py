# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Work on many elements, by any number of machines: an Apache Beam pipeline.

A worker writes what it found of an element into a file of its own, a record, so
that work that was stopped goes on where it was.
"""

from collections.abc import Callable, Iterator, Mapping
import contextlib
import hashlib
import json
import threading
from typing import Any, Protocol

import apache_beam as beam
from apache_beam.io import filesystems
from apache_beam.options import pipeline_options

from ghn_tf import files
from ghn_tf.evaluation import progress as progress_lib

# What JSON can say; with an "error" it is made again.
Record = dict[str, Any]

# A runner may give a process several threads. They would compete for the cores,
# and TensorFlow 2.21 may crash where they meet an operation for the first time
# (see `ghn_tf.training.children`).
_ONE_AT_A_TIME = threading.Lock()


class Task(Protocol):
  """What is done with each element; it travels to the workers."""

  def prepare(self) -> None:
    """Loads what a process needs once."""

  def record(self, element: Any) -> Record:
    """Returns what was found of an element, all numbers of it finite."""


class _Do(beam.DoFn):
  """From a key and an element to a record in a folder."""

  def __init__(self, task: Task, folder: str):
    self._task = task
    self._folder = folder

  def setup(self) -> None:
    with _ONE_AT_A_TIME:
      self._task.prepare()

  def process(self, element: tuple[str, Any]) -> None:
    key, value = element
    with _ONE_AT_A_TIME:
      record = self._task.record(value)
    text = json.dumps(record, allow_nan=False)
    path = _path(self._folder, key)
    with files.telling(path):
      with filesystems.FileSystems.create(f"{path}.part") as file:
        file.write(text.encode())
      filesystems.FileSystems.rename([f"{path}.part"], [path])


def run(
  task: Task,
  elements: Mapping[str, Any],
  options: pipeline_options.PipelineOptions,
  folder: str,
  progress: progress_lib.Progress,
  size: Callable[[Any], int] = lambda _: 1,
) -> list[Record]:
  """Does a task with elements, as far as there are no records of them yet.

  Args:
    task: what is done.
    elements: by a key that tells each from all others of the folder.
    options: of Beam, the runner among them.
    folder: where records are written and found; it is made.
    progress: shows how much is done.
    size: how many networks an element stands for there.

  Returns:
    The record of each element, in their order.

  Raises:
    FileNotFoundError: the workers do not share the folder.
  """
  if not filesystems.FileSystems.exists(folder):
    filesystems.FileSystems.mkdirs(folder)
  found = {key: _read(folder, key) for key in elements}
  left = [
    (key, element)
    for key, element in elements.items()
    if not found[key] or "error" in found[key]
  ]
  sizes = {_path(folder, key): size(element) for key, element in left}
  progress.found(sum(map(size, elements.values())) - sum(sizes.values()))
  if left:
    with _followed(folder, sizes, progress):
      with beam.Pipeline(options=options) as pipeline:
        (
          pipeline
          | "Elements" >> beam.Create(left, reshuffle=True)
          | "Work" >> beam.ParDo(_Do(task, folder))
        )
  for key, _ in left:
    found[key] = _read(folder, key)
    if not found[key]:
      raise FileNotFoundError(
        f"No worker wrote {_path(folder, key)!r}: as the runner's option"
        " temp_location, name a folder that the workers share with this"
        " machine."
      )
  return [*found.values()]


def _path(folder: str, key: str) -> str:
  """Returns the file of the record of a key."""
  name = hashlib.sha256(key.encode()).hexdigest()[:24]
  return filesystems.FileSystems.join(folder, f"{name}.json")


def _read(folder: str, key: str) -> Record:
  """Returns the record of a key, empty if there is none."""
  path = _path(folder, key)
  if not filesystems.FileSystems.exists(path):
    return {}
  with filesystems.FileSystems.open(path) as file:
    return json.loads(file.read())


@contextlib.contextmanager
def _followed(
  folder: str, sizes: Mapping[str, int], progress: progress_lib.Progress
) -> Iterator[None]:
  """Within it, progress is shown by the records that there are.

  Args:
    folder: of records.
    sizes: what each record that is to come counts, by its path.
    progress: that is shown.
  """
  ends = threading.Event()
  left = dict(sizes)
  # Of some there is an earlier one, with an error.
  earlier = left.keys() & _paths(folder)

  def follow() -> None:
    while not ends.wait(progress.seconds):
      new = left.keys() & _paths(folder) - earlier
      progress.add(sum(map(left.pop, new)))

  thread = threading.Thread(target=follow, daemon=True)
  thread.start()
  try:
    yield
  finally:
    ends.set()
    thread.join()
  progress.add(sum(left.values()))


def _paths(folder: str) -> set[str]:
  """Returns the files of all records of a folder."""
  pattern = filesystems.FileSystems.join(folder, "*.json")
  (found,) = filesystems.FileSystems.match([pattern])
  return {file.path for file in found.metadata_list}
