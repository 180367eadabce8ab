# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Batch normalization with batch statistics, safe in several threads.

TensorFlow 2.21 with oneDNN corrupts the heap where two threads run the
gradient of fused batch normalization at once; here that one operation takes
turns. It is a few percent of a child's time, so children still run side by
side.
"""

import threading

import tensorflow as tf

_GRADIENT_LOCK = threading.Lock()


def normalize(
  x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  """Returns (x - mean) / sqrt(variance + epsilon) * gamma + beta, and both.

  Args:
    x: [B, H, W, C].
    gamma: [C].
    beta: [C].
    epsilon: added to the variance.

  Returns:
    The output [B, H, W, C], and the mean and the unbiased variance of the
    batch, [C], through which no gradient flows.
  """

  @tf.custom_gradient
  def forward(x, gamma, beta):
    result = tf.raw_ops.FusedBatchNormV3(
      x=x, scale=gamma, offset=beta, mean=[], variance=[], epsilon=epsilon
    )

    def backward(upstream, *_):
      with _GRADIENT_LOCK:
        gradient = tf.raw_ops.FusedBatchNormGradV3(
          y_backprop=upstream,
          x=x,
          scale=gamma,
          reserve_space_1=result.reserve_space_1,
          reserve_space_2=result.reserve_space_2,
          reserve_space_3=result.reserve_space_3,
          epsilon=epsilon,
        )
      return (
        gradient.x_backprop,
        gradient.scale_backprop,
        gradient.offset_backprop,
      )

    return (result.y, result.batch_mean, result.batch_variance), backward

  return forward(x, gamma, beta)
