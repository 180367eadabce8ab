# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs an architecture with given params, differentiable in the params.

One function of TensorFlow operations per `Op`, called eagerly in topological
order: an architecture that is run once is not worth a trace.
"""

from collections.abc import Callable, Mapping
import functools
from typing import Protocol

import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import batch_norm
from ghn_tf.child import ranges
from ghn_tf.quant import fake_quant
from ghn_tf.quant import recipe as recipe_lib

Params = Mapping[str, tf.Tensor]


class Statistics(Protocol):
  """Where BatchNorm statistics and activation ranges come from."""

  def batch_norm(self, node: ops.Node, x: tf.Tensor) -> tf.Tensor:
    """Returns the normalized, scaled and shifted x, [B, H, W, C]."""

  def range(self, node: ops.Node, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the least and greatest value of a node's output, scalars."""


class BatchStatistics:
  """Statistics of the batch itself: training and the published protocol."""

  def __init__(self, params: Params):
    self._params = params

  def batch_norm(self, node: ops.Node, x: tf.Tensor) -> tf.Tensor:
    """See `Statistics`."""
    return self._normalize(node, x)[0]

  def range(self, node: ops.Node, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """See `Statistics`; no gradient flows through it."""
    x = tf.stop_gradient(x)
    high = tf.maximum(tf.reduce_max(x), 0.0)
    if node.op in (ops.Op.RELU, ops.Op.RELU6):
      return tf.zeros_like(high), high  # saves one pass over x
    return tf.minimum(tf.reduce_min(x), 0.0), high

  def _normalize(
    self, node: ops.Node, x: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the output and the batch mean and variance, [C]."""
    return batch_norm.normalize(
      x,
      self._params[f"{node.name}/gamma"],
      self._params[f"{node.name}/beta"],
      node.layer.epsilon,
    )


class StoredStatistics:
  """Statistics that `calibrate` has added to the params: deployment."""

  def __init__(self, params: Params):
    self._params = params

  def batch_norm(self, node: ops.Node, x: tf.Tensor) -> tf.Tensor:
    """See `Statistics`."""
    return tf.compat.v1.nn.fused_batch_norm(
      x,
      self._params[f"{node.name}/gamma"],
      self._params[f"{node.name}/beta"],
      mean=self._get(f"{node.name}/moving_mean"),
      variance=self._get(f"{node.name}/moving_variance"),
      epsilon=node.layer.epsilon,
      is_training=False,
    )[0]

  def range(self, node: ops.Node, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """See `Statistics`."""
    del x
    low_high = self._get(ranges.name(node))
    return low_high[0], low_high[1]

  def _get(self, key: str) -> tf.Tensor:
    if key not in self._params:
      raise ValueError(
        f"params lack {key!r}; call calibrate, or run with training=True for"
        " batch statistics."
      )
    return self._params[key]


# Axis of the output channels of a kernel; None where it has one range in all.
CHANNEL_AXIS: Mapping[ops.Op, int | None] = {
  ops.Op.CONV: 3,
  ops.Op.DEPTHWISE_CONV: 2,
  ops.Op.DENSE: None,
}


def _convolve(node: ops.Node, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
  if node.op is ops.Op.DENSE:
    return tf.matmul(x, kernel)
  layer = node.layer
  padding = layer.padding.upper()
  if node.op is ops.Op.DEPTHWISE_CONV:
    # The raw operation has a wrong gradient for dilations on CPU; this one
    # rearranges blocks instead (tensorflow issue 56498).
    dilations = [layer.dilation] * 2
    strides = (1, *layer.strides, 1)
    return tf.nn.depthwise_conv2d(
      x, kernel, strides, padding, dilations=dilations
    )
  return tf.nn.conv2d(x, kernel, layer.strides, padding, "NHWC", layer.dilation)


def _batch_norm(
  node: ops.Node, x: tf.Tensor, statistics: Statistics
) -> tf.Tensor:
  if len(x.shape) == 4:
    return statistics.batch_norm(node, x)
  return statistics.batch_norm(node, x[:, tf.newaxis, tf.newaxis])[:, 0, 0]


def _crop(node: ops.Node, x: tf.Tensor) -> tf.Tensor:
  top, bottom, left, right = node.layer.margins
  height, width = x.shape[1:3]
  return x[:, top : height - bottom, left : width - right]


def _zero_pad(node: ops.Node, x: tf.Tensor) -> tf.Tensor:
  top, bottom, left, right = node.layer.margins
  return tf.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))


def _pool(pool: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
  return lambda node, x: pool(
    x, node.layer.kernel, node.layer.strides, node.layer.padding.upper()
  )


# Operations without params, by the tensors they read.
_PLAIN: Mapping[ops.Op, Callable[..., tf.Tensor]] = {
  ops.Op.RELU: lambda node, x: tf.nn.relu(x),
  ops.Op.RELU6: lambda node, x: tf.nn.relu6(x),
  ops.Op.MAX_POOL: _pool(tf.nn.max_pool2d),
  ops.Op.AVG_POOL: _pool(tf.nn.avg_pool2d),
  ops.Op.GLOBAL_AVG_POOL: lambda node, x: tf.reduce_mean(x, axis=(1, 2)),
  ops.Op.ADD: lambda node, *xs: functools.reduce(tf.add, xs),
  ops.Op.CONCAT: lambda node, *xs: tf.concat(xs, axis=-1),
  ops.Op.FLATTEN: lambda node, x: tf.reshape(x, (len(x), -1)),
  ops.Op.ZERO_PAD: _zero_pad,
  ops.Op.CROP: _crop,
}


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
) -> tf.Tensor:
  """Returns the logits under given statistics; see `apply`.

  Raises:
    ValueError: images of another shape, or params that lack a tensor.
  """
  if tuple(images.shape[1:]) != architecture.input_shape:
    raise ValueError(
      f"Architecture {architecture.name!r} takes images of shape"
      f" {list(architecture.input_shape)}, got {images.shape[1:].as_list()}."
    )
  missing = [s.name for s in architecture.param_specs if s.name not in params]
  if missing:
    raise ValueError(f"params lack {missing}.")
  output_ranges = ranges.output_ranges(architecture)
  released = _released(architecture)
  outputs: list[tf.Tensor | None] = [None] * len(architecture.nodes)
  low_high: dict[int, tuple[tf.Tensor, tf.Tensor]] = {}

  def seed(index: int, tensor: int) -> tuple[int, int] | None:
    """Seed for the kernel (tensor 0) or the output (tensor 1) of a node."""
    if noise_seed is None:
      return None
    # 2**20 exceeds twice the nodes of any network, so no two seeds collide.
    return noise_seed[0], noise_seed[1] * 2**20 + 2 * index + tensor

  for index, node in enumerate(architecture.nodes):
    inputs = [outputs[i] for i in node.inputs]
    if node.op is ops.Op.INPUT:
      x = images
    elif node.op in CHANNEL_AXIS:
      kernel = params[f"{node.name}/kernel"]
      if recipe.weights is not None:
        kernel = fake_quant.quantize_kernel(
          kernel,
          recipe.weights,
          channel_axis=CHANNEL_AXIS[node.op],
          noise_seed=seed(index, 0),
        )
      x = _convolve(node, inputs[0], kernel)
      if node.layer.use_bias:
        x = tf.nn.bias_add(x, params[f"{node.name}/bias"])
    elif node.op is ops.Op.BATCH_NORM:
      x = _batch_norm(node, inputs[0], statistics)
    else:
      x = _PLAIN[node.op](node, *inputs)
    output_range = output_ranges[index]
    if recipe.activations is not None and output_range is not None:
      if output_range.owner == index:
        low_high[index] = statistics.range(node, x)
      if output_range.rounds:
        x = fake_quant.quantize_activation(
          x,
          *low_high[output_range.owner],
          ranges.num_bits(architecture, output_range.owner, recipe),
          noise_seed=seed(index, 1),
        )
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

  Raises:
    ValueError: images of another shape, or params that lack a tensor.
  """
  noisy = training and recipe.mode is recipe_lib.Mode.NOISE
  return run(
    architecture,
    params,
    images,
    recipe=recipe,
    statistics=(BatchStatistics if training else StoredStatistics)(params),
    noise_seed=seed if noisy else None,
  )
