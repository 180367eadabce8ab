# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Training a network on, rounded as it will be deployed.

Quantization-aware training (Jacob et al., arXiv 1712.05877) by Keras, of the
model that `Child.to_keras` gives: from predicted params, or from random ones.
"""

from collections.abc import Iterator, Sequence
import dataclasses

import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf import data
from ghn_tf import image_batches
from ghn_tf import predictor as predictor_lib
from ghn_tf.child import keras_trained
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
    seed: of the order of images and of how they are cropped and flipped.

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
  seed: int = 0

  def __post_init__(self):
    for name in ("epochs", "batch_size"):
      if getattr(self, name) < 1:
        raise ValueError(
          f"{name} must be at least 1, got {getattr(self, name)}."
        )
    for name in ("learning_rate", "clip_norm"):
      if not 0 < getattr(self, name) < np.inf:
        raise ValueError(
          f"{name} must be positive and finite, got {getattr(self, name)}."
        )
    for name in ("warmup", "momentum", "weight_decay"):
      if not 0 <= getattr(self, name) < 1:
        raise ValueError(
          f"{name} must be at least 0 and below 1, got {getattr(self, name)}."
        )


def finetune(
  predictor: predictor_lib.Predictor,
  child: predictor_lib.Child,
  dataset: data.Dataset,
  config: Config,
  callbacks: Sequence[keras.callbacks.Callback] = (),
) -> predictor_lib.Child:
  """Returns a child whose params were trained on, and calibrated again.

  Args:
    predictor: that made the child, which says how images are normalized.
    child: the start; its recipe is that of training.
    dataset: its training split is learned from.
    config: how.
    callbacks: of Keras, for each step or epoch.

  Raises:
    ValueError: the images do not fit, or what was learned is not finite.
  """
  architecture, split = child.architecture, dataset.train
  for what, expected, got in (
    ("images of shape", architecture.input_shape, dataset.image_shape),
    ("a number of classes of", architecture.num_classes, dataset.num_classes),
  ):
    if expected != got:
      raise ValueError(
        f"Network {architecture.name!r} has {what} {expected}, but"
        f" {dataset.name} {got}."
      )
  steps = len(split) // config.batch_size
  if not steps:
    raise ValueError(
      f"{dataset.name} has {len(split)} training images, expected at least a"
      f" batch of {config.batch_size}."
    )

  def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for number in range(steps * config.epochs):
      images, labels = image_batches.augmented(
        split, config.seed, number, config.batch_size
      )
      yield predictor.normalize(images), labels

  model = child.to_keras()
  model.compile(
    _optimizer(config, steps * config.epochs),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
  )
  shape = (config.batch_size, *dataset.image_shape)
  signature = tf.TensorSpec(shape), tf.TensorSpec(shape[:1], tf.int32)
  model.fit(
    tf.data.Dataset.from_generator(
      batches, output_signature=signature
    ).prefetch(2),
    epochs=config.epochs,
    steps_per_epoch=steps,
    callbacks=[*callbacks],
    verbose=0,
  )
  trained = predictor.child(
    architecture,
    child.recipe,
    calibration_images=split.images[: sizes.CALIBRATION_IMAGES],
    params=keras_trained.parts(model).params,
  )
  return dataclasses.replace(trained, model=child.model)


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
  optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
  return optimizer
