# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The flags of programs that take images for a hypernetwork's networks."""

from typing import Any

from absl import flags

from ghn_tf import data
from ghn_tf.arch import spec
from ghn_tf.arch import variants

DATASET = flags.DEFINE_string(
  "dataset",
  None,
  f"Images: {data.HELP}. The training split is calibrated on and learned from,"
  " the test split measures. By default those that the hypernetwork was trained"
  f" on, or {data.SAMPLE} where these are CIFAR-10 and not in --data_dir.",
)
DATA_DIR = flags.DEFINE_string(
  "data_dir", None, "Folder of TensorFlow Datasets; its own default if None."
)
DOWNLOAD = flags.DEFINE_bool(
  "download", False, "Whether a data set that is missing may be downloaded."
)
IMAGE_SIZE = flags.DEFINE_integer(
  "image_size",
  None,
  "Height and width of the images that networks shall take; their own if None."
  " Those of --dataset are resized to it.",
  lower_bound=1,
)


def check() -> None:
  """Raises what is wrong with --dataset before TensorFlow is imported.

  Raises:
    FileNotFoundError: the set is not in --data_dir, without --download.
    ValueError: an unknown set.
  """
  if DATASET.value:
    data.check(DATASET.value, DATA_DIR.value, download=DOWNLOAD.value)


def resized(architecture: spec.Architecture) -> spec.Architecture:
  """Returns a network for images of --image_size.

  Raises:
    ValueError: it does not take images of that size.
  """
  if not (size := IMAGE_SIZE.value):
    return architecture
  try:
    return variants.with_images(
      architecture, (size, size, architecture.input_shape[2])
    )
  except ValueError as error:
    raise ValueError(
      f"{architecture.name} does not take images of --image_size={size}:"
      f" {error}"
    ) from error


def load(predictor: Any, architecture: spec.Architecture) -> data.Dataset:
  """Returns images for a network, as the flags say.

  Args:
    predictor: the `predictor.Predictor`.
    architecture: the network, whose sizes and classes they have.

  Raises:
    FileNotFoundError: the set is not in --data_dir.
    ValueError: it cannot be loaded, or has other classes or channels.
  """
  return predictor.load_data(
    DATASET.value,
    DATA_DIR.value,
    download=DOWNLOAD.value,
    shape=architecture.input_shape,
    num_classes=architecture.num_classes,
  )
