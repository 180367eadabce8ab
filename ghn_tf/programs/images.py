# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The flags of programs that take images for a hypernetwork's networks."""

from absl import flags

from ghn_tf import data

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


def check() -> None:
  """Raises what is wrong with --dataset before TensorFlow is imported.

  Raises:
    FileNotFoundError: the set is not in --data_dir, without --download.
    ValueError: an unknown set.
  """
  if DATASET.value:
    data.check(DATASET.value, DATA_DIR.value, download=DOWNLOAD.value)
