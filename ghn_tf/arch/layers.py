# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Operations with their attributes, from which blocks are put together."""

from collections.abc import Mapping
from typing import Any

from ghn_tf.arch import ops

# What `spec.Builder.add` takes besides the inputs.
Layer = tuple[ops.Op, Mapping[str, Any]]


def conv(filters: int, kernel: int, stride: int = 1) -> Layer:
  """Returns a convolution with a square window."""
  return ops.Op.CONV, {
    "filters": filters,
    "kernel": (kernel, kernel),
    "strides": (stride, stride),
  }


def depthwise(kernel: int, stride: int = 1, dilation: int = 1) -> Layer:
  """Returns a depthwise convolution with a square window."""
  return ops.Op.DEPTHWISE_CONV, {
    "kernel": (kernel, kernel),
    "strides": (stride, stride),
    "dilation": dilation,
  }


def separable(
  filters: int, kernel: int, stride: int = 1, dilation: int = 1
) -> tuple[Layer, Layer]:
  """Returns a depthwise and a pointwise convolution (arXiv 1704.04861).

  TensorFlow cannot stride a dilated window; there the pointwise convolution
  has the stride, which computes the same values.

  Args:
    filters: output channels.
    kernel: size of the depthwise window.
    stride: of the two together.
    dilation: of the depthwise window.
  """
  if dilation == 1:
    return depthwise(kernel, stride), conv(filters, 1)
  return depthwise(kernel, dilation=dilation), conv(filters, 1, stride)


def pool(op: ops.Op, window: int, stride: int = 1) -> Layer:
  """Returns a max or average pool with a square window."""
  return op, {"kernel": (window, window), "strides": (stride, stride)}
