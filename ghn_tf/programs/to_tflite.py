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

from ghn_tf import data
from ghn_tf import files
from ghn_tf import targets
from ghn_tf.edge import emulation
from ghn_tf.edge import report as report_lib
from ghn_tf.ghn import checkpoint
from ghn_tf.programs import child as child_lib
from ghn_tf.programs import images
from ghn_tf.programs import outputs
from ghn_tf.programs import program
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.spaces import extent

flags.adopt_module_key_flags(child_lib)
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
      f" was trained on; got --target={_TARGET.value} and"
      f" --trained={_TRAINED.value}."
    )
  given = ("head", "head_images", "image_size")  # which a model has itself
  program.check_effect(_TARGET.value, "--target", *given)
  program.check_effect(_EMULATE.value, "--emulate", "emulate_images")
  if _RECIPE.value and recipe_lib.get(_RECIPE.value).is_float:
    raise ValueError(
      f"--recipe={_RECIPE.value} rounds nothing, so it has no integer file;"
      " choose one with bits, such as w8a8."
    )


def _child(predictor: Any, target: Any) -> tuple[Any, data.Dataset, Any]:
  """Returns the network that becomes a file.

  Args:
    predictor: the `predictor.Predictor`.
    target: the architecture of --target; None for --trained.

  Returns:
    The network, a `predictor.Child`; the images that it is calibrated on and
    measured with; and what `export.compare_heads` says of it, if it was
    predicted.
  """
  from ghn_tf import export
  from ghn_tf import predictor as predictor_lib

  recipe = recipe_lib.get(_RECIPE.value or "w8a8")
  if target is not None:
    head = child_lib.head(predictor, target)
    predictor.check_network(target, head)
    dataset = images.load(predictor, target)
    child = child_lib.make(predictor, target, recipe, dataset.train, head)
    heads = export.compare_heads(
      predictor,
      child,
      head,
      dataset,
      calibration_images=child_lib.CALIBRATION_IMAGES.value,
      head_images=child_lib.HEAD_IMAGES.value,
    )
    for name, top1 in sorted(heads["top1"].items()):
      logging.info(
        "%s, %s: top-1 %.1f %% with --head=%s.",
        *(child.architecture.name, recipe.name, 100 * top1, name),
      )
    return child, dataset, heads
  saved = child_lib.load("trained")
  is_rounded = not saved.recipe.is_float
  if is_rounded and _RECIPE.value and recipe != saved.recipe:
    raise ValueError(
      f"--trained={_TRAINED.value} was trained in {saved.recipe.name}; leave"
      f" --recipe={_RECIPE.value} out."
    )
  needed = "--target, or a model of --trained that is not rounded"
  program.check_effect(not is_rounded, needed, "calibration_images")
  dataset = images.load(predictor, saved.architecture)
  if is_rounded:
    return predictor_lib.Child(*saved), dataset, None
  child = child_lib.make(
    predictor, saved.architecture, recipe, dataset.train, params=saved.params
  )
  return child, dataset, None


def to_tflite() -> None:
  """Writes what the flags ask for."""
  _check_source()
  names = emulation.targets(_EMULATE.value) if _EMULATE.value else []
  output, sidecar = _outputs()
  # What needs no TensorFlow comes first, as wrong input should not wait for it.
  images.check()
  path, _, _ = checkpoint.find(_CHECKPOINT.value)
  target = None
  changes: list[str] = []
  if _TARGET.value:
    target, changes = child_lib.target(_TARGET.value)

  program.import_silently("tensorflow")
  from ghn_tf import export
  from ghn_tf import predictor as predictor_lib
  from ghn_tf.edge import packing
  from ghn_tf.edge import tflite

  predictor = predictor_lib.load(path)
  child, dataset, heads = _child(predictor, target)
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
    description["errors"] = results.errors
    print(report_lib.tabulate(results.reports))
  text = json.dumps(description, indent=2, allow_nan=False)
  files.write(output, content)
  try:
    files.write(sidecar, text + "\n")
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
