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

import json
import logging as std_logging
import os
import pathlib
import sys
import time

from absl import flags

# Run as a file, Python looks for modules in tools/ and not beside it.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

# ruff: noqa: E402
from ghn_tf import data
from ghn_tf import files
from ghn_tf import predictor as predictor_lib
from ghn_tf import targets
from ghn_tf.evaluation import networks as networks_lib
from ghn_tf.evaluation import pipeline
from ghn_tf.ghn import checkpoint
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.spaces import extent
from tools import beam
from tools import program

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


def table(reports: list[networks_lib.NetworkReport]) -> str:
  """Returns the reports as text, one network a line, accuracies in %."""
  columns = list(reports[0].accuracy)
  head = ["network", "MMACs", "params", *columns, "bytes", "seconds"]
  rows = [head]
  for report in reports:
    rows.append(
      [
        report.name + ("" if report.unseen else " (may have been seen)"),
        f"{report.macs / 1e6:.1f}",
        f"{report.num_params:,}",
        *(f"{100 * report.accuracy[name]:.1f}" for name in columns),
        f"{report.tflite_bytes:,}",
        f"{report.seconds:.1f}",
      ]
    )
  count = len(reports)
  means = [sum(r.accuracy[c] for r in reports) / count for c in columns]
  mean = ["mean", "", "", *(f"{100 * m:.1f}" for m in means), "", ""]
  rows.append(mean)
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  lines = [
    "  ".join(
      [row[0].ljust(widths[0])]
      + [cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)]
    )
    for row in rows
  ]
  rule = "-" * len(lines[0])
  return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _job() -> pipeline.Job:
  source = _CHECKPOINT.value
  if os.path.isdir(source):
    # Training may go on, and all workers need the same checkpoint.
    source, _, _ = checkpoint.find(source)
  return pipeline.Job(
    checkpoint=source,
    dataset=_DATASET.value,
    data_dir=_DATA_DIR.value,
    download=_DOWNLOAD.value,
    recipes=tuple(dict.fromkeys([*_RECIPES.value, "w8a8"])),
    num_images=_NUM_IMAGES.value,
    range_rule=_RANGE_RULE.value,
  )


def _report(
  reports: list[networks_lib.NetworkReport],
  predictor: predictor_lib.Predictor,
  dataset: data.Dataset,
  seconds: float,
) -> None:
  """Prints the reports, and writes them where the flags say."""
  trained = predictor.metadata.get("seconds", 0.0)  # imported: none
  num_images = min(_NUM_IMAGES.value or len(dataset.test), len(dataset.test))
  own = predictor.metadata["training"]["dataset"]
  note = ""
  if not _DATASET.value and dataset.name != own:
    note = (
      f"It was trained on {own}, which is not at hand: name the folder that"
      " holds it with\n--data_dir, or allow a --download.\n"
    )
  outside = "".join(
    f"{extent.tell(report.name, report.outside_of_training)}\n\n"
    for report in reports
    if report.outside_of_training
  )
  print(
    f"Top-1 accuracy in % on {num_images} test images of {dataset.name}, with"
    " stored\nstatistics as deployed; tflite_w8a8 is the int8 file in the"
    f" interpreter.\n{note}\n{table(reports)}\n\n{outside}Trained for"
    f" {predictor.metadata.get('step', 0)} steps in {trained:.0f} s, measured"
    f" in {seconds:.0f} s."
  )
  if _OUTPUT.value:
    content = {
      "seconds": trained + seconds,
      "training_seconds": trained,
      "evaluation_seconds": seconds,
      "steps": predictor.metadata.get("step", 0),
      "dataset": dataset.name,
      "num_images": num_images,
      "range_rule": _RANGE_RULE.value,
      "networks": [r.to_json() for r in reports],
    }
    files.write(_OUTPUT.value, json.dumps(content, indent=2) + "\n")
    print(f"Written to {_OUTPUT.value}.")


def evaluate() -> None:
  """Measures what the flags ask for."""
  start = time.monotonic()
  options = beam.options()
  if _OUTPUT.value:
    targets.check_output(_OUTPUT.value, *_TARGET.value)
    files.check_writable(_OUTPUT.value, overwrite=_OVERWRITE.value)
  networks = [targets.load(target) for target in _TARGET.value]
  job = _job()
  predictor, dataset = job.load()
  for network in networks:
    predictor.check_network(network)
  networks = [*predictor.held_out(_UNSEEN.value), *networks]
  if not networks:
    raise ValueError("Nothing to evaluate: give --unseen or --target.")
  with beam.telling():
    reports, errors = pipeline.run(networks, job, options)
  if reports:
    _report(reports, predictor, dataset, time.monotonic() - start)
  if errors:
    raise ValueError(
      f"{len(errors)} of {len(networks)} networks could not be measured:\n"
      + "\n".join(errors)
    )


if __name__ == "__main__":
  # Beam tells every step it takes.
  std_logging.getLogger("apache_beam").setLevel(std_logging.WARNING)
  program.run(evaluate)
