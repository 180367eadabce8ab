# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Params for images of one channel from those for images of several.

An image that has the same values in all channels goes through a kernel as one
channel of it goes through the sum of the kernel over its input channels.
"""

import tensorflow as tf

from ghn_tf.arch import spec
from ghn_tf.arch import variants
from ghn_tf.child import network


def sum_channels(
  architecture: spec.Architecture, params: network.Params, channels: int
) -> dict[str, tf.Tensor]:
  """Returns the params with which a network computes what another one does.

  Args:
    architecture: takes images of one channel.
    params: of the same network for images of several channels.
    channels: of those images, which are all alike.

  Raises:
    ValueError: something else than convolutions and dense layers takes the
      channels one by one, and has params for each.
  """
  variants.check_gray(architecture, channels)
  result = dict(params)
  for param in architecture.param_specs:
    if tuple(params[param.name].shape) != param.shape:
      *front, c_in, c_out = param.shape
      kernel = tf.reshape(params[param.name], [*front, c_in, channels, c_out])
      result[param.name] = tf.reduce_sum(kernel, axis=-2)
  return result
