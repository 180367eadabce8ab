# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator
import glob
import os
from typing import Any

from absl.testing import absltest
import numpy as np
from tensorboard.plugins.hparams import metadata
import tensorflow as tf
from tensorflow.core.util import event_pb2

from ghn_tf.training import metrics


def summaries(workdir: str) -> Iterator[tuple[int, Any]]:
  """Yields the steps and values of all events in the TensorBoard files."""
  pattern = os.path.join(workdir, metrics.TENSORBOARD_DIR, "*.v2")
  for path in sorted(glob.glob(pattern)):
    for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
      event = event_pb2.Event.FromString(record)
      for value in event.summary.value:
        yield event.step, value


def values(workdir: str, plugin: str) -> list[tuple[int, str, np.ndarray]]:
  """What TensorBoard's files have for a plugin, as step, tag and value."""
  return [
    (step, value.tag, tf.make_ndarray(value.tensor))
    for step, value in summaries(workdir)
    if value.metadata.plugin_data.plugin_name == plugin
  ]


def events(workdir: str) -> list[tuple[int, str, float]]:
  """Every scalar in the TensorBoard files, as step, name and value."""
  scalars = values(workdir, "scalars")
  return sorted((step, tag, float(value)) for step, tag, value in scalars)


def settings(workdir: str) -> list[dict[str, object]]:
  """Every table of settings in the TensorBoard files."""
  result = []
  for _, value in summaries(workdir):
    if value.tag == metadata.SESSION_START_INFO_TAG:
      content = value.metadata.plugin_data.content
      info = metadata.parse_session_start_info_plugin_data(content)
      result.append({name: _any(v) for name, v in info.hparams.items()})
  return result


def _any(value) -> object:
  return getattr(value, value.WhichOneof("kind"))


class MetricsWriterTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.workdir = self.create_tempdir().full_path

  def _write(self, start: int, steps: range, value: float) -> None:
    writer = metrics.MetricsWriter(self.workdir, start, {"rate": value})
    for step in steps:
      writer.write(step, {"loss": value})
    writer.close()

  def test_records_are_in_both_files(self):
    self._write(0, range(1, 3), 0.5)
    self.assertEqual(
      metrics.read(self.workdir),
      [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.5}],
    )
    self.assertEqual(events(self.workdir), [(1, "loss", 0.5), (2, "loss", 0.5)])

  def test_tensorboard_has_histograms_of_arrays(self):
    writer = metrics.MetricsWriter(self.workdir, 0, {})
    writer.write(4, {"loss": 1.0}, {"kernel": np.array([0.0, 1, 1, 3])})
    writer.close()
    ((step, tag, buckets),) = values(self.workdir, "histograms")
    self.assertEqual((step, tag), (4, "kernel"))
    # Each bucket is a left and a right end and a count.
    self.assertEqual((buckets[0, 0], buckets[-1, 1]), (0, 3))
    self.assertEqual(buckets[:, 2].sum(), 4)

  def test_a_resumed_run_has_one_table_of_settings_the_last(self):
    self._write(0, range(1, 3), 0.5)
    self._write(2, range(3, 4), 0.25)
    self.assertEqual(settings(self.workdir), [{"rate": 0.25}])

  def test_a_resumed_run_has_no_step_twice(self):
    self._write(0, range(1, 6), 0.5)
    self._write(3, range(4, 8), 0.25)
    expected = [0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25]
    self.assertEqual(
      [(r["step"], r["loss"]) for r in metrics.read(self.workdir)],
      list(enumerate(expected, start=1)),
    )
    self.assertEqual(
      [(step, value) for step, _, value in events(self.workdir)],
      list(enumerate(expected, start=1)),
    )

  def test_what_a_killed_run_left_unfinished_is_removed(self):
    self._write(0, range(1, 3), 0.5)
    with open(
      os.path.join(self.workdir, metrics.FILE_NAME), "a", encoding="utf-8"
    ) as file:
      file.write('{"step": 3, "lo')
    (path,) = glob.glob(os.path.join(self.workdir, "*", "*.v2"))
    with open(path, "ab") as file:
      file.write(b"\x20\x00\x00")
    self._write(2, range(3, 4), 0.25)
    self.assertEqual([r["step"] for r in metrics.read(self.workdir)], [1, 2, 3])
    self.assertEqual([step for step, _, _ in events(self.workdir)], [1, 2, 3])

  def test_a_missing_file_has_no_records(self):
    self.assertEmpty(metrics.read(self.workdir))

  def test_a_workdir_that_cannot_be_written_is_an_os_error(self):
    path = self.create_tempfile("a_file").full_path
    with self.assertRaises(OSError):
      metrics.MetricsWriter(path, 0, {})

  def test_the_progress_bar_is_silent_without_a_terminal(self):
    # Under a test runner standard error is no terminal.
    self.assertTrue(metrics.progress_bar(10, 0).disable)


if __name__ == "__main__":
  absltest.main()
