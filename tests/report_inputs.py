# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Small things to be shown on pages, with figures that are known by hand."""

from collections.abc import Iterable, Iterator, Sequence
import copy
import functools
import json
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import calibrate
from ghn_tf.child import random_params
from ghn_tf.edge import edgetpu
from ghn_tf.edge import model_file
from ghn_tf.edge import report as report_lib
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.report import network_section
from ghn_tf.report import page
from tests import int8_files

_TRAINING = {
  "meta_batch_size": 8,
  "evaluate_every_steps": 50,
  "evaluation_architectures": 4,
  "space": "<b>",
}


def write_run(folder: pathlib.Path, *, is_evaluated: bool = True) -> str:
  """Writes a run of four records and returns its workdir."""
  folder.mkdir()
  config = json.dumps({"training": _TRAINING})
  (folder / "config.json").write_text(config)
  records = []
  for step in (50, 100, 150, 200):
    records.append(
      {
        "step": step,
        "loss": 100 / step,
        "accuracy": step / 400,
        "networks_per_second": 3.0,
        "memory_bytes": 2e9,
        "hours": step / 100,
        "processor_hours": step / 200,
      }
    )
  records[1]["loss"] = float("nan")
  if is_evaluated:
    records[1] |= {"validation/float_accuracy": 0.5}
    records[3] |= {
      "validation/float_accuracy": 0.25,
      "validation/w4a4_accuracy": 0.2,
    }
  lines = [f"{json.dumps(record)}\n" for record in records]
  (folder / "metrics.jsonl").write_text("".join(lines))
  return str(folder)


_USUAL = {"method": "predicted", "head": "own", "batch_norm": "stored"}
_FITTED = {**_USUAL, "head": "fitted"}


def _row(split: str, recipe: str, mean: float, **fields: Any) -> dict[str, Any]:
  return {
    **{"split": split, "recipe": recipe, **_USUAL, "mean": mean},
    **{"standard_error": 0.01, "best": mean + 0.1},
    **{"num_networks": 2, "num_images": 100, **fields},
  }


def _network(name: str, split: str, macs: int, *top1: float) -> dict[str, Any]:
  accuracy = [
    {"recipe": "float", **_USUAL, "top1": top1[0]},
    {"recipe": "w4a4", **_FITTED, "top1": top1[1]},
  ]
  return {
    **{"name": name, "split": split, "unseen": True, "macs": macs},
    **{"num_params": macs // 10, "accuracy": accuracy},
    **{"outside_of_training": None, "scores": {}},
    **{"tflite_bytes": None, "seconds": 1.5},
  }


TABLE: dict[str, Any] = {
  **{"checkpoint": "runs/a", "dataset": "cifar10", "steps": 1000},
  "num_images": 100,
  "rows": [
    _row("test", "float", 0.5),
    _row("test", "w4a4", 0.4, **_FITTED),
    _row("wide", "float", 0.25, standard_error=None),
  ],
  "networks": [
    _network("small", "test", 1_000, 0.5, 0.4),
    _network("<large>", "test", 3_000, 0.7, 0.3),
    _network("worse", "wide", 2_000, 0.4, 0.45),
  ],
}


def write_table(path: pathlib.Path, content: Any = TABLE) -> str:
  """Writes a table and returns its path."""
  path.write_text(json.dumps(content))
  return str(path)


IMAGES = np.random.default_rng(0).standard_normal((64, 8, 8, 3), np.float32)


def architecture() -> spec.Architecture:
  """Returns a network with a branch."""
  builder = spec.Builder((8, 8, 3))
  conv = builder.add(ops.Op.CONV, 0, name="conv", kernel=(3, 3), filters=2)
  relu = builder.add(ops.Op.RELU, conv, name="relu")
  deep = builder.add(ops.Op.DEPTHWISE_CONV, relu, name="deep", kernel=(3, 3))
  both = builder.add(ops.Op.ADD, relu, deep, name="both")
  mean = builder.add(ops.Op.GLOBAL_AVG_POOL, both, name="mean")
  builder.add(ops.Op.DENSE, mean, name="logits", filters=3, use_bias=True)
  return builder.build("net")


@functools.cache
def network(recipe_name: str) -> page.Section:
  """Returns the section of the network with random parameters."""
  recipe = recipe_lib.get(recipe_name)
  own = architecture()
  params = random_params.he_normal(own)
  images = [tf.constant(IMAGES)]
  calibrated = calibrate.calibrate(own, params, images, recipe=recipe)
  return network_section.section(
    own,
    calibrated,
    recipe,
    checkpoint="<ghn>",
    max_distance=50,
    images=IMAGES,
    note="A <b>note.",
  )


def edge() -> tuple[model_file.ModelFile, report_lib.EdgeReport]:
  """Returns what a file says, and what it costs."""
  content = int8_files.network()
  model = model_file.read(content)
  inputs = int8_files.inputs([1, 8, 8, 3])
  return model, edgetpu.report(content, model, inputs)


def wrong(
  whole: Any,
  places: Iterable[Sequence[str | int]],
  values: Sequence[Any],
) -> Iterator[Any]:
  """Yields copies of a content, with another value in one place each.

  Args:
    whole: objects and lists within each other.
    places: ways to values, by keys and indices.
    values: to be there instead.
  """
  for *way, last in places:
    for value in values:
      content = copy.deepcopy(whole)
      place = content
      for key in way:
        place = place[key]
      place[last] = value
      yield content
