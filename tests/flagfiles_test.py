# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import itertools
import pathlib
import re
import shlex

from absl.testing import absltest
from absl.testing import parameterized

from tests import programs
from tests import reference_data

_CONFIGS = pathlib.PurePosixPath("ghn_tf/configs")
_NAMES = sorted(
  path.name for path in (reference_data.ROOT / _CONFIGS).glob("*.flags")
)


def _header(name: str) -> str:
  """The comment lines that a flagfile begins with, without their signs."""
  lines = (reference_data.ROOT / _CONFIGS / name).read_text().splitlines()
  comments = itertools.takewhile(lambda line: line.startswith("#"), lines)
  return "\n".join(line.removeprefix("#").strip() for line in comments)


class FlagfilesTest(parameterized.TestCase):
  def test_the_documented_runs_are_there(self):
    self.assertContainsSubset(
      ("quickstart.flags", "edge_cifar10.flags"), _NAMES
    )

  @parameterized.parameters(*_NAMES)
  def test_header_states_expected_result_and_cost(self, name: str):
    self.assertRegex(_header(name), r"(?i)\bexpected\b")
    self.assertRegex(_header(name), r"(?i)\bcosts?\b")

  @parameterized.parameters(*_NAMES)
  def test_header_states_a_command_and_it_parses(self, name: str):
    header = _header(name).replace("\\\n", " ")
    commands = re.findall(
      r"^python (-m ghn_tf\.train .*)", header, re.MULTILINE
    )
    self.assertNotEmpty(commands, "No line `python -m ghn_tf.train ...`.")
    for command in commands:
      arguments = shlex.split(command)
      self.assertIn(f"--flagfile={_CONFIGS / name}", arguments)
      done = programs.check_flags(*arguments)
      self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

  def test_a_document_tells_where_they_are_installed(self):
    text = (reference_data.ROOT / "docs" / "using.md").read_text()
    (line,) = re.findall('`python -c "(.*ghn_tf.*)"` prints', text)
    done = programs.run_python("-c", line)
    folder = pathlib.Path(done.stdout.rstrip("\n"), "configs")
    self.assertCountEqual(
      [path.name for path in folder.glob("*.flags")], _NAMES, done.stderr
    )

  def test_an_unknown_flag_in_a_flagfile_is_found(self):
    flagfile = self.create_tempfile(content="--no_such_flag=1\n").full_path
    done = programs.check_flags("-m", "ghn_tf.train", f"--flagfile={flagfile}")
    self.assertNotEqual(done.returncode, 0)
    self.assertIn("no_such_flag", done.stdout + done.stderr)


if __name__ == "__main__":
  absltest.main()
