# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The workdir of a small run that has not learnt anything yet."""

import dataclasses

from ghn_tf import data
from ghn_tf.training import config as training_config
from ghn_tf.training import state as training_state

CONFIG = training_config.TrainConfig(
  dataset=data.SAMPLE,
  space="edge",
  max_macs=2_500_000,
  ghn="edge",
  steps=1,
  evaluation_architectures=2,
)


def make(
  workdir: str,
  num_classes: int = 10,
  image_size: int | None = None,
  trained_on: str = data.SAMPLE,
) -> str:
  """Writes the checkpoint of step 0 and returns its path."""
  dataset = dataclasses.replace(
    data.load(data.SAMPLE, image_size=image_size), num_classes=num_classes
  )
  config = dataclasses.replace(
    CONFIG, image_size=image_size, dataset=trained_on
  )
  state = training_state.create(config, dataset)
  return training_state.save(state, workdir)
