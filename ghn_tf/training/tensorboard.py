# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""A run's scalars as TensorBoard reads them."""

from collections.abc import Iterator, Mapping
import contextlib
import glob
import os

import tensorflow as tf
from tensorflow.core.util import event_pb2


class Writer:
  """Writes scalars to a folder of events; see `metrics.MetricsWriter`."""

  def __init__(self, folder: str, step: int):
    """Removes the events of later steps, and opens a new file.

    Raises:
      OSError: the folder cannot be written.
    """
    self._folder = folder
    with _os_errors(folder):
      _truncate(folder, step)
      self._writer = tf.summary.create_file_writer(folder)

  def write(self, step: int, scalars: Mapping[str, float]) -> None:
    """Appends scalars.

    Raises:
      OSError: they could not be written.
    """
    with _os_errors(self._folder):
      with self._writer.as_default(step=step):
        for name, value in scalars.items():
          tf.summary.scalar(name, value)
      self._writer.flush()

  def close(self) -> None:
    """Closes the file."""
    self._writer.close()


@contextlib.contextmanager
def _os_errors(folder: str) -> Iterator[None]:
  """Turns TensorFlow's errors about files into OSError."""
  try:
    yield
  except tf.errors.OpError as error:
    raise OSError(f"Cannot write {folder}: {error.message}") from error


def _truncate(folder: str, step: int) -> None:
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
