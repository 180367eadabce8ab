# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""A step of training, GHN-2's and GHN-QAT's, and an evaluation.

A step predicts the params of `meta_batch_size` architectures in one pass and
runs each on images of its own; the gradient of the mean loss reaches the
hypernetwork alone (GHN-2, arXiv 2110.13100, section 3; with fake-quantized
children GHN-QAT, arXiv 2309.13773). GHN-2 sends one batch of images through all
architectures of a step, so that they share its noise: measured, with images of
their own the same accuracy takes a fifth of the networks (docs/training.md).
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import dataclasses
import hashlib
import json
import math
import statistics
import zlib

from absl import logging
import numpy as np
import tensorflow as tf

from ghn_tf import data
from ghn_tf import image_batches
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import grids
from ghn_tf.child import network
from ghn_tf.child import sizes
from ghn_tf.ghn import model
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.training import children as children_lib
from ghn_tf.training import distribution
from ghn_tf.training import errors
from ghn_tf.training import meta_batch
from ghn_tf.training import recipes as recipes_lib
from ghn_tf.training import state as training_state


@contextlib.contextmanager
def _memory_of_hypernetwork(flag: str) -> Iterator[None]:
  """Within it, a lack of memory is an error that says what to do.

  Args:
    flag: which limits the networks that are predicted at once.

  Raises:
    TrainingError: the memory does not suffice.
  """
  try:
    yield
  except children_lib.OUT_OF_MEMORY as error:
    raise errors.TrainingError(
      "The hypernetwork does not fit into memory with the networks that it"
      f" predicts at once; use a smaller --{flag}, smaller networks"
      " (--max_params) or a smaller --ghn. A run that has checkpoints keeps all"
      " of these: give another --workdir, and --init_checkpoint to begin with a"
      f" hypernetwork of the same --ghn. ({error})"
    ) from error


def _with_every_param(dataset: data.Dataset) -> spec.Architecture:
  """Returns a network with parameters of every kind, in classifier and body."""
  builder = spec.Builder(dataset.image_shape)
  x = builder.add(ops.Op.CONV, builder.input, filters=8, use_bias=True)
  x = builder.add(ops.Op.DEPTHWISE_CONV, x)
  x = builder.add(ops.Op.BATCH_NORM, x)
  x = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
  builder.add(ops.Op.DENSE, x, filters=dataset.num_classes, use_bias=True)
  return builder.build("every_param")


