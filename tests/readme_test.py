# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import itertools
import json
import math
import pathlib
import re
import shlex
import shutil
import sys
import tomllib
from typing import Any
import unittest

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

import ghn_tf
from ghn_tf import files
from ghn_tf import predictor as predictor_lib
from ghn_tf.arch import serialization
from ghn_tf.evaluation import network_report
from ghn_tf.evaluation import settings as eval_settings
from ghn_tf.ghn import config as ghn_config
from ghn_tf.ghn import ghn2_weights
from ghn_tf.spaces import space as space_lib
from ghn_tf.training import config
from models import resnet
from tests import documents
from tests import int8_files
from tests import programs
from tests import reference_data
from tests import sources

_ROOT = reference_data.ROOT
_DOCUMENTS = tuple(
  str(path.relative_to(_ROOT))
  for pattern in (
    "*.md",
    *(f"{name}/**/*.md" for name in ("docs", *sources.FOLDERS)),
  )
  for path in sorted(_ROOT.glob(pattern))
  if "firmware" not in path.parts  # of projects that are written, not of this
)
# Flags that are not ours: of absl, and of Slurm.
_FOREIGN_FLAGS = {
  *("flagfile", "help", "verbosity"),  # absl's
  "logdir",  # TensorBoard's
  *("ntasks", "requeue", "signal"),  # Slurm's
}


def _make_targets() -> set[str]:
  makefile = documents.read("Makefile")
  return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


class CommandsTest(parameterized.TestCase):
  def test_documents_are_found(self):
    self.assertContainsSubset(
      {"README.md", "CONTRIBUTING.md", "docs/training.md", "models/README.md"},
      _DOCUMENTS,
    )

  def test_readme_has_the_commands_of_the_project(self):
    commands = documents.commands("README.md")
    self.assertContainsSubset({"make demo", "make test"}, commands)
    self.assertNotEmpty([c for c in commands if "ghn_tf.train" in c])

  @parameterized.parameters(
    *dict.fromkeys(c for name in _DOCUMENTS for c in documents.commands(name))
  )
  def test_command_is_accepted_by_its_program(self, command: str):
    match shlex.split(command):
      case ["make", *targets]:
        self.assertContainsSubset(targets, _make_targets())
      case ["python" | ".venv/bin/python", "-m", "pytest", *paths]:
        for path in paths:
          self.assertTrue((_ROOT / path).exists() or path.startswith("-"), path)
      case ["python", "draw_images.py", *_]:
        pass  # see tutorial_test
      case ["python" | ".venv/bin/python", *arguments]:
        done = programs.check_flags(*arguments)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
      case ["source", ".venv/bin/activate"]:
        pass
      case ["export", setting] if setting.startswith("TF_CONFIG="):
        config = json.loads(setting.removeprefix("TF_CONFIG="))
        self.assertContainsSubset({"cluster", "task"}, config)
      case ["pip", "install", "."]:
        pass  # see package_test
      case ["tensorboard", "--logdir=runs"]:
        pass  # metrics_test reads what is there as TensorBoard does
      case _:
        self.fail(f"Neither make nor python, so not tested: {command}")


# In which candidates_test reads instead.
_STORED = "--architectures=~/tensorflow_datasets/convnets250k/"
# Settings with which a command of theirs is done in seconds; the last value
# of a flag counts.
_SMALL = {
  "ghn_tf.train": (
    "--dataset=cifar10_sample --max_macs=1100000 --ghn=edge --hidden_dim=8"
    " --steps=1 --meta_batch_size=1 --image_batch_size=4"
    " --evaluation_architectures=1 --evaluation_images=20"
  ),
  "tools/emulate.py": "--targets=file,edgetpu",
  "tools/evaluate.py": (
    "--checkpoint=quickstart --splits=val --num_architectures=1 --num_images=20"
    " --recipes=w8a8 --batch_norms=stored --min_macs=0"
  ),
  "tools/finetune.py": (
    "--checkpoint=quickstart --dataset=cifar10_sample --epochs=1"
  ),
  "tools/import_ghn2.py": "--input=weights.npz",
  "tools/make_architectures.py": "",
  "tools/report.py": "--checkpoint=quickstart --dataset=cifar10_sample",
  "tools/rank.py": "",
  "tools/search.py": (
    "--max_macs=8000000 --max_latency_ms=1000 --num_candidates=12"
    " --num_probes=3 --num_refined=0 --num_confirmed=1 --test_images=20"
    " --workers=1"
  ),
  "tools/to_tflite.py": "--checkpoint=quickstart",
}


