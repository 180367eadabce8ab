# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures many networks, on any number of machines; see `work`.

Networks go to the workers as JSON text, so that no module of a user's has to be
there. Hypernetwork and images do not travel: every process loads them once, by
their names.
"""

from collections.abc import Sequence
import dataclasses
import functools
import hashlib
import logging
import os
import pathlib

from apache_beam.io import filesystems
from apache_beam.options import pipeline_options
import tensorflow as tf

import ghn_tf
from ghn_tf import data
from ghn_tf import predictor as predictor_lib
from ghn_tf import preparation
from ghn_tf.arch import serialization
from ghn_tf.arch import spec
from ghn_tf.evaluation import network_report
from ghn_tf.evaluation import networks
from ghn_tf.evaluation import progress
from ghn_tf.evaluation import settings as settings_lib
from ghn_tf.evaluation import work
from ghn_tf.ghn import checkpoint

# Of Python's own, whose levels Beam sets in its workers.
_LOGGER = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Job:
  """How networks are measured, by names that mean the same to every worker.

  Attributes:
    checkpoint: of the hypernetwork, as `predictor.load` takes it.
    dataset: name of the images, as `data.load` takes it; those of training if
      None (`Predictor.own_dataset`).
    data_dir: folder of TensorFlow Datasets; its own default if None.
    download: whether images that are not in it may be downloaded.
    settings: in which ways.
  """

  checkpoint: str
  dataset: str | None = None
  data_dir: str | None = None
  download: bool = False
  settings: settings_lib.Settings = settings_lib.Settings()

  @property
  def predictor(self) -> predictor_lib.Predictor:
    """The hypernetwork; a process loads the latest one once.

    Raises:
      CheckpointError: there is no such checkpoint, or it is damaged.
    """
    return _predictor(self.checkpoint)

  def images(self, network: spec.Architecture) -> data.Dataset:
    """Returns images for a network; a process loads the latest ones once.

    Raises:
      FileNotFoundError: the data set is not in data_dir.
      ValueError: it cannot be loaded, or has other classes.
    """
    return _fitting(
      (self._dataset_name, self.data_dir, self.download),
      network.input_shape,
      network.num_classes,
    )

  def images_of_size(self, size: tuple[int, int]) -> data.Dataset:
    """As `images`, of a height and width, with the classes that they have."""
    return _sized((self._dataset_name, self.data_dir, self.download), size)

  def resolved(self) -> "Job":
    """Returns the job with names that go on to mean what they mean now.

    Training may go on in a workdir, so it is named by its checkpoint; images
    that were not named are those of training, which others may not have.

    Raises:
      CheckpointError: there is no such checkpoint, or it is damaged.
    """
    job = self
    if os.path.isdir(self.checkpoint):
      path, _, _ = checkpoint.find(self.checkpoint)
      job = dataclasses.replace(self, checkpoint=path)
    return dataclasses.replace(job, dataset=job._dataset_name)

  @property
  def _dataset_name(self) -> str:
    return self.dataset or self.predictor.own_dataset(
      self.data_dir, download=self.download
    )


@functools.lru_cache(maxsize=1)
def _predictor(checkpoint: str) -> predictor_lib.Predictor:
  return predictor_lib.load(checkpoint)


# Name, data_dir and download, as `data.load` takes them.
_Named = tuple[str, str | None, bool]


@functools.lru_cache(maxsize=1)
def _sized(named: _Named, size: tuple[int, int]) -> data.Dataset:
  name, data_dir, download = named
  return data.load(name, data_dir, image_size=size, download=download)


@functools.lru_cache(maxsize=1)
def _fitting(
  named: _Named, shape: tuple[int, int, int], num_classes: int
) -> data.Dataset:
  dataset = _sized(named, shape[:2])
  return preparation.fitting(dataset, shape[2], num_classes)


def folder(job: Job, parent: str, what: object = "evaluation") -> str:
  """Returns a folder for the records of a job, of a name that tells it.

  Args:
    job: `resolved`.
    parent: which the workers share with this machine.
    what: is done with it, as far as the job does not tell.
  """
  path, _, _ = checkpoint.find(job.checkpoint)
  digest = hashlib.sha256(repr((ghn_tf.__version__, job, what)).encode())
  digest.update(pathlib.Path(path).read_bytes())
  return filesystems.FileSystems.join(
    parent, f"records-{digest.hexdigest()[:16]}"
  )


@dataclasses.dataclass(frozen=True)
class _Measure:
  """From a network's number and JSON to a record of it; a `work.Task`."""

  job: Job
  num_networks: int

  def prepare(self) -> None:
    """See `work.Task`."""
    _ = self.job.predictor

  def record(self, element: tuple[int, str]) -> work.Record:
    """See `work.Task`."""
    index, text = element
    architecture = serialization.from_json(text)
    record: work.Record = {}
    try:
      report = networks.evaluate_network(
        self.job.predictor,
        architecture,
        self.job.images(architecture),
        self.job.settings,
      )
    except (ValueError, MemoryError, tf.errors.OpError) as error:
      # Of this network alone; an exception would end the others too.
      record["error"] = f"{architecture.name}: {error}"
      result = "not measured"
    else:
      record["report"] = report.to_json()
      setting, accuracy = next(iter(report.accuracy.items()))
      result = (
        f"{setting.recipe} {100 * accuracy:.1f} %, {report.seconds:.1f} s"
      )
    place = index + 1, self.num_networks
    _LOGGER.info("Network %d of %d, %s: %s.", *place, architecture.name, result)
    return record


def run(
  architectures: Sequence[spec.Architecture],
  job: Job,
  options: pipeline_options.PipelineOptions,
  records: str,
) -> list[network_report.NetworkReport | str]:
  """Measures networks, as far as there are no reports of them yet.

  Args:
    architectures: the networks.
    job: how they are measured, `resolved`: workers may not find the same.
    options: of Beam, the runner among them.
    records: a `folder`, where each network's report is written and found.

  Returns:
    For each network its report, or else its name and why there is none.

  Raises:
    FileNotFoundError: the workers do not share the folder.
  """
  texts = [
    serialization.to_json(architecture) for architecture in architectures
  ]
  elements = {text: (index, text) for index, text in enumerate(texts)}
  task = _Measure(job, len(texts))
  with progress.Progress("networks", len(elements)) as shown:
    made = work.run(task, elements, options, records, shown)
  found = dict(zip(elements, made, strict=True))
  return [
    network_report.NetworkReport.from_json(found[text]["report"])
    if "report" in found[text]
    else found[text]["error"]
    for text in texts
  ]


def remove(records: str) -> None:
  """Removes the records of a job that is done."""
  filesystems.FileSystems.delete([records])
