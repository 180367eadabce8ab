# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""A run's scalars, histograms and settings as TensorBoard reads them."""

from collections.abc import Mapping
import glob
import os

import numpy as np
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.hparams import metadata
import tensorflow as tf
from tensorflow.core.util import event_pb2

from ghn_tf.training import writing


class Writer:
  """Writes to a folder of events; see `metrics.MetricsWriter`."""

  def __init__(
    self, folder: str, step: int, settings: Mapping[str, bool | float | str]
  ):
    """Removes the events of later steps, and opens a new file.

    Args:
      folder: gets the file.
      step: the last whose events are kept.
      settings: of the run, for the table of TensorBoard's tab HParams; they
        take the place of earlier ones.

    Raises:
      OSError: the folder cannot be written.
    """
    self._folder = folder
    with writing.telling(folder):
      _truncate(folder, step)
      self._writer = tf.summary.create_file_writer(folder)
      with self._writer.as_default(step=step):
        # Without a trial's id, runs of equal settings would be one.
        hparams.hparams(settings, trial_id=os.path.abspath(folder))
      self._writer.flush()

  def write(
    self,
    step: int,
    scalars: Mapping[str, float],
    arrays: Mapping[str, np.ndarray],
  ) -> None:
    """Appends scalars, and histograms of arrays.

    Raises:
      OSError: they could not be written.
    """
    with writing.telling(self._folder):
      with self._writer.as_default(step=step):
        for name, value in scalars.items():
          tf.summary.scalar(name, value)
        for name, array in arrays.items():
          tf.summary.histogram(name, array)
      self._writer.flush()

  def close(self) -> None:
    """Closes the file."""
    self._writer.close()


def _truncate(folder: str, step: int) -> None:
  for path in glob.glob(os.path.join(folder, "events.out.tfevents.*.v2")):
    temporary = path + ".tmp"
    with tf.io.TFRecordWriter(temporary) as writer:
      try:
        for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
          event = event_pb2.Event.FromString(record)
          if event.step <= step and not _has_settings(event):
            writer.write(record)
      except tf.errors.DataLossError:
        pass  # the unfinished last event of a killed run
    os.replace(temporary, path)


def _has_settings(event: event_pb2.Event) -> bool:
  return any(
    value.metadata.plugin_data.plugin_name == metadata.PLUGIN_NAME
    for value in event.summary.value
  )