def _trained(top1: float) -> dict[str, Any]:
  """Returns what evaluation wrote of a network before and after training."""
  accuracy = {
    eval_settings.Setting("w4a4", method): top1
    for method in ("predicted", "random+5")
  }
  report = network_report.NetworkReport(
    "n", True, None, 1, 1, accuracy, {}, None, 1.0
  )
  return {"split": "test", **report.to_json()}


def _programs(*names: str) -> list[str]:
  """The commands of documents that can be run, each once."""
  commands = itertools.chain(*map(documents.commands, names))
  return [
    command
    for command in dict.fromkeys(commands)
    if command.startswith("python ") and _STORED not in command
  ]


# That are run, not only their flags checked.
_OF_README = _programs("README.md")
_OF_PAGES = _programs("docs/using.md", "docs/search.md")


class RunTest(parameterized.TestCase):
  """Commands, run in a folder that gets what they write."""

  @parameterized.parameters(*_OF_README)
  def test_command_of_the_readme_does_what_it_says(self, command: str):
    self._check(command)

  @parameterized.parameters(*(c for c in _OF_PAGES if c not in _OF_README))
  @pytest.mark.large
  def test_command_of_a_page_does_what_it_says(self, command: str):
    self._check(command)

  def _check(self, command: str) -> None:
    _, *arguments = shlex.split(command)
    program = arguments[arguments[0] == "-m"]
    self.assertIn(program, _SMALL, "No rule here makes this program small.")
    folder = pathlib.Path(self.create_tempdir().full_path)
    for name in ("ghn_tf", "models", "tools"):
      (folder / name).symlink_to(_ROOT / name)
    shapes = ghn2_weights.shapes(ghn_config.GhnConfig())
    zeros = {name: np.zeros(s, np.float32) for name, s in shapes.items()}
    np.savez(folder / "weights.npz", **zeros)
    if program == "tools/emulate.py":  # of what another command has written
      (folder / "resnet8.tflite").write_bytes(int8_files.network())
    if program == "tools/rank.py":
      table = json.dumps({"networks": [_trained(0.4), _trained(0.5)]})
      (folder / "ranking.json").write_text(table)
    for argument in arguments:
      name, _, path = argument.partition("=")
      if name == "--trained":
        child = predictor_lib.load("quickstart").child(resnet.resnet8(), "w4a4")
        child.to_keras().save(folder / path)
      if name == "--target" and path.endswith(".json"):
        files.write(folder / path, documents.blocks("docs/using.md", "json")[0])
    small = _SMALL[program].split()
    if "--strategy=evolution" in arguments:
      small.append("--population=6")
    done = programs.run_python(*arguments, *small, folder=folder)
    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
    for argument in arguments:
      name, _, path = argument.partition("=")
      if name in ("--output", "--workdir"):
        self.assertTrue((folder / path).exists(), path)


class PythonBlocksTest(parameterized.TestCase):
  @parameterized.parameters(*_DOCUMENTS)
  def test_python_blocks_run_in_the_order_of_the_page(self, name: str):
    blocks = documents.blocks(name, "python")
    done = programs.run_python("-c", "\n".join(blocks))
    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class CompletionTest(parameterized.TestCase):
  """The block for bash, as a shell calls it when the Tab key is pressed."""

  def complete(self, word: str, shell: str = "bash", before: str = ""):
    (block,) = documents.blocks("docs/using.md", "bash")
    program = f'{sys.executable} tools/evaluate.py "$@"'
    script = (
      f"{before}\nghn-program() {{ {program}; }}\n{block}\n"
      f"_ghn ghn-program {word}; echo ${{COMPREPLY[*]}}"
    )
    done = programs.run_python("-c", script, python=shell)
    self.assertEmpty(done.stderr)
    return done.stdout.split()

  def test_flags_complete(self):
    self.assertEqual(self.complete("--che"), ["--checkpoint="])
    self.assertEqual(self.complete("--noo"), ["--nooverwrite"])
    self.assertEqual(self.complete("--min"), ["--min_macs="])
    self.assertEmpty(self.complete("--x"))

  @unittest.skipUnless(shutil.which("zsh"), "There is no zsh.")
  def test_flags_complete_in_zsh(self):
    page = documents.read("docs/using.md")
    (before,) = re.findall(r"`(autoload .*?)`", page)
    # It shall keep no file at home, nor ask whose the functions are.
    before = before.replace("&& compinit", "&& compinit -D -u")
    # All flags, of which zsh itself takes those that begin with the word.
    flags = self.complete("--che", "zsh", before)
    self.assertContainsSubset({"--checkpoint=", "--nooverwrite"}, flags)

  def test_it_is_for_all_commands(self):
    (block,) = documents.blocks("docs/using.md", "bash")
    pyproject = tomllib.loads(documents.read("pyproject.toml"))
    named = re.findall(r"\bghn-[a-z-]+", block)
    self.assertCountEqual(named, pyproject["project"]["scripts"])


