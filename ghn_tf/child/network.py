# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs an architecture with given params.

One function per `Op`, called eagerly in topological order: an architecture that
is run once is not worth a trace.
"""

from collections.abc import Callable, Mapping
import functools
from typing import Protocol

import tensorflow as tf

from ghn_tf import constants
from ghn_tf import image_checks
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import functions
from ghn_tf.child import grids
from ghn_tf.child import ranges
from ghn_tf.quant import fake_quant
from ghn_tf.quant import range_rules
from ghn_tf.quant import recipe as recipe_lib

_raw = tf.raw_ops

Params = Mapping[str, tf.Tensor]
# Every operation's way back, by its node; None for the image.
Pullbacks = list[functions.Pullback | None]
# Is told what every node gives.
Observer = Callable[[ops.Node, tf.Tensor], None]


class Statistics(Protocol):
  """Where BatchNorm statistics and activation ranges come from."""

  def batch_norm(
    self, node: ops.Node, x: tf.Tensor
  ) -> tuple[tf.Tensor, functions.Pullback | None]:
    """Returns the normalized, scaled and shifted x, and its way back."""

  def range(
    self,
    node: ops.Node,
    x: tf.Tensor,
    grid: recipe_lib.TensorQuantization,
    bounds: range_rules.Bounds,
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the least and greatest value of a node's grid, scalars.

    Args:
      node: the node.
      x: its output.
      grid: how the output is rounded.
      bounds: between which all outputs lie.
    """


