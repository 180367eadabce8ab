# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
r"""Trains a network on from predicted parameters, rounded as it will be.

  python tools/finetune.py --checkpoint=edge_cifar10 \
    --target=models.resnet:resnet8 --recipe=w4a4 --epochs=3 \
    --data_dir=~/tensorflow_datasets --output=resnet8.keras
  python tools/to_tflite.py --checkpoint=edge_cifar10 \
    --trained=resnet8.keras --output=resnet8.tflite

Beside x.keras it writes x.finetuning.json: the accuracy before and after on the
test images, after each epoch on those held out, and how it was trained; and
x.tensorboard, for `tensorboard --logdir=x.tensorboard`. What it needs to go on
after it was killed is kept in x.training until all is done: the same command
goes on from the last epoch that was finished.
"""

import hashlib
import json
import math
import pathlib
import shutil
from typing import Any

from absl import flags
from absl import logging

from ghn_tf import data
from ghn_tf import files
from ghn_tf import image_batches
from ghn_tf import targets
from ghn_tf.child import sizes
from ghn_tf.ghn import checkpoint
from ghn_tf.programs import child as child_lib
from ghn_tf.programs import images
from ghn_tf.programs import outputs
from ghn_tf.programs import program
from ghn_tf.quant import recipe as recipe_lib

_PREDICTED = "predicted"
_HE = "he"

flags.adopt_module_key_flags(child_lib)
flags.adopt_module_key_flags(images)

_CHECKPOINT = flags.DEFINE_string(
  "checkpoint",
  "edge_cifar10",
  "Hypernetwork that predicts the start and says how images are normalized: a"
  " checkpoint file, a training workdir, or the name of a pretrained one.",
)
_TARGET = flags.DEFINE_string(
  "target", None, f"Network: {targets.HELP}; none with a model as --start."
)
_START = flags.DEFINE_string(
  "start",
  _PREDICTED,
  f"Where parameters come from: {_PREDICTED}; {_HE}, random as He initializes"
  " them; or a .keras file that this command or Predictor.predict's model was"
  " saved in.",
)
_RECIPE = flags.DEFINE_string(
  "recipe",
  None,
  "How the network is rounded; w8a8, or as the model of --start.",
)
_EPOCHS = flags.DEFINE_integer(
  "epochs", 5, "Passes over the training images.", lower_bound=1
)
_LEARNING_RATE = flags.DEFINE_float(
  "learning_rate", 0.15, "The greatest, after warming up; above 0."
)
_BATCH_SIZE = flags.DEFINE_integer(
  "batch_size", sizes.BATCH_SIZE, "Images of a step.", lower_bound=1
)
_PATIENCE = flags.DEFINE_integer(
  "patience",
  None,
  "Epochs without a better validation accuracy until it ends, with the best"
  " weights, or those of the start; without it, all epochs.",
  lower_bound=1,
)
_FLIP = flags.DEFINE_bool(
  "flip",
  True,
  "Whether half of the training images are flipped, left to right; not so for"
  " digits, letters or signs.",
)
_CROP_PADDING = flags.DEFINE_integer(
  "crop_padding",
  image_batches.CROP_PADDING,
  "Black pixels around a training image before it is cropped at random; 0 for"
  " no crop.",
  lower_bound=0,
)
_SEED = flags.DEFINE_integer("seed", 0, "Of all that is drawn.", lower_bound=0)
_OUTPUT = flags.DEFINE_string(
  "output", None, "File to write, ending in .keras.", required=True
)
_OVERWRITE = flags.DEFINE_bool(
  "overwrite", False, "Whether to replace an output that exists."
)


def _outputs() -> tuple[pathlib.Path, pathlib.Path]:
  """Returns the file to write and its description, both of which may be.

  Raises:
    ValueError: one is what --target or --start names.
    OSError: one cannot be written, or exists without --overwrite.
  """
  return outputs.with_description(
    _OUTPUT.value,
    (".keras", ".finetuning.json"),
    (_TARGET.value or "", _START.value),
    overwrite=_OVERWRITE.value,
  )


def _check_start() -> None:
  is_model = _START.value not in (_PREDICTED, _HE)
  if is_model and not _START.value.endswith(".keras"):
    raise ValueError(
      f"--start must be {_PREDICTED}, {_HE} or a .keras file, got"
      f" {_START.value!r}."
    )
  if is_model == bool(_TARGET.value):
    raise ValueError(
      "Give either --target, or the model to go on with as --start; got"
      f" --target={_TARGET.value} and --start={_START.value}."
    )
  given = ("recipe", "head", "head_images", "calibration_images", "image_size")
  program.check_effect(_TARGET.value, "--target", *given)


