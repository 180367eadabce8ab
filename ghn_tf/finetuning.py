# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Training a network on, rounded as it will be deployed.

Quantization-aware training (Jacob et al., arXiv 1712.05877) by Keras, of the
model that `Child.to_keras` gives: from predicted params, or from random ones.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import json
import os
import pathlib
import types
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf import data
from ghn_tf import files
from ghn_tf import finetuning_callbacks
from ghn_tf import image_batches
from ghn_tf import predictor as predictor_lib
from ghn_tf import preparation
from ghn_tf.arch import spec
from ghn_tf.child import accuracy
from ghn_tf.child import keras_trained
from ghn_tf.child import network
from ghn_tf.child import sizes


@dataclasses.dataclass(frozen=True)
class Config:
  """How a network is trained: SGD with Nesterov's momentum.

  The learning rate rises linearly over the first part of the steps and falls
  to 0 along a cosine.

  Attributes:
    epochs: passes over the training images.
    learning_rate: the greatest.
    warmup: the part of all steps in which it rises.
    momentum: of the gradients.
    weight_decay: of kernels, decoupled, times the learning rate.
    clip_norm: the greatest norm of a gradient; networks without BatchNorm do
      not learn at this rate without.
    batch_size: images of a step.
    jitter: noise on kernels before the first step, in parts of their standard
      deviation. A hypernetwork fills wide layers with copies of its filters,
      which without it would get equal gradients and stay copies.
    patience: epochs without a better validation accuracy until it ends, with
      the weights of the best, or of the start; None for all epochs.
    flip: whether half of the images are flipped, which of digits makes others.
    crop_padding: black pixels around an image before it is cropped at random; 0
      for no crop.
    seed: of the noise, of the order of images and of how they are cropped and
      flipped; not of a model's own Dropout, which TensorFlow draws.

  Raises:
    ValueError: on construction, for a value out of its bounds.
  """

  epochs: int = 5
  learning_rate: float = 0.15
  warmup: float = 0.1
  momentum: float = 0.9
  weight_decay: float = 5e-4
  clip_norm: float = 1.0
  batch_size: int = sizes.BATCH_SIZE
  jitter: float = 0.02
  patience: int | None = None
  flip: bool = True
  crop_padding: int = image_batches.CROP_PADDING
  seed: int = 0

  def __post_init__(self):
    for name in ("epochs", "batch_size", "patience"):
      value = getattr(self, name)
      if value is not None and value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}.")
    if self.crop_padding < 0:
      raise ValueError(
        f"crop_padding must be at least 0, got {self.crop_padding}."
      )
    for name in ("learning_rate", "clip_norm"):
      if not 0 < getattr(self, name) < np.inf:
        raise ValueError(
          f"{name} must be positive and finite, got {getattr(self, name)}."
        )
    for name in ("warmup", "momentum", "weight_decay", "jitter"):
      if not 0 <= getattr(self, name) < 1:
        raise ValueError(
          f"{name} must be at least 0 and below 1, got {getattr(self, name)}."
        )


@dataclasses.dataclass(frozen=True)
class Finetuned:
  """A network that was trained on, and how it learned.

  Attributes:
    child: with what was learned, calibrated again.
    history: for the start and each epoch the accuracy on validation images,
      calibrated, the loss and accuracy in training, and how long it took:
      {"epoch": 1, "validation": 0.5, "loss": 1.4, "accuracy": 0.48,
      "seconds": 60.0}.
    description: what tells this training from others, for JSON.
  """

  child: predictor_lib.Child
  history: tuple[dict[str, Any], ...]
  description: dict[str, Any]


