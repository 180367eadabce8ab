# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
r"""Writes a network with predicted parameters as an integer TFLite file.

  python tools/to_tflite.py --checkpoint=demo/run \
    --target=models.resnet:resnet8 --recipe=w8a8 --output=demo/resnet8.tflite

Beside x.tflite it writes x.json: recipe, scales, image normalization, accuracy
of the file in the interpreter, sha256, hypernetwork and versions; with
--emulate what the file costs on devices, too.
"""

import json
import pathlib
from typing import Any

from absl import flags
from absl import logging

from ghn_tf import files
from ghn_tf import targets
from ghn_tf.arch import variants
from ghn_tf.child import sizes
from ghn_tf.edge import emulation
from ghn_tf.edge import report as report_lib
from ghn_tf.ghn import checkpoint
from ghn_tf.programs import images
from ghn_tf.programs import outputs
from ghn_tf.programs import program
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.spaces import extent

flags.adopt_module_key_flags(images)

_CHECKPOINT = flags.DEFINE_string(
  "checkpoint",
  None,
  "Hypernetwork: a checkpoint file, a training workdir, or the name of a"
  " pretrained one.",
  required=True,
)
_TARGET = flags.DEFINE_string(
  "target", None, f"Network: {targets.HELP}; none with --trained."
)
_TRAINED = flags.DEFINE_string(
  "trained",
  None,
  "A .keras file that finetune.py wrote, or in which a model that was predicted"
  " was saved: its own parameters become the file.",
)
_RECIPE = flags.DEFINE_string(
  "recipe",
  None,
  "Bits of weights (w) and activations (a), and after pluses those of single"
  " layers: w4a4+stem=w8a8+logits=w8a8. By default w8a8, or those of the model"
  " of --trained.",
)
_OUTPUT = flags.DEFINE_string(
  "output", None, "File to write, ending in .tflite.", required=True
)
_OVERWRITE = flags.DEFINE_bool(
  "overwrite", False, "Whether to replace an output that exists."
)
_IMAGE_SIZE = flags.DEFINE_integer(
  "image_size",
  None,
  "Height and width of the images that the network shall take; its own if"
  " None. Those of --dataset are resized to it.",
  lower_bound=1,
)
_HEAD = flags.DEFINE_enum(
  "head",
  None,
  ["predict", "fit"],
  "Where the classifier comes from: predict, as the other parameters; fit,"
  " solved for in closed form with labelled training images. By default predict"
  " where the classes are as many as the hypernetwork's, else fit.",
)
_HEAD_IMAGES = flags.DEFINE_integer(
  "head_images",
  sizes.HEAD_IMAGES,
  "Number of training images to fit a classifier to.",
  lower_bound=2,
)
_CALIBRATION_IMAGES = flags.DEFINE_integer(
  "calibration_images",
  sizes.CALIBRATION_IMAGES,
  "Number of training images to calibrate on.",
  lower_bound=sizes.BATCH_SIZE,
)
_PACK_INT4 = flags.DEFINE_bool(
  "pack_int4",
  True,
  "Whether kernels of at most 4 bits are stored two codes to a byte; without,"
  " the same codes have a byte each, for runtimes that know no others.",
)
_EMULATE = flags.DEFINE_list(
  "emulate", [], f"Targets to emulate, by commas: {emulation.HELP}."
)
_EMULATE_IMAGES = flags.DEFINE_integer(
  "emulate_images",
  100,
  "Number of test images that targets which execute the file are run on.",
  lower_bound=1,
)


def _outputs() -> tuple[pathlib.Path, pathlib.Path]:
  """Returns the file to write and its description, both of which may be.

  Raises:
    ValueError: one is what --target or --trained names.
    OSError: one cannot be written, or exists without --overwrite.
  """
  return outputs.with_description(
    _OUTPUT.value,
    (".tflite", ".json"),
    (_TARGET.value or _TRAINED.value,),
    overwrite=_OVERWRITE.value,
  )


def _check_source() -> None:
  if bool(_TARGET.value) == bool(_TRAINED.value):
    raise ValueError(
      "Give either --target, a network to predict, or --trained, a model that"
      " was trained on."
    )
  if _RECIPE.value and recipe_lib.get(_RECIPE.value).is_float:
    raise ValueError(
      f"--recipe={_RECIPE.value} rounds nothing, so it has no integer file;"
      " choose one with bits, such as w8a8."
    )


def _resized(architecture: Any) -> Any:
  """Returns an architecture for images of --image_size."""
  if not (size := _IMAGE_SIZE.value):
    return architecture
  try:
    return variants.with_images(
      architecture, (size, size, architecture.input_shape[2])
    )
  except ValueError as error:
    raise ValueError(
      f"--target={_TARGET.value} does not take images of"
      f" --image_size={size}: {error}"
    ) from error


