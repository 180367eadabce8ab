# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a trained hypernetwork says of itself, in a notebook and elsewhere."""

from collections.abc import Mapping
import importlib
from typing import ClassVar

from ghn_tf.arch import spec
from ghn_tf.ghn import checkpoint
from ghn_tf.ghn import model as ghn_model
from ghn_tf.quant import recipe as recipe_lib


class _Shown:
  """What shows itself in short, and in a notebook as tables."""

  _next: ClassVar[Mapping[str, str]]

  def __repr__(self) -> str:
    title = f"{type(self).__name__} {self._called() or 'without a name'}"
    told = "; ".join(f"{name}: {fact}" for name, fact in self._facts().items())
    return f"<{title}; {told}; next: {', '.join(self._next)}>"

  def _repr_html_(self) -> str:
    """What a notebook shows."""
    # Pictures stand above what they show; no other use of this loads them.
    shown = importlib.import_module("ghn_tf.report.notebook")
    title = f"{type(self).__name__} {self._called()}"
    return shown.described(title, self._facts(), self._next)

  def _called(self) -> str:
    """Returns its name; empty if it has none."""
    raise NotImplementedError

  def _facts(self) -> Mapping[str, str]:
    """Returns what is known of it, by name."""
    raise NotImplementedError


class DescribedChild(_Shown):
  """What has a network with its parameters, and shows it in short.

  Attributes:
    architecture: what the network is.
    recipe: how it is rounded.
  """

  architecture: spec.Architecture
  recipe: recipe_lib.Recipe
  _next = {
    "to_keras()": "it as a Keras model, quantize-aware",
    "to_tflite()": "an integer file of it",
  }

  def _called(self) -> str:
    return self.architecture.name

  def _facts(self) -> Mapping[str, str]:
    own = self.architecture
    shape = " x ".join(map(str, own.input_shape))
    return {
      "recipe": self.recipe.name,
      "for": f"images {shape}, {own.num_classes} classes",
      "nodes": f"{len(own.nodes):,}",
      "parameters": f"{own.num_params:,}",
      "multiply-accumulates": f"{own.macs:,}",
    }


class Described(_Shown):
  """What has a hypernetwork, and shows it in short.

  Attributes:
    ghn: the hypernetwork.
    metadata: what the checkpoint says of its training.
    name: of the checkpoint; empty if it is of none.
  """

  ghn: ghn_model.GHN
  metadata: checkpoint.Metadata
  name: str
  _next = {
    "check(model)": "what becomes of each layer of a Keras model",
    'predict(model, recipe="w4a4")': "it, quantize-aware, with all parameters",
    'child(model, recipe="w8a8").to_tflite()': "an integer file of it",
  }

  def _called(self) -> str:
    return self.name

  def _facts(self) -> Mapping[str, str]:
    """Returns what is known, which of imported weights is less."""
    training, config = self.metadata["training"], self.ghn.config
    shape = " x ".join(map(str, self.metadata["images"]["shape"]))
    facts = {
      "weights": f"{self.ghn.count_params():,}",
      "for": f"images {shape}, {config.num_classes} classes",
      "trained": f"{self.metadata['step']:,} steps on {training['dataset']}",
    }
    if runs := len(self.metadata.get("ancestors", [])):
      facts["trained"] += f", after {runs} earlier run{'s' * (runs > 1)}"
    told = {
      "recipe": "recipe of training",
      "space": "space",
      "architectures": "architectures",
    }
    return facts | {
      name: str(training[field])
      for field, name in told.items()
      if training.get(field)
    }
