# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The measures by which one network is larger or smaller than another."""

from ghn_tf.arch import ops
from ghn_tf.arch import spec

_WITH_KERNEL = frozenset((*ops.CONVOLUTIONS, ops.Op.DENSE))


def depth(architecture: spec.Architecture) -> int:
  """Returns the largest number of layers with a kernel on any one path.

  Convolutions, depthwise convolutions and dense layers have a kernel.
  """
  # Every node lies on a path to the last one.
  return _longest(architecture, until=None)[-1]


def layers_without_batch_norm(architecture: spec.Architecture) -> int:
  """Returns the same of paths without a BatchNorm.

  Along them nothing corrects the scale of what the layers give.
  """
  return max(_longest(architecture, until=ops.Op.BATCH_NORM))


def _longest(
  architecture: spec.Architecture, until: ops.Op | None
) -> list[int]:
  """Returns how many layers with a kernel lie on the longest path to each node.

  Args:
    architecture: the network.
    until: at nodes of this operation paths begin anew.
  """
  lengths: list[int] = []
  for node in architecture.nodes:
    above = max([lengths[i] for i in node.inputs], default=0)
    lengths.append(above + (node.op in _WITH_KERNEL))
    if node.op is until:
      lengths[-1] = 0
  return lengths


def measure(architecture: spec.Architecture) -> dict[str, int]:
  """Returns all measures of a network, by name.

  Channels are the most that an image within the network has, and the kernel
  size is the largest height or width of a convolution's window.
  """
  height, width, _ = architecture.input_shape
  images = [shape for shape in architecture.shapes if len(shape) == 3]
  windows = [
    max(node.layer.kernel)
    for node in architecture.nodes
    if node.op in ops.CONVOLUTIONS
  ]
  return {
    "image_height": height,
    "image_width": width,
    "nodes": len(architecture.nodes),
    "multiply_accumulates": architecture.macs,
    "parameters": architecture.num_params,
    "depth": depth(architecture),
    "layers_without_batch_norm": layers_without_batch_norm(architecture),
    "channels": max(shape[2] for shape in images),
    "kernel_size": max(windows, default=0),
  }
