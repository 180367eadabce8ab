# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What happens at each epoch of a network that is trained on."""

from collections.abc import Callable
import io
import json
import os
import pathlib
import time
from typing import Any

from absl import logging
import numpy as np
import tf_keras as keras

from ghn_tf import files
from ghn_tf.training import metrics
from ghn_tf.training import writing


class History(keras.callbacks.Callback):
  """Keeps how a network learns, and ends that when it no longer does.

  It keeps this, and with a patience the best weights, in a folder if there is
  one, from where it goes on.

  Attributes:
    rows: as `finetuning.Finetuned.history`.
  """

  def __init__(
    self,
    epochs: int,
    patience: int | None,
    validate: Callable[[], float],
    workdir: str | os.PathLike[str] | None,
  ):
    """Begins with what the folder has.

    Args:
      epochs: the greatest number of them.
      patience: as `finetuning.Config.patience`.
      validate: returns the accuracy on images that are held out.
      workdir: the folder; None for none.
    """
    super().__init__()
    self.rows: list[dict[str, Any]] = []
    self._epochs = epochs
    self._patience = patience
    self._validate = validate
    self._begin = time.monotonic()
    self._weights: list[np.ndarray] = []
    self._path = self._best = None
    if workdir is not None:
      self._path = pathlib.Path(workdir) / "history.json"
      self._best = self._path.with_name("best.npz")
      if self._path.exists():
        self.rows = json.loads(self._path.read_text())

  @property
  def epochs(self) -> int:
    """How many epochs there are at most: no more where patience has ended."""
    return len(self.rows) - 1 if self._is_at_end else self._epochs

  def begin(self, model: keras.Model) -> None:
    """Keeps the start, which may be the best, if that was not done before."""
    if not self.rows:
      self.set_model(model)
      self._add({"epoch": 0, "validation": self._validate()})

  def on_epoch_begin(self, epoch, logs=None):
    """Notes the time."""
    self._begin = time.monotonic()

  def on_epoch_end(self, epoch, logs=None):
    """Measures what was learned, and ends where that got no better."""
    # Not by the moving averages of Keras, which are far behind at a high rate
    # or after few steps.
    row = {"epoch": epoch + 1, "validation": self._validate()}
    self._add({**row, **{name: logs[name] for name in ("loss", "accuracy")}})
    logging.info(
      "Epoch %d of %d: loss %.3f, top-1 %.1f %% in training, %.1f %% on"
      " images that were held out.",
      *(epoch + 1, self._epochs, logs["loss"]),
      *(100 * logs["accuracy"], 100 * row["validation"]),
    )
    self.model.stop_training = self._is_at_end

  def on_train_end(self, logs=None):
    """Gives the best weights back, if there is a patience."""
    if self._patience:
      if self._best is not None:
        with np.load(self._best, allow_pickle=False) as arrays:
          self._weights = [arrays[name] for name in arrays.files]
      self.model.set_weights(self._weights)

  def _add(self, row: dict[str, Any]) -> None:
    """Adds a row, in place of those of its epoch and later ones."""
    row |= {"seconds": time.monotonic() - self._begin}
    self.rows = [*self.rows[: row["epoch"]], row]
    if self._patience and self._best_epoch == row["epoch"]:
      self._keep_weights()
    if self._path:
      files.write(self._path, json.dumps(self.rows, indent=2) + "\n")

  def _keep_weights(self) -> None:
    self._weights = self.model.get_weights()
    if self._best is not None:
      content = io.BytesIO()
      np.savez(content, *self._weights)
      files.write(self._best, content.getvalue())

  @property
  def _best_epoch(self) -> int:
    """The first of the best epochs."""
    return max(self.rows, key=lambda row: row["validation"])["epoch"]

  @property
  def _is_at_end(self) -> bool:
    """Whether none of the last epochs was better, for the patience there is."""
    return bool(
      self.rows
      and self._patience
      and self.rows[-1]["epoch"] - self._best_epoch >= self._patience
    )


class Backup(keras.callbacks.BackupAndRestore):
  """Keeps the state of training at the end of each epoch.

  Also at the end of the last one: what was learned is not in a file yet.
  """

  def __init__(self, folder: str):
    super().__init__(folder, delete_checkpoint=False)

  def on_epoch_end(self, epoch, logs=None):
    """Writes it; an error names the folder."""
    with writing.telling(self.backup_dir):
      super().on_epoch_end(epoch, logs)


class TensorBoard(keras.callbacks.TensorBoard):
  """Writes curves."""

  def on_epoch_end(self, epoch, logs=None):
    """Writes those of an epoch; an error names the folder."""
    with writing.telling(self.log_dir):
      super().on_epoch_end(epoch, logs)

  def on_train_end(self, logs=None):
    """Writes what is left."""
    with writing.telling(self.log_dir):
      super().on_train_end(logs)


class Bar(keras.callbacks.Callback):
  """Shows on a terminal how many steps are done, and how well.

  Attributes:
    done: steps of an earlier training that this one goes on from.
  """

  def __init__(self, steps: int):
    super().__init__()
    self.done = 0
    self._steps = steps

  def on_train_begin(self, logs=None):
    """Shows it from where training begins."""
    self.done = int(self.model.optimizer.iterations)
    self._bar = metrics.progress_bar(self._steps, self.done, " steps")

  def on_train_batch_end(self, batch, logs=None):
    """Moves it by a step."""
    if not self._bar.disable:
      told = {name: f"{logs[name]:.3f}" for name in ("loss", "accuracy")}
      self._bar.set_postfix(told, refresh=False)
    self._bar.update()

  def on_train_end(self, logs=None):
    """Leaves it as it is."""
    self._bar.close()
