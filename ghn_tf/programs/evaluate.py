# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
r"""Measures networks with predicted parameters: unseen ones and your own.

  python tools/evaluate.py --checkpoint=edge_cifar10 --splits=test,wide,bnfree \
    --num_architectures=50 --recipes=float,w8a8,w4a4,w2a2 --output=table.json
  python tools/evaluate.py --checkpoint=demo/run \
    --target=models.resnet:resnet8 --output=demo/report.json

Prints mean top-1 accuracies as Markdown, of up to 20 networks each one's as
well, and writes them as JSON. Every combination of --recipes, --methods,
--heads and --batch_norms is measured, and the w8a8 file in the interpreter. A
network that cannot be measured, or not in a recipe and method or by a score, is
named at the end, and all else is reported as usual.

What was measured is kept beside --output, or in the runner's temp_location,
until all is done: the same command goes on where it was stopped.

Each network is one element of an Apache Beam pipeline; with --workers=2 two
processes share them, with --runner=... the machines of a cluster. Where the
runner does not start a process that was killed again, that ends the run.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import itertools
import json
import math
import os
import tempfile
import time
from typing import Any

from absl import flags
from absl import logging

from ghn_tf import data
from ghn_tf import files
from ghn_tf import targets
from ghn_tf.evaluation import settings as settings_lib
from ghn_tf.ghn import checkpoint
from ghn_tf.programs import beam
from ghn_tf.programs import images
from ghn_tf.programs import jobs
from ghn_tf.programs import program
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.spaces import extent
from ghn_tf.spaces import space as space_lib
from ghn_tf.spaces import splits

flags.adopt_module_key_flags(jobs)

_SPLITS = flags.DEFINE_list(
  "splits",
  ["val"],
  "Networks that training held out: val, test and gated are like those of"
  " training, wide, deep, dense and bnfree lie beyond, predefined are those of"
  " models/; none if empty.",
)
_NUM_ARCHITECTURES = flags.DEFINE_integer(
  "num_architectures",
  8,
  "Number of networks of each split; of predefined fewer if it has fewer.",
  lower_bound=1,
)
_MIN_MACS = flags.DEFINE_integer(
  "min_macs",
  0,
  "Least multiply-accumulates of the networks of splits; smaller ones among"
  " the first --num_architectures are left out.",
  lower_bound=0,
)
_MAX_MACS = flags.DEFINE_integer(
  "max_macs",
  None,
  "Greatest multiply-accumulates of the networks of splits, in the same way;"
  " any if None.",
  lower_bound=1,
)
_SPACE = flags.DEFINE_enum(
  "space",
  None,
  sorted(space_lib.SPACES),
  "Search space of the splits; what training drew from if None.",
)
_TARGET = flags.DEFINE_multi_string(
  "target",
  [],
  f"Network: {targets.HELP}; may be given several times.",
)
_NUM_IMAGES = flags.DEFINE_integer(
  "num_images",
  None,
  "Number of test images to measure on; all if None.",
  lower_bound=1,
)
_RECIPES = flags.DEFINE_list(
  "recipes",
  ["float", "w8a8", "w4a4", "w2a2"],
  f"How networks are rounded, such as {', '.join(recipe_lib.RECIPES)}; bits of"
  " single layers may follow, as in w4a4+stem=w8a8+logits=w8a8.",
)
_METHODS = flags.DEFINE_list(
  "methods",
  [settings_lib.PREDICTED],
  "Where parameters come from: predicted; random, as He initializes them. After"
  " a plus, for how many epochs they are trained on, in each recipe: random+5.",
)
_CROP_PADDING = flags.DEFINE_integer(
  "crop_padding",
  None,
  "Black pixels around the images of these epochs before they are cropped at"
  " random, 0 for no crop; as ghn-finetune has it if None.",
  lower_bound=0,
)
_HEADS = flags.DEFINE_list(
  "heads",
  [settings_lib.OWN],
  "Where classifiers come from: own, as the other parameters; fitted, solved"
  " for in closed form with 4,096 labelled training images. Targets of other"
  " classes than the hypernetwork's need fitted alone.",
)
_BATCH_NORMS = flags.DEFINE_list(
  "batch_norms",
  [settings_lib.STORED],
  "Statistics of BatchNorm, and ranges: stored, as deployed; batch, of each"
  " batch of 64 test images, as GHN-2 is evaluated.",
)
_RANGE_RULE = flags.DEFINE_enum_class(
  "range_rule",
  None,
  recipe_lib.RangeRule,
  "How far the grids of kernels and activations reach, in place of the recipes'"
  " own rules: to the greatest value, or by least squared error.",
)
_SCORES = flags.DEFINE_list(
  "scores",
  [],
  "Scores to take beside accuracies, by which people rank networks without"
  f" training any: {', '.join(settings_lib.SCORES)}. ghn-rank compares all.",
)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file to write, if any.")
_OVERWRITE = flags.DEFINE_bool(
  "overwrite", False, "Whether to replace an output that exists."
)


# Of so many networks each is told of.
_FEW = 20


def _settings() -> settings_lib.Settings:
  return settings_lib.Settings(
    tuple(_RECIPES.value),
    tuple(_METHODS.value),
    tuple(_HEADS.value),
    tuple(_BATCH_NORMS.value),
    _NUM_IMAGES.value,
    _RANGE_RULE.value,
    tuple(_SCORES.value),
    _CROP_PADDING.value,
  )


def _of_split(predictor: Any, split: str) -> list[Any]:
  """Returns the networks of a split that are within the limits."""
  first = predictor.split(split, _NUM_ARCHITECTURES.value, _SPACE.value)
  greatest = _MAX_MACS.value or math.inf
  result = [n for n in first if _MIN_MACS.value <= n.macs <= greatest]
  if len(result) < len(first):
    logging.warning(
      "%d of the first %d networks of %s are left out, as they are not within"
      " --min_macs and --max_macs.",
      *(len(first) - len(result), len(first), split),
    )
  return result


def _content(
  metadata: checkpoint.Metadata, dataset: data.Dataset, seconds: float
) -> dict[str, Any]:
  """Returns what the JSON file says of a whole evaluation.

  Args:
    metadata: of the hypernetwork.
    dataset: of the images.
    seconds: that measuring took, in all processes that it went on in.
  """
  trained = metadata.get("seconds", 0.0)  # imported weights: none
  return {
    "checkpoint": jobs.CHECKPOINT.value,
    "seconds": trained + seconds,
    "training_seconds": trained,
    "evaluation_seconds": seconds,
    "steps": metadata.get("step", 0),
    "dataset": dataset.name,
    "range_rule": _RANGE_RULE.value,
    "crop_padding": _CROP_PADDING.value,
    "num_images": min(
      _NUM_IMAGES.value or len(dataset.test), len(dataset.test)
    ),
  }


def _note(metadata: checkpoint.Metadata, dataset: data.Dataset) -> str:
  """Returns a line if other images are used than those of training."""
  own = metadata["training"]["dataset"]
  if images.DATASET.value or dataset.name == own:
    return ""
  return (
    f"It was trained on {own}, which is not at hand: name the folder that holds"
    " it with\n--data_dir, or allow a --download.\n"
  )


def _report(
  reports: Mapping[str, list[Any]], note: str, content: dict[str, Any]
) -> None:
  """Prints tables and what they hold, and writes that where the flags say.

  Args:
    reports: of the networks of each split.
    note: on the images.
    content: of the file, to which what was measured is added.
  """
  from ghn_tf.evaluation import table  # TensorFlow, which --help does without

  rows = table.rows(reports, content["num_images"])
  content["rows"] = table.to_json(rows)
  content["networks"] = [
    {"split": split, **report.to_json()}
    for split, found in reports.items()
    for report in found
  ]
  parts = [table.summary(rows)]
  every = [*itertools.chain(*reports.values())]
  if len(every) <= _FEW:
    parts = [
      table.by_network(every),
      *parts,
      *(
        extent.tell(report.name, report.outside_of_training)
        for report in every
        if report.outside_of_training
      ),
    ]
  body = "\n\n".join(parts)
  print(
    f"Top-1 accuracy in % on {content['num_images']} test images of"
    f" {content['dataset']}; tflite_w8a8 is the int8\nfile in the interpreter."
    f" Means are given with their standard error over networks.\n{note}\n"
    f"{body}\n\nTrained for {content['steps']} steps in"
    f" {content['training_seconds']:.0f} s, measured in"
    f" {content['evaluation_seconds']:.0f} s."
  )
  if _OUTPUT.value:
    text = json.dumps(content, indent=2, allow_nan=False)
    files.write(_OUTPUT.value, text + "\n")
    print(f"Written to {_OUTPUT.value}.")


@contextlib.contextmanager
def _folder_of_records(temp_location: str | None) -> Iterator[str]:
  """Gives the folder in which the records of a job have their own."""
  if temp_location:
    yield temp_location
  elif _OUTPUT.value:
    yield os.path.dirname(os.path.abspath(_OUTPUT.value))
  else:
    with tempfile.TemporaryDirectory() as folder:
      yield folder


def _failures(results: Sequence[Any]) -> list[str]:
  """Returns of each network that lacks something what that is, and why."""
  return [
    result
    if isinstance(result, str)
    else "\n".join(f"{result.name}, {error}" for error in result.errors)
    for result in results
    if isinstance(result, str) or result.errors
  ]


def evaluate() -> None:
  """Measures what the flags ask for."""
  start = time.monotonic()
  settings = _settings()
  for split in _SPLITS.value:
    if split not in splits.EVALUATION_SPLITS:
      raise ValueError(
        f"--splits must be of {', '.join(splits.EVALUATION_SPLITS)}; got"
        f" {split!r}."
      )
  for name, values in (("splits", _SPLITS.value), ("target", _TARGET.value)):
    if len({*values}) < len(values):
      raise ValueError(
        f"--{name} must name none twice; got {','.join(values)!r}."
      )
  expected = len(_SPLITS.value) * _NUM_ARCHITECTURES.value + len(_TARGET.value)
  if not expected:
    raise ValueError("Nothing to evaluate: give --splits or --target.")
  of_splits = ("num_architectures", "min_macs", "max_macs", "space")
  program.check_effect(_SPLITS.value, "--splits", *of_splits)
  trains = any(settings_lib.parse_method(m)[1] for m in settings.methods)
  program.check_effect(trains, "--methods with epochs", "crop_padding")
  if _OUTPUT.value:
    targets.check_output(_OUTPUT.value, *_TARGET.value)
    files.check_writable(_OUTPUT.value, overwrite=_OVERWRITE.value)
  # What needs no TensorFlow comes first, as wrong input should not wait for it.
  images.check()
  checkpoint.find(jobs.CHECKPOINT.value)
  options = beam.options(much_to_do=expected > _FEW)
  with program.importing():
    own = [targets.load(target) for target in _TARGET.value]
  own = [images.resized(network) for network in own]

  program.import_silently("tensorflow")
  from ghn_tf.evaluation import clock
  from ghn_tf.evaluation import pipeline

  job = jobs.resolved(settings=settings)
  predictor = job.predictor
  for network in own:
    predictor.check_network(network, settings.head)
  networks = [
    (split, images.resized(network))
    for split in _SPLITS.value
    for network in _of_split(predictor, split)
  ]
  networks += [("target", network) for network in own]
  if not networks:
    raise ValueError(
      "No network of these splits is within --min_macs and --max_macs; relax"
      " them, or give more --num_architectures."
    )
  dataset = job.images(networks[0][1])
  with _folder_of_records(beam.temp_location(options)) as parent:
    records = pipeline.folder(job, parent)
    with clock.running(records, start) as seconds, beam.telling():
      results = pipeline.run([n for _, n in networks], job, options, records)
      took = seconds()
    reports: dict[str, list[Any]] = {}
    for (split, _), result in zip(networks, results, strict=True):
      if not isinstance(result, str):
        reports.setdefault(split, []).append(result)
    if reports:
      content = _content(predictor.metadata, dataset, took)
      _report(reports, _note(predictor.metadata, dataset), content)
    if not any(isinstance(result, str) for result in results):
      pipeline.remove(records)
    if failures := _failures(results):
      raise ValueError(
        f"{len(failures)} of {len(networks)} networks could not be measured in"
        " all settings:\n" + "\n".join(failures)
      )


def main() -> None:
  """Runs the program."""
  program.run(evaluate)
