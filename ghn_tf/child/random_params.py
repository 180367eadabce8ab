# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Parameters that nothing has learned, to compare predicted ones with."""

import zlib

import numpy as np
import tensorflow as tf

from ghn_tf.arch import spec


def he_normal(
  architecture: spec.Architecture, seed: int = 0
) -> dict[str, tf.Tensor]:
  """Returns random params of an architecture, by name.

  Kernels are normal with a variance of 2 / fan_in (He et al., arXiv
  1502.01852), scales are ones, offsets and biases zeros, slopes 1/4.

  Args:
    architecture: the network.
    seed: another one gives other kernels. Each depends on it and on the name
      and shape of the kernel alone.
  """
  params = {}
  for param in architecture.param_specs:
    shape = param.shape
    if param.kind is spec.ParamKind.GAMMA:
      value = np.ones(shape)
    elif param.kind is spec.ParamKind.ALPHA:
      value = np.full(shape, spec.FIRST_ALPHA)
    elif len(shape) == 1:
      value = np.zeros(shape)
    else:
      key = (seed, zlib.crc32(param.name.encode()))
      rng = np.random.Generator(np.random.PCG64(key))
      value = rng.standard_normal(shape) * np.sqrt(2 / _fan_in(param))
    params[param.name] = tf.constant(value, tf.float32)
  return params


def _fan_in(param: spec.ParamSpec) -> int:
  """Returns how many inputs each output of a kernel is summed from."""
  if param.kind is spec.ParamKind.DEPTHWISE_KERNEL:
    return param.shape[0] * param.shape[1]
  return int(np.prod(param.shape[:-1]))
