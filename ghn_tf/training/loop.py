# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Steps until a run is done, and what is written down between them."""

import contextlib
import dataclasses
import threading
import time

import numpy as np

from ghn_tf.training import log as training_log
from ghn_tf.training import metrics
from ghn_tf.training import state as training_state
from ghn_tf.training import trainer as trainer_lib


def train(
  trainer: trainer_lib.Trainer, workdir: str, stop: threading.Event
) -> bool:
  """Trains until the configured step, with checkpoints and metrics.

  Args:
    trainer: with the state to begin at, which is changed in place.
    workdir: gets checkpoints, metrics.jsonl and TensorBoard's files.
    stop: when set, the step that is running ends, is saved, and is the last.

  Returns:
    Whether the configured step was reached.

  Raises:
    TrainingError: too many steps in a row had no finite gradient, or the
      hypernetwork does not fit into memory.
    LostWorkerError: another worker is gone.
    OSError: the workdir cannot be written, as on a full disk.
  """
  state, workers = trainer.state, trainer.workers
  config = state.config
  log = training_log.TrainingLog(state, workers.is_chief)
  log.begin(workdir)
  # Of several workers, one writes.
  writer: metrics.MetricsWriter | None = None
  if workers.is_chief:
    if state.step == 0:  # shows before hours of work whether it can be saved
      training_state.save(state, workdir)
    settings = {
      name: str(value) if value is None else value
      for name, value in dataclasses.asdict(config).items()
    }
    writer = metrics.MetricsWriter(workdir, state.step, settings)
  with (
    contextlib.closing(writer) if writer else contextlib.nullcontext(),
    metrics.progress_bar(
      config.steps * config.meta_batch_size,
      state.step * config.meta_batch_size,
    ) as bar,
  ):
    stops = False
    while state.step < config.steps and not stops:
      before = _times()
      trainer.step()
      bar.update(config.meta_batch_size)
      log.after_step()
      scalars: dict[str, float] = {}
      if _is_due(state, config.log_every_steps):
        scalars |= state.take_means()
        scalars["skipped_steps"] = state.num_skipped
        scalars["skipped_networks"] = state.num_oversized
        scalars["networks_per_second"] = log.networks_per_second()
        scalars["memory_bytes"] = metrics.memory_bytes()
      arrays: dict[str, np.ndarray] = {}
      is_best = False
      if _is_due(state, config.evaluate_every_steps):
        accuracies = trainer.evaluate()
        scalars |= accuracies
        arrays = state.averaged_ghn.get_arrays()
        is_best = state.remember_best(trainer.score(accuracies))
      stops = workers.any(stop.is_set())
      state.count_time(*(_times() - before))
      if scalars and writer:
        scalars["hours"] = state.seconds / 3600
        scalars["processor_hours"] = state.processor_seconds / 3600
        writer.write(state.step, scalars, arrays)
        with bar.external_write_mode():
          log.progress(scalars)
      is_due = _is_due(state, config.checkpoint_every_steps)
      if writer and (is_due or is_best or stops):
        training_state.save(state, workdir)
  log.end(workdir)
  return state.step >= config.steps


def _times() -> np.ndarray:
  """Returns the seconds on the clock, and those of all processors."""
  return np.array([time.monotonic(), time.process_time()])


def _is_due(state: training_state.TrainState, every: int) -> bool:
  return state.step % every == 0 or state.step == state.config.steps
