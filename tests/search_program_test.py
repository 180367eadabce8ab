# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the program `search` leaves where it wrote."""

import os
import pathlib
import subprocess

from absl.testing import absltest

from tests import programs

# In place of a search: it leaves records, and finds a network or none.
_RUN = """
import pathlib, sys
from unittest import mock
from ghn_tf.programs import program, search
program.import_silently("tensorflow")
from ghn_tf.search import output, run
def leave(self):
  for folder in (self._folder, self._probed):
    pathlib.Path(folder, "left").mkdir(parents=True)
  if self._settings.limits["macs"] < 9:
    raise ValueError("No candidate is within the limits")
  return mock.Mock(errors=())
sys.argv[0] = "tools/search.py"
with (
  mock.patch.object(run.Search, "run", leave),
  mock.patch.object(output, "write"),
  mock.patch.object(output, "markdown", return_value="found"),
):
  search.main()
"""


class SearchTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def _search(
    self, max_macs: int, *flags: str
  ) -> subprocess.CompletedProcess[str]:
    return programs.run_python(
      *("-c", _RUN, "--checkpoint=quickstart", "--space=edge"),
      *(f"--output={self.folder / 'found'}", f"--max_macs={max_macs}", *flags),
    )

  def test_one_that_finds_clears_what_those_in_other_limits_left(self):
    done = self._search(8)
    self.assertEqual(done.returncode, 1, done.stderr)
    self.assertIn("No candidate is within the limits", done.stderr)
    self.assertNotEmpty(os.listdir(self.folder / "found"))
    # With other probes, as another cost is estimated.
    done = self._search(9, "--objectives=macs")
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertEmpty(os.listdir(self.folder / "found"))

  def test_probes_in_a_shared_folder_stay_for_others(self):
    shared = self.folder / "shared"
    done = self._search(9, f"--runner_option=temp_location={shared}")
    self.assertEqual(done.returncode, 0, done.stderr)
    (probed,) = shared.iterdir()
    self.assertTrue((probed / "left").is_dir())


if __name__ == "__main__":
  absltest.main()
