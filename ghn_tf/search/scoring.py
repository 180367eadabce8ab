# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the workers of a search do with candidates; each is a `work.Task`."""

import base64
from collections.abc import Iterator, Sequence
import dataclasses
import time
from typing import Any

import numpy as np
import tensorflow as tf

from ghn_tf import data
from ghn_tf import predictor as predictor_lib
from ghn_tf import preparation
from ghn_tf.arch import serialization
from ghn_tf.arch import spec
from ghn_tf.arch import variants
from ghn_tf.child import accuracy
from ghn_tf.child import network
from ghn_tf.edge import emulation
from ghn_tf.edge import report as report_lib
from ghn_tf.edge import tflite
from ghn_tf.evaluation import pipeline
from ghn_tf.evaluation import proxies
from ghn_tf.evaluation import work
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.search import candidates
from ghn_tf.search import costs as costs_lib
from ghn_tf.search import settings as settings_lib
from ghn_tf.spaces import tape

# Of one candidate alone; others go on.
_ERRORS = (ValueError, MemoryError, tf.errors.OpError)
# Whose params are predicted at once, in a third of the time that it takes one
# by one.
_TOGETHER = 8
# By which a candidate is run: small ones need less time for each image than in
# batches of 64, by a fourth.
_BATCH_SIZE = 128
# Index of a candidate, and its numbers.
Place = tuple[int, candidates.Numbers]


@dataclasses.dataclass(frozen=True)
class _Task:
  """What all have.

  Attributes:
    job: hypernetwork and images.
    source: of the candidates.
    settings: of the search.
  """

  job: pipeline.Job
  source: candidates.Source
  settings: settings_lib.Settings

  def prepare(self) -> None:
    """See `work.Task`."""
    _ = self.job.predictor


@dataclasses.dataclass(frozen=True)
class Draw(_Task):
  """Draws candidates, and scores those that may be within the limits.

  A record has `rows`, each with `index` and either `refused`, the costs that
  are beyond their limits, or `error`, or the fields of a candidate that was
  scored: name, numbers, fingerprint, macs, num_params, costs, score. What the
  source tells besides stands in each.

  Attributes:
    model: by which costs are estimated.
  """

  model: costs_lib.Model

  def record(
    self, element: Sequence[tuple[int, candidates.Numbers | None]]
  ) -> work.Record:
    """See `work.Task`; an element has indices, and numbers of what is drawn."""
    start = time.process_time()
    rows: list[dict[str, Any]] = []
    drawn: list[tuple[dict[str, Any], spec.Architecture]] = []
    for index, numbers in element:
      row: dict[str, Any] = {"index": index}
      rows.append(row)
      try:
        if numbers is None:
          found = self.source.draw(index)
        else:
          found = tape.Drawn(self.source.again(index, numbers), (*numbers,))
        architecture = found.architecture
        costs = self.model.costs(architecture)
        limits = self.settings.limits
        row |= self.source.told(index, found.numbers)
        refused = self.model.violations(costs, limits)
        if refused and "is_own" not in row:
          row["refused"] = refused
          continue
        check(self.job.predictor, architecture, self.settings.head)
      except _ERRORS as error:
        row["error"] = str(error)
        continue
      row |= {
        "name": architecture.name,
        "numbers": found.numbers,
        "fingerprint": architecture.fingerprint,
        "macs": architecture.macs,
        "num_params": architecture.num_params,
        "costs": costs,
      }
      drawn.append((row, architecture))
    indices = [row["index"] for row, _ in drawn]
    networks = [architecture for _, architecture in drawn]
    number = self.settings.num_images
    scored = scores(self.job, self.settings, indices, networks, number)
    for (row, _), score in zip(drawn, scored, strict=True):
      row["error" if isinstance(score, str) else "score"] = score
    return {"rows": rows, "seconds": time.process_time() - start}


@dataclasses.dataclass(frozen=True)
class Refine(_Task):
  """Scores candidates by more images; a record has `scores`, or errors."""

  def record(self, element: Sequence[Place]) -> work.Record:
    """See `work.Task`."""
    indices = [index for index, _ in element]
    networks = [self.source.again(*place) for place in element]
    number = self.settings.refined_images
    found = scores(self.job, self.settings, indices, networks, number)
    return {"scores": [*found]}