class Trainer:
  """Trains the hypernetwork of a state, which it changes in place.

  Raises:
    ValueError: on construction, for architectures that cannot be had.
  """

  def __init__(
    self,
    state: training_state.TrainState,
    workers: distribution.Distribution | None = None,
  ):
    """Prepares training.

    Args:
      state: to begin at.
      workers: what the networks of a step are divided among; this process if
        None.
    """
    config = state.config
    self.state = state
    self.workers = workers or distribution.Distribution()
    self._check_workers()
    self.recipes = recipes_lib.Recipes(config)
    self.meta_batches = meta_batch.MetaBatches(
      config.source(state.dataset.image_shape, state.dataset.num_classes),
      config.seed,
      config.meta_batch_size,
      config.evaluation_architectures,
    )
    # Now, so that limits which no architecture meets do not end a run later.
    self._held_out = self.meta_batches.held_out
    self.meta_batches.batch(state.step)
    self.pool = children_lib.Pool(
      self.recipes.evaluated,
      config.parallel_children,
      config.label_smoothing,
      config.clip_network_norm,
      self.workers.devices,
    )
    # TensorFlow adds up the gradients of the first call of a compiled function
    # in another order than later. With this call, the first step after a
    # checkpoint is no longer the first one.
    every_param = _with_every_param(state.dataset)
    _predict(state.ghn, [every_param], self.recipes.uniform[:1])

  def _check_workers(self) -> None:
    """Raises ValueError where the workers do not fit the run or each other."""
    state, number = self.state, self.workers.num_workers
    config = state.config
    if config.meta_batch_size < number:
      raise ValueError(
        f"--meta_batch_size={config.meta_batch_size} is less than the number of"
        f" workers, {number}, each of which needs a network."
      )
    # Whole numbers so small that their sums are exact in float32.
    own = np.array([state.step, *_digest(state)], np.float32)
    (total,) = self.workers.sum([tf.constant(own)])
    differs = total.numpy() != number * own
    if differs[0]:
      raise ValueError(
        f"The workers begin at different steps, this one at {state.step};"
        " --workdir must be on a file system that all of them share."
      )
    if differs.any():
      raise ValueError(
        "The workers differ in their flags or images. This one has"
        f" {len(state.dataset.train):,} training images of"
        f" {state.dataset.name} and {config}. Start all of them by the same"
        " command."
      )

  def step(self) -> None:
    """Does one step: predicts params, runs the children, updates.

    Raises:
      TrainingError: too many steps in a row had no finite gradient, or the
        hypernetwork does not fit into memory.
    """
    state, config = self.state, self.state.config
    drawn = self.meta_batches.batch(state.step)
    share = self.workers.share(len(drawn))
    architectures = [drawn[index] for index in share]
    numbers = [state.step * len(drawn) + index for index in share]
    recipes = [*map(self.recipes.draw, architectures, numbers)]
    with (
      _memory_of_hypernetwork("meta_batch_size"),
      tf.GradientTape() as tape,
    ):
      params = _predict(state.ghn, architectures, recipes)
    children = self.pool.run(
      architectures,
      params,
      self.images,
      recipes=recipes,
      seed=config.seed,
      numbers=numbers,
    )
    ran = [child for child in children if child is not None]
    sums = [
      tf.add_n([child.loss for child in ran] or [tf.zeros(())]),
      tf.add_n([child.accuracy for child in ran] or [tf.zeros(())]),
      tf.constant(float(len(ran))),
    ]
    *gradients, loss_sum, accuracy_sum, num_ran = self.workers.sum(
      [*self._gradients(tape, params, children), *sums]
    )
    # If no child ran, all are NaN, and nothing is updated.
    gradients = [gradient / num_ran for gradient in gradients]
    norm = float(tf.linalg.global_norm(gradients))
    loss, accuracy = float(loss_sum / num_ran), float(accuracy_sum / num_ran)
    state.num_oversized += len(drawn) - int(num_ran)
    if math.isfinite(loss) and math.isfinite(norm):
      state.optimizer.learning_rate = config.learning_rate_at(state.step)
      self._update(gradients)
      state.count_update(loss=loss, accuracy=accuracy, gradient_norm=norm)
    else:
      self._skip(drawn, children)
    state.step += 1

  def images(self, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images and labels that network `number` is trained on."""
    state, config = self.state, self.state.config
    return image_batches.training(
      state.dataset,
      config.seed,
      number,
      config.image_batch_size,
      config.crop_padding,
    )

  def _gradients(
    self,
    tape: tf.GradientTape,
    params: Sequence[network.Params],
    children: Sequence[children_lib.Result | None],
  ) -> list[tf.Tensor]:
    """Returns the gradient of the sum of the losses, for each variable."""
    pairs = [
      (own[name], gradient)
      for own, child in zip(params, children, strict=True)
      if child is not None
      for name, gradient in child.gradients.items()
    ]
    with _memory_of_hypernetwork("meta_batch_size"):
      gradients = tape.gradient(
        [param for param, _ in pairs],
        self.state.ghn.trainable_variables,
        [gradient for _, gradient in pairs],
        tf.UnconnectedGradients.ZERO,
      )
    # Those of embedding tables come as slices.
    return [tf.convert_to_tensor(gradient) for gradient in gradients]

  @tf.function(autograph=False)
  def _update(self, gradients: Sequence[tf.Tensor]) -> None:
    """One step of the optimizer, with clipped gradients and an L2 penalty.

    That is as in GHN-2, whose optimizer is Adam. The averages follow as
    `TrainConfig.average_decay` says.
    """
    config, variables = self.state.config, self.state.ghn.trainable_variables
    clipped, _ = tf.clip_by_global_norm(gradients, config.clip_norm)
    penalized = [
      gradient + config.weight_decay * variable
      for gradient, variable in zip(clipped, variables, strict=True)
    ]
    optimizer = self.state.optimizer
    optimizer.apply_gradients(zip(penalized, variables, strict=True))
    done = tf.cast(optimizer.iterations, tf.float32)
    decay = tf.minimum(config.average_decay, (1 + done) / (10 + done))
    averages = self.state.averaged_ghn.trainable_variables
    for average, variable in zip(averages, variables, strict=True):
      average.assign_add((1 - decay) * (variable - average))

  def _skip(
    self,
    drawn: Sequence[spec.Architecture],
    children: Sequence[children_lib.Result | None],
  ) -> None:
    """Counts a step without update, and names who is to blame.

    Args:
      drawn: the networks of all workers.
      children: the results of this worker's share.
    """
    state = self.state
    own = np.zeros((2, len(drawn)), np.float32)
    for index, child in zip(
      self.workers.share(len(drawn)), children, strict=True
    ):
      own[:, index] = (child is None, child is None or not child.is_finite())
    (total,) = self.workers.sum([tf.constant(own)])
    oversized, failed = total.numpy() > 0
    # One that does not fit into memory is to blame only if all do not.
    blamed = failed if oversized.all() else failed & ~oversized
    names = [
      f"{architecture.name} ({architecture.fingerprint})"
      for architecture, is_blamed in zip(drawn, blamed, strict=True)
      if is_blamed
    ]
    message = (
      f"Step {state.step}: the loss or gradient is not finite, nothing is"
      " updated; from"
      f" {', '.join(names) or 'the hypernetwork, not from a child'}."
    )
    logging.warning(message)
    state.num_skipped += 1
    state.num_skipped_in_row += 1
    if state.num_skipped_in_row > state.config.max_skipped_steps:
      raise errors.TrainingError(
        f"{message} This was number {state.num_skipped_in_row} in a row, more"
        f" than --max_skipped_steps={state.config.max_skipped_steps}. Begin"
        " another --workdir with a smaller --learning_rate, from an earlier"
        " checkpoint, if there is one: --init_checkpoint=<its file>."
      )

  def evaluate(self) -> dict[str, float]:
    """Returns mean accuracies on the held-out architectures, per recipe.

    They are those of the averaged hypernetwork. Architectures that do not fit
    into memory do not count.

    Raises:
      TrainingError: the hypernetwork does not fit into memory.
    """
    state, held_out = self.state, self._held_out
    if not held_out:
      return {}
    size, limit = sizes.BATCH_SIZE, state.config.evaluation_images
    batches = [
      *image_batches.evaluation(state.dataset, "validation", size, limit)
    ]
    recipes = self.recipes.evaluated
    share = [held_out[i] for i in self.workers.share(len(held_out))]
    rows = np.zeros((len(share), len(recipes)))
    params: list[dict[str, tf.Tensor]] = []
    for column, recipe in enumerate(recipes if share else ()):
      if not params or state.ghn.config.bits:  # others for every recipe
        with _memory_of_hypernetwork("evaluation_architectures"):
          params = _predict(state.averaged_ghn, share, [recipe] * len(share))
      rows[:, column] = self.pool.accuracies(share, params, batches, recipe)
    rows = rows[~np.isnan(rows).any(axis=1)]
    *sums, num_ran = self.workers.sum(
      [*tf.constant([*rows.sum(axis=0), len(rows)], tf.float64)]
    )
    if not num_ran:
      return {}
    return {
      _accuracy_of(recipe): float(total) / float(num_ran)
      for recipe, total in zip(recipes, sums, strict=True)
    }

  def score(self, accuracies: Mapping[str, float]) -> float:
    """Returns by what checkpoints are compared, the best having the most.

    Args:
      accuracies: what `evaluate` returned.

    Returns:
      The mean over the recipes of training, 0 without accuracies.
    """
    if not accuracies:
      return 0.0
    return statistics.fmean(
      accuracies[_accuracy_of(recipe)] for recipe in self.recipes.uniform
    )


def _accuracy_of(recipe: recipe_lib.Recipe) -> str:
  """Returns the name of the accuracy on held-out architectures in a recipe."""
  return f"validation/{recipe.name}_accuracy"


def _predict(
  ghn: model.GHN,
  architectures: Sequence[spec.Architecture],
  recipes: Sequence[recipe_lib.Recipe],
) -> list[dict[str, tf.Tensor]]:
  """Returns the params of architectures, each for a recipe."""
  return ghn(architectures, [*map(grids.bits, architectures, recipes)])


def _digest(state: training_state.TrainState) -> list[int]:
  """Returns a digest of what workers must agree on, in 12-bit numbers."""
  dataset = state.dataset
  content = {
    "config": dataclasses.asdict(state.config),
    "ancestors": state.ancestors,
    "image_shape": dataset.image_shape,
    # Not of the images, which may be resized a little otherwise elsewhere.
    "labels": zlib.crc32(dataset.train.labels.tobytes()),
  }
  text = json.dumps(content, sort_keys=True)
  digits = hashlib.sha256(text.encode()).hexdigest()
  return [int(digits[i : i + 3], 16) for i in range(0, 12, 3)]
