# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Labelled images in TensorFlow Datasets (TFDS)."""

import os

from absl import logging
import numpy as np
import tensorflow_datasets as tfds

from ghn_tf import image_files


def find(
  name: str, data_dir: str | None, expected: str
) -> tfds.core.DatasetBuilder:
  """Returns what prepares and reads a set, with no TensorFlow.

  Args:
    name: of the set.
    data_dir: where sets are kept; the default of TFDS if None.
    expected: which names there are, for errors.

  Raises:
    ValueError: an unknown set.
  """
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
      f"Unknown data set {name!r}: expected {expected}, such as"
      f" 'cifar10'{advice}. ({reason}.)"
    ) from None  # some of TFDS's own list all sets that there are


def check_at_hand(
  name: str, builder: tfds.core.DatasetBuilder, download: bool, other: str
) -> None:
  """Raises FileNotFoundError for a set that would have to be downloaded.

  Args:
    name: of the set.
    builder: of the set.
    download: whether that is allowed.
    other: a set that is always there.
  """
  if not download and not builder.is_prepared():
    raise FileNotFoundError(
      f"Data set {name!r} is not prepared in {builder.data_path}. Name the"
      " folder that holds it as data_dir (--data_dir), allow a download with"
      f" download=True (--download), or take {other!r} (--dataset={other}),"
      " which needs neither."
    )


def read(
  name: str,
  builder: tfds.core.DatasetBuilder,
  image_size: image_files.Size | None,
  max_bytes: int,
) -> tuple[image_files.Parts, int]:
  """Returns the images for training and for tests, and the number of classes.

  Args:
    name: of the set.
    builder: of the set, which is downloaded if it is not prepared.
    image_size: height and width to resize to; the images' own if None.
    max_bytes: upper bound on the memory that the images take.

  Raises:
    ValueError: it is damaged, no classification of 8-bit or 16-bit images, has
      images of different sizes without image_size or without labels, or takes
      more than max_bytes.
  """
  if not builder.is_prepared():
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
  parts = {
    part: _read_split(builder, split, shape, image_size)
    for part, split in (("train", "train"), ("test", test_name))
  }
  return parts, num_classes


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
) -> tuple[np.ndarray, np.ndarray]:
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
  return images, labels
