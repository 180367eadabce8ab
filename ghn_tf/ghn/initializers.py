# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Variables with the initial values that PyTorch's layers would have."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf


def uniform(
  rng: np.random.Generator, fan_in: int, shape: tuple[int, ...]
) -> np.ndarray:
  """Returns U(-1/sqrt(fan_in), 1/sqrt(fan_in)), for kernels and biases alike.

  PyTorch's default for Linear, Conv and GRU; Keras has larger kernels (Glorot)
  and zero biases.
  """
  bound = fan_in**-0.5
  return rng.uniform(-bound, bound, shape)


def variables(values: Mapping[str, np.ndarray]) -> dict[str, tf.Variable]:
  """Returns a float32 variable for each initial value, sorted by name.

  That is also the order in which Keras tracks the variables of a dictionary.
  """
  return {
    name: tf.Variable(value, name=name, dtype=tf.float32)
    for name, value in sorted(values.items())
  }
