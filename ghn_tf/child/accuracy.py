# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How well a child classifies."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from ghn_tf.arch import spec
from ghn_tf.child import network
from ghn_tf.quant import recipe as recipe_lib


def top1(
  architecture: spec.Architecture,
  params: network.Params,
  batches: Iterable[tuple[np.ndarray, np.ndarray]],
  recipe: recipe_lib.Recipe,
  *,
  training: bool = True,
) -> float:
  """Returns a child's top-1 accuracy, a fraction.

  By default it is that of the published protocol (GHN-2, arXiv 2110.13100):
  BatchNorm, and here the ranges of activations too, use the batch itself,
  because a hypernetwork predicts no running statistics. Comparable numbers
  need batches of `child.sizes.BATCH_SIZE` images.

  Args:
    architecture: the network.
    params: its predicted params; calibrated ones for `training=False`.
    batches: images [B, H, W, C], normalized, and labels [B].
    recipe: how the child is rounded; never with noise.
    training: whether to use batch statistics or stored ones.

  Raises:
    ValueError: there are no batches.
  """
  correct = total = 0
  for images, labels in batches:
    logits = network.apply(
      architecture,
      params,
      tf.convert_to_tensor(images),
      recipe=recipe,
      training=training,
    )
    correct += int(np.sum(np.argmax(logits, axis=-1) == labels))
    total += len(labels)
  if not total:
    raise ValueError("Accuracy needs at least one batch of images, got none.")
  return correct / total
