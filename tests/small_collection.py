# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""A stored collection of a few architectures."""

import functools
import tempfile

from apache_beam.options import pipeline_options
import tensorflow_datasets as tfds

from ghn_tf.convnets250k import dataset
from ghn_tf.spaces import space
from ghn_tf.spaces import splits

# More than a worker draws at a time.
NUM_TRAIN = 600
COLLECTION = splits.Collection(
  space.SPACES["tiny"], num_train=NUM_TRAIN, num_val=5
)


@functools.cache
def make(num_workers: int = 1) -> str:
  """Stores it, once in a process, and returns its folder."""
  builder = dataset.ConvNets250K(
    data_dir=tempfile.mkdtemp(),
    config=dataset.Config(name="small", collection=COLLECTION),
  )
  # Without the first option, the runner looks for another one to download.
  options = ["--allow_unsafe_triggers", "--direct_running_mode=in_memory"]
  if num_workers > 1:
    options = [
      "--allow_unsafe_triggers",
      "--direct_running_mode=multi_processing",
      f"--direct_num_workers={num_workers}",
    ]
  builder.download_and_prepare(
    download_config=tfds.download.DownloadConfig(
      beam_runner="DirectRunner",
      beam_options=pipeline_options.PipelineOptions(options),
    )
  )
  return str(builder.data_path)
