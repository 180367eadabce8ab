# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Training a network on, rounded as it will be deployed.

Quantization-aware training (Jacob et al., arXiv 1712.05877) by Keras, of the
model that `Child.to_keras` gives: from predicted params, or from random ones.
"""

from collections.abc import Callable, Iterator, Sequence
import dataclasses
import io
import json
import os
import pathlib
from typing import Any

from absl import logging
import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf import data
from ghn_tf import files
from ghn_tf import image_batches
from ghn_tf import predictor as predictor_lib
from ghn_tf import preparation
from ghn_tf.arch import spec
from ghn_tf.child import accuracy
from ghn_tf.child import keras_trained
from ghn_tf.child import network
from ghn_tf.child import sizes
from ghn_tf.training import metrics
from ghn_tf.training import writing


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
      flipped.

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
      calibrated, and the loss and accuracy in training:
      {"epoch": 1, "validation": 0.5, "loss": 1.4, "accuracy": 0.48}.
  """

  child: predictor_lib.Child
  history: tuple[dict[str, Any], ...]


def finetune(
  predictor: predictor_lib.Predictor,
  child: predictor_lib.Child,
  dataset: data.Dataset,
  config: Config,
  workdir: str | os.PathLike[str] | None = None,
  tensorboard: str | os.PathLike[str] | None = None,
) -> Finetuned:
  """Trains the params of a child on.

  Args:
    predictor: that made the child, which says how images are normalized.
    child: the start; its recipe is that of training.
    dataset: its training split is learned from.
    config: how.
    workdir: a folder for what training needs to go on after it was killed, from
      the last epoch that was finished; None to keep nothing.
    tensorboard: a folder for its logs; None for none.

  Raises:
    ValueError: the images do not fit, or what was learned is not finite.
  """
  architecture, split = child.architecture, dataset.train
  steps = _steps(architecture, dataset, config)

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

  bar = _Bar(steps * config.epochs)
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

  history = _History(config, validate, workdir)
  history.begin(model)
  # What is kept of an epoch that was not backed up is made again. Last comes
  # the bar, as it asks what the others have restored.
  callbacks = [history, bar]
  if tensorboard is not None:
    tensorboard = os.fspath(tensorboard)
    callbacks.insert(1, _TensorBoard(tensorboard, histogram_freq=1))
  if workdir is not None:
    backup = os.path.join(workdir, "backup")
    callbacks.insert(1, _Backup(backup))
  model.fit(
    train,
    epochs=config.epochs,
    steps_per_epoch=steps,
    callbacks=callbacks,
    verbose=0,
  )
  return Finetuned(calibrated(), tuple(history.rows))


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
  optimizer.exclude_from_weight_decay(
    var_names=["bias", "gamma", "beta", "alpha"]
  )
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


class _History(keras.callbacks.Callback):
  """Keeps how a network learns, and ends that when it no longer does.

  It keeps this, and with `patience` the best weights, in a folder if there is
  one, from where it goes on.

  Attributes:
    rows: as `Finetuned.history`.
  """

  def __init__(
    self,
    config: Config,
    validate: Callable[[], float],
    workdir: str | os.PathLike[str] | None,
  ):
    super().__init__()
    self.rows: list[dict[str, Any]] = []
    self._config = config
    self._validate = validate
    self._weights: list[np.ndarray] = []
    self._path = self._best = None
    if workdir is not None:
      self._path = pathlib.Path(workdir) / "history.json"
      self._best = self._path.with_name("best.npz")
      if self._path.exists():
        self.rows = json.loads(self._path.read_text())

  def begin(self, model: keras.Model) -> None:
    """Keeps the start, which may be the best, if that was not done before."""
    if not self.rows:
      self.set_model(model)
      self._add({"epoch": 0, "validation": self._validate()})

  def on_epoch_end(self, epoch, logs=None):
    # Not by the moving averages of Keras, which are far behind at a high rate
    # or after few steps.
    row = {"epoch": epoch + 1, "validation": self._validate()}
    self._add({**row, **{name: logs[name] for name in ("loss", "accuracy")}})
    logging.info(
      "Epoch %d of %d: loss %.3f, top-1 %.1f %% in training, %.1f %% on"
      " images that were held out.",
      *(epoch + 1, self._config.epochs, logs["loss"]),
      *(100 * logs["accuracy"], 100 * row["validation"]),
    )
    patience = self._config.patience
    if patience and epoch + 1 - self._best_epoch(self.rows) >= patience:
      self.model.stop_training = True

  def on_train_end(self, logs=None):
    if self._config.patience:
      if self._best is not None:
        with np.load(self._best, allow_pickle=False) as arrays:
          self._weights = [arrays[name] for name in arrays.files]
      self.model.set_weights(self._weights)

  def _add(self, row: dict[str, Any]) -> None:
    """Adds a row, in place of those of its epoch and later ones."""
    self.rows = [*self.rows[: row["epoch"]], row]
    if self._config.patience and self._best_epoch(self.rows) == row["epoch"]:
      self._keep_weights()
    if self._path:
      files.write(self._path, json.dumps(self.rows, indent=2) + "\n")

  def _keep_weights(self) -> None:
    self._weights = self.model.get_weights()
    if self._best is not None:
      content = io.BytesIO()
      np.savez(content, *self._weights)
      files.write(self._best, content.getvalue())

  @staticmethod
  def _best_epoch(rows: Sequence[dict[str, Any]]) -> int:
    """Returns the first of the best epochs."""
    return max(rows, key=lambda row: row["validation"])["epoch"]


class _Backup(keras.callbacks.BackupAndRestore):
  """Keeps the state of training at the end of each epoch."""

  def on_epoch_end(self, epoch, logs=None):
    with writing.telling(self.backup_dir):
      super().on_epoch_end(epoch, logs)


class _TensorBoard(keras.callbacks.TensorBoard):
  """Writes curves."""

  def on_epoch_end(self, epoch, logs=None):
    with writing.telling(self.log_dir):
      super().on_epoch_end(epoch, logs)

  def on_train_end(self, logs=None):
    with writing.telling(self.log_dir):
      super().on_train_end(logs)


class _Bar(keras.callbacks.Callback):
  """Shows on a terminal how many steps are done, and how well.

  Attributes:
    done: steps of an earlier training that this one goes on from.
  """

  def __init__(self, steps: int):
    super().__init__()
    self.done = 0
    self._steps = steps

  def on_train_begin(self, logs=None):
    self.done = int(self.model.optimizer.iterations)
    self._bar = metrics.progress_bar(self._steps, self.done, " steps")

  def on_train_batch_end(self, batch, logs=None):
    if not self._bar.disable:
      told = {name: f"{logs[name]:.3f}" for name in ("loss", "accuracy")}
      self._bar.set_postfix(told, refresh=False)
    self._bar.update()

  def on_train_end(self, logs=None):
    self._bar.close()
