# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Scores that people rank networks by without training any: the baselines.

Both are of networks with random params (`child.random_params`), and greater for
those that are expected to be better.
"""

import math

import numpy as np
import tensorflow as tf

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import gradients
from ghn_tf.child import network
from ghn_tf.child import random_params
from ghn_tf.evaluation import settings as settings_lib
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.spaces import exclusion

# Whose codes are compared, as in the paper.
NASWOT_IMAGES = 128

_FLOAT = recipe_lib.get("float")
_RELUS = (ops.Op.RELU, ops.Op.RELU6, ops.Op.LEAKY_RELU, ops.Op.PRELU)


def synflow(architecture: spec.Architecture, seed: int = 0) -> float:
  """Returns the synaptic flow of a network, as its decimal logarithm.

  It is the sum over params of |w| dR/d|w|, where R is the sum of the logits of
  an image of ones under absolute params (Tanaka et al., arXiv 2006.05467). As
  where it ranks networks (arXiv 2101.08134), BatchNorm is left out; so are
  biases, which are 0 at first, and ReLUs, which leave what is positive.

  Args:
    architecture: the network.
    seed: of its random params.

  Raises:
    ValueError: the flow is not above 0, or beyond float64.
  """
  linear = exclusion.skeleton(architecture)
  # The flow of 40 layers goes beyond float32.
  params = {
    name: tf.abs(tf.cast(value, tf.float64))
    for name, value in random_params.he_normal(linear, seed).items()
  }
  pullbacks: network.Pullbacks = []
  logits = network.apply(
    linear,
    params,
    tf.ones((1, *linear.input_shape), tf.float64),
    recipe=_FLOAT,
    training=True,
    pullbacks=pullbacks,
  )
  grads = gradients.backward(linear, pullbacks, tf.ones_like(logits))
  flow = sum(float(tf.reduce_sum(params[n] * g)) for n, g in grads.items())
  if not (math.isfinite(flow) and flow > 0):
    raise ValueError(
      f"The synaptic flow of network {architecture.name!r} is {flow}, which has"
      " no logarithm: gates that multiply features by what grew from them may"
      " take it beyond float64, and subtractions to 0 or less; compare networks"
      " with such layers by another score."
    )
  return math.log10(flow)


def naswot(
  architecture: spec.Architecture, images: np.ndarray, seed: int = 0
) -> float:
  """Returns how well a network tells images apart before training.

  It is the logarithm of the determinant of the kernel of their codes, of which
  each ReLU gives a bit (Mellor et al., arXiv 2006.04647).

  Args:
    architecture: the network.
    images: [B, H, W, C], normalized, of which `NASWOT_IMAGES` are usual.
    seed: of its random params.

  Raises:
    ValueError: it has no ReLU.
  """
  codes: list[np.ndarray] = []

  def observe(node: ops.Node, x: tf.Tensor) -> None:
    if node.op in _RELUS:
      codes.append((x > 0).numpy().reshape(len(images), -1))

  network.apply(
    architecture,
    random_params.he_normal(architecture, seed),
    tf.convert_to_tensor(images),
    recipe=_FLOAT,
    training=True,
    observe=observe,
  )
  if not codes:
    raise ValueError(
      f"Network {architecture.name!r} has no ReLU, by whose codes NASWOT ranks."
    )
  return log_determinant(codes)


def log_determinant(codes: list[np.ndarray]) -> float:
  """Returns the logarithm of the determinant of the kernel of codes.

  An element of the kernel is the number of bits in which two images agree. It
  is singular where codes are equal, for which the least float stands.

  Args:
    codes: booleans [B, units] of each layer.
  """
  kernel = np.zeros((len(codes[0]), len(codes[0])))
  for bits in codes:
    active = bits.astype(np.float32)
    kernel += active @ active.T + (1 - active) @ (1 - active).T
  _, value = np.linalg.slogdet(kernel)
  return float(np.maximum(value, np.finfo(np.float64).min))


def score(
  name: str, architecture: spec.Architecture, images: np.ndarray
) -> float:
  """Returns the score of a name among `settings.SCORES`.

  Args:
    name: of the score.
    architecture: the network.
    images: at least `NASWOT_IMAGES`, normalized.

  Raises:
    ValueError: it has none; see `synflow` and `naswot`.
  """
  if name == settings_lib.SYNFLOW:
    return synflow(architecture)
  return naswot(architecture, images[:NASWOT_IMAGES])
