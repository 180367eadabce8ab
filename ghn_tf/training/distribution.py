# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Divides the networks of a step among devices and workers (tf.distribute).

Every worker has the whole hypernetwork and all of the images, draws the same
meta-batch, and runs its share of the networks. What the workers exchange in a
step is the gradient of the hypernetwork, a few megabytes, whatever the networks
cost. Since all add the same gradients, their hypernetworks stay the same.
"""

from collections.abc import Sequence
import json
import os
import re
import signal

from absl import logging
import tensorflow as tf

from ghn_tf.training import config as training_config
from ghn_tf.training import errors
from ghn_tf.training import rendezvous

# For which workers wait for each other: schedulers start some minutes later.
_PATIENCE_SECONDS = 600

_MAX_PORT = 65535  # of TCP

_EXAMPLE = (
  '{"cluster": {"worker": ["host0:2222", "host1:2222"]},'
  ' "task": {"type": "worker", "index": 0}}'
)


class Distribution:
  """One process that does all by itself, on one device.

  Attributes:
    devices: what children are placed on, one after the other.
    num_workers: number of processes.
    index: of this process, from 0; number 0 writes checkpoints and metrics.
  """

  def __init__(self, devices: Sequence[str] = ("",)):
    self.devices = tuple(devices)
    self.num_workers = 1
    self.index = 0

  @property
  def is_chief(self) -> bool:
    """Whether this process writes checkpoints and metrics."""
    return self.index == 0

  def share(self, number: int) -> range:
    """Returns which of so many networks this process runs."""
    return range(self.index, number, self.num_workers)

  def sum(self, tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the sums over all workers, which all get.

    Raises:
      LostWorkerError: one of them does not answer.
    """
    return list(tensors)

  def any(self, value: bool) -> bool:
    """Whether the value is true in any worker.

    Raises:
      LostWorkerError: one of them does not answer.
    """
    (total,) = self.sum([tf.constant(float(value))])
    return bool(total > 0)


class _MultiWorker(Distribution):
  """One of the workers that TF_CONFIG lists."""

  def __init__(self):
    super().__init__()
    workers, self.index = _read_cluster()
    self.num_workers = len(workers)
    if self.num_workers > 1:
      logging.info(
        "Worker %d of %d waits for the others of %s, at most %d minutes.",
        self.index,
        self.num_workers,
        ", ".join(workers),
        _PATIENCE_SECONDS // 60,
      )
      try:
        rendezvous.wait(workers, self.index, _PATIENCE_SECONDS)
      except TimeoutError as error:
        raise errors.LostWorkerError(str(error)) from error
    # Has to come before anything else that TensorFlow does. It waits for the
    # others for an hour, deaf to signals, so they had better be there.
    self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
    # By now TensorFlow catches SIGTERM, and does nothing.
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))

  def sum(self, tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """See `Distribution`."""
    try:
      return list(self._sum(list(tensors)))
    except (
      tf.errors.UnavailableError,
      tf.errors.InternalError,
      tf.errors.AbortedError,
      tf.errors.CancelledError,
      tf.errors.DeadlineExceededError,
    ) as error:
      raise errors.LostWorkerError(
        "A worker is gone or cannot be reached. Start all of them again: they"
        f" go on from the last checkpoint. ({error.message})"
      ) from error

  @tf.function(autograph=False)
  def _sum(self, tensors: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
    def reduce(values: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
      context = tf.distribute.get_replica_context()
      # What is reduced must be on the replica's device, and say so.
      placed = [tf.identity(value) for value in values]
      return context.all_reduce(tf.distribute.ReduceOp.SUM, placed)

    return self._strategy.run(reduce, args=(tensors,))


def _read_cluster() -> tuple[list[str], int]:
  """Returns the addresses of all workers in TF_CONFIG, and which is this one.

  Raises:
    ValueError: it is missing, is not as TensorFlow wants it, or has tasks that
      are no workers.
  """
  text = os.environ.get("TF_CONFIG")
  try:
    config = json.loads(text or "")
    (workers,), task = config["cluster"].values(), config["task"]
    is_right = (
      [*config["cluster"], task["type"]] == ["worker", "worker"]
      and isinstance(workers, list)
      and all(map(_is_address, workers))
      and type(task["index"]) is int  # True is one of Python's, too
      and task["index"] in range(len(workers))
    )
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    logging.debug("Why TF_CONFIG cannot be read:", exc_info=error)
    is_right = False
  if not is_right:
    raise ValueError(
      "The strategy multi_worker needs the environment variable TF_CONFIG,"
      f" such as {_EXAMPLE}, with tasks of the type worker alone, ports of 1 to"
      f" {_MAX_PORT}, and an index into their list; got {text!r}."
    )
  return workers, task["index"]


def _is_address(text: str) -> bool:
  """Whether it is a host and a port that others can reach."""
  match = re.fullmatch(r".+:([0-9]{1,5})", text)
  return match is not None and 1 <= int(match[1]) <= _MAX_PORT


def create(strategy: str) -> Distribution:
  """Returns how a run is distributed.

  Args:
    strategy: one of `config.STRATEGIES`: none, one process on one device;
      mirrored, one process on all of its GPUs, or on all of its logical CPUs if
      it has no GPU; multi_worker, this process is one of those in TF_CONFIG. To
      be called before TensorFlow computes anything.

  Raises:
    ValueError: an unknown strategy, or a TF_CONFIG that is missing or wrong.
    LostWorkerError: not all of the workers came.
  """
  if strategy == "none":
    return Distribution()
  if strategy == "mirrored":
    try:
      mirrored = tf.distribute.MirroredStrategy()
    except ValueError as error:  # it reads TF_CONFIG, too
      raise ValueError(
        "The strategy mirrored cannot read the environment variable TF_CONFIG,"
        f" {os.environ.get('TF_CONFIG')!r}; unset it. ({error})"
      ) from error
    return Distribution(mirrored.extended.worker_devices)
  if strategy == "multi_worker":
    return _MultiWorker()
  raise ValueError(
    f"strategy must be one of {training_config.STRATEGIES}, got {strategy!r}."
  )