class BatchStatistics:
  """Statistics of the batch itself: training and the published protocol."""

  def __init__(self, params: Params):
    self._params = params

  def batch_norm(
    self, node: ops.Node, x: tf.Tensor
  ) -> tuple[tf.Tensor, functions.Pullback]:
    """See `Statistics`."""
    y, pullback, moments = functions.batch_norm(
      node.layer, x, _of_node(self._params, node, ("gamma", "beta"))
    )
    self.moments(node, x, *moments)
    return y, pullback

  def moments(
    self, node: ops.Node, x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor
  ) -> None:
    """Called with the mean and the unbiased variance of each batch, [C]."""

  def range(
    self,
    node: ops.Node,
    x: tf.Tensor,
    grid: recipe_lib.TensorQuantization,
    bounds: range_rules.Bounds,
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """See `Statistics`; that of a gate is the same for all batches."""
    if node.op in ranges.GATES:
      low, high = ranges.GATE_RANGES[grid.num_bits]
      return constants.constant(low, x.dtype), constants.constant(high, x.dtype)
    return range_rules.activation_range(x, grid, bounds)


class StoredStatistics:
  """Statistics that `calibrate` has added to the params: deployment."""

  def __init__(self, params: Params):
    self._params = params

  def batch_norm(self, node: ops.Node, x: tf.Tensor) -> tuple[tf.Tensor, None]:
    """See `Statistics`; without a way back."""
    images = x if len(x.shape) == 4 else x[:, tf.newaxis, tf.newaxis]
    result = _raw.FusedBatchNormV3(
      x=images,
      scale=self._params[f"{node.name}/gamma"],
      offset=self._params[f"{node.name}/beta"],
      mean=self._get(f"{node.name}/moving_mean"),
      variance=self._get(f"{node.name}/moving_variance"),
      epsilon=node.layer.epsilon,
      is_training=False,
    )
    return tf.reshape(result.y, x.shape), None

  def range(
    self,
    node: ops.Node,
    x: tf.Tensor,
    grid: recipe_lib.TensorQuantization,
    bounds: range_rules.Bounds,
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """See `Statistics`."""
    del x, grid, bounds
    low_high = self._get(ranges.name(node))
    return low_high[0], low_high[1]

  def _get(self, key: str) -> tf.Tensor:
    if key not in self._params:
      raise ValueError(
        f"params lack {key!r}; call calibrate, or run with training=True for"
        " batch statistics."
      )
    return self._params[key]


def _of_node(
  params: Params, node: ops.Node, suffixes: tuple[str, ...]
) -> dict[str, tf.Tensor]:
  return {suffix: params[f"{node.name}/{suffix}"] for suffix in suffixes}


@functools.lru_cache(maxsize=4096)
def _released(architecture: spec.Architecture) -> tuple[tuple[int, ...], ...]:
  """For every node, the outputs that nobody reads after it."""
  released: list[list[int]] = [[] for _ in architecture.nodes]
  for index, readers in enumerate(architecture.consumers[:-1]):
    released[readers[-1]].append(index)
  return tuple(map(tuple, released))


def run(
  architecture: spec.Architecture,
  params: Params,
  images: tf.Tensor,
  *,
  recipe: recipe_lib.Recipe,
  statistics: Statistics,
  noise_seed: tuple[int, int] | None = None,
  pullbacks: Pullbacks | None = None,
  output: int | None = None,
  observe: Observer | None = None,
) -> tf.Tensor:
  """Returns the logits under given statistics; see `apply`.

  Args:
    architecture: the network.
    params: see `apply`.
    images: see `apply`.
    recipe: how kernels and activations are rounded.
    statistics: where those of BatchNorm and the ranges come from.
    noise_seed: for noise instead of rounding; None to round.
    pullbacks: an empty list to fill, for `gradients.backward`.
    output: see `apply`.
    observe: see `apply`.

  Raises:
    ValueError: images of another shape or that are not normalized, params that
      lack a tensor, or a recipe for other layers.
  """
  image_checks.check_normalized(
    f"Architecture {architecture.name!r}", images, architecture.input_shape
  )
  missing = [s.name for s in architecture.param_specs if s.name not in params]
  if missing:
    raise ValueError(f"params lack {missing}.")
  kernel_grids, output_grids = grids.of(architecture, recipe)
  output_ranges = ranges.output_ranges(architecture)
  bounds = ranges.bounds(architecture)
  released = _released(architecture)
  outputs: list[tf.Tensor | None] = [None] * len(architecture.nodes)
  low_high: dict[int, tuple[tf.Tensor, tf.Tensor]] = {}

  def seed(index: int, tensor: int) -> tuple[int, int] | None:
    """Seed for kernel or slopes (tensor 0) or output (tensor 1) of a node."""
    if noise_seed is None:
      return None
    # 2**20 exceeds 2 * bounds.MAX_NODES, so no two seeds collide.
    return noise_seed[0], noise_seed[1] * 2**20 + 2 * index + tensor

  for index, node in enumerate(architecture.nodes):
    inputs = [outputs[i] for i in node.inputs]
    pullback: functions.Pullback | None = None
    if node.op is ops.Op.INPUT:
      x = images
    elif node.op is ops.Op.BATCH_NORM:
      x, pullback = statistics.batch_norm(node, inputs[0])
    else:
      own = {}
      if node.op is ops.Op.PRELU:
        own = _of_node(params, node, ("alpha",))
        if not recipe.is_float:
          own["alpha"] = fake_quant.quantize_kernel(
            own["alpha"],
            recipe_lib.SLOPES,
            channel_axis=None,
            noise_seed=seed(index, 0),
          )
      elif node.op in grids.CHANNEL_AXIS:
        suffixes = ("kernel", "bias") if node.layer.use_bias else ("kernel",)
        own = _of_node(params, node, suffixes)
        if (kernel_grid := kernel_grids[index]) is not None:
          own["kernel"] = fake_quant.quantize_kernel(
            own["kernel"],
            kernel_grid,
            channel_axis=grids.CHANNEL_AXIS[node.op],
            noise_seed=seed(index, 0),
          )
      x, pullback = functions.FUNCTIONS[node.op](node.layer, inputs, own)
    if pullbacks is not None:
      pullbacks.append(pullback)
    output_range, grid = output_ranges[index], output_grids[index]
    if output_range is not None and grid is not None:
      if output_range.owner == index:
        low_high[index] = statistics.range(node, x, grid, bounds[index])
      if output_range.rounds:
        x = fake_quant.quantize_activation(
          x,
          *low_high[output_range.owner],
          grid.num_bits,
          symmetric=grid.symmetric,
          noise_seed=seed(index, 1),
        )
    if observe is not None:
      observe(node, x)
    if index == output:
      return x
    outputs[index] = x
    for i in released[index]:
      outputs[i] = None
  return outputs[-1]


def apply(
  architecture: spec.Architecture,
  params: Params,
  images: tf.Tensor,
  *,
  recipe: recipe_lib.Recipe,
  training: bool,
  seed: tuple[int, int] | None = None,
  pullbacks: Pullbacks | None = None,
  output: int | None = None,
  observe: Observer | None = None,
) -> tf.Tensor:
  """Returns the logits [B, classes] of a child.

  Args:
    architecture: the network.
    params: every tensor of `architecture.param_specs` by name; with
      `training=False` also what `calibrate` adds.
    images: [B, H, W, C], normalized.
    recipe: how kernels and activations are rounded.
    training: whether BatchNorm and ranges use the statistics of this batch,
      as in training and in the published evaluation protocol, or stored ones.
    seed: for the noise of a recipe in mode NOISE; without it, and without
      `training`, such a recipe rounds.
    pullbacks: an empty list to fill, for `gradients.backward`; needs
      `training`.
    output: index of a node, whose output is returned in place of the logits,
      and which nothing is run behind.
    observe: called with every node and its output, one after the other.

  Raises:
    ValueError: images of another shape or that are not normalized, params that
      lack a tensor, or a recipe for other layers.
  """
  noisy = training and recipe.mode is recipe_lib.Mode.NOISE
  return run(
    architecture,
    params,
    images,
    recipe=recipe,
    statistics=(BatchStatistics if training else StoredStatistics)(params),
    noise_seed=seed if noisy else None,
    pullbacks=pullbacks,
    output=output,
    observe=observe,
  )
