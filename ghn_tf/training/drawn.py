# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which networks training drew, and which it held out, by its checkpoint."""

import functools
import pathlib

import numpy as np

from ghn_tf.arch import spec
from ghn_tf.ghn import checkpoint
from ghn_tf.spaces import extent as extent_lib
from ghn_tf.spaces import splits
from ghn_tf.training import config as training_config
from ghn_tf.training import meta_batch
from ghn_tf.training import metadata as training_metadata


class Drawn:
  """The networks of a run, and of those whose hypernetwork it began with.

  Args:
    metadata: of the run's checkpoint.
    num_classes: of its hypernetwork.
  """

  def __init__(self, metadata: checkpoint.Metadata, num_classes: int):
    self._metadata = metadata
    self._num_classes = num_classes

  @property
  def extent(self) -> extent_lib.Extent:
    """Of the networks that the last run could draw; empty if not told."""
    told = self._histories[-1:] if _is_told(self._metadata) else []
    return told[0].batches.source.extent if told else {}

  def outside(
    self, architecture: spec.Architecture
  ) -> extent_lib.Outside | None:
    """Returns in which measures a network is unlike those of the last run.

    None where the checkpoint does not tell them.
    """
    is_told = _is_told(self._metadata)
    return extent_lib.outside(architecture, self.extent) if is_told else None

  def split(
    self, name: str, number: int, space: str | None
  ) -> tuple[spec.Architecture, ...]:
    """Returns the first architectures of an evaluation split.

    Args:
      name: of `spaces.splits.EVALUATION_SPLITS`.
      number: of architectures; `predefined` may have fewer.
      space: of `spaces.space.SPACES`; what the last run drew from if None.

    Raises:
      ValueError: there is no such space or split, it has fewer, the number is
        none of architectures, or it is not told what the last run drew from.
    """
    if not isinstance(number, int | np.integer) or number < 0:
      raise ValueError(
        f"Expected an integer of 0 architectures or more, got {number!r}."
      )
    if space is not None:
      shape = tuple(self._metadata["images"]["shape"])
      collection = splits.collection(space, shape, self._num_classes)
      return collection.first(name, number)
    if not _is_told(self._metadata):
      raise ValueError(
        "The checkpoint does not tell which architectures training held out:"
        " its weights were imported, or the architectures that it was trained"
        f" on are not in {self._metadata['training'].get('architectures')!r}"
        " any more, or that is no absolute path. Name a space (--space), or"
        " evaluate targets alone (--splits=)."
      )
    return self._histories[-1].batches.source.first(name, number)

  def is_unseen(self, architecture: spec.Architecture) -> bool:
    """Returns whether all runs are known never to have drawn an isomorphic one.

    Where the size of the architecture does not rule it out, what they drew is
    drawn again, once; of a run that drew more than `meta_batch.MAX_DRAWN_AGAIN`
    it is not, and the architecture is not known to be unseen.
    """
    if not all(map(_is_told, training_metadata.lineage(self._metadata))):
      return False
    return not any(
      history.may_have(architecture) for history in self._histories
    )

  @functools.cached_property
  def _histories(self) -> list[meta_batch.History]:
    """What each run drew that tells it, the oldest first."""
    histories = []
    for run in filter(_is_told, training_metadata.lineage(self._metadata)):
      config = training_config.TrainConfig(**run["training"])
      batches = meta_batch.MetaBatches(
        config.source(tuple(run["images"]["shape"]), self._num_classes),
        config.seed,
        config.meta_batch_size,
        config.evaluation_architectures,
      )
      histories.append(meta_batch.History(batches, run["step"]))
    return histories


def _is_told(run: checkpoint.Metadata) -> bool:
  """Whether a run tells what it drew, and that can be drawn again."""
  if not training_metadata.is_told(run):
    return False
  if (stored := run["training"].get("architectures")) is None:
    return True
  # Of an older run it may be relative, and nobody knows to what.
  folder = pathlib.Path(stored).expanduser()
  return folder.is_absolute() and (folder / "dataset_info.json").is_file()
