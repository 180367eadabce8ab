# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Image classification sets in memory; `image_batches` draws from them.

TensorFlow is imported where it is needed: flags name `SAMPLE`, and a wrong flag
should not take the seconds that TensorFlow takes to start.
"""

import dataclasses
import functools
import os
import pathlib
from typing import Any

import numpy as np

from ghn_tf import image_checks
from ghn_tf import image_files
from ghn_tf import image_sets

SAMPLE = "cifar10_sample"
SPLITS = ("train", "validation", "test")
MAX_BYTES = 4 * 2**30
# Of the flags that take a data set.
HELP = (
  f"{SAMPLE}, a name in TensorFlow Datasets, the path, with a slash, of a"
  " folder with one of images for each class, or an .npz of images and labels"
)

_SAMPLE_PATH = pathlib.Path(__file__).parent / "sample" / f"{SAMPLE}.npz"
# GHN-2 (arXiv 2110.13100) holds out the last 5,000 of CIFAR-10's 50,000
# training images.
_VALIDATION_FRACTION = 0.1


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
  """Images and their labels, in a fixed order.

  Attributes:
    images: [n, H, W, C], uint8.
    labels: [n], int32.
  """

  images: np.ndarray
  labels: np.ndarray

  def __len__(self) -> int:
    return len(self.labels)


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
  """A classification set, held in memory.

  Attributes:
    name: the name it was loaded by.
    train: images to train on.
    validation: a tenth of the original training images, never trained on.
    test: the original test images, or else, or without their labels, the
      original validation images.
    num_classes: number of classes; labels are smaller.
  """

  name: str
  train: Split
  validation: Split
  test: Split
  num_classes: int

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """Height, width and channels of every image."""
    height, width, channels = self.train.images.shape[1:]
    return height, width, channels

  @functools.cached_property
  def mean(self) -> np.ndarray:
    """Mean of the training pixels in [0, 1], per channel: [C]."""
    levels = np.arange(256) / 255
    return self._histograms @ levels

  @functools.cached_property
  def std(self) -> np.ndarray:
    """Standard deviation of the training pixels in [0, 1], per channel: [C].

    A constant channel has 1 here, so that normalization divides by no zero.
    """
    levels = np.arange(256) / 255
    variance = self._histograms @ levels**2 - self.mean**2
    return np.where(variance > 1e-12, np.sqrt(np.maximum(variance, 0)), 1)

  @functools.cached_property
  def _histograms(self) -> np.ndarray:
    """Frequencies of the 256 pixel values in each channel, [C, 256]."""
    images = self.train.images
    counts = [
      np.bincount(images[..., c].ravel(), minlength=256)
      for c in range(images.shape[-1])
    ]
    return np.stack(counts) / (images.size / images.shape[-1])

  def normalize(self, images: Any) -> np.ndarray:
    """Returns what `normalize` makes of pixels, by this set's mean and std."""
    return normalize(images, self.mean, self.std)