def finetune(
  predictor: predictor_lib.Predictor,
  child: predictor_lib.Child,
  dataset: data.Dataset,
  config: Config,
  workdir: str | os.PathLike[str] | None = None,
  tensorboard: str | os.PathLike[str] | None = None,
  origin: Mapping[str, Any] = types.MappingProxyType({}),
) -> Finetuned:
  """Trains the params of a child on.

  Args:
    predictor: that made the child, which says how images are normalized.
    child: the start; its recipe is that of training.
    dataset: its training split is learned from.
    config: how.
    workdir: a folder for what training needs to go on after it was killed, from
      the last epoch that was finished, and to be removed when what it gave is
      kept; None to keep nothing.
    tensorboard: a folder for its logs; None for none.
    origin: where the start came from, in words of JSON: with another one the
      folder is that of another training.

  Raises:
    ValueError: the images do not fit, what was learned is not finite, or the
      folder is of another training.
    OSError: the folder cannot be written.
  """
  architecture, split = child.architecture, dataset.train
  steps = _steps(architecture, dataset, config)
  description = {
    "network": architecture.name,
    "fingerprint": architecture.fingerprint,
    "recipe": child.recipe.name,
    "dataset": dataset.name,
    "num_training_images": len(split),
    "config": dataclasses.asdict(config),
    **origin,
  }
  if workdir is not None:
    _check_workdir(pathlib.Path(workdir), description)

  def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    # Keras asks for them when training begins: the bar knows where.
    for number in range(bar.done, steps * config.epochs):
      images, labels = image_batches.augmented(
        split,
        config.seed,
        number,
        config.batch_size,
        flip=config.flip,
        crop_padding=config.crop_padding,
      )
      yield predictor.normalize(images), labels

  bar = finetuning_callbacks.Bar(steps * config.epochs)
  model = dataclasses.replace(
    child, params=_jittered(child.params, config)
  ).to_keras()
  model.compile(
    _optimizer(config, steps * config.epochs),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
  )
  train = tf.data.Dataset.from_generator(
    batches,
    output_signature=(
      tf.TensorSpec((None, *dataset.image_shape)),
      tf.TensorSpec((None,), tf.int32),
    ),
  ).prefetch(2)

  def calibrated() -> predictor_lib.Child:
    trained = predictor.child(
      architecture,
      child.recipe,
      calibration_images=split.images[: sizes.CALIBRATION_IMAGES],
      params=keras_trained.parts(model).params,
    )
    return dataclasses.replace(trained, model=child.model)

  def validate() -> float:
    held_out = dataset.validation
    return accuracy.top1(
      architecture,
      calibrated().params,
      preparation.batches(
        held_out.images, held_out.labels, predictor.normalize
      ),
      child.recipe,
      training=False,
    )

  history = finetuning_callbacks.History(
    config.epochs, config.patience, validate, workdir
  )
  history.begin(model)
  # What is kept of an epoch that was not backed up is made again. Last comes
  # the bar, as it asks what the others have restored.
  callbacks = [history, bar]
  if tensorboard is not None:
    tensorboard = os.fspath(tensorboard)
    callbacks.insert(
      1, finetuning_callbacks.TensorBoard(tensorboard, histogram_freq=1)
    )
  if workdir is not None:
    backup = os.path.join(workdir, "backup")
    callbacks.insert(1, finetuning_callbacks.Backup(backup))
  model.fit(
    train,
    epochs=history.epochs,
    steps_per_epoch=steps,
    callbacks=callbacks,
    verbose=0,
  )
  return Finetuned(calibrated(), tuple(history.rows), description)


def _check_workdir(
  workdir: pathlib.Path, description: Mapping[str, Any]
) -> None:
  """Writes into a new folder of which training it is.

  Raises:
    ValueError: it is that of another training.
    OSError: it cannot be written.
  """
  record = workdir / "finetuning.json"
  own = json.loads(json.dumps(description))
  if not record.exists():
    if workdir.exists() and any(workdir.iterdir()):
      raise ValueError(
        f"{str(workdir)!r} holds something else than a training; name a folder"
        " that is new or empty."
      )
    workdir.mkdir(parents=True, exist_ok=True)
    files.write(record, json.dumps(own, indent=2) + "\n")
    return
  earlier = json.loads(record.read_text())
  if earlier != own:
    names = [n for n in {**own, **earlier} if own.get(n) != earlier.get(n)]
    raise ValueError(
      f"{str(workdir)!r} is of another training than this one, by"
      f" {', '.join(names)}; go on as it was begun, or remove it."
    )


def _steps(
  architecture: spec.Architecture, dataset: data.Dataset, config: Config
) -> int:
  """Returns the steps of an epoch.

  Raises:
    ValueError: the images do not fit a network, or are too few.
  """
  for what, expected, got in (
    ("images of shape", architecture.input_shape, dataset.image_shape),
    ("a number of classes of", architecture.num_classes, dataset.num_classes),
  ):
    if expected != got:
      raise ValueError(
        f"Network {architecture.name!r} has {what} {expected}, but"
        f" {dataset.name} {got}; give such images, or build the network for"
        " these."
      )
  number = len(dataset.train)
  if number < config.batch_size:
    raise ValueError(
      f"{dataset.name} has {number} training images, expected at least a batch"
      f" of {config.batch_size}; give more, or a smaller batch_size"
      " (--batch_size)."
    )
  return number // config.batch_size


def _optimizer(config: Config, steps: int) -> keras.optimizers.Optimizer:
  warmup = int(config.warmup * steps)
  rate = keras.optimizers.schedules.CosineDecay(
    0.0 if warmup else config.learning_rate,
    steps - warmup,
    warmup_target=config.learning_rate if warmup else None,
    warmup_steps=warmup,
  )
  optimizer = keras.optimizers.SGD(
    rate,
    config.momentum,
    nesterov=True,
    weight_decay=config.weight_decay,
    global_clipnorm=config.clip_norm,
  )
  # Whatever their layers are named.
  optimizer.exclude_from_weight_decay(var_names=["/(bias|gamma|beta|alpha):0$"])
  return optimizer


def _jittered(params: network.Params, config: Config) -> network.Params:
  """Returns params with noise on their kernels."""
  if not config.jitter:
    return params
  rng = np.random.default_rng([config.seed, 2])
  result = dict(params)
  for name in sorted(params):
    if name.endswith("/kernel"):
      kernel = np.asarray(params[name])
      noise = rng.standard_normal(kernel.shape, np.float32)
      result[name] = tf.constant(kernel + config.jitter * kernel.std() * noise)
  return result
