# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs children forward and backward, several at once.

Children are run eagerly, since each is run once, on threads of one process.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
import contextlib
import dataclasses
import math
import os
from typing import Any

from absl import logging
import numpy as np
import tensorflow as tf

from ghn_tf import processors
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import accuracy as accuracy_lib
from ghn_tf.child import gradients
from ghn_tf.child import network
from ghn_tf.quant import recipe as recipe_lib

# What TensorFlow and Python raise.
OUT_OF_MEMORY = (tf.errors.ResourceExhaustedError, MemoryError)


def configure(num_parallel: int) -> None:
  """Divides the cores of this process among children that run at once.

  To be called before TensorFlow computes anything.
  """
  threads = max(1, processors.number() // num_parallel)
  tf.config.threading.set_intra_op_parallelism_threads(threads)
  # oneDNN compiles a kernel for every shape, tens of kilobytes each, and keeps
  # 1,024: fewer than 20 steps use. All of a search space would fill the memory.
  os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192")


@dataclasses.dataclass(frozen=True)
class Result:
  """What one child contributes to a step.

  Attributes:
    loss: mean cross-entropy over the images, a scalar.
    accuracy: fraction of the images that it classifies correctly, a scalar.
    gradients: of the loss, by name of the param, clipped.
  """

  loss: tf.Tensor
  accuracy: tf.Tensor
  gradients: Mapping[str, tf.Tensor]

  def is_finite(self) -> bool:
    """Whether the loss and all gradients are finite."""
    norm = tf.linalg.global_norm(list(self.gradients.values()))
    return math.isfinite(self.loss) and math.isfinite(norm)


def run_child(
  architecture: spec.Architecture,
  params: network.Params,
  images: tf.Tensor,
  labels: tf.Tensor,
  recipe: recipe_lib.Recipe,
  *,
  label_smoothing: float = 0.0,
  clip_norm: float = math.inf,
  seed: tuple[int, int] | None = None,
) -> Result:
  """Runs a child forward and backward, and frees what that took.

  Args:
    architecture: the network.
    params: its predicted params.
    images: [B, H, W, C], normalized.
    labels: [B].
    recipe: how the child is rounded.
    label_smoothing: probability that is spread evenly over all classes.
    clip_norm: largest norm of the gradients of all params together; larger
      ones are scaled down to it.
    seed: of the noise, where the recipe has it.
  """
  pullbacks: network.Pullbacks = []
  logits = network.apply(
    architecture,
    params,
    images,
    recipe=recipe,
    training=True,
    seed=seed,
    pullbacks=pullbacks,
  )
  spread = label_smoothing / architecture.num_classes
  targets = tf.one_hot(
    labels, architecture.num_classes, 1 - label_smoothing + spread, spread
  )
  # Its second output is the gradient of the first.
  losses, upstream = tf.raw_ops.SoftmaxCrossEntropyWithLogits(
    features=logits, labels=targets
  )
  grads = gradients.backward(
    architecture, pullbacks, upstream * (1 / len(labels))
  )
  if clip_norm < math.inf:
    norm = float(tf.linalg.global_norm(list(grads.values())))
    if norm > clip_norm:
      grads = {name: g * (clip_norm / norm) for name, g in grads.items()}
  hits = tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels
  accuracy = tf.reduce_mean(tf.cast(hits, tf.float32))
  return Result(tf.reduce_mean(losses), accuracy, grads)


class Pool:
  """Threads that run the children of a step, some side by side."""

  def __init__(
    self,
    recipes: Sequence[recipe_lib.Recipe],
    num_parallel: int,
    label_smoothing: float = 0.0,
    clip_norm: float = math.inf,
    devices: Sequence[str] = ("",),
  ):
    """Starts the threads.

    Args:
      recipes: with all grids that children may have.
      num_parallel: number of children that run at once.
      label_smoothing: see `run_child`.
      clip_norm: see `run_child`.
      devices: what children are placed on, one after the other.
    """
    self._devices = devices
    self._label_smoothing = label_smoothing
    self._clip_norm = clip_norm
    self.executor = futures.ThreadPoolExecutor(num_parallel)
    self._show_all_types(recipes)

  def _show_all_types(self, recipes: Sequence[recipe_lib.Recipe]) -> None:
    """Calls every operation once, in one thread alone.

    TensorFlow 2.21 reads arguments of another call, and may crash, where two
    threads call an operation for the first time with a type of argument: its
    dispatcher keeps them in a member while Python asks what type they have.
    The answer is remembered, so nothing is left to ask afterwards.
    """
    architecture = every_operation()
    params = {
      param.name: tf.ones(param.shape) for param in architecture.param_specs
    }
    images = np.ones((2, *architecture.input_shape), np.float32)
    labels = np.zeros(2, np.int32)
    for recipe in recipes:
      self.run(
        [architecture],
        [params],
        lambda _: (images, labels),
        recipes=[recipe],
        seed=0,
        numbers=[0],
      )
      self.accuracies([architecture], [params], [(images, labels)], recipe)

  def run(
    self,
    architectures: Sequence[spec.Architecture],
    params: Sequence[network.Params],
    batch: Callable[[int], tuple[np.ndarray, np.ndarray]],
    *,
    recipes: Sequence[recipe_lib.Recipe],
    seed: int,
    numbers: Sequence[int],
  ) -> list[Result | None]:
    """Runs all children, each on a batch of its own.

    A child that does not fit into memory is named in the log; its result is
    None, and all it had is freed.

    Args:
      architectures: the networks.
      params: the predicted params of each.
      batch: from the number of a child to its images [B, H, W, C],
        normalized, and labels [B], int32.
      recipes: how each child is rounded.
      seed: of the noise, where the recipe has it.
      numbers: of each child, among all that have this seed.
    """

    def run(index: int) -> Result | None:
      architecture = architectures[index]
      try:
        with self._device(index):
          images, labels = batch(numbers[index])
          return run_child(
            architecture,
            params[index],
            tf.convert_to_tensor(images),
            tf.convert_to_tensor(labels),
            recipes[index],
            label_smoothing=self._label_smoothing,
            clip_norm=self._clip_norm,
            seed=(seed, numbers[index]),
          )
      except OUT_OF_MEMORY as error:
        _tell_skipped(architecture, error)
        return None

    return self._map(run, architectures)

  def accuracies(
    self,
    architectures: Sequence[spec.Architecture],
    params: Sequence[network.Params],
    batches: Sequence[tuple[np.ndarray, np.ndarray]],
    recipe: recipe_lib.Recipe,
  ) -> np.ndarray:
    """Returns `accuracy.top1` of children in a recipe, [A].

    A child that does not fit into memory is named in the log, and has NaN.

    Args:
      architectures: the networks.
      params: the predicted params of each.
      batches: see `accuracy.top1`.
      recipe: how the children are rounded.
    """

    def run(index: int) -> float:
      architecture = architectures[index]
      try:
        with self._device(index):
          return accuracy_lib.top1(architecture, params[index], batches, recipe)
      except OUT_OF_MEMORY as error:
        _tell_skipped(architecture, error)
        return math.nan

    return np.array(self._map(run, architectures))

  def _map(
    self,
    function: Callable[[int], Any],
    architectures: Sequence[spec.Architecture],
  ) -> list[Any]:
    """Returns the results for each position, the costliest begun first.

    So no thread is left with a long one while the others have nothing to do.
    """
    order = sorted(
      range(len(architectures)), key=lambda i: -architectures[i].macs
    )
    running = {index: self.executor.submit(function, index) for index in order}
    return [running[index].result() for index in range(len(architectures))]

  def _device(self, index: int) -> contextlib.AbstractContextManager[None]:
    """Returns a context that places what child number `index` computes."""
    return tf.device(self._devices[index % len(self._devices)])


def _tell_skipped(architecture: spec.Architecture, error: Exception) -> None:
  logging.warning(
    "Network %s (%s, %s nodes, %s multiply-accumulates) does not fit into"
    " memory and is skipped; use a smaller --parallel_children or, in another"
    " --workdir that begins with this hypernetwork (--init_checkpoint), a"
    " smaller --image_batch_size or --max_macs. (%s)",
    architecture.name,
    architecture.fingerprint,
    len(architecture.nodes),
    f"{architecture.macs:,}",
    error,
  )


def every_operation() -> spec.Architecture:
  """Returns a small network of all operations, each in all its forms."""
  builder = spec.Builder((8, 8, 2))
  conv, depthwise = ops.Op.CONV, ops.Op.DEPTHWISE_CONV
  k = (3, 3)
  x = builder.add(conv, builder.input, filters=4, kernel=k)
  x = builder.add(ops.Op.RELU, builder.add(ops.Op.BATCH_NORM, x))
  x = builder.add(conv, x, filters=4, kernel=k, use_bias=True, dilation=2)
  y = builder.add(ops.Op.RELU6, builder.add(depthwise, x, kernel=k))
  z = builder.add(depthwise, x, kernel=k, use_bias=True, dilation=2)
  x = builder.add(ops.Op.ADD, y, z)
  y = builder.add(ops.Op.MAX_POOL, x, kernel=k)
  z = builder.add(ops.Op.AVG_POOL, x, kernel=k)
  x = builder.add(ops.Op.CONCAT, y, z)
  x = builder.add(ops.Op.ZERO_PAD, x, margins=(0, 1, 0, 1))
  x = builder.add(ops.Op.CROP, x, margins=(1, 0, 1, 0))
  y = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
  y = builder.add(ops.Op.BATCH_NORM, builder.add(ops.Op.DENSE, y, filters=8))
  y = builder.add(ops.Op.RELU, y)
  z = builder.add(ops.Op.FLATTEN, builder.add(ops.Op.PRELU, x))
  y = builder.add(ops.Op.CONCAT, y, z)
  x = builder.add(ops.Op.GROUPED_CONV, x, filters=8, kernel=k, groups=4)
  z = builder.add(ops.Op.HARD_SIGMOID, x, slope=0.2)
  z = builder.add(ops.Op.SIGMOID, z)
  x = builder.add(ops.Op.LEAKY_RELU, x, slope=0.1)
  z = builder.add(ops.Op.MULTIPLY, x, z)
  mean = builder.add(ops.Op.GLOBAL_AVG_POOL, z)
  z = builder.add(ops.Op.GLOBAL_MAX_POOL, z)
  y = builder.add(ops.Op.CONCAT, y, builder.add(ops.Op.SUBTRACT, z, mean))
  builder.add(ops.Op.DENSE, y, filters=3, use_bias=True)
  return builder.build("every_operation")
