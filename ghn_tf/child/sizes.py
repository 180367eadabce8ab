# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How many images statistics are taken of, known before TensorFlow is there."""

from collections.abc import Iterator

# Images whose batch statistics are taken together, to evaluate and to
# calibrate, as in training by default (GHN-2, arXiv 2110.13100).
BATCH_SIZE = 64
# Training images that a network is calibrated on by default.
CALIBRATION_IMAGES = 512
# Labelled training images that a classifier is fitted to by default.
HEAD_IMAGES = 4096


def batches(number: int) -> Iterator[slice]:
  """Yields the places of so many images, `BATCH_SIZE` at a time."""
  for start in range(0, number, BATCH_SIZE):
    yield slice(start, min(start + BATCH_SIZE, number))
