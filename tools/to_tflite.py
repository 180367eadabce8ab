# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
r"""Writes a network with predicted parameters as an integer TFLite file.

  python tools/to_tflite.py --checkpoint=demo/run \
    --target=models.resnet:resnet8 --recipe=w8a8 --output=demo/resnet8.tflite

Beside x.tflite it writes x.json: recipe, scales, image normalization, accuracy
of the file in the interpreter, sha256, hypernetwork and versions.
"""

import dataclasses
import hashlib
from importlib import metadata
import json
import pathlib
import sys
from typing import Any

from absl import flags
from absl import logging

# Run as a file, Python looks for modules in tools/ and not beside it.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

# ruff: noqa: E402
import ghn_tf
from ghn_tf import data
from ghn_tf import files
from ghn_tf import predictor as predictor_lib
from ghn_tf import targets
from ghn_tf.child import calibrate
from ghn_tf.edge import tflite
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.spaces import extent
from tools import program

_CHECKPOINT = flags.DEFINE_string(
  "checkpoint",
  None,
  "Hypernetwork: a checkpoint file, a training workdir, or the name of a"
  " pretrained one.",
  required=True,
)
_TARGET = flags.DEFINE_string(
  "target",
  None,
  f"Network: {targets.HELP}.",
  required=True,
)
_RECIPE = flags.DEFINE_enum(
  "recipe",
  "w8a8",
  [name for name, recipe in recipe_lib.RECIPES.items() if not recipe.is_float],
  "Bits of weights (w) and activations (a).",
)
_OUTPUT = flags.DEFINE_string(
  "output", None, "File to write, ending in .tflite.", required=True
)
_OVERWRITE = flags.DEFINE_bool(
  "overwrite", False, "Whether to replace an output that exists."
)
_DATASET = flags.DEFINE_string(
  "dataset",
  None,
  "Images to calibrate on (training split) and to measure accuracy on (test"
  f" split): {data.SAMPLE} or a name in TensorFlow Datasets. By default those"
  f" of training, or {data.SAMPLE} where these are CIFAR-10 and not in"
  " --data_dir.",
)
_DATA_DIR = flags.DEFINE_string(
  "data_dir", None, "Folder of TensorFlow Datasets; its own default if None."
)
_DOWNLOAD = flags.DEFINE_bool(
  "download", False, "Whether a data set that is missing may be downloaded."
)
_CALIBRATION_IMAGES = flags.DEFINE_integer(
  "calibration_images",
  calibrate.NUM_IMAGES,
  "Number of training images to calibrate on.",
  lower_bound=1,
)

_PACKAGES = ("tensorflow", "tensorflow-model-optimization", "ai-edge-litert")


def describe(
  predictor: predictor_lib.Predictor,
  child: predictor_lib.Child,
  content: bytes,
  dataset: data.Dataset,
) -> dict[str, Any]:
  """Returns what somebody needs to know to use the file."""
  interpreter = tflite.Interpreter(content)
  images = predictor.normalize(dataset.test.images)
  architecture = child.architecture
  recipe = dataclasses.asdict(child.recipe)
  del recipe["mode"]  # of training, which this was not
  normalization = predictor.metadata["images"]
  return {
    "network": architecture.name,
    "fingerprint": architecture.fingerprint,
    "macs": architecture.macs,
    "num_params": architecture.num_params,
    "hypernetwork": {
      "checkpoint": _CHECKPOINT.value,
      "step": predictor.metadata["step"],
    },
    "outside_of_training": predictor.outside(architecture),
    "recipe": recipe,
    "input": {
      "shape": [1, *architecture.input_shape],
      "scale": interpreter.input_scale,
      "zero_point": interpreter.input_zero_point,
      "mean": normalization["mean"],
      "std": normalization["std"],
      # Halves round up, and codes end where int8 does.
      "code": (
        "clip(floor((pixel / 255 - mean) / std / scale + 0.5) + zero_point,"
        " -128, 127)"
      ),
    },
    "output": {
      "shape": [1, architecture.num_classes],
      "scale": interpreter.output_scale,
      "zero_point": interpreter.output_zero_point,
    },
    "operators": tflite.operator_names(content),
    "accuracy": {
      "top1": interpreter.accuracy(images, dataset.test.labels),
      "dataset": dataset.name,
      "split": "test",
      "num_images": len(dataset.test),
    },
    "bytes": len(content),
    "sha256": hashlib.sha256(content).hexdigest(),
    "versions": {
      "ghn_tf": ghn_tf.__version__,
      **{name: metadata.version(name) for name in _PACKAGES},
    },
  }


def _outputs() -> tuple[pathlib.Path, pathlib.Path]:
  """Returns the file to write and its description, both of which may be.

  Raises:
    ValueError: one is what --target names.
    OSError: one cannot be written, or exists without --overwrite.
  """
  output = pathlib.Path(_OUTPUT.value)
  if output.suffix != ".tflite":
    raise ValueError(f"--output must end in .tflite, got {str(output)!r}.")
  sidecar = output.with_suffix(".json")
  for path in (output, sidecar):
    targets.check_output(path, _TARGET.value)
    files.check_writable(path, overwrite=_OVERWRITE.value)
  return output, sidecar


def export() -> None:
  """Writes what the flags ask for."""
  output, sidecar = _outputs()
  architecture = targets.load(_TARGET.value)
  predictor = predictor_lib.load(_CHECKPOINT.value)
  dataset = predictor.load_data(
    _DATASET.value, _DATA_DIR.value, download=_DOWNLOAD.value
  )
  child = predictor.child(
    architecture,
    _RECIPE.value,
    calibration_images=dataset.train.images[: _CALIBRATION_IMAGES.value],
  )
  content = child.to_tflite()
  description = describe(predictor, child, content, dataset)
  files.write(output, content)
  try:
    files.write(sidecar, json.dumps(description, indent=2) + "\n")
  except OSError:  # never a file beside the description of another
    output.unlink()
    raise
  if outside := description["outside_of_training"]:
    logging.warning(extent.tell(architecture.name, outside))
  logging.info(
    "%s: %d bytes, top-1 %.1f %% on %d test images of %s; see %s",
    output,
    len(content),
    100 * description["accuracy"]["top1"],
    len(dataset.test),
    dataset.name,
    sidecar,
  )


if __name__ == "__main__":
  program.run(export)