def _head(predictor: Any, architecture: Any) -> str:
  """Returns where the classifier comes from, as --head says."""
  if _HEAD.value:
    return _HEAD.value
  number = predictor.ghn.config.num_classes
  if architecture.num_classes == number:
    return "predict"
  logging.info(
    "%s has %d classes, the hypernetwork %d: its classifier is fitted"
    " (--head=fit).",
    *(architecture.name, architecture.num_classes, number),
  )
  return "fit"


def _child(predictor: Any, architecture: Any, train: Any, head: str) -> Any:
  """Returns the network that becomes a file, a `predictor.Child`.

  Args:
    predictor: the `predictor.Predictor`.
    architecture: of --target; None for --trained.
    train: images to calibrate on and to fit a classifier to, a `data.Split`.
    head: where the classifier of --target comes from.
  """
  from ghn_tf import predictor as predictor_lib
  from ghn_tf.child import keras_trained

  params, labelled = None, {}
  if head == "fit":
    number = _HEAD_IMAGES.value
    labelled = {
      "images": train.images[:number],
      "labels": train.labels[:number],
    }
  recipe = recipe_lib.get(_RECIPE.value or "w8a8")
  if architecture is None:
    architecture, params, own = keras_trained.load(_TRAINED.value)
    if not own.is_float:
      if _RECIPE.value and recipe != own:
        raise ValueError(
          f"--trained={_TRAINED.value} was trained in {own.name}; leave"
          f" --recipe={_RECIPE.value} out."
        )
      return predictor_lib.Child(architecture, params, own)
  return predictor.child(
    architecture,
    recipe,
    calibration_images=train.images[: _CALIBRATION_IMAGES.value],
    params=params,
    head=head,
    **labelled,
  )


def to_tflite() -> None:
  """Writes what the flags ask for."""
  _check_source()
  names = emulation.targets(_EMULATE.value) if _EMULATE.value else []
  output, sidecar = _outputs()
  # What needs no TensorFlow comes first, as wrong input should not wait for it.
  images.check()
  path, _, _ = checkpoint.find(_CHECKPOINT.value)
  architecture, changes = None, []
  if _TARGET.value:
    with program.importing():
      target = targets.understood(_TARGET.value)
    architecture, changes = target.architecture, target.changes
    for change in changes:
      logging.info("%s: %s", architecture.name, change)

  program.import_silently("tensorflow")
  from ghn_tf import export
  from ghn_tf import predictor as predictor_lib
  from ghn_tf.edge import packing
  from ghn_tf.edge import tflite

  predictor = predictor_lib.load(path)
  head, shape, num_classes = predictor_lib.PREDICT, None, None
  if architecture is not None:
    architecture = _resized(architecture)
    head = _head(predictor, architecture)
    predictor.check_network(architecture, head)
    shape, num_classes = architecture.input_shape, architecture.num_classes
  dataset = predictor.load_data(
    images.DATASET.value,
    images.DATA_DIR.value,
    download=images.DOWNLOAD.value,
    shape=shape,
    num_classes=num_classes,
  )
  child = _child(predictor, architecture, dataset.train, head)
  heads = None
  if architecture is not None:
    heads = export.compare_heads(
      predictor, child, head, dataset, _HEAD_IMAGES.value
    )
  with program.hidden():  # the interpreter names its delegate
    content = child.to_tflite()
    if not _PACK_INT4.value:
      content = packing.unpacked(content)
    description = export.describe(
      predictor,
      child,
      content,
      dataset,
      _CHECKPOINT.value,
      changes,
      heads,
    )
  results = emulation.Results([], {})
  if names:
    test, number = dataset.test, _EMULATE_IMAGES.value
    with program.hidden():
      codes = tflite.Interpreter(content).quantize(
        predictor.normalize(test.images[:number])
      )
    results = emulation.emulate(content, names, codes, test.labels[:number])
    description["reports"] = [*map(report_lib.to_record, results.reports)]
    print(report_lib.tabulate(results.reports))
  files.write(output, content)
  try:
    files.write(sidecar, json.dumps(description, indent=2) + "\n")
  except OSError:  # never a file beside the description of another
    output.unlink()
    raise
  if outside := description["outside_of_training"]:
    logging.warning(extent.tell(child.architecture.name, outside))
  logging.info(
    "%s: %d bytes, top-1 %.1f %% on %d test images of %s; see %s",
    output,
    len(content),
    100 * description["accuracy"]["top1"],
    len(dataset.test),
    dataset.name,
    sidecar,
  )
  if results.errors:
    raise ValueError(results.failure)


def main() -> None:
  """Runs the program."""
  program.run(to_tflite)
