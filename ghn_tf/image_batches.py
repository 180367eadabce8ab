# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Batches of images: for training and for evaluation.

A training batch is a pure function of the seed and its number, so a run that
goes on from a checkpoint sees the images that an unbroken run would have seen.
"""

from collections.abc import Iterator
import functools

import numpy as np

from ghn_tf import data

CROP_PADDING = 4  # GHN-2's (arXiv 2110.13100)


def training(
  dataset: data.Dataset,
  seed: int,
  number: int,
  batch_size: int,
  crop_padding: int = CROP_PADDING,
) -> tuple[np.ndarray, np.ndarray]:
  """Returns an augmented training batch as `augmented` does, normalized.

  Returns:
    Images [B, H, W, C], float32, and labels [B], int32.
  """
  images, labels = augmented(
    dataset.train, seed, number, batch_size, crop_padding=crop_padding
  )
  return dataset.normalize(images), labels


def augmented(
  split: data.Split,
  seed: int,
  number: int,
  batch_size: int,
  *,
  flip: bool = True,
  crop_padding: int = CROP_PADDING,
) -> tuple[np.ndarray, np.ndarray]:
  """Returns an augmented batch, a pure function of its number.

  The batches walk through the images in an order that is drawn anew each
  epoch; one may end an epoch and begin the next. Images are padded with black,
  cropped at random and flipped with probability 1/2, as in GHN-2.

  Args:
    split: images to train on.
    seed: seed of order and augmentation.
    number: of the batch, from 0.
    batch_size: number of images B.
    flip: whether images are flipped.
    crop_padding: black pixels at each side; 0 leaves images in their place.

  Returns:
    Images [B, H, W, C], uint8, and labels [B], int32.
  """
  positions = number * batch_size + np.arange(batch_size)
  epochs, offsets = np.divmod(positions, len(split))
  indices = np.empty(batch_size, np.int64)
  for epoch in np.unique(epochs):
    chosen = epochs == epoch
    order = _permutation(seed, int(epoch), len(split))
    indices[chosen] = order[offsets[chosen]]
  generator = np.random.default_rng([seed, 1, number])
  images = _augment(split.images[indices], generator, flip, crop_padding)
  return images, split.labels[indices]


def evaluation(
  dataset: data.Dataset, split: str, batch_size: int, limit: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Yields a split once, in order, normalized and without augmentation.

  Args:
    dataset: the set.
    split: "train", "validation" or "test".
    batch_size: images in a batch; the last batch may have fewer.
    limit: number of images to stop after; all if None.

  Raises:
    ValueError: an unknown split.
  """
  if split not in data.SPLITS:
    raise ValueError(f"Unknown split {split!r}, expected one of {data.SPLITS}.")
  source: data.Split = getattr(dataset, split)
  limit = len(source) if limit is None else min(limit, len(source))
  for start in range(0, limit, batch_size):
    chosen = slice(start, min(start + batch_size, limit))
    yield dataset.normalize(source.images[chosen]), source.labels[chosen]


@functools.lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, size: int) -> np.ndarray:
  return np.random.default_rng([seed, 0, epoch]).permutation(size)


def _augment(
  images: np.ndarray, generator: np.random.Generator, flip: bool, padding: int
) -> np.ndarray:
  """Pads with black, crops and flips: uint8 [B, H, W, C], the same shape."""
  batch, height, width, channels = images.shape
  p = padding
  padded = np.zeros(
    (batch, height + 2 * p, width + 2 * p, channels), images.dtype
  )
  padded[:, p : p + height, p : p + width] = images
  top, left = generator.integers(0, 2 * p + 1, (2, batch, 1))
  flipped = generator.random((batch, 1)) < 0.5 * flip
  rows = top + np.arange(height)
  columns = left + np.arange(width)
  columns = np.where(flipped, columns[:, ::-1], columns)
  return padded[
    np.arange(batch)[:, None, None], rows[:, :, None], columns[:, None, :]
  ]
