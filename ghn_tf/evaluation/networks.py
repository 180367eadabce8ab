# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How well a network classifies, in each of several settings."""

import dataclasses
import itertools
import time

from ghn_tf import data
from ghn_tf import finetuning
from ghn_tf import predictor as predictor_lib
from ghn_tf import preparation
from ghn_tf.arch import spec
from ghn_tf.child import accuracy
from ghn_tf.child import random_params
from ghn_tf.child import sizes
from ghn_tf.edge import tflite
from ghn_tf.evaluation import network_report
from ghn_tf.evaluation import proxies
from ghn_tf.evaluation import settings as settings_lib
from ghn_tf.quant import recipe as recipe_lib


def evaluate_network(
  predictor: predictor_lib.Predictor,
  architecture: spec.Architecture,
  dataset: data.Dataset,
  settings: settings_lib.Settings,
) -> network_report.NetworkReport:
  """Measures one network.

  Where a score or a recipe and method fail, as training that diverges does, the
  others are measured nevertheless.

  Args:
    predictor: a trained hypernetwork.
    architecture: the network.
    dataset: its training split calibrates and fits classifiers, its test split
      measures.
    settings: how it is measured.

  Raises:
    ValueError: it cannot be predicted, calibrated or converted in any recipe
      and method.
  """
  start = time.monotonic()
  measured = _Measurement(predictor, architecture, dataset, settings)
  found: dict[settings_lib.Setting, float] = {}
  errors: dict[str, ValueError] = {}
  for method in settings.methods:
    for recipe in settings.recipes:
      try:
        child = measured.child(method, recipe)
        own: dict[settings_lib.Setting, float] = {}
        for head, batch_norm in itertools.product(
          settings.heads, settings.batch_norms
        ):
          setting = settings_lib.Setting(recipe, method, head, batch_norm)
          own |= measured.accuracies(setting, child)
      except ValueError as error:
        errors[f"{recipe}, {method}"] = error
      else:
        found |= own
  if not found:
    raise next(iter(errors.values()))
  scores: dict[str, float] = {}
  for name in settings.scores:
    try:
      scores[name] = measured.score(name)
    except ValueError as error:
      errors[name] = error
  return network_report.NetworkReport(
    architecture.name,
    predictor.is_unseen(architecture),
    predictor.outside(architecture),
    architecture.macs,
    architecture.num_params,
    found,
    scores,
    measured.tflite_bytes,
    time.monotonic() - start,
    tuple(f"{where}: {error}" for where, error in errors.items()),
  )


class _Measurement:
  """What a network is measured with, and how that is done."""

  def __init__(
    self,
    predictor: predictor_lib.Predictor,
    architecture: spec.Architecture,
    dataset: data.Dataset,
    settings: settings_lib.Settings,
  ):
    self._predictor = predictor
    self._architecture = architecture
    self._dataset = dataset
    self._settings = settings
    number = settings.num_images
    self._images = predictor.normalize(dataset.test.images[:number])
    self._labels = dataset.test.labels[:number]
    self.tflite_bytes: int | None = None

  def child(self, method: str, recipe: str) -> predictor_lib.Child:
    """Returns the network with the params of a method, in a recipe."""
    settings = self._settings
    start, epochs = settings_lib.parse_method(method)
    params = None
    if start == settings_lib.RANDOM:
      params = random_params.he_normal(self._architecture)
    is_fitted = settings.head == predictor_lib.FIT
    child = self._predictor.child(
      self._architecture,
      recipe_lib.get(recipe, range_rule=settings.range_rule),
      params=params,
      head=settings.head,
      **preparation.chosen(self._dataset.train, is_fitted=is_fitted),
    )
    if not epochs:
      return child
    config = finetuning.Config(epochs=epochs)
    if settings.crop_padding is not None:
      config = dataclasses.replace(config, crop_padding=settings.crop_padding)
    return finetuning.finetune(
      self._predictor, child, self._dataset, config
    ).child

  def score(self, name: str) -> float:
    """Returns a score of the network, for which nothing is predicted."""
    images = self._dataset.train.images[: proxies.NASWOT_IMAGES]
    images = self._predictor.normalize(images)
    return proxies.score(name, self._architecture, images)

  def accuracies(
    self, setting: settings_lib.Setting, child: predictor_lib.Child
  ) -> dict[settings_lib.Setting, float]:
    """Returns top-1 accuracy of a child in a setting, and of its w8a8 file."""
    training = setting.batch_norm == settings_lib.BATCH
    if setting.head == settings_lib.FITTED:
      params = preparation.fit_head(
        self._architecture,
        child.params,
        self._dataset.train.images[: sizes.HEAD_IMAGES],
        self._dataset.train.labels[: sizes.HEAD_IMAGES],
        child.recipe,
        self._predictor.normalize,
        training=training,
      )
      child = dataclasses.replace(child, params=params)
    test = (
      (self._images[part], self._labels[part])
      for part in sizes.batches(len(self._images))
    )
    top1 = accuracy.top1(
      self._architecture, child.params, test, child.recipe, training=training
    )
    found = {setting: top1}
    if setting.recipe == "w8a8" and not training:
      content = child.to_tflite()
      self.tflite_bytes = len(content)
      in_file = dataclasses.replace(setting, recipe=settings_lib.FILE)
      found[in_file] = tflite.Interpreter(content).accuracy(
        self._images, self._labels
      )
    return found
