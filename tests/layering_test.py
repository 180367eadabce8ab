# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The dependency rules of the project, checked on the imports of each file."""

import ast
from collections.abc import Sequence
import sys
from typing import NamedTuple

from absl.testing import absltest
from absl.testing import parameterized

from tests import reference_data
from tests import sources

_LAYERED = ("ghn_tf", "models", "tools")


class Layer(NamedTuple):
  """What a layer may import; a name stands for all that is below it."""

  own: tuple[str, ...] = ()
  third_party: tuple[str, ...] = ()


_TENSORFLOW = ("absl.logging", "numpy", "tensorflow", "tf_keras")
# The floors of the house: what stands on one may know those below it, as far as
# the table says. ghn and child know nothing of each other.
_GROUND = (
  "ghn_tf.arch",
  "ghn_tf.constants",
  "ghn_tf.data",
  "ghn_tf.files",
)
_MIDDLE = (
  *_GROUND,
  "ghn_tf.child",
  "ghn_tf.convnets250k",
  "ghn_tf.ghn",
  "ghn_tf.quant",
  "ghn_tf.spaces",
)
_FRONT = (
  *_MIDDLE,
  "ghn_tf.edge",
  "ghn_tf.predictor",
  "ghn_tf.report",
  "ghn_tf.targets",
  "ghn_tf.training",
)
_ALL = (*_FRONT, "ghn_tf.evaluation")

# A module belongs to the longest name here that it equals or is below of.
_LAYERS = {
  # What is a network? Files, small tensors, images. What does a file cost?
  "ghn_tf.arch": Layer(("ghn_tf.arch",), ("numpy",)),
  "ghn_tf.constants": Layer((), ("tensorflow",)),
  "ghn_tf.data": Layer((), (*_TENSORFLOW, "tensorflow_datasets")),
  "ghn_tf.edge": Layer(
    ("ghn_tf.edge", "ghn_tf.files", "ghn_tf.quant.recipe"),
    (*_TENSORFLOW, "ai_edge_litert", "tflite_runtime"),
  ),
  "ghn_tf.files": Layer(),
  # Which are drawn? How are numbers rounded, and parameters predicted?
  "ghn_tf.spaces": Layer(("ghn_tf.arch", "ghn_tf.spaces"), ("numpy",)),
  "ghn_tf.quant": Layer(
    ("ghn_tf.constants", "ghn_tf.quant.recipe"), _TENSORFLOW
  ),
  "ghn_tf.quant.recipe": Layer(),
  "ghn_tf.quant.tfmot": Layer(
    ("ghn_tf.quant.fake_quant", "ghn_tf.quant.recipe"),
    (*_TENSORFLOW, "tensorflow_model_optimization"),
  ),
  "ghn_tf.ghn": Layer(
    ("ghn_tf.arch", "ghn_tf.constants", "ghn_tf.files", "ghn_tf.ghn"),
    (*_TENSORFLOW, "tensorflow_gnn"),
  ),
  "ghn_tf.ghn.checkpoint": Layer(("ghn_tf.files",), ("absl.logging", "numpy")),
  "ghn_tf.ghn.graph": Layer(("ghn_tf.arch",), ("numpy", "tensorflow_gnn")),
  # Running a network with given parameters. The stored set.
  "ghn_tf.child": Layer(
    ("ghn_tf.arch", "ghn_tf.child", "ghn_tf.constants", "ghn_tf.quant"),
    _TENSORFLOW,
  ),
  "ghn_tf.convnets250k": Layer(
    ("ghn_tf.arch", "ghn_tf.convnets250k", "ghn_tf.spaces"),
    (*_TENSORFLOW, "google.protobuf", "tensorflow_datasets"),
  ),
  "ghn_tf.convnets250k.records": Layer(("ghn_tf.arch",)),
  # How does a hypernetwork learn?
  "ghn_tf.training": Layer((*_MIDDLE, "ghn_tf.training"), _TENSORFLOW),
  "ghn_tf.training.metrics": Layer(
    ("ghn_tf.files",), (*_TENSORFLOW, "psutil", "tqdm")
  ),
  "ghn_tf.training.rendezvous": Layer(),
  # What a user calls, and what is looked at.
  "ghn_tf.predictor": Layer(
    (*_MIDDLE, "ghn_tf.edge", "ghn_tf.training"), _TENSORFLOW
  ),
  "ghn_tf.targets": Layer(("ghn_tf.arch", "ghn_tf.child")),
  "ghn_tf.report": Layer(
    ("ghn_tf.arch", "ghn_tf.files", "ghn_tf.report", "ghn_tf.training.metrics"),
    ("matplotlib", "numpy"),
  ),
  # How good are they?
  "ghn_tf.evaluation": Layer(_ALL, _TENSORFLOW),
  "ghn_tf.evaluation.pipeline": Layer(_ALL, (*_TENSORFLOW, "apache_beam")),
  # The programs.
  "ghn_tf.train": Layer(_ALL, ("absl", "tensorflow")),
  "models": Layer((), ("tf_keras",)),
  "tools": Layer(
    (*_ALL, "tools.program"), ("absl", "numpy", "tensorflow", "tf_keras")
  ),
  "tools.program": Layer((), ("absl",)),
  "tools.beam": Layer((), ("absl", "apache_beam")),
  "tools.evaluate": Layer((*_ALL, "tools.beam", "tools.program"), ("absl",)),
  "tools.make_architectures": Layer(
    (*_ALL, "tools.beam", "tools.program"), ("absl", "tensorflow_datasets")
  ),
  "tools.import_ghn2": Layer(
    (*_ALL, "tools.program"), ("absl", "numpy", "torch")
  ),
}
# The package itself only sets the environment and is imported everywhere.
_PACKAGE = "ghn_tf"


