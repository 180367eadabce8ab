# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How well a network classifies, in each of several settings."""

from collections.abc import Mapping, Sequence
import dataclasses
import itertools
import time
from typing import Any

from ghn_tf import data
from ghn_tf import finetuning
from ghn_tf import predictor as predictor_lib
from ghn_tf import preparation
from ghn_tf.arch import spec
from ghn_tf.child import accuracy
from ghn_tf.child import random_params
from ghn_tf.child import sizes
from ghn_tf.edge import tflite
from ghn_tf.evaluation import proxies
from ghn_tf.evaluation import settings as settings_lib
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
    accuracy: top-1, by setting.
    scores: by name, those of `settings.SCORES` that were asked for.
    tflite_bytes: size of the w8a8 file; None if none was made.
    seconds: what predicting, calibrating, converting and running took.
  """

  name: str
  unseen: bool
  outside_of_training: extent.Outside | None
  macs: int
  num_params: int
  accuracy: Mapping[settings_lib.Setting, float]
  scores: Mapping[str, float]
  tflite_bytes: int | None
  seconds: float

  def to_json(self) -> dict[str, Any]:
    """Returns the fields for a JSON file."""
    fields = {
      field.name: getattr(self, field.name)
      for field in dataclasses.fields(self)
    }
    fields["accuracy"] = [
      {**dataclasses.asdict(setting), "top1": top1}
      for setting, top1 in self.accuracy.items()
    ]
    return fields

  @classmethod
  def from_json(cls, fields: Mapping[str, Any]) -> "NetworkReport":
    """Returns the report that `to_json` gave the fields of."""
    accuracy_by_setting = {}
    for row in fields["accuracy"]:
      setting = {key: value for key, value in row.items() if key != "top1"}
      accuracy_by_setting[settings_lib.Setting(**setting)] = row["top1"]
    return cls(**{**fields, "accuracy": accuracy_by_setting})


def evaluate_network(
  predictor: predictor_lib.Predictor,
  architecture: spec.Architecture,
  dataset: data.Dataset,
  settings: settings_lib.Settings,
) -> NetworkReport:
  """Measures one network.

  Args:
    predictor: a trained hypernetwork.
    architecture: the network.
    dataset: its training split calibrates and fits classifiers, its test split
      measures.
    settings: how it is measured.

  Raises:
    ValueError: it cannot be predicted, calibrated or converted.
  """
  start = time.monotonic()
  measured = _Measurement(predictor, architecture, dataset, settings)
  found: dict[settings_lib.Setting, float] = {}
  images_of_training = preparation.chosen(
    dataset.train, is_fitted=settings.head == predictor_lib.FIT
  )
  for method in settings.methods:
    start_of, epochs = settings_lib.parse_method(method)
    params = None
    if start_of == settings_lib.RANDOM:
      params = random_params.he_normal(architecture)
    for recipe in settings.recipes:
      child = predictor.child(
        architecture,
        recipe_lib.get(recipe, range_rule=settings.range_rule),
        params=params,
        head=settings.head,
        **images_of_training,
      )
      if epochs:
        child = finetuning.finetune(
          predictor,
          child,
          dataset,
          finetuning.Config(epochs=epochs),
        ).child
      for head, batch_norm in itertools.product(
        settings.heads, settings.batch_norms
      ):
        setting = settings_lib.Setting(recipe, method, head, batch_norm)
        found |= measured.accuracies(setting, child)
  return NetworkReport(
    architecture.name,
    predictor.is_unseen(architecture),
    predictor.outside(architecture),
    architecture.macs,
    architecture.num_params,
    found,
    measured.scores(settings.scores),
    measured.tflite_bytes,
    time.monotonic() - start,
  )


class _Measurement:
  """The images that a network is measured on, and what is done with them."""

  def __init__(
    self,
    predictor: predictor_lib.Predictor,
    architecture: spec.Architecture,
    dataset: data.Dataset,
    settings: settings_lib.Settings,
  ):
    self._architecture = architecture
    number = settings.num_images
    self._images = predictor.normalize(dataset.test.images[:number])
    self._labels = dataset.test.labels[:number]
    self._normalize = predictor.normalize
    self._train = dataset.train
    self.tflite_bytes: int | None = None

  def scores(self, names: Sequence[str]) -> dict[str, float]:
    """Returns scores of the network, for which nothing is predicted."""
    if not names:
      return {}
    images = self._normalize(self._train.images[: proxies.NASWOT_IMAGES])
    return {
      name: proxies.score(name, self._architecture, images) for name in names
    }

  def accuracies(
    self, setting: settings_lib.Setting, child: predictor_lib.Child
  ) -> dict[settings_lib.Setting, float]:
    """Returns top-1 accuracy of a child in a setting, and of its w8a8 file."""
    training = setting.batch_norm == settings_lib.BATCH
    if setting.head == settings_lib.FITTED:
      params = preparation.fit_head(
        self._architecture,
        child.params,
        self._train.images[: sizes.HEAD_IMAGES],
        self._train.labels[: sizes.HEAD_IMAGES],
        child.recipe,
        self._normalize,
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
