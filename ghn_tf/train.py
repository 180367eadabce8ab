# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Trains a hypernetwork.

  python -m ghn_tf.train --flagfile=ghn_tf/configs/quickstart.flags \
    --workdir=/tmp/ghn

The same command again goes on from the last checkpoint in the workdir. Put
--flagfile first: of a flag that is given twice the last value counts.
"""

import dataclasses
from typing import Any

from absl import flags

from ghn_tf import data
from ghn_tf.ghn import checkpoint
from ghn_tf.programs import program
from ghn_tf.training import config as training_config
from ghn_tf.training import errors

_WORKDIR = flags.DEFINE_string(
  "workdir",
  None,
  "Folder of the run, for checkpoints and metrics; made if it does not exist.",
  required=True,
)
_DATA_DIR = flags.DEFINE_string(
  "data_dir", None, "Folder of TensorFlow Datasets; its own default if None."
)
_DOWNLOAD = flags.DEFINE_bool(
  "download", False, "Whether a data set that is missing may be downloaded."
)
_INIT_CHECKPOINT = flags.DEFINE_string(
  "init_checkpoint",
  None,
  "Hypernetwork to begin with, where the workdir has no checkpoint yet: a"
  " checkpoint file, the workdir of another run, or the name of a pretrained"
  " one; a new one if None. A narrower one grows, where the widths here are"
  " multiples of its.",
)
_STRATEGY = flags.DEFINE_enum(
  "strategy",
  "none",
  training_config.STRATEGIES,
  "How the networks of a step are divided: none; mirrored, among all GPUs of"
  " this machine, or its logical CPUs if it has none; multi_worker, among the"
  " processes in the environment variable TF_CONFIG, each started by this"
  " command with the same --workdir.",
)


def _define(field: dataclasses.Field[Any]) -> flags.FlagHolder[Any]:
  """Defines the flag of a field of TrainConfig."""
  rule = field.metadata
  common = (field.name, field.default)
  if rule["choices"]:
    return flags.DEFINE_enum(*common, list(rule["choices"]), rule["help"])
  kind = training_config.kind(field)
  if kind in (int, float):
    define = flags.DEFINE_integer if kind is int else flags.DEFINE_float
    bounds = (rule["minimum"], rule["maximum"])
    return define(*common, rule["help"], *bounds)
  define = flags.DEFINE_bool if kind is bool else flags.DEFINE_string
  return define(*common, rule["help"])


_CONFIG = {
  field.name: _define(field)
  for field in dataclasses.fields(training_config.TrainConfig)
}


def config_from_flags() -> training_config.TrainConfig:
  """Returns the configuration that the flags say."""
  values = {name: flag.value for name, flag in _CONFIG.items()}
  return training_config.TrainConfig(**values)


def train() -> int | None:
  """Trains as the flags say; returns the exit status."""
  config = config_from_flags()
  holders = (_WORKDIR, _DATA_DIR, _DOWNLOAD, _INIT_CHECKPOINT, _STRATEGY)
  names = [holder.name for holder in (*holders, *_CONFIG.values())]
  lines = [flags.FLAGS[name].serialize() for name in names]
  # Before TensorFlow is imported, as wrong input should not wait for it.
  if not checkpoint.run_paths(_WORKDIR.value) and _INIT_CHECKPOINT.value:
    checkpoint.find(_INIT_CHECKPOINT.value)
  data.check(config.dataset, _DATA_DIR.value, download=_DOWNLOAD.value)

  program.import_silently("tensorflow")
  from ghn_tf.training import run

  return run.run(
    config,
    _WORKDIR.value,
    "".join(f"{line}\n" for line in lines if line),
    data_dir=_DATA_DIR.value,
    download=_DOWNLOAD.value,
    init_checkpoint=_INIT_CHECKPOINT.value,
    strategy=_STRATEGY.value,
  )


def main() -> None:
  """Runs the program."""
  program.run(train, (errors.TrainingError,))


if __name__ == "__main__":
  main()