class ReadmeTest(parameterized.TestCase):
  def test_json_blocks_are_architectures(self):
    blocks = documents.blocks("docs/using.md", "json")
    self.assertNotEmpty(blocks)
    for block in blocks:
      self.assertEqual(serialization.from_json(block).num_classes, 10)

  def test_what_is_cited_is_what_citation_cff_has(self):
    (bibtex,) = documents.blocks("README.md", "bibtex")
    cited = documents.read("CITATION.cff")
    self.assertEqual(
      re.findall(r"eprint = {(.*)}", bibtex),
      re.findall(r'"arXiv:(.*)"', cited),
    )
    for pattern in (r"^  version = {(.*)}", r"^version: (.*)"):
      versions = re.findall(pattern, f"{bibtex}\n{cited}", re.MULTILINE)
      self.assertEqual(versions, [ghn_tf.__version__])

  @parameterized.parameters(*space_lib.SPACES.values())
  def test_limits_and_blocks_of_a_space_are_in_its_table(self, space):
    def limits(size: str) -> str:
      low, high = getattr(space, f"min_{size}"), getattr(space, f"max_{size}")
      if high == math.inf:
        return "any"
      return f"{low:,} to {high:,}" if low else f"up to {high:,}"

    sizes = " | ".join(map(limits, ("nodes", "macs", "params")))
    page = documents.read("docs/architectures.md")
    (row,) = re.findall(rf"^\| `{space.name}` \| .* to .*$", page, re.M)
    self.assertStartsWith(row, f"| `{space.name}` | {sizes} | ")
    for block, _ in getattr(space.grammar, "blocks", ()):
      self.assertIn(block.value.replace("_", " "), row)


def _anchors(path: pathlib.Path) -> set[str]:
  """The anchors that GitHub gives the headings of a document."""
  headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
  return {
    re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
    for heading in headings
  }


class NamesTest(parameterized.TestCase):
  """What documents name exists."""

  @parameterized.parameters(*_DOCUMENTS)
  def test_relative_links_lead_to_files_and_headings(self, name: str):
    here = _ROOT / name
    links = r"\]\(([^)#]*)(?:#([^)]*))?\)"
    for link, anchor in re.findall(links, documents.read(name)):
      if "://" in link:
        continue
      path = here.parent / link if link else here
      self.assertTrue(path.exists(), link)
      if anchor:
        self.assertIn(anchor, _anchors(path), link)

  @parameterized.parameters(*_DOCUMENTS)
  def test_flags_are_defined(self, name: str):
    modules = sources.modules("ghn_tf", "tools").values()
    defined = set(re.findall(r'DEFINE_\w+\(\s*"(\w+)"', "\n".join(modules)))
    self.assertIn("workdir", defined)
    defined |= {field.name for field in dataclasses.fields(config.TrainConfig)}
    defined |= {f"no{flag}" for flag in defined}  # as absl negates them
    named = set(re.findall(r"(?<![\w-])--([a-z]\w*)", documents.read(name)))
    self.assertEmpty(named - defined - _FOREIGN_FLAGS)

  @parameterized.parameters(*_DOCUMENTS)
  def test_files_and_modules_are_there(self, name: str):
    folders = "|".join(sources.FOLDERS)
    for path in re.findall(rf"`((?:{folders})/[\w/.]+)`", documents.read(name)):
      self.assertTrue((_ROOT / path).exists(), path)
    modules = sources.modules("ghn_tf").keys() - {"ghn_tf"}
    for dotted in re.findall(r"\bghn_tf(?:\.[a-z]\w*)+", documents.read(name)):
      parents = itertools.accumulate(dotted.split("."), "{}.{}".format)
      self.assertNotEmpty(modules & {*parents}, dotted)

  @parameterized.parameters(*_DOCUMENTS)
  def test_imports_lead_to_modules_that_have_what_is_called(self, name: str):
    pattern = r"from (ghn_tf[\w.]*) import (\w+(?:, \w+)*)"
    modules = sources.modules("ghn_tf")
    for line in documents.read(name).splitlines():
      for package, names in re.findall(pattern, line):
        for module in names.split(", "):
          self.assertIn(f"{package}.{module}", modules, line)
          source = modules[f"{package}.{module}"]
          for called in re.findall(rf"\b{module}\.(\w+)\(", line):
            self.assertRegex(source, rf"(?m)^(def|class) {called}\b")


if __name__ == "__main__":
  absltest.main()
