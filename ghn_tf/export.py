# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What stands beside an integer file, for the application that will run it."""

from collections.abc import Sequence
import dataclasses
import hashlib
from importlib import metadata
from typing import Any

import ghn_tf
from ghn_tf import data
from ghn_tf import predictor as predictor_lib
from ghn_tf import preparation
from ghn_tf.arch import classifiers
from ghn_tf.child import accuracy
from ghn_tf.edge import tflite
from ghn_tf.quant import recipe as recipe_lib

_PACKAGES = ("tensorflow", "tensorflow-model-optimization", "ai-edge-litert")


def describe(
  predictor: predictor_lib.Predictor,
  child: predictor_lib.Child,
  content: bytes,
  dataset: data.Dataset,
  checkpoint: str,
  changes: Sequence[str] = (),
  heads: dict[str, Any] | None = None,
) -> dict[str, Any]:
  """Returns what somebody needs to know to use a file.

  Args:
    predictor: that predicted the child.
    child: that the file holds.
    content: the bytes of the `.tflite` file.
    dataset: whose test images measure its accuracy.
    checkpoint: by what name the predictor was loaded.
    changes: what the architecture leaves out of the user's model.
    heads: what `compare_heads` returns of it; None if it was not predicted.

  Returns:
    Values for a JSON file.
  """
  interpreter = tflite.Interpreter(content)
  least, greatest = interpreter.code_limits
  test = dataset.test
  compared = interpreter.compare(
    (images, labels, child.apply(images))
    for images, labels in preparation.batches(
      test.images, test.labels, predictor.normalize
    )
  )
  architecture = child.architecture
  mean, std = predictor.statistics(architecture.input_shape[2])
  return {
    "network": architecture.name,
    "fingerprint": architecture.fingerprint,
    "changes": list(changes),
    "macs": architecture.macs,
    "num_params": architecture.num_params,
    "hypernetwork": {
      "checkpoint": checkpoint,
      "step": predictor.metadata["step"],
    },
    "outside_of_training": predictor.outside(architecture),
    "recipe": _recipe(child.recipe),
    "input": {
      "shape": [1, *architecture.input_shape],
      "scale": interpreter.input_scale,
      "zero_point": interpreter.input_zero_point,
      "mean": mean.tolist(),
      "std": std.tolist(),
      "type": interpreter.code_type.name,
      # Halves round up, and codes end where the type does.
      "code": (
        "clip(floor((pixel / 255 - mean) / std / scale + 0.5) + zero_point,"
        f" {least}, {greatest})"
      ),
    },
    "output": {
      "shape": [1, architecture.num_classes],
      "type": interpreter.code_type.name,
      "scale": interpreter.output_scale,
      "zero_point": interpreter.output_zero_point,
    },
    "operators": tflite.operator_names(content),
    "accuracy": {
      "top1": compared.accuracy,
      "dataset": dataset.name,
      "split": "test",
      "num_images": len(test),
    },
    # From the network as the recipe rounds it, on the same images.
    "difference": {"max_lsb": compared.max_lsb, "mean_lsb": compared.mean_lsb},
    "head": heads,
    "bytes": len(content),
    "sha256": hashlib.sha256(content).hexdigest(),
    "versions": {
      "ghn_tf": ghn_tf.__version__,
      **{name: metadata.version(name) for name in _PACKAGES},
    },
  }


def compare_heads(
  predictor: predictor_lib.Predictor,
  child: predictor_lib.Child,
  used: str,
  dataset: data.Dataset,
  *,
  calibration_images: int,
  head_images: int,
) -> dict[str, Any]:
  """Returns how well a network does with either classifier.

  Args:
    predictor: that predicted the child.
    child: with the classifier that is used.
    used: "predict" or "fit".
    dataset: its training images fit, its test images measure.
    calibration_images: number of those to calibrate a predicted one on.
    head_images: number of those to fit one to.

  Returns:
    Values for a JSON file; top-1 accuracies as the child computes, before it is
    a file, of those classifiers that there are.
  """
  train, test = dataset.train, dataset.test
  heads = {used: child}
  architecture = child.architecture
  if used == predictor_lib.FIT:
    if architecture.num_classes == predictor.ghn.config.num_classes:
      heads[predictor_lib.PREDICT] = predictor.child(
        architecture,
        child.recipe,
        calibration_images=train.images[:calibration_images],
      )
  elif not classifiers.problem(architecture):
    params = preparation.fit_head(
      architecture,
      child.params,
      train.images[:head_images],
      train.labels[:head_images],
      child.recipe,
      predictor.normalize,
    )
    heads[predictor_lib.FIT] = dataclasses.replace(child, params=params)
  top1 = {
    name: accuracy.top1(
      architecture,
      own.params,
      preparation.batches(test.images, test.labels, predictor.normalize),
      own.recipe,
      training=False,
    )
    for name, own in heads.items()
  }
  return {
    "used": used,
    "num_images": min(head_images, len(train)),
    "top1": top1,
  }


def _recipe(recipe: recipe_lib.Recipe) -> dict[str, Any]:
  """Returns a recipe for a JSON file; layers only if some have their own."""
  result = dataclasses.asdict(recipe)
  del result["mode"]  # of training, which this was not
  del result["layers"]
  if recipe.layers:
    result["layers"] = {name: _recipe(own) for name, own in recipe.layers}
  return result