def _is_below(name: str, parents: Sequence[str]) -> bool:
  return any(name == p or name.startswith(f"{p}.") for p in parents)


def _layer(module: str) -> Layer | None:
  names = [name for name in _LAYERS if _is_below(module, [name])]
  return _LAYERS[max(names, key=len)] if names else None


def _violations(module: str, source: str) -> list[str]:
  """Imports of a module that its layer does not allow."""
  layer = _layer(module)
  if layer is None:
    return [f"{module} has no layer; add it to the table in this test."]
  violations = []
  for name in sources.imports(source):
    top = name.split(".")[0]
    if top in sys.stdlib_module_names or name == _PACKAGE:
      continue
    if not _is_below(name, layer.own + layer.third_party):
      violations.append(f"{module} may not import {name}.")
  return violations


class LayeringTest(parameterized.TestCase):
  @parameterized.parameters(
    name for name in sources.modules(*_LAYERED) if name != _PACKAGE
  )
  def test_imports_only_what_its_layer_allows(self, module: str):
    source = sources.modules(*_LAYERED)[module]
    self.assertEmpty(_violations(module, source))

  @parameterized.parameters(
    ("ghn_tf.ghn.model", "from ghn_tf.child import network"),
    ("ghn_tf.child.network", "from ghn_tf.ghn import model"),
    ("ghn_tf.child.network", "def f():\n  import tensorflow_gnn as tfgnn"),
    ("ghn_tf.arch.spec", "import tensorflow as tf"),
    ("ghn_tf.arch.spec", "from . import ops"),
    ("ghn_tf.quant.recipe", "import numpy as np"),
    ("ghn_tf.edge.tflite", "from ghn_tf.ghn import model"),
    ("ghn_tf.evaluation.networks", "from models import resnet"),
    ("ghn_tf.training.trainer", "from ghn_tf import train"),
    ("ghn_tf.training.trainer", "from absl import flags"),
    ("ghn_tf.training.loop", "from ghn_tf.evaluation import networks"),
    ("ghn_tf.predictor", "from ghn_tf.evaluation import networks"),
    ("models.resnet", "from ghn_tf.arch import spec"),
    ("tools.evaluate", "import matplotlib.pyplot as plt"),
    ("ghn_tf.helpers", "import os"),
  )
  def test_a_forbidden_import_is_found(self, module: str, source: str):
    self.assertLen(_violations(module, source), 1)


class HouseRulesTest(parameterized.TestCase):
  @parameterized.parameters(*sources.modules(*sources.FOLDERS))
  def test_keras_is_tf_keras(self, module: str):
    source = sources.modules(*sources.FOLDERS)[module]
    for name in sources.imports(source):
      self.assertFalse(_is_below(name, ["keras", "tensorflow.keras"]), name)
    for node in ast.walk(ast.parse(source)):
      if isinstance(node, ast.Attribute) and node.attr == "keras":
        self.assertNotEqual(ast.unparse(node), "tf.keras")

  @parameterized.parameters(
    name for name in sources.modules("ghn_tf") if name != _PACKAGE
  )
  def test_a_package_re_exports_nothing(self, module: str):
    path = reference_data.ROOT.joinpath(*module.split("."), "__init__.py")
    if path.exists():
      body = ast.parse(path.read_text()).body
      self.assertLen(body, 1, "Only a docstring, so that imports stay light.")

  @parameterized.parameters(*sources.modules(*sources.FOLDERS))
  def test_has_the_licence_header(self, module: str):
    source = sources.modules(*sources.FOLDERS)[module]
    self.assertStartsWith(
      source,
      "# Copyright 2026 The ghn_tf Authors.\n"
      "# SPDX-License-Identifier: Apache-2.0\n",
    )

  @parameterized.parameters(*sources.modules(*sources.FOLDERS))
  def test_is_at_most_400_lines(self, module: str):
    source = sources.modules(*sources.FOLDERS)[module]
    self.assertLessEqual(len(source.splitlines()), 400)


if __name__ == "__main__":
  absltest.main()
