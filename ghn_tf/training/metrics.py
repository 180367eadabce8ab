# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a run writes down: metrics.jsonl, TensorBoard, and a progress bar."""

from collections.abc import Mapping
import datetime
import json
import os
import sys

import numpy as np
import psutil
from tqdm import auto as tqdm

from ghn_tf import files

FILE_NAME = "metrics.jsonl"
TENSORBOARD_DIR = "tensorboard"


class MetricsWriter:
  """Writes scalars to <workdir>/metrics.jsonl and <workdir>/tensorboard.

  The latter gets histograms and a table of settings besides. A run that goes on
  from a checkpoint repeats the steps that came after it. What an earlier run
  wrote about those is removed first, so that no step is there twice.
  """

  def __init__(
    self,
    workdir: str,
    step: int,
    settings: Mapping[str, bool | float | str],
  ):
    """Opens both files.

    Args:
      workdir: an existing folder.
      step: the step to go on from; records of later ones are removed.
      settings: of the run, as they are now.

    Raises:
      OSError: workdir cannot be written.
    """
    # TensorFlow, which readers of metrics.jsonl do without.
    from ghn_tf.training import tensorboard

    path = os.path.join(workdir, FILE_NAME)
    _truncate_records(path, step)
    self._file = open(path, "a", encoding="utf-8")
    self._tensorboard = tensorboard.Writer(
      os.path.join(workdir, TENSORBOARD_DIR), step, settings
    )

  def write(
    self,
    step: int,
    scalars: Mapping[str, float],
    arrays: Mapping[str, np.ndarray] | None = None,
  ) -> None:
    """Appends one record; it is on its way to the disk on return.

    Args:
      step: that is done.
      scalars: the record.
      arrays: of which TensorBoard gets histograms.

    Raises:
      OSError: the record could not be written, as on a full disk.
    """
    self._file.write(json.dumps({"step": step, **scalars}) + "\n")
    self._file.flush()
    self._tensorboard.write(step, scalars, arrays or {})

  def close(self) -> None:
    """Closes both files."""
    self._file.close()
    self._tensorboard.close()


def read(workdir: str) -> list[dict[str, float]]:
  """Returns the records in <workdir>/metrics.jsonl, none if there is none.

  A last line that a killed run left unfinished does not count.
  """
  try:
    with open(os.path.join(workdir, FILE_NAME), encoding="utf-8") as file:
      return [json.loads(line) for line in file if line.endswith("\n")]
  except FileNotFoundError:
    return []


def progress_bar(
  total: int | None, initial: int, unit: str = " networks", name: str = ""
) -> tqdm.tqdm:
  """Returns a bar with rate and, if the total is known, time left.

  It is silent where neither a terminal nor a notebook is.
  """
  columns, rows = _size()
  return tqdm.tqdm(
    desc=name,
    total=total,
    initial=initial,
    unit=unit,
    ncols=columns,
    nrows=rows,
    dynamic_ncols=columns is None,
    disable=None,  # tqdm's word for: unless standard error is a terminal
  )


def _size() -> tuple[int, int] | tuple[None, None]:
  """Returns columns and rows for a terminal that does not tell its own.

  Such a one has 0 of each, to which tqdm would keep.
  """
  try:
    columns = os.get_terminal_size(sys.stderr.fileno()).columns
  except OSError:  # it is none
    return None, None
  return (None, None) if columns else (80, 24)


def memory_bytes() -> int:
  """Returns the memory that this process has in use."""
  return psutil.Process().memory_info().rss


def duration(seconds: float) -> str:
  """Returns a time as hours, minutes and seconds.

  >>> duration(3725.4)
  '1:02:05'
  """
  return str(datetime.timedelta(seconds=round(seconds)))


def _truncate_records(path: str, step: int) -> None:
  kept = [r for r in read(os.path.dirname(path)) if r["step"] <= step]
  files.write(path, "".join(f"{json.dumps(record)}\n" for record in kept))
