# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The flags of programs that divide what a hypernetwork does among workers."""

from typing import Any

from absl import flags

from ghn_tf.programs import beam
from ghn_tf.programs import images

flags.adopt_module_key_flags(beam)
flags.adopt_module_key_flags(images)

CHECKPOINT = flags.DEFINE_string(
  "checkpoint",
  None,
  "Hypernetwork: a checkpoint file, a training workdir, or the name of a"
  " pretrained one.",
  required=True,
)


def resolved(**options: Any) -> Any:
  """Returns the `evaluation.pipeline.Job` of the flags, for all workers.

  Args:
    **options: its other fields.

  Raises:
    CheckpointError: there is no such checkpoint, or it is damaged.
  """
  from ghn_tf.evaluation import pipeline

  job = pipeline.Job(
    checkpoint=CHECKPOINT.value,
    dataset=images.DATASET.value,
    data_dir=images.DATA_DIR.value,
    download=images.DOWNLOAD.value,
    **options,
  )
  return job.resolved()  # here and now: workers may not find the same