@dataclasses.dataclass(frozen=True)
class Emulate(_Task):
  """Writes the file of a candidate and emulates it.

  A record has `costs`, and with test images `accuracy` of the file, the
  `report` of the target, the `file` and the `architecture`.

  Attributes:
    num_images: of the test images; 0 for none.
  """

  num_images: int = 0

  def record(self, element: Place) -> work.Record:
    """See `work.Task`."""
    try:
      return self._record(self.source.again(*element))
    except _ERRORS as error:
      return {"error": f"candidate {element[0]}: {error}"}

  def _record(self, architecture: spec.Architecture) -> work.Record:
    settings, predictor = self.settings, self.job.predictor
    dataset = self.job.images(architecture)
    content = _file(predictor, architecture, dataset, settings)
    number = max(1, self.num_images)
    images = predictor.normalize(dataset.test.images[:number])
    interpreter = tflite.Interpreter(content)
    # What a device does hardly depends on the image.
    codes = interpreter.quantize(images[:1])
    results = emulation.emulate(content, [settings.target], codes)
    if results.errors:
      raise ValueError(results.failure)
    (report,) = results.reports
    costs: dict[str, float] = {"macs": architecture.macs}
    for name in settings_lib.COSTS[1:]:
      if (value := getattr(report, name)) is not None:
        costs[name] = value
      elif name in settings.estimated:
        raise ValueError(
          f"{settings.target} has no figure for {name} of"
          f" {architecture.name!r}; choose another target, or none of its"
          " limits and objectives."
        )
    if not self.num_images:
      return {"costs": costs}
    top1 = interpreter.accuracy(images, dataset.test.labels[:number])
    accuracy = report_lib.Figure(
      *("accuracy", top1, "measured", interpreter.tool),
      f"top-1, {len(images)} images",
    )
    report = dataclasses.replace(report, figures=[*report.figures, accuracy])
    return {
      "costs": costs,
      "accuracy": top1,
      "report": report_lib.to_record(report),
      "file": base64.b64encode(content).decode(),
      "architecture": serialization.to_json(architecture),
    }


def check(
  predictor: predictor_lib.Predictor, architecture: spec.Architecture, head: str
) -> None:
  """Raises ValueError for a network that cannot be predicted."""
  predictor.check_network(architecture, head)
  if head == predictor_lib.FIT:  # whose classifier is not predicted
    number = predictor.ghn.config.num_classes
    architecture = variants.with_classes(architecture, number)
  predictor.ghn.check(architecture)


def _file(
  predictor: predictor_lib.Predictor,
  architecture: spec.Architecture,
  dataset: data.Dataset,
  settings: settings_lib.Settings,
) -> bytes:
  """Returns the integer file of a network with predicted params."""
  is_fitted = settings.head == predictor_lib.FIT
  return predictor.child(
    architecture,
    settings.recipe,
    head=settings.head,
    **preparation.chosen(dataset.train, is_fitted=is_fitted),
  ).to_tflite()


def scores(
  job: pipeline.Job,
  settings: settings_lib.Settings,
  indices: Sequence[int],
  networks: Sequence[spec.Architecture],
  num_images: int,
) -> Iterator[float | str]:
  """Yields the score of each network, or why it has none.

  Args:
    job: hypernetwork and images.
    settings: which score.
    indices: of the networks, which the random score depends on.
    networks: all for images and classes of one kind.
    num_images: validation images that accuracy is measured by.
  """
  if settings.score != settings_lib.HYPERNETWORK:
    for index, architecture in zip(indices, networks, strict=True):
      try:
        yield _plain(job, settings, index, architecture)
      except _ERRORS as error:
        yield str(error)
    return
  if not networks:
    return
  recipe, predictor = recipe_lib.get(settings.recipe), job.predictor
  held_out = job.images(networks[0]).validation
  images = predictor.normalize(held_out.images[:num_images])
  parts = [
    slice(start, min(start + _BATCH_SIZE, num_images))
    for start in range(0, len(images), _BATCH_SIZE)
  ]
  batches = [(images[part], held_out.labels[part]) for part in parts]
  for first in range(0, len(networks), _TOGETHER):
    together = networks[first : first + _TOGETHER]
    params = preparation.predict(
      predictor.ghn, together, recipe, predictor.channels
    )
    for architecture, own in zip(together, params, strict=True):
      try:
        yield _accuracy(job, settings, architecture, own, recipe, batches)
      except _ERRORS as error:
        yield str(error)


def _plain(
  job: pipeline.Job,
  settings: settings_lib.Settings,
  index: int,
  architecture: spec.Architecture,
) -> float:
  """Returns a score that needs no predicted params."""
  match settings.score:
    case settings_lib.MACS:
      return architecture.macs
    case settings_lib.PARAMETERS:
      return architecture.num_params
    case settings_lib.RANDOM:
      return float(np.random.default_rng([settings.seed, index]).random())
    case _:
      images = job.images(architecture).train.images[: proxies.NASWOT_IMAGES]
      images = job.predictor.normalize(images)
      return proxies.score(settings.score, architecture, images)


def _accuracy(
  job: pipeline.Job,
  settings: settings_lib.Settings,
  architecture: spec.Architecture,
  params: network.Params,
  recipe: recipe_lib.Recipe,
  batches: Sequence[tuple[np.ndarray, np.ndarray]],
) -> float:
  """Returns top-1 on batches of images, with the statistics of each.

  So no image is needed before, but those that a classifier is fitted to.
  """
  if settings.head == predictor_lib.FIT:
    dataset, number = job.images(architecture), settings.head_images
    params = preparation.fit_head(
      architecture,
      params,
      dataset.train.images[:number],
      dataset.train.labels[:number],
      recipe,
      job.predictor.normalize,
      training=True,
    )
  return accuracy.top1(architecture, params, batches, recipe, training=True)
