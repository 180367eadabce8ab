# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a training run carries from step to step, and how it is kept.

A checkpoint holds all of it. What else a step needs follows from the seed and
the number of the step, so a run that goes on from a checkpoint computes what
an unbroken run computes, bit for bit.
"""

from collections.abc import Mapping
import dataclasses
import os
import pathlib
from typing import Any

from absl import logging
import numpy as np
import tf_keras as keras

from ghn_tf import data
from ghn_tf.ghn import checkpoint
from ghn_tf.ghn import config as ghn_config
from ghn_tf.ghn import growth
from ghn_tf.ghn import model
from ghn_tf.training import config as training_config
from ghn_tf.training import metadata as metadata_lib
from ghn_tf.training import optimizer as optimizer_lib


@dataclasses.dataclass
class TrainState:
  """A hypernetwork in training.

  Attributes:
    config: how it is trained.
    dataset: the images.
    ghn: the hypernetwork that is updated.
    averaged_ghn: the moving average of its weights, which is what is used.
    optimizer: of its weights, with its moments.
    step: number of steps done.
    num_skipped: how many of them updated nothing.
    num_skipped_in_row: how many of the last ones updated nothing.
    num_oversized: number of networks that did not fit into memory.
    best_step: the step with the best validation accuracy, if there is one.
    best_accuracy: that accuracy, the mean over the recipes of training; 0 if
      none yet.
    sums: of metrics, over the updates since the last record.
    num_summed: the number of these updates.
    seconds: time that all steps took, evaluations included.
    processor_seconds: time that all threads of this process computed in it.
    ancestors: the runs whose hypernetwork this one began with, as
      `metadata.lineage` returns them; none if it began with a new one.
  """

  config: training_config.TrainConfig
  dataset: data.Dataset
  ghn: model.GHN
  averaged_ghn: model.GHN
  optimizer: keras.optimizers.Optimizer
  step: int = 0
  num_skipped: int = 0
  num_skipped_in_row: int = 0
  num_oversized: int = 0
  best_step: int | None = None
  best_accuracy: float = 0.0
  sums: dict[str, float] = dataclasses.field(default_factory=dict)
  num_summed: int = 0
  seconds: float = 0.0
  processor_seconds: float = 0.0
  ancestors: list[dict[str, Any]] = dataclasses.field(default_factory=list)

  def count_update(self, **metrics: float) -> None:
    """Adds the metrics of a step that updated the hypernetwork."""
    for name, value in metrics.items():
      self.sums[name] = self.sums.get(name, 0.0) + value
    self.num_summed += 1
    self.num_skipped_in_row = 0

  def count_time(self, seconds: float, processor_seconds: float) -> None:
    """Adds the time of a step."""
    self.seconds += float(seconds)
    self.processor_seconds += float(processor_seconds)

  def remember_best(self, accuracy: float) -> bool:
    """Whether this is the best validation accuracy so far; remembers it."""
    if not accuracy > self.best_accuracy:
      return False
    self.best_step, self.best_accuracy = self.step, accuracy
    return True

  def means(self) -> dict[str, float]:
    """Returns the means of the metrics since the last record."""
    return {name: value / self.num_summed for name, value in self.sums.items()}

  def take_means(self) -> dict[str, float]:
    """Returns them for a record, after which new ones begin."""
    means = self.means()
    self.sums, self.num_summed = {}, 0
    return means


def create(
  config: training_config.TrainConfig, dataset: data.Dataset
) -> TrainState:
  """Returns a state with a new hypernetwork, drawn from the seed."""
  ghn, averaged_ghn = (
    model.GHN(config.ghn_config(dataset.num_classes), seed=config.seed)
    for _ in range(2)
  )
  optimizer = optimizer_lib.create(config)
  optimizer.build(ghn.trainable_variables)
  return TrainState(config, dataset, ghn, averaged_ghn, optimizer)


def open_run(
  config: training_config.TrainConfig,
  dataset: data.Dataset,
  workdir: str,
  init_checkpoint: str | None = None,
  is_chief: bool = True,
) -> TrainState:
  """Returns the state to train from.

  The newest readable checkpoint in the workdir comes first, so that the same
  command again goes on; then the hypernetwork in init_checkpoint; then a new
  one.

  Args:
    config: how to train.
    dataset: the images.
    workdir: the run's folder, which need not exist yet.
    init_checkpoint: a hypernetwork of the same sizes, as `checkpoint.find`
      takes it; it may lack what begins at zero (`config.FROM_ZERO`), and its
      widths (`config.WIDTHS`) may be parts of those here (`growth.grow`).
    is_chief: whether to remove what a killed run left of a checkpoint.

  Raises:
    CheckpointError: init_checkpoint cannot be read, none of those in the
      workdir, or the newest of them is not of a run or of this version.
    ValueError: a checkpoint of another configuration, or a workdir that is a
      file.
  """
  paths = checkpoint.run_paths(workdir)
  state = create(config, dataset)
  if paths:
    path, arrays, metadata = checkpoint.load_newest(paths)
    _restore(state, path, arrays, metadata)
  elif init_checkpoint:
    path, arrays, metadata = checkpoint.find(init_checkpoint)
    metadata_lib.check(path, metadata)
    _begin_with(state, path, arrays, metadata)
  if is_chief:
    # What `files.write` left.
    for partial in pathlib.Path(workdir).glob(".checkpoint-*.npz.*"):
      partial.unlink()
  return state


def _begin_with(
  state: TrainState,
  path: str,
  arrays: Mapping[str, np.ndarray],
  metadata: checkpoint.Metadata,
) -> None:
  """Gives a new state the hypernetwork of a checkpoint."""
  told = dataclasses.asdict(model.config(path, metadata))
  # What begins at zero may be added, and widths may grow: nothing is computed
  # otherwise at first.
  for name in ghn_config.FROM_ZERO:
    told[name] |= getattr(state.ghn.config, name)
  for name in ghn_config.WIDTHS:
    if (wanted := getattr(state.ghn.config, name)) % told[name] == 0:
      told[name] = wanted
  expected = {"ghn": _ghn_fields(state)}
  _check_equal(path, {"ghn": told}, expected, "--init_checkpoint")
  weights = model.from_arrays(path, arrays, metadata).get_arrays()
  for ghn in (state.ghn, state.averaged_ghn):
    larger = ghn.get_arrays()
    ghn.set_arrays(growth.grow(weights, larger, state.config.seed))
  state.ancestors = metadata_lib.lineage(metadata)
  logging.info("Begin with the hypernetwork in %s.", path)


def save(state: TrainState, workdir: str) -> str:
  """Writes a checkpoint, and removes all that are not to be kept.

  The newest `keep_checkpoints` are, and that of the best step.

  Returns:
    The path of the checkpoint.

  Raises:
    OSError: it cannot be written; what was there before still is.
  """
  dataset = state.dataset
  metadata = {
    "format": ghn_config.FORMAT,
    "step": state.step,
    "seconds": state.seconds,
    "processor_seconds": state.processor_seconds,
    "ghn": _ghn_fields(state),
    "training": dataclasses.asdict(state.config),
    "images": {
      "shape": list(dataset.image_shape),
      "mean": dataset.mean.tolist(),
      "std": dataset.std.tolist(),
    },
    "ancestors": state.ancestors,
    "counters": {name: getattr(state, name) for name in metadata_lib.COUNTERS},
  }
  path = checkpoint.run_path(workdir, state.step)
  checkpoint.save(path, _arrays(state), metadata)
  # A damaged one of a later step, which was ignored, counts as none to keep.
  paths = checkpoint.run_paths(workdir)
  older = paths[paths.index(path) :][state.config.keep_checkpoints :]
  if state.best_step is not None:
    best = checkpoint.run_path(workdir, state.best_step)
    older = [old for old in older if old != best]
  for old in older:
    os.remove(old)
  return path


def _restore(
  state: TrainState,
  path: str,
  arrays: Mapping[str, np.ndarray],
  metadata: checkpoint.Metadata,
) -> None:
  """Continues from a checkpoint of the same run; on an error, not at all."""
  metadata_lib.check(path, metadata)
  own = _arrays(state)
  fields = {**metadata, **metadata.get("counters", {})}
  lacking = {name.partition("/")[0] for name in own}
  lacking -= {name.partition("/")[0] for name in arrays}
  lacking |= {*metadata_lib.COUNTERS, *metadata_lib.TIMES} - fields.keys()
  if lacking:
    raise checkpoint.CheckpointError(
      f"{path} holds a hypernetwork without the state of a run that could go"
      f" on; it lacks {', '.join(sorted(lacking))}. To begin with the"
      " hypernetwork, use another --workdir, and"
      f" --init_checkpoint={path}."
    )
  training = checkpoint.options(
    path, training_config.TrainConfig, metadata["training"]
  )
  _check_equal(
    path,
    {
      "ghn": dataclasses.asdict(model.config(path, metadata)),
      "training": dataclasses.asdict(training),
    },
    {"ghn": _ghn_fields(state), "training": state.config.decisive_fields()},
    "--workdir",
  )
  shapes = {name: array.shape for name, array in own.items()}
  if problems := model.misfits(arrays, shapes):
    raise checkpoint.CheckpointError(
      f"{path} does not hold the state of its run: {'; '.join(problems)}. Move"
      " it away to go on from the checkpoint before."
    )
  for part, ghn in _hypernetworks(state).items():
    ghn.set_arrays(_under(part, arrays))
  moments = _under("optimizer", arrays)
  for index, variable in enumerate(state.optimizer.variables):
    variable.assign(moments[f"{index:03d}"])
  for name in (*metadata_lib.COUNTERS, *metadata_lib.TIMES):
    setattr(state, name, fields[name])
  state.ancestors = metadata.get("ancestors", [])
  logging.info("Go on from %s.", path)


def _arrays(state: TrainState) -> dict[str, np.ndarray]:
  """Returns a copy of all weights and moments, by their names in a file."""
  arrays = {
    f"{part}/{name}": array
    for part, ghn in _hypernetworks(state).items()
    for name, array in ghn.get_arrays().items()
  }
  for index, variable in enumerate(state.optimizer.variables):
    arrays[f"optimizer/{index:03d}"] = variable.numpy()
  return arrays


def _check_equal(
  path: str,
  told: Mapping[str, Mapping[str, Any]],
  expected: Mapping[str, Mapping[str, Any]],
  flag: str,
) -> None:
  """Raises ValueError where a checkpoint's configuration differs.

  Args:
    path: of the checkpoint.
    told: its options, by part of the metadata and name.
    expected: those that must be the same.
    flag: that named the checkpoint.
  """
  differences = [
    f"{name} is {told[part][name]!r} there and {value!r} here"
    for part, fields in expected.items()
    for name, value in fields.items()
    if told[part][name] != value
  ]
  if differences:
    raise ValueError(
      f"{path} is of another configuration: {', '.join(differences)}. Use the"
      f" same flags as there, or another {flag}."
    )


def _hypernetworks(state: TrainState) -> dict[str, model.GHN]:
  """Returns the hypernetworks of a state by the names of their arrays."""
  return {"ghn": state.averaged_ghn, "updated_ghn": state.ghn}


def _ghn_fields(state: TrainState) -> dict[str, Any]:
  return dataclasses.asdict(state.ghn.config)


def _under(
  part: str, arrays: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """Returns the arrays whose names begin with `<part>/`, without that."""
  prefix = f"{part}/"
  return {
    name.removeprefix(prefix): array
    for name, array in arrays.items()
    if name.startswith(prefix)
  }
