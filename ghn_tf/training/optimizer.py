# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The optimizers of hypernetworks: Adam, and Muon beside it for matrices.

Muon (K. Jordan et al., kellerjordan.github.io/posts/muon, 2024) takes the
momentum of a matrix to the nearest matrix with orthonormal rows, so that all
its directions move alike. The gradients of a hypernetwork need that: nearly
all of them say how the kernels of all layers change together, few how they
differ.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras as keras

from ghn_tf.training import config as training_config

# Each factor is that of one iteration; together they take singular values
# from 1e-3 to 1 into 0.7 to 1.2 (those of Muon's authors).
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_MOMENTUM = 0.95
_EPSILON = 1e-12


def orthogonalize(matrix: tf.Tensor) -> tf.Tensor:
  """Returns the matrix with all its singular values near 1, [m, n].

  The iteration X -> (a + b XX' + c (XX')^2) X changes X from the left alone,
  so it is followed on the Gram matrix, [min(m, n)] * 2, and X is multiplied
  once.
  """
  rows, columns = matrix.shape
  if rows > columns:
    return tf.transpose(orthogonalize(tf.transpose(matrix)))
  a, b, c = _COEFFICIENTS
  gram = tf.matmul(matrix, matrix, transpose_b=True)
  # Its trace is the squared Frobenius norm, a bound on its eigenvalues.
  square = tf.linalg.trace(gram) + _EPSILON
  gram /= square
  total = tf.eye(rows)
  for _ in range(_ITERATIONS):
    factor = a * tf.eye(rows) + b * gram + c * tf.matmul(gram, gram)
    total = tf.matmul(factor, total)
    gram = tf.matmul(tf.matmul(factor, gram), factor)
  return tf.matmul(total, matrix) * tf.math.rsqrt(square)


class Muon(keras.optimizers.Adam):
  """Muon for some variables, Adam for the others.

  Args:
    as_matrix: from a variable to its shape as a matrix, None for Adam.
    rate: root mean square of a matrix's update, in learning rates.
    decay: part of a matrix that is taken off, in learning rates.
    **kwargs: of Adam.
  """

  def __init__(
    self,
    as_matrix: Callable[[tf.Variable], tuple[int, int] | None],
    rate: float,
    decay: float,
    **kwargs: Any,
  ):
    super().__init__(**kwargs)
    self._as_matrix = as_matrix
    self._rate = rate
    self._decay = decay

  def update_step(self, gradient: tf.Tensor, variable: tf.Variable) -> None:
    """Updates a variable."""
    shape = self._as_matrix(variable)
    if shape is None:
      super().update_step(gradient, variable)
      return
    index = self._index_dict[self._var_key(variable)]
    momentum = self._momentums[index]
    momentum.assign_add((gradient - momentum) * (1 - _MOMENTUM))
    ahead = gradient + _MOMENTUM * (momentum - gradient)  # Nesterov's
    update = orthogonalize(tf.reshape(ahead, shape))
    # The root mean square of an orthonormal matrix is 1 / sqrt(its long side).
    update *= self._rate * max(shape) ** 0.5
    change = tf.reshape(update, variable.shape) + self._decay * variable
    variable.assign_sub(self.learning_rate * change)


def create(config: training_config.TrainConfig) -> keras.optimizers.Optimizer:
  """Returns the optimizer of a run, for the weights of a `model.GHN`."""
  epsilon = 1e-8  # PyTorch's, with which GHN-2 is trained
  if config.optimizer == "adam":
    return keras.optimizers.Adam(epsilon=epsilon)
  return Muon(
    as_matrix, config.matrix_rate, config.matrix_decay, epsilon=epsilon
  )


def as_matrix(variable: tf.Variable) -> tuple[int, int] | None:
  """Returns the shape of a kernel as [inputs, outputs], None for the rest."""
  name, shape = variable.name.removesuffix(":0"), variable.shape
  if not name.endswith("kernel"):
    return None
  fan_in = shape[0]
  if name == "message/kernel":  # of each kind of message: the kinds are added
    fan_in *= shape[1]
  return fan_in, shape.num_elements() // fan_in
