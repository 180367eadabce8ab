# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How the Makefile makes .venv on machines that differ, with stand-ins."""

import pathlib
import shutil
import subprocess
import sys

from absl.testing import absltest
from absl.testing import parameterized

from tests import reference_data

# Python of some version, as far as the Makefile asks it; its pip installs
# nothing, and fails where there is no network.
_PYTHON = """#!/bin/sh
case "$1 $2" in
  "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python";;
  "-m pip") test -e "$HOME/network";;
  -c*) exec {real} -c "import sys; sys.version_info = {version}; $2";;
  *) echo "Python {version}";;
esac
"""


class SetUpTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.path = self.folder / "bin"
    self.path.mkdir()
    for tool in ("cp", "echo", "mkdir", "rm", "touch"):
      (self.path / tool).symlink_to(shutil.which(tool) or "")
    (self.folder / "network").touch()
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
      shutil.copy(reference_data.ROOT / name, self.folder)
    self.installed = self.folder / ".venv/.installed"

  def _add_python(self, name: str, *version: int) -> None:
    path = self.path / name
    path.write_text(_PYTHON.format(real=sys.executable, version=version))
    path.chmod(0o755)

  def _make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
      [shutil.which("make") or "", ".venv/.installed", *arguments],
      cwd=self.folder,
      env={"PATH": str(self.path), "HOME": str(self.folder)},
      capture_output=True,
      text=True,
      check=False,
    )

  @parameterized.parameters(
    ([("python3.11", 3, 11, 2), ("python3", 3, 13, 0)], "(3, 11, 2)"),
    ([("python3.12", 3, 12, 1), ("python3.13", 3, 13, 0)], "(3, 12, 1)"),
    ([("python", 3, 13, 0), ("python3", 3, 14, 0)], "(3, 13, 0)"),
  )
  def test_takes_the_oldest_python_that_will_do(self, pythons, taken):
    for python in pythons:
      self._add_python(*python)
    done = self._make()
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertIn(f"Making .venv with Python {taken}", done.stdout)
    self.assertTrue(self.installed.exists())

  def test_without_a_python_says_which_and_keeps_what_there_is(self):
    self._add_python("python3", 3, 10, 13)
    self._add_python("python", 3, 14, 0)
    (self.folder / ".venv").mkdir()
    done = self._make()
    self.assertIn("No working Python 3.11, 3.12 or 3.13 with venv", done.stderr)
    self.assertIn("or name it: make PYTHON=", done.stderr)
    self.assertEqual(done.returncode, 2)
    self.assertTrue(self.installed.parent.exists())

  def test_without_a_network_says_so_and_leaves_nothing(self):
    self._add_python("python3.11", 3, 11, 2)
    (self.folder / "network").unlink()
    done = self._make()
    self.assertIn("It needs the network", done.stderr)
    self.assertEqual(done.returncode, 2)
    self.assertFalse(self.installed.parent.exists())
    (self.folder / "network").touch()
    self.assertEqual(self._make().returncode, 0)
    self.assertTrue(self.installed.exists())


if __name__ == "__main__":
  absltest.main()
