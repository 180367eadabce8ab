# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Small tensors that operations take as arguments, made once."""

import functools
from typing import Any

import tensorflow as tf


@functools.lru_cache(maxsize=16384)
def constant(value: Any, dtype: tf.DType = tf.int32) -> tf.Tensor:
  """Returns a tensor of a number or of nested tuples, made once.

  Of anything but a tensor, TensorFlow makes one at every call.
  """
  with tf.init_scope():  # a tensor of a trace must not get into the cache
    return tf.constant(value, dtype)


def shape(x: tf.Tensor) -> tf.Tensor:
  """Returns the shape of a tensor, which is known, as operations take it."""
  return constant(tuple(x.shape))
