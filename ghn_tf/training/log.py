# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a run tells a person: what is run, how far it is, how it ended."""

from collections.abc import Mapping
import time

from absl import logging

from ghn_tf.training import metrics
from ghn_tf.training import state as training_state

# Steps whose pace tells how long a run will take; without the first one, which
# compiles the hypernetwork.
_STEPS_TO_EXPECT = 10


class TrainingLog:
  """Tells a person what is run, how far it is and how long it will take."""

  def __init__(self, state: training_state.TrainState, is_chief: bool = True):
    """Begins to watch a state, which training changes.

    Args:
      state: to watch.
      is_chief: whether this process speaks for all workers; others tell only
        those who debug.
    """
    self._state = state
    self._say = logging.info if is_chief else logging.debug
    self._first = self._last = (time.monotonic(), state.step)
    self._warm = self._first
    self._newest: dict[str, float] = {}

  def begin(self, workdir: str) -> None:
    """Says what is run, before it takes time."""
    state, config = self._state, self._state.config
    self._say(
      "Train hypernetwork %s (%s parameters) in recipe %s: steps %s to %s, each"
      " of %d architectures of %s on %d of the %s training images of %s. Seed"
      " %d. Results in %s.",
      config.ghn,
      f"{state.ghn.count_params():,}",
      config.recipe,
      f"{state.step:,}",
      f"{config.steps:,}",
      config.meta_batch_size,
      config.architectures or f"space {config.space}",
      config.image_batch_size,
      f"{len(state.dataset.train):,}",
      config.dataset,
      config.seed,
      workdir,
    )

  def after_step(self) -> None:
    """Says what came of the first step, and later how long the run will take.

    To be called after each step, before its metrics are recorded.
    """
    step, steps = self._state.step, self._state.config.steps
    done = step - self._first[1]
    if done == 1:
      self._warm = (time.monotonic(), step)
      self._say(
        "Step %s took %s, more than those to come: %s",
        f"{step:,}",
        metrics.duration(self._warm[0] - self._first[0]),
        _format(self._state.means()) or "no update",
      )
    elif done == 1 + _STEPS_TO_EXPECT and steps - step > done:
      self._say("Expect to take %s more.", self._time_left())

  def _time_left(self) -> str:
    """Returns the time to the last step at the pace so far."""
    state = self._state
    start = self._warm if state.step > self._warm[1] else self._first
    pace = (time.monotonic() - start[0]) / (state.step - start[1])
    return metrics.duration(pace * (state.config.steps - state.step))

  def networks_per_second(self) -> float:
    """Returns the rate of training since the last call of `progress`."""
    seconds = time.monotonic() - self._last[0]
    steps = self._state.step - self._last[1]
    return steps * self._state.config.meta_batch_size / seconds

  def progress(self, scalars: Mapping[str, float]) -> None:
    """Says how far the run is."""
    self._newest |= scalars
    self._last = (time.monotonic(), self._state.step)
    self._say(
      "Step %s of %s, %s left: %s",
      f"{self._state.step:,}",
      f"{self._state.config.steps:,}",
      self._time_left(),
      _format(scalars),
    )

  def end(self, workdir: str) -> None:
    """Sums up the run."""
    state = self._state
    steps = state.step - self._first[1]
    self._say(
      "%s at step %s: %s networks in %s, %s steps without update in all. Last"
      " metrics: %s. %sCheckpoints and metrics are in %s.",
      "Done" if state.step >= state.config.steps else "Stopped",
      f"{state.step:,}",
      f"{steps * state.config.meta_batch_size:,}",
      metrics.duration(time.monotonic() - self._first[0]),
      f"{state.num_skipped:,}",
      # Of a run that was stopped, also what is not recorded yet.
      _format(self._newest | state.means()) or "none",
      self._best(),
      workdir,
    )

  def _best(self) -> str:
    """Says where the best checkpoint is, if there is one."""
    state = self._state
    if state.best_step is None:
      return ""
    return (
      f"Best validation accuracy: {state.best_accuracy:.3g}, at step"
      f" {state.best_step:,}. "
    )


def _format(scalars: Mapping[str, float]) -> str:
  return ", ".join(f"{name} {value:.3g}" for name, value in scalars.items())
