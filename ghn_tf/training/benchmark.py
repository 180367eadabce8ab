# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How fast training and prediction are, and against what.

Every round does one training step on new networks, and then runs the same
children with fixed params as traced functions, warmed up: the floor, below
which nothing that runs these children can come. A round has both, so that a
machine whose speed varies slows both; ratios are medians over rounds.
"""

import collections
from collections.abc import Callable
import contextlib
import functools
import resource
import statistics
import sys
import threading
import time
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf import data
from ghn_tf.arch import genotype
from ghn_tf.arch import spec
from ghn_tf.child import grids
from ghn_tf.child import keras_io
from ghn_tf.child import network
from ghn_tf.ghn import config as ghn_config
from ghn_tf.ghn import graph
from ghn_tf.ghn import model
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.training import children
from ghn_tf.training import config as training_config
from ghn_tf.training import state as training_state
from ghn_tf.training import trainer as trainer_lib

_SWEPT_CELLS = (1, 3, 6, 12, 24, 48, 72)
# The second DARTS genotype (arXiv 1806.09055).
_DARTS: dict[str, list[Any]] = {
  "normal": [
    ("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0),
    ("sep_conv_3x3", 1), ("sep_conv_3x3", 1), ("skip_connect", 0),
    ("skip_connect", 0), ("dil_conv_3x3", 2),
  ],
  "normal_concat": [2, 3, 4, 5],
  "reduce": [
    ("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2),
    ("max_pool_3x3", 1), ("max_pool_3x3", 0), ("skip_connect", 2),
    ("skip_connect", 2), ("max_pool_3x3", 1),
  ],
  "reduce_concat": [2, 3, 4, 5],
}  # fmt: skip


class _Stopwatch:
  """Adds up the time that functions take, while it watches them."""

  def __init__(self):
    self.seconds: dict[str, float] = collections.defaultdict(float)
    self._lock = threading.Lock()

  def watch(self, owner: Any, attribute: str, name: str) -> Any:
    """Returns a context in which calls of owner.attribute count as `name`."""
    watched = getattr(owner, attribute)

    @functools.wraps(watched)
    def call(*args, **kwargs):
      begin = time.perf_counter()
      try:
        return watched(*args, **kwargs)
      finally:
        with self._lock:
          self.seconds[name] += time.perf_counter() - begin

    return mock.patch.object(owner, attribute, call)


def _seconds(function: Callable[[], Any]) -> float:
  begin = time.perf_counter()
  function()
  return time.perf_counter() - begin


def _step_shares(
  trainer: trainer_lib.Trainer,
) -> tuple[float, dict[str, float]]:
  """Does one step; returns its seconds and what part each phase took."""
  watch = _Stopwatch()
  with contextlib.ExitStack() as stack:
    for owner, attribute, name in (
      (type(trainer.meta_batches), "batch", "sampling"),
      (graph, "encode", "encoding"),
      (model.GHN, "__call__", "ghn"),
      (children.Pool, "run", "children"),
      (network, "apply", "forward_in_threads"),
      (children, "run_child", "in_threads"),
      (trainer_lib.Trainer, "_gradients", "ghn_backward"),
      (trainer_lib.Trainer, "_update", "update"),
    ):
      stack.enter_context(watch.watch(owner, attribute, name))
    total = _seconds(trainer.step)
  seconds = watch.seconds
  forward = seconds["forward_in_threads"] / seconds["in_threads"]
  phases = {
    "sampling": seconds["sampling"],
    "encoding": seconds["encoding"],
    "ghn_forward": seconds["ghn"] - seconds["encoding"],
    "child_forward": seconds["children"] * forward,
    "child_backward": seconds["children"] * (1 - forward),
    "ghn_backward": seconds["ghn_backward"],
    "update": seconds["update"],
  }
  phases["rest"] = total - sum(phases.values())
  return total, {name: part / total for name, part in phases.items()}


def _floor(trainer: trainer_lib.Trainer, step: int) -> float:
  """Returns the seconds that the children of a step take as warm traces.

  That is their own arithmetic: labels are not smoothed, and gradients are not
  clipped, for which a step waits for their norm.
  """
  architectures = trainer.meta_batches.batch(step)

  def traced(
    number: int,
    architecture: spec.Architecture,
    recipe: recipe_lib.Recipe,
    params: network.Params,
  ) -> Callable[[], Any]:
    images, labels = map(tf.constant, trainer.images(number))

    @tf.function(autograph=False)
    def run():
      result = children.run_child(
        architecture, params, images, labels, recipe, seed=(0, 0)
      )
      return result.loss, result.gradients

    run(), run()
    return run

  numbers = range(step * len(architectures), (step + 1) * len(architectures))
  recipes = [*map(trainer.recipes.draw, architectures, numbers)]
  params = trainer.state.ghn(
    architectures, [*map(grids.bits, architectures, recipes)]
  )
  functions = [*map(traced, numbers, architectures, recipes, params)]
  executor = trainer.pool.executor

  def run_all() -> None:
    list(executor.map(lambda run: run(), functions))

  run_all()
  return _seconds(run_all)


def _resnet50() -> spec.Architecture:
  return keras_io.from_keras(
    keras.applications.ResNet50(
      weights=None,
      input_shape=(224, 224, 3),
      classes=10,
      classifier_activation=None,
    )
  )


def _predict_seconds(ghn: model.GHN, rounds: int) -> float:
  """Returns the median seconds to predict all params of a ResNet-50."""
  architecture = _resnet50()
  bits = [grids.bits(architecture, recipe_lib.get("float"))]
  ghn([architecture], bits)
  return statistics.median(
    _seconds(lambda: ghn([architecture], bits)) for _ in range(rounds)
  )


def _peak_memory() -> int:
  """Returns the most memory that this process has had, in bytes."""
  unit = 1 if sys.platform == "darwin" else 1024
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def benchmark(
  config: training_config.TrainConfig, warmup_steps: int, rounds: int
) -> dict[str, Any]:
  """Measures training steps and prediction; see the module.

  Args:
    config: what is trained, on which images.
    warmup_steps: done before the first round.
    rounds: to take the median of.

  Returns:
    Values for a JSON file.
  """
  dataset = data.load(config.dataset, image_size=config.image_size)
  trainer = trainer_lib.Trainer(training_state.create(config, dataset))
  for _ in range(warmup_steps):
    trainer.step()
  _step_shares(trainer)  # what is watched is compiled anew
  steps, floors, shares = [], [], []
  peak_memory = 0
  for number in range(rounds):
    seconds, parts = _step_shares(trainer)
    if number == 0:  # the traces of the floor take memory of their own
      peak_memory = _peak_memory()
    steps.append(seconds)
    shares.append(parts)
    floors.append(_floor(trainer, trainer.state.step - 1))
    print(
      f"round {number + 1}: step {seconds:.3f} s, floor {floors[-1]:.3f} s,"
      f" {seconds / floors[-1]:.2f} x",
      flush=True,
    )
  median = statistics.median
  return {
    "space": config.space,
    "recipe": config.recipe,
    "meta_batch_size": config.meta_batch_size,
    "image_batch_size": config.image_batch_size,
    "ghn": config.ghn,
    "parallel_children": config.parallel_children,
    "step_over_floor": median(np.divide(steps, floors)),
    "step_seconds": steps,
    "floor_seconds": floors,
    "network_steps_per_second": config.meta_batch_size / median(steps),
    "shares": {
      name: median(parts[name] for parts in shares) for name in shares[0]
    },
    "predict_seconds": _predict_seconds(trainer.state.ghn, rounds),
    "peak_memory_bytes": peak_memory,
  }


def _sweep_row(ghn: model.GHN, cells: int, rounds: int) -> dict[str, float]:
  """Returns the size of a network and what predicting it costs."""
  architecture = genotype.from_genotype(_DARTS, n_cells=cells, C=16)
  encoded = graph.encode([architecture])

  def with_gradient() -> None:
    with tf.GradientTape() as tape:
      (params,) = ghn([architecture])
    tape.gradient([*params.values()], ghn.trainable_variables)

  def median_seconds(function: Callable[[], Any]) -> float:
    function()
    return statistics.median(_seconds(function) for _ in range(rounds))

  return {
    "nodes": int(encoded.node_sets["op"].total_size),
    "edges": int(encoded.edge_sets["flow"].total_size),
    "predict_seconds": median_seconds(lambda: ghn([architecture])),
    "with_gradient_seconds": median_seconds(with_gradient),
  }


def sweep(name: str, rounds: int) -> dict[str, Any]:
  """Measures prediction and its gradient on networks of growing size.

  Args:
    name: of the hypernetwork.
    rounds: to take the median of.

  Returns:
    Values for a JSON file.
  """
  ghn = model.GHN(ghn_config.CONFIGS[name])
  rows = []
  for cells in _SWEPT_CELLS:
    rows.append(_sweep_row(ghn, cells, rounds))
    print(rows[-1], flush=True)
  return {"ghn": name, "sweep": rows}