def _check_learning_rate() -> None:
  if not 0 < _LEARNING_RATE.value < math.inf:
    raise ValueError(
      "--learning_rate must be positive and finite, got"
      f" {_LEARNING_RATE.value}; 0.15 suits most networks."
    )


def _start(predictor: Any, target: Any) -> tuple[Any, data.Dataset]:
  """Returns the start, a `predictor.Child`, and images to train it on.

  Args:
    predictor: the `predictor.Predictor`.
    target: the architecture of --target; None for a model as --start.
  """
  from ghn_tf import predictor as predictor_lib
  from ghn_tf.child import random_params

  if target is None:
    child = predictor_lib.Child(*child_lib.load("start"))
    return child, images.load(predictor, child.architecture)
  params = None
  if _START.value == _HE:
    params = random_params.he_normal(target, _SEED.value)
    head = child_lib.HEAD.value or predictor_lib.PREDICT  # the random one
  else:
    head = child_lib.head(predictor, target)
    predictor.check_network(target, head)
  is_fitted = head == predictor_lib.FIT
  program.check_effect(is_fitted, "--head=fit", "head_images")
  dataset = images.load(predictor, target)
  recipe = recipe_lib.get(_RECIPE.value or "w8a8")
  child = child_lib.make(predictor, target, recipe, dataset.train, head, params)
  return child, dataset


def finetune() -> None:
  """Trains what the flags ask for."""
  recipe_lib.get(_RECIPE.value or "w8a8")
  _check_start()
  _check_learning_rate()
  output, sidecar = _outputs()
  # What needs no TensorFlow comes first, as wrong input should not wait for it.
  images.check()
  path, _, _ = checkpoint.find(_CHECKPOINT.value)
  target = child_lib.target(_TARGET.value)[0] if _TARGET.value else None

  program.import_silently("tensorflow")
  from ghn_tf import finetuning
  from ghn_tf import predictor as predictor_lib
  from ghn_tf import preparation
  from ghn_tf.child import accuracy

  config = finetuning.Config(
    epochs=_EPOCHS.value,
    learning_rate=_LEARNING_RATE.value,
    batch_size=_BATCH_SIZE.value,
    patience=_PATIENCE.value,
    flip=_FLIP.value,
    crop_padding=_CROP_PADDING.value,
    seed=_SEED.value,
  )
  predictor = predictor_lib.load(path)
  start, dataset = _start(predictor, target)

  def top1(child: predictor_lib.Child) -> float:
    test = dataset.test
    return accuracy.top1(
      child.architecture,
      child.params,
      preparation.batches(test.images, test.labels, predictor.normalize),
      child.recipe,
      training=False,
    )

  origin = {
    "start": _START.value,
    "start_sha256": None if target else _sha256(_START.value),
    "head": child_lib.HEAD.value,
    "head_images": child_lib.HEAD_IMAGES.value,
    "calibration_images": child_lib.CALIBRATION_IMAGES.value,
    "checkpoint": _CHECKPOINT.value,
    "checkpoint_sha256": _sha256(path),
  }
  workdir = output.with_suffix(".training")
  logs = output.with_suffix(".tensorboard")
  if not workdir.exists():
    shutil.rmtree(logs, ignore_errors=True)  # of what is replaced
  accuracy_before = top1(start)
  logging.info(
    "%s, %s: top-1 %.1f %% on %d test images of %s before training.",
    start.architecture.name,
    start.recipe.name,
    100 * accuracy_before,
    len(dataset.test),
    dataset.name,
  )
  done = finetuning.finetune(
    predictor, start, dataset, config, workdir, logs, origin
  )
  content = {
    **done.description,
    "accuracy": {
      "before": accuracy_before,
      "after": top1(done.child),
      "split": "test",
      "num_images": len(dataset.test),
    },
    "history": done.history,
    "seconds": sum(row["seconds"] for row in done.history),
  }
  part = workdir / output.name
  with files.telling(output):
    done.child.to_keras().save(part)
    part.rename(output)
  files.write(sidecar, json.dumps(content, indent=2) + "\n")
  shutil.rmtree(workdir)
  logging.info(
    "%s: top-1 %.1f %%, from %.1f %%, after %d epochs in %.0f s; see %s and"
    " tensorboard --logdir=%s",
    output,
    100 * content["accuracy"]["after"],
    100 * accuracy_before,
    done.history[-1]["epoch"],
    content["seconds"],
    sidecar,
    logs,
  )


def _sha256(path: str) -> str:
  with open(path, "rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
  """Runs the program."""
  program.run(finetune)
