# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import pathlib
import time
from unittest import mock

from absl.testing import absltest

from ghn_tf.evaluation import clock


class ClockTest(absltest.TestCase):
  def test_the_seconds_of_all_processes_are_told(self):
    folder = self.create_tempdir().full_path
    with mock.patch.object(time, "monotonic", return_value=100.0) as now:
      with self.assertRaises(KeyboardInterrupt):
        with clock.running(folder, 90.0):
          now.return_value = 105.0
          raise KeyboardInterrupt
      with clock.running(folder, 100.0) as seconds:
        now.return_value = 107.0
        self.assertEqual(seconds(), 15 + 7)
      with clock.running(folder, 107.0) as seconds:
        self.assertEqual(seconds(), 15 + 7)

  def test_what_a_process_took_is_noted_before_it_ends(self):
    """As it may be killed."""
    folder = self.create_tempdir().full_path
    with mock.patch.object(clock, "_BETWEEN", 0.01):
      with clock.running(folder, time.monotonic()):
        noted = pathlib.Path(folder, "seconds")
        first = clock._noted(str(noted))
        end = time.monotonic() + 10
        while clock._noted(str(noted)) == first and time.monotonic() < end:
          time.sleep(0.01)
        self.assertGreater(clock._noted(str(noted)), first)


if __name__ == "__main__":
  absltest.main()