def normalize(images: Any, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
  """Returns (images / 255 - mean) / std as float32, of the same shape.

  Args:
    images: uint8 [n, H, W, C], or a list of n images of one shape.
    mean: of the pixels in [0, 1], per channel: [C].
    std: their standard deviation, [C].

  Raises:
    ValueError: images of another type, such as scaled ones, or of another
      number of channels.
  """
  images = image_checks.pixels(images)
  if images.shape[-1] != len(mean):  # one channel would be broadcast to all
    raise ValueError(
      f"Images have {images.shape[-1]} channels, but those trained on had"
      f" {len(mean)}; give images of as many."
    )
  scale = (1 / (255 * std)).astype(np.float32)
  offset = (-mean / std).astype(np.float32)
  return images * scale + offset


def load(
  name: str,
  data_dir: str | None = None,
  *,
  image_size: int | tuple[int, int] | None = None,
  download: bool = False,
  max_bytes: int = MAX_BYTES,
) -> Dataset:
  """Loads an image classification set into memory.

  Args:
    name: `cifar10_sample`, the 1,500 images that come with this package; any
      name in TensorFlow Datasets with features `image` and `label`; the path,
      with a slash, of a folder or that of an `.npz` file, as `image_files`
      reads them. Without a test split, it is a fifth of each class.
    data_dir: where TensorFlow Datasets finds and keeps sets; its own default
      if None.
    image_size: height and width, or one of both, to resize to, by
      area-preserving bilinear interpolation; the images' own if None.
    download: whether a set that is not in data_dir may be downloaded.
    max_bytes: upper bound on the memory that the images take.

  Raises:
    FileNotFoundError: the set is not in data_dir and download is False.
    ValueError: an unknown or damaged set, one that is not classification of
      8-bit or 16-bit images, images of different sizes without image_size or
      without labels, or more than max_bytes.
  """
  size = (image_size,) * 2 if isinstance(image_size, int) else image_size
  if name == SAMPLE:
    return _load_sample(size)
  if read := _reader(name):
    return _load_files(name, read(os.path.expanduser(name), size, max_bytes))
  builder = image_sets.find(name, data_dir, HELP)
  image_sets.check_at_hand(name, builder, download, SAMPLE)
  parts, num_classes = image_sets.read(name, builder, size, max_bytes)
  train = Split(*parts["train"])
  cut = len(train) - round(len(train) * _VALIDATION_FRACTION)
  return Dataset(
    name,
    Split(train.images[:cut], train.labels[:cut]),
    Split(train.images[cut:], train.labels[cut:]),
    Split(*parts["test"]),
    num_classes,
  )


def check(
  name: str, data_dir: str | None = None, *, download: bool = False
) -> None:
  """Raises what `load` does where there is no such set, with no TensorFlow.

  Args:
    name: as `load` takes it.
    data_dir: as `load` takes it.
    download: as `load` takes it.

  Raises:
    FileNotFoundError: the set is not in data_dir and download is False.
    ValueError: an unknown set.
  """
  if name == SAMPLE:
    return
  if _reader(name):
    os.stat(os.path.expanduser(name))
  else:
    builder = image_sets.find(name, data_dir, HELP)
    image_sets.check_at_hand(name, builder, download, SAMPLE)


def is_at_hand(name: str, data_dir: str | None = None) -> bool:
  """Whether `load` finds a set without a download.

  Raises:
    ValueError: an unknown set.
  """
  if name == SAMPLE or _reader(name):
    return True
  return image_sets.find(name, data_dir, HELP).is_prepared()


def _reader(name: str) -> Any:
  """Returns what reads the files that a name is the path of; None if none."""
  if not isinstance(name, str):
    return None
  if name.endswith(".npz"):
    return image_files.read_arrays
  is_path = "/" in name and os.path.isdir(os.path.expanduser(name))
  return image_files.read_folder if is_path else None


def _split(parts: image_files.Parts) -> image_files.Parts:
  """Returns parts of which one is for tests: a fifth of each class if none."""
  if "test" in parts:
    return dict(parts)
  images, labels = parts["train"]
  train, test = image_files.hold_out(labels, 0.2)
  return {
    "train": (images[train], labels[train]),
    "test": (images[test], labels[test]),
  }


def _load_files(name: str, parts: image_files.Parts) -> Dataset:
  parts = _split(parts)
  images, labels = parts["train"]
  num_classes = 1 + max(int(own.max(initial=0)) for _, own in parts.values())
  counts = np.bincount(labels, minlength=num_classes)
  if missing := np.flatnonzero(counts == 0)[:9].tolist():
    raise ValueError(
      f"Data set {name!r} has no training images of the classes {missing} of"
      f" {num_classes}; number them from 0 on, each with some images."
    )
  train, validation = _held_out(images, labels)
  test = Split(*parts["test"])
  if not len(test) or not len(validation):
    raise ValueError(
      f"Data set {name!r} has {len(train)} training, {len(validation)}"
      f" validation and {len(test)} test images, expected some of each; give"
      " more, some tens of each class."
    )
  return Dataset(name, train, validation, test, num_classes)


def _held_out(images: np.ndarray, labels: np.ndarray) -> tuple[Split, Split]:
  """Returns images to train on, and a tenth of each class held out."""
  train, validation = (
    Split(images[chosen], labels[chosen])
    for chosen in image_files.hold_out(labels, _VALIDATION_FRACTION)
  )
  return train, validation


def _load_sample(image_size: image_files.Size | None) -> Dataset:
  with np.load(_SAMPLE_PATH, allow_pickle=False) as arrays:
    images, labels = arrays["x_train"], arrays["y_train"].astype(np.int32)
    test = Split(arrays["x_test"], arrays["y_test"].astype(np.int32))
  if image_size not in (None, images.shape[1:3]):
    images = image_files.resize(images, image_size).numpy()
    resized = image_files.resize(test.images, image_size).numpy()
    test = Split(resized, test.labels)
  # The file holds the images of each class that come first in CIFAR-10, so
  # its end is richer in rare classes: draw the order, and hold out by class.
  train, validation = _held_out(images, labels)
  return Dataset(SAMPLE, train, validation, test, int(labels.max()) + 1)
