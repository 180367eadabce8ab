# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How well predicted networks classify: float, fake-quantized and as files."""

from collections.abc import Sequence
import dataclasses
import time
from typing import Any

from ghn_tf import data
from ghn_tf import predictor as predictor_lib
from ghn_tf.arch import spec
from ghn_tf.child import accuracy
from ghn_tf.child import calibrate
from ghn_tf.child import network
from ghn_tf.edge import tflite
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.spaces import extent


@dataclasses.dataclass(frozen=True)
class NetworkReport:
  """What was measured of one network.

  Attributes:
    name: of the network.
    unseen: whether training is known not to have drawn it.
    outside_of_training: in which measures it is unlike the networks of
      training; None if these are not known.
    macs: multiply-accumulates for one image.
    num_params: number of parameters.
    accuracy: top-1 with stored statistics, as deployed, by recipe; files
      under "tflite_<recipe>", run in the interpreter.
    batch_statistics_accuracy: the same in the published protocol.
    tflite_bytes: size of the w8a8 file.
    seconds: what predicting, calibrating, converting and running took.
  """

  name: str
  unseen: bool
  outside_of_training: extent.Outside | None
  macs: int
  num_params: int
  accuracy: dict[str, float]
  batch_statistics_accuracy: dict[str, float]
  tflite_bytes: int
  seconds: float

  def to_json(self) -> dict[str, Any]:
    """Returns the fields for a JSON file."""
    return dataclasses.asdict(self)


def evaluate_network(
  predictor: predictor_lib.Predictor,
  architecture: spec.Architecture,
  dataset: data.Dataset,
  recipes: Sequence[str],
  *,
  num_images: int | None = None,
  range_rule: recipe_lib.RangeRule | None = None,
) -> NetworkReport:
  """Predicts one network in every recipe and measures it.

  Args:
    predictor: a trained hypernetwork.
    architecture: the network.
    dataset: its training split calibrates, its test split measures.
    recipes: names, w8a8 among them: the integer file is made of it.
    num_images: number of test images; all if None.
    range_rule: how far grids reach; each recipe's own rules if None.
  """
  start = time.monotonic()
  images = predictor.normalize(dataset.test.images[:num_images])
  labels = dataset.test.labels[:num_images]
  batches = [
    (images[i : i + network.BATCH_SIZE], labels[i : i + network.BATCH_SIZE])
    for i in range(0, len(images), network.BATCH_SIZE)
  ]
  stored: dict[str, float] = {}
  batch: dict[str, float] = {}
  children = {
    name: predictor.child(
      architecture,
      recipe_lib.get(name, range_rule=range_rule),
      calibration_images=dataset.train.images[: calibrate.NUM_IMAGES],
    )
    for name in recipes
  }
  for name, child in children.items():
    for accuracies, training in ((stored, False), (batch, True)):
      accuracies[name] = accuracy.top1(
        architecture, child.params, batches, child.recipe, training=training
      )
  content = children["w8a8"].to_tflite()
  stored["tflite_w8a8"] = tflite.Interpreter(content).accuracy(images, labels)
  return NetworkReport(
    architecture.name,
    predictor.is_unseen(architecture),
    predictor.outside(architecture),
    architecture.macs,
    architecture.num_params,
    stored,
    batch,
    len(content),
    time.monotonic() - start,
  )


def table(reports: Sequence[NetworkReport]) -> str:
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
