# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import os
from unittest import mock

from absl.testing import absltest

from ghn_tf import processors


class NumberTest(absltest.TestCase):
  def test_is_what_this_process_may_use(self):
    with mock.patch.object(os, "sched_getaffinity", return_value={1, 5, 6}):
      self.assertEqual(processors.number(), 3)

  def test_is_all_where_processes_are_not_bound(self):
    with (
      mock.patch.object(os, "cpu_count", return_value=8),
      mock.patch.object(os, "sched_getaffinity"),
    ):
      del os.sched_getaffinity  # as on macOS; the mock puts it back
      self.assertEqual(processors.number(), 8)


if __name__ == "__main__":
  absltest.main()
