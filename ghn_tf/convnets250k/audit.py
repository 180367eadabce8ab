# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Whether a stored data set of architectures is what it should be."""

from collections.abc import Callable, Mapping
import dataclasses
import os

from ghn_tf.convnets250k import store
from ghn_tf.spaces import space as space_lib
from ghn_tf.spaces import splits


@dataclasses.dataclass
class SplitAudit:
  """What was found in one split.

  Attributes:
    number: of its architectures.
    distinct: number of them that are isomorphic to none before, in this split
      or, for `train`, in any.
    damaged_files: number of files that `tfds.load` cannot read to their end.
    unreadable: number of records that `store.Store` cannot read either.
    outside_limits: number that break a limit of the split's space.
    shared: number that another split has too, or, in `train`, that the
      collection excludes from training, as near twins of the targets.
  """

  number: int
  distinct: int = 0
  damaged_files: int = 0
  unreadable: int = 0
  outside_limits: int = 0
  shared: int = 0

  @property
  def is_clean(self) -> bool:
    """Whether nothing is wrong; repetitions within a split are allowed."""
    return not (
      self.damaged_files
      or self.unreadable
      or self.outside_limits
      or self.shared
    )


def audit(
  directory: str | os.PathLike[str],
  collection: splits.Collection,
  progress: Callable[[], object] = lambda: None,
) -> Mapping[str, SplitAudit]:
  """Reads every architecture of a data set and returns what was found.

  Reading one builds it, which shows that it is connected.

  Args:
    directory: of one version of a data set; see `store.Store`.
    collection: what the data set should hold.
    progress: called after each architecture.

  Raises:
    ValueError: the directory holds no such data set.
  """
  found: dict[str, SplitAudit] = {}
  split_of: dict[str, str] = {}  # by fingerprint
  names = store.split_names(directory)
  # Evaluation first, so that what train shares with it counts for train.
  for split in sorted(names, key=lambda name: name == "train"):
    stored = store.Store(directory, split)
    result = found[split] = SplitAudit(len(stored))
    result.damaged_files = len(stored.damaged_files())
    space = dict(collection.beyond).get(split, collection.space)
    for index in range(len(stored)):
      progress()
      try:
        architecture = stored[index]
      except ValueError:
        result.unreadable += 1
        continue
      is_new = architecture.fingerprint not in split_of
      owner = split_of.setdefault(architecture.fingerprint, split)
      result.distinct += is_new
      excluded = split == "train" and architecture in collection.exclusion
      result.shared += owner != split or excluded
      if split != "predefined":
        result.outside_limits += bool(space_lib.violations(space, architecture))
  return {split: found[split] for split in names}
