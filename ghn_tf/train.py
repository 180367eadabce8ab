# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Trains a hypernetwork.

  python -m ghn_tf.train --flagfile=ghn_tf/configs/quickstart.flags \
    --workdir=/tmp/ghn

The same command again goes on from the last checkpoint in the workdir. Put
--flagfile first: of a flag that is given twice the last value counts.
"""

from collections.abc import Iterator, Sequence
import contextlib
import dataclasses
import json
import os
import signal
import sys
import threading
from typing import Any, get_args

from absl import app
from absl import flags
from absl import logging

import ghn_tf
from ghn_tf import data
from ghn_tf import files
from ghn_tf.training import children
from ghn_tf.training import config as training_config
from ghn_tf.training import distribution
from ghn_tf.training import loop
from ghn_tf.training import state as training_state
from ghn_tf.training import trainer as trainer_lib

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
  " one; a new one if None.",
)


_STRATEGY = flags.DEFINE_enum(
  "strategy",
  "none",
  distribution.STRATEGIES,
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
  # The type of `int | None` is int.
  kind = (get_args(field.type) or (field.type,))[0]
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


def _write_run_files(state: training_state.TrainState) -> None:
  """Writes how the run was started."""
  holders = (_WORKDIR, _DATA_DIR, _DOWNLOAD, _INIT_CHECKPOINT, _STRATEGY)
  names = [holder.name for holder in (*holders, *_CONFIG.values())]
  lines = [flags.FLAGS[name].serialize() for name in names]
  files.write(
    os.path.join(_WORKDIR.value, "train.flags"),
    "".join(f"{line}\n" for line in lines if line),
  )
  content = {
    "version": ghn_tf.__version__,
    "training": dataclasses.asdict(state.config),
    "ghn": dataclasses.asdict(state.ghn.config),
  }
  files.write(
    os.path.join(_WORKDIR.value, "config.json"),
    json.dumps(content, indent=2) + "\n",
  )


@contextlib.contextmanager
def _signals(
  state: training_state.TrainState, stop: threading.Event
) -> Iterator[list[int]]:
  """Lets SIGTERM and SIGINT set `stop`; yields those received."""
  received: list[int] = []

  def on_signal(number: int, frame: Any) -> None:
    del frame
    signal.signal(number, before[number])  # a second one ends it at once
    received.append(number)
    stop.set()
    logging.info(
      "Received %s: finishing step %s, saving.",
      signal.Signals(number).name,
      f"{state.step + 1:,}",
    )

  numbers = (int(signal.SIGTERM), int(signal.SIGINT))
  before = {number: signal.signal(number, on_signal) for number in numbers}
  try:
    yield received
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)


def _train() -> int | None:
  """Trains; returns the exit status."""
  config = config_from_flags()
  children.configure(config.parallel_children)
  workers = distribution.create(_STRATEGY.value)
  dataset = data.load(
    config.dataset,
    _DATA_DIR.value,
    image_size=config.image_size,
    download=_DOWNLOAD.value,
  )
  # Whatever can be wrong shows before the first file is written.
  state = training_state.open_run(
    config,
    dataset,
    _WORKDIR.value,
    _INIT_CHECKPOINT.value,
    workers.is_chief,
  )
  trainer = trainer_lib.Trainer(state, workers)
  if workers.is_chief:
    _write_run_files(state)
  stop = threading.Event()
  with _signals(state, stop) as received:
    finished = loop.train(trainer, _WORKDIR.value, stop)
  if finished:
    return None
  # Like a shell: a scheduler must not take a stopped run for a finished one.
  # If the signal went to another worker, this one ends as that one does.
  return 128 + (received or [signal.SIGTERM])[0]


def main(argv: Sequence[str]) -> int | None:
  """Trains as the flags say; returns the exit status."""
  if len(argv) > 1:
    raise app.UsageError(f"Only flags are expected, got {argv[1:]}.")
  try:
    return _train()
  except (
    ValueError,
    OSError,
    trainer_lib.TrainingError,
    distribution.LostWorkerError,
  ) as error:
    logging.debug("Where the error came from:", exc_info=True)
    print(f"ghn_tf.train: error: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
  flags.FLAGS.set_default("verbosity", logging.INFO)
  app.run(main)
