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

from absl import logging
import numpy as np
import tensorflow_datasets as tfds

from ghn_tf import image_checks
from ghn_tf import image_files

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
  builder = _builder(name, data_dir)
  return _load_tfds(name, builder, size, download, max_bytes)


def is_at_hand(name: str, data_dir: str | None = None) -> bool:
  """Whether `load` finds a set without a download.

  Raises:
    ValueError: an unknown set.
  """
  if name == SAMPLE or _reader(name):
    return True
  return _builder(name, data_dir).is_prepared()


def _reader(name: str) -> Any:
  """Returns what reads the files that a name is the path of; None if none."""
  if not isinstance(name, str):
    return None
  if name.endswith(".npz"):
    return image_files.read_arrays
  is_path = "/" in name and os.path.isdir(os.path.expanduser(name))
  return image_files.read_folder if is_path else None


def _load_files(name: str, parts: image_files.Parts) -> Dataset:
  parts = image_files.split(parts)
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
      f" validation and {len(test)} test images, expected some of each."
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


def _builder(name: str, data_dir: str | None) -> tfds.core.DatasetBuilder:
  if data_dir is not None:  # no shell expands ~ behind --data_dir=
    data_dir = os.path.expanduser(data_dir)
  try:
    return tfds.builder(name, data_dir=data_dir)
  # Of what is no name, names no set, or one without this version or option, and
  # of a set that needs packages.
  except (AssertionError, ImportError, TypeError, ValueError) as error:
    advice = ""
    if isinstance(name, str) and os.path.isdir(os.path.expanduser(name)):
      advice = (
        f"; a folder of images is given with a slash, './{name}', and one that"
        " holds sets as data_dir (--data_dir)"
      )
    # The next lines, if any, are a grammar of names.
    reason = str(error).partition("\n")[0].rstrip(".")
    raise ValueError(
      f"Unknown data set {name!r}: expected {HELP}, such as 'cifar10'{advice}."
      f" ({reason}.)"
    ) from None  # some of TFDS's own list all sets that there are


def _load_tfds(
  name: str,
  builder: tfds.core.DatasetBuilder,
  image_size: image_files.Size | None,
  download: bool,
  max_bytes: int,
) -> Dataset:
  if not builder.is_prepared():
    if not download:
      raise FileNotFoundError(
        f"Data set {name!r} is not prepared in {builder.data_path}. Name the"
        " folder that holds it as data_dir (--data_dir), allow a download with"
        f" download=True (--download), or take {SAMPLE!r} (--dataset={SAMPLE}),"
        " which needs neither."
      )
    builder.download_and_prepare()
  shape, num_classes = _check_features(name, builder.info.features, image_size)
  splits = builder.info.splits
  # Of some sets, the labels of the test split are kept back.
  labelled = [s for s in ("test", "validation") if _is_labelled(builder, s)]
  if "train" not in splits or not labelled:
    raise ValueError(
      f"Data set {name!r} needs the splits 'train' and, with labels, 'test' or"
      f" 'validation'; it has {sorted(splits)}."
    )
  test_name = labelled[0]
  total = splits["train"].num_examples + splits[test_name].num_examples
  if total * int(np.prod(shape)) > max_bytes:
    raise ValueError(
      f"Data set {name!r} would take {total * np.prod(shape) / 2**30:.1f} GiB"
      f" of memory as {total} images of shape {list(shape)}, more than the"
      f" bound of {max_bytes / 2**30:.1f} GiB; give a smaller image_size"
      " (--image_size)."
    )
  train = _read_split(builder, "train", shape, image_size)
  test = _read_split(builder, test_name, shape, image_size)
  cut = len(train) - round(len(train) * _VALIDATION_FRACTION)
  return Dataset(
    name,
    Split(train.images[:cut], train.labels[:cut]),
    Split(train.images[cut:], train.labels[cut:]),
    test,
    num_classes,
  )


def _is_labelled(builder: tfds.core.DatasetBuilder, split: str) -> bool:
  """Whether there is a split, and its first image has a label."""
  if split not in builder.info.splits:
    return False
  only_labels = tfds.decode.PartialDecoding({"label": True})
  first = builder.as_dataset(split=f"{split}[:1]", decoders=only_labels)
  return any(e["label"] >= 0 for e in tfds.as_numpy(first))


def _check_features(
  name: str,
  features: tfds.features.FeaturesDict,
  image_size: image_files.Size | None,
) -> tuple[tuple[int, int, int], int]:
  """Returns the shape of the images in memory and the number of classes."""
  kinds = {"image": tfds.features.Image, "label": tfds.features.ClassLabel}
  if not all(
    key in features and isinstance(features[key], kind)
    for key, kind in kinds.items()
  ):
    raise ValueError(
      f"Data set {name!r} is not image classification: expected the features"
      f" 'image' (Image) and 'label' (ClassLabel), it has {sorted(features)}."
    )
  if features["image"].np_dtype not in (np.uint8, np.uint16):
    raise ValueError(
      f"The images of {name!r} are {np.dtype(features['image'].np_dtype)},"
      " expected uint8 or uint16."
    )
  height, width, channels = features["image"].shape
  if image_size is not None:
    height, width = image_size
  if height is None or width is None:
    raise ValueError(
      f"The images of {name!r} differ in size; give one as image_size"
      " (--image_size)."
    )
  if channels in (2, 4):
    logging.warning("%s: the alpha channel of images is left out.", name)
    channels -= 1
  return (height, width, channels), features["label"].num_classes


def _read_split(
  builder: tfds.core.DatasetBuilder,
  split: str,
  shape: tuple[int, int, int],
  image_size: image_files.Size | None,
) -> Split:
  """Reads a split in the order of its files into one array."""
  import tensorflow as tf

  size = builder.info.splits[split].num_examples
  images = np.empty((size, *shape), np.uint8)
  labels = np.empty(size, np.int32)
  examples = builder.as_dataset(
    split=split,
    shuffle_files=False,
    # Several files at once would mix their order.
    read_config=tfds.ReadConfig(interleave_cycle_length=1),
    decoders=tfds.decode.PartialDecoding({"image": True, "label": True}),
  )

  def prepared(image: tf.Tensor) -> tf.Tensor:
    image = image[..., : shape[2]]  # without alpha
    if image.dtype == tf.uint16:
      image = tf.cast((tf.cast(image, tf.int32) + 128) // 257, tf.uint8)
    if image_size is not None:
      image = image_files.resize(image, image_size)
    return image

  examples = examples.map(
    lambda e: {"image": prepared(e["image"]), "label": e["label"]},
    num_parallel_calls=tf.data.AUTOTUNE,
  )
  start = 0
  try:
    for batch in tfds.as_numpy(examples.batch(256)):
      stop = start + len(batch["label"])
      images[start:stop], labels[start:stop] = batch["image"], batch["label"]
      start = stop
  except tf.errors.DataLossError as error:
    raise ValueError(
      f"Split {split!r} in {builder.data_path} is damaged after {start} of"
      f" {size} images: {error.message}. Prepare the set anew."
    ) from error
  if start != size:
    raise ValueError(
      f"Split {split!r} in {builder.data_path} has {start} images instead of"
      f" {size}. Prepare the set anew."
    )
  num_classes = builder.info.features["label"].num_classes
  if wrong := np.count_nonzero((labels < 0) | (labels >= num_classes)):
    raise ValueError(
      f"Split {split!r} in {builder.data_path} has {wrong} images of {size}"
      f" whose label is not from 0 to {num_classes - 1}; take them out."
    )
  return Split(images, labels)
