# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures many networks, on any number of machines: an Apache Beam pipeline.

Networks go to the workers as JSON text, so that no module of a user's has to be
there, and come back as one line of JSON each. Hypernetwork and images do not
travel: every process loads them once, by their names.
"""

from collections.abc import Iterator, Sequence
import dataclasses
import functools
import json
import logging
import tempfile
import threading
from typing import Any
import uuid

import apache_beam as beam
from apache_beam.io import filesystems
from apache_beam.options import pipeline_options
import tensorflow as tf

from ghn_tf import data
from ghn_tf import predictor as predictor_lib
from ghn_tf.arch import serialization
from ghn_tf.arch import spec
from ghn_tf.evaluation import networks
from ghn_tf.quant import recipe as recipe_lib

# Of Python's own, whose levels Beam sets in its workers.
_LOGGER = logging.getLogger(__name__)
# A runner may give a process several threads. They would compete for the cores,
# and TensorFlow 2.21 may crash where they meet an operation for the first time
# (see `ghn_tf.training.children`).
_ONE_AT_A_TIME = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Job:
  """How networks are measured, by names that mean the same to every worker.

  Attributes:
    checkpoint: of the hypernetwork, as `predictor.load` takes it.
    dataset: name of the images, as `data.load` takes it; those of training if
      None (`Predictor.own_dataset`).
    data_dir: folder of TensorFlow Datasets; its own default if None.
    download: whether images that are not in it may be downloaded.
    recipes: names, w8a8 among them.
    num_images: number of test images; all if None.
    range_rule: how far grids reach; each recipe's own rules if None.
  """

  checkpoint: str
  dataset: str | None = None
  data_dir: str | None = None
  download: bool = False
  recipes: tuple[str, ...] = ("w8a8",)
  num_images: int | None = None
  range_rule: recipe_lib.RangeRule | None = None

  def load(self) -> tuple[predictor_lib.Predictor, data.Dataset]:
    """Returns hypernetwork and images; a process loads the latest ones once.

    Raises:
      CheckpointError: there is no such checkpoint, or it is damaged.
      FileNotFoundError: the data set is not in data_dir.
      ValueError: it cannot be loaded, or has other classes.
    """
    return _predictor(self.checkpoint), _dataset(
      self.checkpoint, self.resolved().dataset, self.data_dir, self.download
    )

  def resolved(self) -> "Job":
    """Returns the job with the name of its images, if it lacks that."""
    name = self.dataset or _predictor(self.checkpoint).own_dataset(
      self.data_dir, download=self.download
    )
    return dataclasses.replace(self, dataset=name)


@functools.lru_cache(maxsize=1)
def _predictor(checkpoint: str) -> predictor_lib.Predictor:
  return predictor_lib.load(checkpoint)


@functools.lru_cache(maxsize=1)
def _dataset(
  checkpoint: str, name: str | None, data_dir: str | None, download: bool
) -> data.Dataset:
  predictor = _predictor(checkpoint)
  return predictor.load_data(name, data_dir, download=download)


class _Measure(beam.DoFn):
  """From the number of a network and its JSON to a record of its report."""

  def __init__(self, job: Job, num_networks: int):
    self._job = job
    self._num_networks = num_networks

  def setup(self) -> None:
    with _ONE_AT_A_TIME:
      self._predictor, self._dataset = self._job.load()

  def process(self, element: tuple[int, str]) -> Iterator[str]:
    index, text = element
    architecture = serialization.from_json(text)
    record: dict[str, Any] = {"index": index}
    try:
      with _ONE_AT_A_TIME:
        report = networks.evaluate_network(
          self._predictor,
          architecture,
          self._dataset,
          self._job.recipes,
          num_images=self._job.num_images,
          range_rule=self._job.range_rule,
        )
    except (ValueError, MemoryError, tf.errors.OpError) as error:
      # Of this network alone; an exception would end the others too.
      record["error"] = f"{architecture.name}: {error}"
      result = "not measured"
    else:
      record["report"] = report.to_json()
      accuracy = 100 * report.accuracy["w8a8"]
      result = f"w8a8 {accuracy:.1f} %, {report.seconds:.1f} s"
    place = index + 1, self._num_networks
    _LOGGER.info("Network %d of %d, %s: %s.", *place, architecture.name, result)
    yield json.dumps(record)


def run(
  architectures: Sequence[spec.Architecture],
  job: Job,
  options: pipeline_options.PipelineOptions,
) -> tuple[list[networks.NetworkReport], list[str]]:
  """Returns the reports of networks, in their order.

  Args:
    architectures: the networks.
    job: how they are measured.
    options: of Beam, the runner among them. Reports are collected in a file
      in its temp_location, or else in the system's folder of temporary files,
      which the workers must share with this machine.

  Returns:
    The reports, and for each network that cannot be measured its name and why.

  Raises:
    FileNotFoundError: the workers do not share the folder.
  """
  elements = [
    (index, serialization.to_json(architecture))
    for index, architecture in enumerate(architectures)
  ]
  job = job.resolved()  # here and now: workers may not find the same
  cloud = options.view_as(pipeline_options.GoogleCloudOptions)
  path = filesystems.FileSystems.join(
    cloud.temp_location or tempfile.gettempdir(),
    f"ghn_tf-{uuid.uuid4().hex}.jsonl",
  )
  with beam.Pipeline(options=options) as pipeline:
    (
      pipeline
      | "Networks" >> beam.Create(elements, reshuffle=True)
      | "Measure" >> beam.ParDo(_Measure(job, len(elements)))
      # One file, of exactly this name.
      | "Write"
      >> beam.io.WriteToText(path, num_shards=1, shard_name_template="")
    )
  records = {record["index"]: record for record in _read(path)}
  filesystems.FileSystems.delete([path])
  ordered = [records[index] for index in range(len(elements))]
  return (
    [networks.NetworkReport(**r["report"]) for r in ordered if "report" in r],
    [r["error"] for r in ordered if "error" in r],
  )


def _read(path: str) -> Iterator[dict[str, Any]]:
  if not filesystems.FileSystems.exists(path):
    raise FileNotFoundError(
      f"No worker wrote {path!r}: as the runner's option temp_location, name a"
      " folder that the workers share with this machine."
    )
  with filesystems.FileSystems.open(path) as lines:
    yield from map(json.loads, lines)
