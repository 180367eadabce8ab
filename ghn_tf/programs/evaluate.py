# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
r"""Measures networks with predicted parameters, unseen ones and targets.

  python tools/evaluate.py --checkpoint=demo/run --unseen=8 \
    --target=models.resnet:resnet8 --output=demo/report.json

Prints one table: top-1 accuracy in each recipe and of the w8a8 file in the
interpreter, size of the file, seconds; and writes it as JSON. A network that
cannot be measured is named at the end, and the others are reported as usual.

Each network is one element of an Apache Beam pipeline; with --workers=2 two
processes share them, with --runner=... the machines of a cluster. Where the
runner does not start a process that was killed again, that ends the run.
"""

from collections.abc import Mapping
import json
import logging as std_logging
import os
import time
from typing import Any

from absl import flags

from ghn_tf import data
from ghn_tf import files
from ghn_tf import targets
from ghn_tf.ghn import checkpoint
from ghn_tf.programs import beam
from ghn_tf.programs import program
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.spaces import extent

flags.adopt_module_key_flags(beam)

_CHECKPOINT = flags.DEFINE_string(
  "checkpoint",
  None,
  "Hypernetwork: a checkpoint file, a training workdir, or the name of a"
  " pretrained one.",
  required=True,
)
_UNSEEN = flags.DEFINE_integer(
  "unseen",
  8,
  "Number of sampled architectures that training held out to evaluate.",
  lower_bound=0,
)
_TARGET = flags.DEFINE_multi_string(
  "target",
  [],
  f"Network: {targets.HELP}; may be given several times.",
)
_DATASET = flags.DEFINE_string(
  "dataset",
  None,
  f"Images: {data.SAMPLE} or a name in TensorFlow Datasets. Its training split"
  " calibrates, its test split measures. By default those of training, or"
  f" {data.SAMPLE} where these are CIFAR-10 and not in --data_dir.",
)
_DATA_DIR = flags.DEFINE_string(
  "data_dir", None, "Folder of TensorFlow Datasets; its own default if None."
)
_DOWNLOAD = flags.DEFINE_bool(
  "download", False, "Whether a data set that is missing may be downloaded."
)
_NUM_IMAGES = flags.DEFINE_integer(
  "num_images",
  None,
  "Number of test images to measure on; all if None.",
  lower_bound=1,
)
_RECIPES = flags.DEFINE_multi_enum(
  "recipe",
  ["float", "w8a8", "w4a4", "w2a2"],
  list(recipe_lib.RECIPES),
  "Recipe to predict in, besides w8a8; may be given several times.",
)
_RANGE_RULE = flags.DEFINE_enum_class(
  "range_rule",
  None,
  recipe_lib.RangeRule,
  "How far the grids of kernels and activations reach, in place of the recipes'"
  " own rules: to the greatest value, or by least squared error.",
)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file to write, if any.")
_OVERWRITE = flags.DEFINE_bool(
  "overwrite", False, "Whether to replace an output that exists."
)


def _content(
  metadata: checkpoint.Metadata, dataset: data.Dataset, seconds: float
) -> dict[str, Any]:
  """Returns what the JSON file says of a whole evaluation."""
  trained = metadata.get("seconds", 0.0)  # imported weights: none
  return {
    "seconds": trained + seconds,
    "training_seconds": trained,
    "evaluation_seconds": seconds,
    "steps": metadata.get("step", 0),
    "dataset": dataset.name,
    "range_rule": _RANGE_RULE.value,
    "num_images": min(
      _NUM_IMAGES.value or len(dataset.test), len(dataset.test)
    ),
  }


def _note(metadata: checkpoint.Metadata, dataset: data.Dataset) -> str:
  """Returns a line if other images are used than those of training."""
  own = metadata["training"]["dataset"]
  if _DATASET.value or dataset.name == own:
    return ""
  return (
    f"It was trained on {own}, which is not at hand: name the folder that holds"
    " it with\n--data_dir, or allow a --download.\n"
  )


def _report(table: str, note: str, content: Mapping[str, Any]) -> None:
  """Prints a table and what it holds, and writes that where the flags say."""
  outside = "".join(
    f"{extent.tell(network['name'], network['outside_of_training'])}\n\n"
    for network in content["networks"]
    if network["outside_of_training"]
  )
  print(
    f"Top-1 accuracy in % on {content['num_images']} test images of"
    f" {content['dataset']}, with stored\nstatistics as deployed; tflite_w8a8"
    f" is the int8 file in the interpreter.\n{note}\n{table}\n\n{outside}"
    f"Trained for {content['steps']} steps in"
    f" {content['training_seconds']:.0f} s, measured in"
    f" {content['evaluation_seconds']:.0f} s."
  )
  if _OUTPUT.value:
    files.write(_OUTPUT.value, json.dumps(content, indent=2) + "\n")
    print(f"Written to {_OUTPUT.value}.")


def evaluate() -> None:
  """Measures what the flags ask for."""
  start = time.monotonic()
  # Beam tells every step it takes.
  std_logging.getLogger("apache_beam").setLevel(std_logging.WARNING)
  options = beam.options()
  if _OUTPUT.value:
    targets.check_output(_OUTPUT.value, *_TARGET.value)
    files.check_writable(_OUTPUT.value, overwrite=_OVERWRITE.value)
  source = _CHECKPOINT.value
  if os.path.isdir(source):
    # Training may go on, and all workers need the same checkpoint.
    source, _, _ = checkpoint.find(source)

  program.import_silently("tensorflow")
  from ghn_tf.evaluation import networks as networks_lib
  from ghn_tf.evaluation import pipeline

  networks = [targets.load(target) for target in _TARGET.value]
  job = pipeline.Job(
    checkpoint=source,
    dataset=_DATASET.value,
    data_dir=_DATA_DIR.value,
    download=_DOWNLOAD.value,
    recipes=tuple(dict.fromkeys([*_RECIPES.value, "w8a8"])),
    num_images=_NUM_IMAGES.value,
    range_rule=_RANGE_RULE.value,
  )
  predictor, dataset = job.load()
  for network in networks:
    predictor.check_network(network)
  networks = [*predictor.held_out(_UNSEEN.value), *networks]
  if not networks:
    raise ValueError("Nothing to evaluate: give --unseen or --target.")
  with beam.telling():
    reports, errors = pipeline.run(networks, job, options)
  if reports:
    content = _content(predictor.metadata, dataset, time.monotonic() - start)
    content["networks"] = [report.to_json() for report in reports]
    note = _note(predictor.metadata, dataset)
    _report(networks_lib.table(reports), note, content)
  if errors:
    raise ValueError(
      f"{len(errors)} of {len(networks)} networks could not be measured:\n"
      + "\n".join(errors)
    )


def main() -> None:
  """Runs the program."""
  program.run(evaluate)
