# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Params for images of one channel from those for images of several.

An image that has the same values in all channels goes through a kernel as one
channel of it goes through the sum of the kernel over its input channels.
"""

import tensorflow as tf

from ghn_tf.arch import spec
from ghn_tf.child import network

_KERNELS = (spec.ParamKind.CONV_KERNEL, spec.ParamKind.DENSE_KERNEL)


def sum_channels(
  architecture: spec.Architecture,
  params: network.Params,
  of_several: spec.Architecture,
) -> dict[str, tf.Tensor]:
  """Returns the params with which a network computes what another one does.

  Args:
    architecture: takes images of one channel.
    params: of the other.
    of_several: the same network for images of several channels, which are all
      alike.

  Raises:
    ValueError: something else than convolutions and dense layers takes the
      channels one by one, and has params for each.
  """
  channels = of_several.input_shape[2]
  result = dict(params)
  pairs = zip(architecture.param_specs, of_several.param_specs, strict=True)
  for new, old in pairs:
    if new.shape == old.shape:
      continue
    *front, c_in, c_out = new.shape if len(new.shape) > 1 else (0, 0)
    if new.kind not in _KERNELS or old.shape != (
      *front,
      c_in * channels,
      c_out,
    ):
      node = architecture.nodes[new.node]
      raise ValueError(
        f"Node {node.name!r} ({node.op}) of network {architecture.name!r} has"
        f" the {new.name.rpartition('/')[2]} {list(old.shape)} for images of"
        f" {channels} channels, which cannot be made one for"
        " gray images; let convolutions alone take the image, or give the"
        f" network images of {channels} channels."
      )
    kernel = tf.reshape(params[new.name], [*front, c_in, channels, c_out])
    result[new.name] = tf.reduce_sum(kernel, axis=-2)
  return result
