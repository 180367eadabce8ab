# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Estimates what a hypernetwork does not predict: statistics and ranges.

Integer files fold stored BatchNorm statistics and store activation ranges;
both are estimated here by running the child on a few batches of training
images, as it ran in training: batch statistics, and the ranges of each batch.
"""

from collections.abc import Iterable
import math

import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import network
from ghn_tf.child import ranges
from ghn_tf.quant import range_rules
from ghn_tf.quant import recipe as recipe_lib


class _RecordingStatistics(network.BatchStatistics):
  """Batch statistics that also sum up what they saw, once for each image."""

  def __init__(self, params: network.Params):
    super().__init__(params)
    self.sums: dict[str, tf.Tensor] = {}

  def moments(
    self, node: ops.Node, x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor
  ) -> None:
    number = math.prod(x.shape[:-1])
    biased = variance * ((number - 1) / number)  # by which it normalized
    self._record(f"{node.name}/moving_mean", mean, len(x))
    self._record(f"{node.name}/moving_variance", biased, len(x))

  def range(
    self,
    node: ops.Node,
    x: tf.Tensor,
    grid: recipe_lib.TensorQuantization,
    bounds: range_rules.Bounds,
  ) -> tuple[tf.Tensor, tf.Tensor]:
    low_high = super().range(node, x, grid, bounds)
    self._record(ranges.name(node), tf.stack(low_high), len(x))
    return low_high

  def _record(self, key: str, value: tf.Tensor, num_images: int) -> None:
    self.sums[key] = self.sums.get(key, 0.0) + num_images * value


def calibrate(
  architecture: spec.Architecture,
  params: network.Params,
  batches: Iterable[tf.Tensor],
  *,
  recipe: recipe_lib.Recipe,
) -> dict[str, tf.Tensor]:
  """Returns the params with BatchNorm statistics and activation ranges added.

  Each is the mean over the batches, weighted by their images, so that the
  stored ranges are those that a batch of this size had on average in training;
  the rare values beyond them are clipped. A variance too is the mean of the
  biased ones within the batches, by which training normalized, not that of all
  images together. The keys are `<node>/moving_mean`, `<node>/moving_variance`
  and `<node>/range`, the latter [min, max] and only if the recipe rounds; it is
  [0, 1] for an output that was always 0, or as good as that.

  Args:
    architecture: the network.
    params: every tensor of `architecture.param_specs` by name.
    batches: normalized images [B, H, W, C], some hundreds in all; B as in
      training.
    recipe: how the network will be rounded.

  Raises:
    ValueError: no images, or a statistic or range that is not finite, naming
      its node.
  """
  statistics = _RecordingStatistics(params)
  num_images = 0
  for images in batches:
    network.run(
      architecture, params, images, recipe=recipe, statistics=statistics
    )
    num_images += len(images)
  if not num_images:
    raise ValueError("calibrate needs at least one batch of images, got none.")
  means = {key: value / num_images for key, value in statistics.sums.items()}
  _check_finite(architecture, means)
  for node in architecture.nodes:
    key = ranges.name(node)
    if key in means:
      means[key] = usable(means[key])
  return {**params, **means}


def usable(ends: tf.Tensor) -> tf.Tensor:
  """Returns a range [2], or [0, 1] for one of zeros alone.

  A scale of 0 would make a broken file.
  """
  if np.ptp(ends) < range_rules.LEAST_LIMIT:
    return tf.constant([0.0, 1.0])
  return ends


def _check_finite(
  architecture: spec.Architecture, means: network.Params
) -> None:
  """Raises ValueError at the first statistic or range that is not finite."""
  for key, value in means.items():  # in the order of the nodes
    if not np.isfinite(value).all():
      node_name, _, what = key.rpartition("/")
      raise ValueError(
        f"Network {architecture.name!r}: the {what} of node {node_name!r} is"
        f" {value.numpy()}, expected finite values. Look for NaN or very large"
        " values in the images and in the params up to this node."
      )
