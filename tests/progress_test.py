# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import contextlib
import errno
import os
import pty
import time
from unittest import mock

from absl.testing import absltest

from ghn_tf.evaluation import progress


def _all_told(terminal: int) -> str:
  """Returns what was written to a terminal that its writer has closed.

  One read returns what has arrived by then, which need not be all.
  """
  told = []
  try:
    while chunk := os.read(terminal, 10_000):
      told.append(chunk)
  except OSError as error:  # Linux's end of a terminal
    if error.errno != errno.EIO:
      raise
  finally:
    os.close(terminal)
  return b"".join(told).decode()


class ProgressTest(absltest.TestCase):
  def _lines(self, *steps: tuple[float, int]) -> list[str]:
    """Returns what is logged of 12 probes of which 2 were there before.

    Args:
      steps: at how many seconds how many are done.
    """
    with mock.patch.object(time, "monotonic", return_value=0.0) as now:
      with self.assertLogs("absl") as logs:
        with progress.Progress("probes", 12) as shown:
          shown.found(2)
          for seconds, number in steps:
            now.return_value = seconds
            shown.add(number)
          shown.note("all well")
    return [record.getMessage() for record in logs.records]

  def test_without_a_terminal_there_is_a_line_now_and_then_and_at_the_end(self):
    # What was there before took no time: five in 40 s.
    self.assertEqual(
      self._lines((10, 1), (20, 1), (40, 3), (45, 5)),
      [
        "probes 7/12, 0.125/s, 0:00:40 left",
        "probes 12/12, 0.222/s, all well",
      ],
    )

  def test_what_fails_does_not_end_well(self):
    with self.assertNoLogs("absl"), self.assertRaises(KeyError):
      with progress.Progress("probes", 12):
        raise KeyError

  def test_a_terminal_has_a_bar_whatever_it_says_of_its_width(self):
    main, terminal = pty.openpty()  # of 0 columns
    with open(terminal, "w") as file, contextlib.redirect_stderr(file):
      with self.assertNoLogs("absl"):
        with progress.Progress("probes", 12) as shown:
          shown.found(2)
          shown.add(1)
          shown.note("all well")
    told = _all_told(main)
    self.assertIn("probes:", told)
    self.assertIn(" 3/12 [", told)
    self.assertIn("all well", told)


if __name__ == "__main__":
  absltest.main()
