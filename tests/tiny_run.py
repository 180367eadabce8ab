# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The smallest training run that has all parts of a large one."""

import dataclasses
from typing import Any
from unittest import mock

import numpy as np

from ghn_tf import data
from ghn_tf.spaces import space as space_lib
from ghn_tf.spaces import splits
from ghn_tf.training import config as training_config
from ghn_tf.training import state as training_state

_CLASSES = 3


def small_space() -> Any:
  """Replaces all collections by networks that run in milliseconds."""

  def collection(
    name: str, input_shape: tuple[int, int, int], num_classes: int
  ) -> splits.Collection:
    space = dataclasses.replace(
      space_lib.SPACES[name],
      input_shape=input_shape,
      num_classes=num_classes,
      min_nodes=0,
      max_nodes=25,
      min_macs=0,
      max_macs=200_000,
      min_params=0,
    )
    return splits.Collection(space, num_val=4)

  return mock.patch.object(splits, "collection", collection)


def dataset(seed: int = 0) -> data.Dataset:
  """Returns 40 + 8 + 8 images of 8 x 8 pixels, in three classes."""
  rng = np.random.default_rng(seed)
  splits = []
  for size in (40, 8, 8):
    labels = np.arange(size, dtype=np.int32) % _CLASSES
    images = rng.integers(0, 128, (size, 8, 8, 3), dtype=np.uint8)
    # A class can be told by its brightest channel.
    images[np.arange(size), :, :, labels] += 100
    splits.append(data.Split(images, labels))
  train, validation, test = splits
  return data.Dataset("tiny", train, validation, test, _CLASSES)


def config(**changes: Any) -> training_config.TrainConfig:
  """Returns a configuration of a few short steps."""
  fields: dict[str, Any] = {
    "ghn": "edge",
    "hidden_dim": 8,
    "max_channels": 16,
    "max_kernel": 5,
    "steps": 4,
    "schedule": "constant",
    "meta_batch_size": 2,
    "image_batch_size": 6,
    "log_every_steps": 1,
    "evaluate_every_steps": 2,
    "evaluation_architectures": 2,
    "checkpoint_every_steps": 2,
  }
  return training_config.TrainConfig(**(fields | changes))


def state(**changes: Any) -> training_state.TrainState:
  """Returns the state in which the run of that configuration begins."""
  return training_state.create(config(**changes), dataset())
