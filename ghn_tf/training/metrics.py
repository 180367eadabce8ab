# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a run writes down: metrics.jsonl, TensorBoard, and a progress bar."""

from collections.abc import Iterator, Mapping
import contextlib
import datetime
import glob
import json
import os

import psutil
import tensorflow as tf
from tensorflow.core.util import event_pb2
import tqdm

from ghn_tf import files

FILE_NAME = "metrics.jsonl"
TENSORBOARD_DIR = "tensorboard"


class MetricsWriter:
  """Writes scalars to <workdir>/metrics.jsonl and <workdir>/tensorboard.

  A run that goes on from a checkpoint repeats the steps that came after it.
  What an earlier run wrote about those is removed first, so that no step is
  there twice.
  """

  def __init__(self, workdir: str, step: int):
    """Opens both files.

    Args:
      workdir: an existing folder.
      step: the step to go on from; records of later ones are removed.

    Raises:
      OSError: workdir cannot be written.
    """
    self._path = os.path.join(workdir, FILE_NAME)
    self._folder = folder = os.path.join(workdir, TENSORBOARD_DIR)
    _truncate_records(self._path, step)
    self._file = open(self._path, "a", encoding="utf-8")
    with _os_errors(folder):
      _truncate_events(folder, step)
      self._writer = tf.summary.create_file_writer(folder)

  def write(self, step: int, scalars: Mapping[str, float]) -> None:
    """Appends one record; it is on its way to the disk on return.

    Raises:
      OSError: the record could not be written, as on a full disk.
    """
    self._file.write(json.dumps({"step": step, **scalars}) + "\n")
    self._file.flush()
    with _os_errors(self._folder):
      with self._writer.as_default(step=step):
        for name, value in scalars.items():
          tf.summary.scalar(name, value)
      self._writer.flush()

  def close(self) -> None:
    """Closes both files."""
    self._file.close()
    self._writer.close()


def read(workdir: str) -> list[dict[str, float]]:
  """Returns the records in <workdir>/metrics.jsonl, none if there is none.

  A last line that a killed run left unfinished does not count.
  """
  try:
    with open(os.path.join(workdir, FILE_NAME), encoding="utf-8") as file:
      return [json.loads(line) for line in file if line.endswith("\n")]
  except FileNotFoundError:
    return []


def progress_bar(total: int | None, initial: int) -> tqdm.tqdm:
  """Returns a bar with rate and, if the total is known, time left.

  It is silent where no terminal is.
  """
  return tqdm.tqdm(
    total=total,
    initial=initial,
    unit=" networks",
    dynamic_ncols=True,
    disable=None,  # tqdm's word for: unless standard error is a terminal
  )


def memory_bytes() -> int:
  """Returns the memory that this process has in use."""
  return psutil.Process().memory_info().rss


def duration(seconds: float) -> str:
  """Returns a time as hours, minutes and seconds.

  >>> duration(3725.4)
  '1:02:05'
  """
  return str(datetime.timedelta(seconds=round(seconds)))


@contextlib.contextmanager
def _os_errors(folder: str) -> Iterator[None]:
  """Turns TensorFlow's errors about files into OSError."""
  try:
    yield
  except tf.errors.OpError as error:
    raise OSError(f"Cannot write {folder}: {error.message}") from error


def _truncate_records(path: str, step: int) -> None:
  kept = [r for r in read(os.path.dirname(path)) if r["step"] <= step]
  files.write(path, "".join(f"{json.dumps(record)}\n" for record in kept))


def _truncate_events(folder: str, step: int) -> None:
  for path in glob.glob(os.path.join(folder, "events.out.tfevents.*.v2")):
    temporary = path + ".tmp"
    with tf.io.TFRecordWriter(temporary) as writer:
      try:
        for event in tf.data.TFRecordDataset(path).as_numpy_iterator():
          if event_pb2.Event.FromString(event).step <= step:
            writer.write(event)
      except tf.errors.DataLossError:
        pass  # the unfinished last event of a killed run
    os.replace(temporary, path)
