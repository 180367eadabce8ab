# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The dependency rules of the project, checked on what each file reaches."""

import collections
from collections.abc import Mapping, Sequence
import graphlib
import sys

from absl.testing import absltest
from absl.testing import parameterized

from tests import layers
from tests import sources

_LAYERED = ("ghn_tf", "models", "tools")

# The package itself only sets the environment and is imported everywhere.
_PACKAGE = "ghn_tf"


def _is_below(name: str, parents: Sequence[str]) -> bool:
  return any(name == p or name.startswith(f"{p}.") for p in parents)


def _layer(module: str) -> layers.Layer | None:
  names = [name for name in layers.LAYERS if _is_below(module, [name])]
  return layers.LAYERS[max(names, key=len)] if names else None


def _reached(module: str, modules: Mapping[str, str]) -> dict[str, list[str]]:
  """Returns what a module imports, what that imports, and so on.

  Args:
    module: a key of modules.
    modules: dotted name -> source.

  Returns:
    Dotted name -> a shortest way there, from the module on. Of a name in a
    module of ours the key is the module. Python's own modules are left out.
  """
  ways = {module: [module]}
  queue = collections.deque([module])
  while queue:
    here = queue.popleft()
    for name in sources.imports(modules[here]):
      if name.split(".")[0] in sys.stdlib_module_names or name == _PACKAGE:
        continue
      if name not in modules and name.rpartition(".")[0] in modules:
        name = name.rpartition(".")[0]
      if name not in ways:
        ways[name] = [*ways[here], name]
        if name in modules:
          queue.append(name)
  del ways[module]
  return ways


def _violations(module: str, modules: Mapping[str, str]) -> list[str]:
  """Ways from a module to what its layer does not allow."""
  layer = _layer(module)
  if layer is None:
    return [f"{module} has no layer; add it to the table in this test."]
  violations = []
  for name, way in _reached(module, modules).items():
    allowed = (*layer.own, *layer.third_party)
    if len(way) > 2:
      allowed += layer.through
    if not _is_below(name, allowed):
      violations.append(f"May not be: {' > '.join(way)}")
  return violations


class LayeringTest(parameterized.TestCase):
  @parameterized.parameters(
    name for name in sources.modules(*_LAYERED) if name != _PACKAGE
  )
  def test_reaches_only_what_its_layer_allows(self, module: str):
    self.assertEmpty(_violations(module, sources.modules(*_LAYERED)))

  @parameterized.parameters(
    ("ghn_tf.ghn.model", "from ghn_tf.child import ranges"),
    ("ghn_tf.child.network", "from ghn_tf.ghn import initializers"),
    ("ghn_tf.child.network", "def f():\n  import tensorflow_gnn as tfgnn"),
    ("ghn_tf.arch.spec", "import tensorflow as tf"),
    ("ghn_tf.arch.spec", "from . import ops"),
    ("ghn_tf.quant.recipe", "import numpy as np"),
    ("ghn_tf.edge.tflite", "from ghn_tf.spaces import draws"),
    ("ghn_tf.reading.stored", "import h5py"),
    ("ghn_tf.reading.models", "import tf_keras as keras"),
    ("ghn_tf.evaluation.networks", "from models import resnet"),
    ("ghn_tf.training.loop", "from absl import flags"),
    ("ghn_tf.training.loop", "from ghn_tf.targets import name"),
    ("ghn_tf.predictor", "from ghn_tf.evaluation import networks"),
    ("models.resnet", "from ghn_tf.files import write"),
    ("ghn_tf.programs.evaluate", "import matplotlib.pyplot as plt"),
    ("tools.evaluate", "from ghn_tf import data"),
    ("ghn_tf.helpers", "import os"),
  )
  def test_a_forbidden_import_is_found(self, module: str, source: str):
    empty = dict.fromkeys(sources.modules(*_LAYERED), "")
    self.assertLen(_violations(module, {**empty, module: source}), 1)

  def test_what_is_reached_through_another_module_is_found(self):
    modules = {
      "ghn_tf.arch.spec": "from ghn_tf.arch import ops",
      "ghn_tf.arch.ops": "def f():\n  from ghn_tf.arch.store import Store",
      "ghn_tf.arch.store": "from numpy import linalg\nimport tensorflow as tf",
    }
    self.assertEqual(
      _violations("ghn_tf.arch.spec", modules),
      [
        "May not be: ghn_tf.arch.spec > ghn_tf.arch.ops > ghn_tf.arch.store >"
        " tensorflow"
      ],
    )

  def test_what_may_only_be_reached_may_not_be_imported(self):
    name = "tensorflow_model_optimization"
    modules = {
      "ghn_tf.training.benchmark": "from ghn_tf.child import keras_io",
      "ghn_tf.child.keras_io": f"import {name}",
    }
    self.assertEmpty(_violations("ghn_tf.training.benchmark", modules))
    modules["ghn_tf.training.benchmark"] = f"import {name}"
    self.assertLen(_violations("ghn_tf.training.benchmark", modules), 1)

  def test_packages_know_each_other_one_way(self):
    def package(module: str) -> str:
      return ".".join(module.split(".")[:2])

    modules = sources.modules("ghn_tf")
    known: dict[str, set[str]] = {}
    for module in modules:
      for name, way in _reached(module, modules).items():
        if len(way) == 2 and name in modules:
          known.setdefault(package(module), set()).add(package(name))
    for name, others in known.items():
      others.discard(name)
    # Raises CycleError, with the circle, where there is one.
    graphlib.TopologicalSorter(known).prepare()


if __name__ == "__main__":
  absltest.main()
