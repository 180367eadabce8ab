# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Measures many networks, on any number of machines: an Apache Beam pipeline.

Networks go to the workers as JSON text, so that no module of a user's has to be
there. Hypernetwork and images do not travel: every process loads them once, by
their names. A worker writes what it measured of a network into a file of its
own, so that a run that was stopped goes on where it was.
"""

from collections.abc import Iterator, Sequence
import contextlib
import dataclasses
import functools
import hashlib
import json
import logging
import pathlib
import threading
from typing import Any

import apache_beam as beam
from apache_beam.io import filesystems
from apache_beam.options import pipeline_options
import tensorflow as tf

import ghn_tf
from ghn_tf import data
from ghn_tf import predictor as predictor_lib
from ghn_tf.arch import serialization
from ghn_tf.arch import spec
from ghn_tf.evaluation import networks
from ghn_tf.evaluation import settings as settings_lib
from ghn_tf.ghn import checkpoint
from ghn_tf.training import metrics

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
    return _dataset(
      self.checkpoint,
      self.resolved().dataset,
      self.data_dir,
      self.download,
      network.input_shape,
      network.num_classes,
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
  checkpoint: str,
  name: str | None,
  data_dir: str | None,
  download: bool,
  shape: tuple[int, int, int],
  num_classes: int,
) -> data.Dataset:
  return _predictor(checkpoint).load_data(
    name,
    data_dir,
    download=download,
    shape=shape,
    num_classes=num_classes,
  )


def folder(job: Job, parent: str) -> str:
  """Returns a folder for the records of a job, of a name that tells it.

  Args:
    job: `resolved`.
    parent: which the workers share with this machine.
  """
  path, _, _ = checkpoint.find(job.checkpoint)
  digest = hashlib.sha256(repr((ghn_tf.__version__, job)).encode())
  digest.update(pathlib.Path(path).read_bytes())
  return filesystems.FileSystems.join(
    parent, f"evaluation-{digest.hexdigest()[:16]}"
  )


class _Measure(beam.DoFn):
  """From a network's number and JSON to a record of it in a folder."""

  def __init__(self, job: Job, records: str, num_networks: int):
    self._job = job
    self._records = records
    self._num_networks = num_networks

  def setup(self) -> None:
    with _ONE_AT_A_TIME:
      self._predictor = self._job.predictor

  def process(self, element: tuple[int, str]) -> None:
    index, text = element
    architecture = serialization.from_json(text)
    record: dict[str, Any] = {}
    try:
      with _ONE_AT_A_TIME:
        report = networks.evaluate_network(
          self._predictor,
          architecture,
          self._job.images(architecture),
          self._job.settings,
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
    place = index + 1, self._num_networks
    _LOGGER.info("Network %d of %d, %s: %s.", *place, architecture.name, result)
    path = _path(self._records, text)
    with filesystems.FileSystems.create(f"{path}.part") as file:
      file.write(json.dumps(record).encode())
    filesystems.FileSystems.rename([f"{path}.part"], [path])


def run(
  architectures: Sequence[spec.Architecture],
  job: Job,
  options: pipeline_options.PipelineOptions,
  records: str,
) -> list[networks.NetworkReport | str]:
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
  if not filesystems.FileSystems.exists(records):
    filesystems.FileSystems.mkdirs(records)
  texts = [
    serialization.to_json(architecture) for architecture in architectures
  ]
  elements = [
    (index, text)
    for index, text in enumerate(texts)
    if "report" not in _read(records, text)
  ]
  with _bar(len(texts), len(elements), records):
    with beam.Pipeline(options=options) as pipeline:
      (
        pipeline
        | "Networks" >> beam.Create(elements, reshuffle=True)
        | "Measure" >> beam.ParDo(_Measure(job, records, len(texts)))
      )
  result: list[networks.NetworkReport | str] = []
  for text in texts:
    record = _read(records, text)
    if not record:
      raise FileNotFoundError(
        f"No worker wrote {_path(records, text)!r}: as the runner's option"
        " temp_location, name a folder that the workers share with this"
        " machine."
      )
    if "report" in record:
      result.append(networks.NetworkReport.from_json(record["report"]))
    else:
      result.append(record["error"])
  return result


def remove(records: str) -> None:
  """Removes the records of a job that is done."""
  filesystems.FileSystems.delete([records])


def _path(records: str, text: str) -> str:
  """Returns the file of the record of a network."""
  name = hashlib.sha256(text.encode()).hexdigest()[:24]
  return filesystems.FileSystems.join(records, f"{name}.json")


def _read(records: str, text: str) -> dict[str, Any]:
  """Returns the record of a network, empty if there is none."""
  path = _path(records, text)
  if not filesystems.FileSystems.exists(path):
    return {}
  with filesystems.FileSystems.open(path) as file:
    return json.loads(file.read())


@contextlib.contextmanager
def _bar(total: int, left: int, records: str) -> Iterator[None]:
  """Shows on a terminal how many networks have a record."""
  done = threading.Event()
  with metrics.progress_bar(total, total - left) as bar:

    def follow() -> None:
      while not done.wait(1):
        (found,) = filesystems.FileSystems.match(
          [filesystems.FileSystems.join(records, "*.json")]
        )
        bar.update(len(found.metadata_list) - bar.n)

    thread = threading.Thread(target=follow, daemon=True)
    if not bar.disable:
      thread.start()
    try:
      yield
    finally:
      done.set()
      if thread.is_alive():
        thread.join()
