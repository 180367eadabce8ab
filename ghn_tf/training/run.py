# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""One run: opened or gone on with, and trained to its end or a signal."""

import dataclasses
import json
import os
import signal
import threading

from absl import logging

import ghn_tf
from ghn_tf import data
from ghn_tf import files
from ghn_tf import signals
from ghn_tf.training import children
from ghn_tf.training import config as training_config
from ghn_tf.training import distribution
from ghn_tf.training import loop
from ghn_tf.training import state as training_state
from ghn_tf.training import trainer as trainer_lib


def run(
  config: training_config.TrainConfig,
  workdir: str,
  flagfile: str,
  *,
  data_dir: str | None = None,
  download: bool = False,
  init_checkpoint: str | None = None,
  strategy: str = "none",
) -> int | None:
  """Trains, from the last checkpoint in the workdir if there is one.

  Args:
    config: how.
    workdir: gets all that the run writes.
    flagfile: content of the file train.flags in it, which repeats the run.
    data_dir: folder of TensorFlow Datasets; its own default if None.
    download: whether a data set that is missing may be downloaded.
    init_checkpoint: what a new run begins with, as `checkpoint.find` takes it;
      a new hypernetwork if None.
    strategy: how the networks of a step are divided; see `distribution.create`.

  Returns:
    The exit status of the process: none, or that of a signal.

  Raises:
    TrainingError: it cannot go on, or another worker is gone.
    OSError: the workdir cannot be written, or the data set is not there.
    ValueError: what can be wrong in the arguments.
  """
  children.configure(config.parallel_children)
  workers = distribution.create(strategy)
  dataset = data.load(
    config.dataset,
    data_dir,
    image_size=config.image_size,
    download=download,
  )
  # Whatever can be wrong shows before the first file is written.
  state = training_state.open_run(
    config, dataset, workdir, init_checkpoint, workers.is_chief
  )
  trainer = trainer_lib.Trainer(state, workers)
  if workers.is_chief:
    _write_run_files(state, workdir, flagfile)
  stop = threading.Event()

  def on_signal(number: int) -> None:
    stop.set()
    logging.info(
      "Received %s: finishing step %s, saving.",
      signal.Signals(number).name,
      f"{state.step + 1:,}",
    )

  with signals.stopping(on_signal) as received:
    finished = loop.train(trainer, workdir, stop)
  if finished:
    return None
  # Like a shell: a scheduler must not take a stopped run for a finished one.
  # If the signal went to another worker, this one ends as that one does.
  return 128 + (received or [signal.SIGTERM])[0]


def _write_run_files(
  state: training_state.TrainState, workdir: str, flagfile: str
) -> None:
  """Writes how the run was started."""
  files.write(os.path.join(workdir, "train.flags"), flagfile)
  content = {
    "version": ghn_tf.__version__,
    "training": dataclasses.asdict(state.config),
    "ghn": dataclasses.asdict(state.ghn.config),
  }
  files.write(
    os.path.join(workdir, "config.json"), json.dumps(content, indent=2) + "\n"
  )
