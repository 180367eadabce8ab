# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import math
import pathlib
import re
import shlex

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.arch import serialization
from ghn_tf.ghn import ghn2_weights
from ghn_tf.ghn import model
from ghn_tf.spaces import space as space_lib
from tests import programs
from tests import reference_data

_ROOT = reference_data.ROOT
_DOCUMENTS = (
  "README.md",
  "CONTRIBUTING.md",
  "docs/architectures.md",
  "models/README.md",
)


def _read(name: str) -> str:
  path = _ROOT / name
  return path.read_text() if path.exists() else ""


def _blocks(name: str, language: str) -> list[str]:
  """The fenced blocks of a language in a document."""
  pattern = rf"^```{language}\n(.*?)^```$"
  return re.findall(pattern, _read(name), re.DOTALL | re.MULTILINE)


def _commands(name: str) -> list[str]:
  """The commands in the ```sh blocks of a document, one per entry."""
  text = "\n".join(_blocks(name, "sh")).replace("\\\n", " ")
  words = (shlex.split(line, comments=True) for line in text.splitlines())
  return [shlex.join(line) for line in words if line]


def _make_targets() -> set[str]:
  return set(re.findall(r"^([a-z]+):", _read("Makefile"), re.MULTILINE))


class CommandsTest(parameterized.TestCase):
  @parameterized.parameters(*_DOCUMENTS)
  def test_document_exists(self, name: str):
    self.assertTrue((_ROOT / name).is_file())

  def test_readme_has_the_commands_of_the_project(self):
    commands = _commands("README.md")
    self.assertContainsSubset({"make demo", "make test"}, commands)
    self.assertNotEmpty([c for c in commands if "ghn_tf.train" in c])

  @parameterized.parameters(
    *dict.fromkeys(c for name in _DOCUMENTS for c in _commands(name))
  )
  def test_command_is_accepted_by_its_program(self, command: str):
    match shlex.split(command):
      case ["make", *targets]:
        self.assertContainsSubset(targets, _make_targets())
      case ["python" | ".venv/bin/python", "-m", "pytest", *paths]:
        for path in paths:
          self.assertTrue((_ROOT / path).exists() or path.startswith("-"), path)
      case ["python" | ".venv/bin/python", *arguments]:
        done = programs.check_flags(*arguments)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
      case ["source", ".venv/bin/activate"]:
        pass
      case ["export", "TF_CPP_MIN_LOG_LEVEL=3"]:
        pass
      case _:
        self.fail(f"Neither make nor python, so not tested: {command}")


# Settings with which a command of the README is done in seconds; the last value
# of a flag counts.
_SMALL = {
  "ghn_tf.train": (
    "--dataset=cifar10_sample --max_macs=1100000 --ghn=edge --hidden_dim=8"
    " --steps=1 --meta_batch_size=1 --image_batch_size=4"
    " --evaluation_architectures=1 --evaluation_images=20"
  ),
  "tools/evaluate.py": (
    "--checkpoint=quickstart --unseen=1 --num_images=20 --recipe=w8a8"
  ),
  "tools/import_ghn2.py": "--input=weights.npz",
  "tools/make_architectures.py": "",
  "tools/to_tflite.py": "--checkpoint=quickstart --calibration_images=64",
}


class RunTest(parameterized.TestCase):
  """The commands of the README, run in a folder that gets what they write."""

  @parameterized.parameters(
    *(c for c in _commands("README.md") if c.startswith("python "))
  )
  def test_command_does_what_it_says(self, command: str):
    _, *arguments = shlex.split(command)
    program = arguments[arguments[0] == "-m"]
    self.assertIn(program, _SMALL, "No rule here makes this program small.")
    folder = pathlib.Path(self.create_tempdir().full_path)
    for name in ("ghn_tf", "models", "tools"):
      (folder / name).symlink_to(_ROOT / name)
    shapes = ghn2_weights.shapes(model.GhnConfig())
    zeros = {name: np.zeros(s, np.float32) for name, s in shapes.items()}
    np.savez(folder / "weights.npz", **zeros)
    done = programs.run_python(
      *arguments, *_SMALL[program].split(), folder=folder
    )
    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
    for argument in arguments:
      name, _, path = argument.partition("=")
      if name in ("--output", "--workdir"):
        self.assertTrue((folder / path).exists(), path)


class PythonBlocksTest(parameterized.TestCase):
  @parameterized.parameters(*_DOCUMENTS)
  def test_python_blocks_run_in_the_order_of_the_page(self, name: str):
    done = programs.run_python("-c", "\n".join(_blocks(name, "python")))
    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class ReadmeTest(parameterized.TestCase):
  def test_json_blocks_are_architectures(self):
    blocks = _blocks("README.md", "json")
    self.assertNotEmpty(blocks)
    for block in blocks:
      self.assertEqual(serialization.from_json(block).num_classes, 10)

  @parameterized.parameters(*space_lib.SPACES.values())
  def test_limits_and_blocks_of_a_space_are_in_its_table(self, space):
    def limits(size: str) -> str:
      low, high = getattr(space, f"min_{size}"), getattr(space, f"max_{size}")
      if high == math.inf:
        return "any"
      return f"{low:,} to {high:,}" if low else f"up to {high:,}"

    sizes = " | ".join(map(limits, ("nodes", "macs", "params")))
    (row,) = re.findall(rf"^\| `{space.name}` .*$", _read("README.md"), re.M)
    self.assertStartsWith(row, f"| `{space.name}` | {sizes} | ")
    for block, _ in getattr(space.grammar, "blocks", ()):
      self.assertIn(block.value.replace("_", " "), row)


class LinksTest(parameterized.TestCase):
  @parameterized.parameters(*_DOCUMENTS)
  def test_relative_links_lead_to_files(self, name: str):
    folder = pathlib.Path(_ROOT / name).parent
    for link in re.findall(r"\]\(([^)#]+)", _read(name)):
      if "://" not in link:
        self.assertTrue((folder / link).exists(), link)


if __name__ == "__main__":
  absltest.main()
