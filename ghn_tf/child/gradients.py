# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The gradient of a child's logits to its params, written out.

Rounding, clipping and noise pass gradients through unchanged (straight-through,
arXiv 1712.05877), so that clipped values learn too; none flows to ranges.
"""

import tensorflow as tf

from ghn_tf.arch import spec
from ghn_tf.child import network


def backward(
  architecture: spec.Architecture,
  pullbacks: network.Pullbacks,
  upstream: tf.Tensor,
) -> dict[str, tf.Tensor]:
  """Returns the gradient of every param, by its name.

  Args:
    architecture: the network.
    pullbacks: as `network.run` with batch statistics filled them; emptied here,
      so that what the forward pass kept is freed on the way.
    upstream: the gradient of the logits, [B, classes].

  Raises:
    ValueError: a BatchNorm used stored statistics.
  """
  arrived: list[tf.Tensor | None] = [None] * len(architecture.nodes)
  arrived[-1] = upstream
  params: dict[str, tf.Tensor] = {}
  # The image, which is node 0, needs no gradient.
  for index in range(len(architecture.nodes) - 1, 0, -1):
    node = architecture.nodes[index]
    pullback = pullbacks.pop()
    if pullback is None:
      raise ValueError(
        f"Node {node.name!r} has no gradient: it used stored statistics."
      )
    # Every node leads to the logits, so something has arrived. It was rounded
    # and clipped after the operation, as kernels were before it: no term here.
    inputs, own = pullback(arrived[index], node.inputs != (0,))
    arrived[index] = None
    for suffix, gradient in own.items():
      params[f"{node.name}/{suffix}"] = gradient
    for source, gradient in zip(node.inputs, inputs, strict=True):
      if source == 0:
        continue
      before = arrived[source]
      arrived[source] = (
        gradient if before is None else tf.raw_ops.AddV2(x=before, y=gradient)
      )
  pullbacks.clear()
  return {param.name: params[param.name] for param in architecture.param_specs}
