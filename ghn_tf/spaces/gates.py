# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What networks have beyond ReLU: gates, leaky activations, global maxima.

Gates multiply: the channels of a block by weights of their own, which is
squeeze-and-excitation (arXiv 1709.01507), or a value by its sigmoid, which is
swish (1710.05941) and, piecewise linear, MobileNetV3's hard swish (1905.02244).
"""

import dataclasses
import enum

import numpy as np

from ghn_tf.arch import layers
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.spaces import draws


class Activation(enum.StrEnum):
  """What a network activates with."""

  PLAIN = "plain"  # ReLU or ReLU6, as without gates
  SWISH = "swish"
  HARD_SWISH = "hard_swish"
  LEAKY_RELU = "leaky_relu"


@dataclasses.dataclass(frozen=True)
class Gates:
  """The distribution of gates; weights are relative frequencies.

  A network has squeeze-and-excitation, an activation other than ReLU, or both.

  Attributes:
    activations: of a network.
    slopes: of a leaky ReLU: PyTorch's, Darknet's, that of Keras 3 and Keras 2.
    mixed_share: of networks with ReLU in the first stage, as MobileNetV3 has it
      in its first layers.
    squeeze_share: of networks with squeeze-and-excitation, among those with
      another activation.
    squeezed_blocks: shares of such a network's blocks that have it.
    reductions: divisors of the channels within.
    hard_share: of networks with a hard sigmoid within; of those with hard swish
      all have it.
    max_pool_share: of networks that end in the maximum over the image.
  """

  activations: draws.Weighted[Activation] = (
    (Activation.PLAIN, 3),
    (Activation.SWISH, 3),
    (Activation.HARD_SWISH, 3),
    (Activation.LEAKY_RELU, 2),
  )
  slopes: draws.Weighted[float] = ((0.01, 1), (0.1, 2), (0.2, 1), (0.3, 2))
  mixed_share: float = 0.3
  squeeze_share: float = 0.6
  squeezed_blocks: draws.Weighted[float] = ((0.5, 1), (1.0, 1))
  reductions: draws.Weighted[int] = ((4, 4), (8, 1), (16, 1))
  hard_share: float = 0.2
  max_pool_share: float = 0.15


class Style:
  """Adds the activations and gates of one network to a builder.

  Attributes:
    pool: the layer that reduces the last image to its channels.
  """

  def __init__(
    self,
    builder: spec.Builder,
    rng: np.random.Generator,
    relu: ops.Layer,
    gates: Gates | None,
  ):
    """Draws what holds for all of a network; nothing without gates.

    Args:
      builder: to which it is added.
      rng: source of randomness.
      relu: ReLU or ReLU6.
      gates: their distribution, or None for ReLU alone.
    """
    self.pool = layers.GLOBAL_AVG_POOL
    self._builder = builder
    self._rng = rng
    self._relu = relu
    self._activation = Activation.PLAIN
    self._squeezed_share = 0.0
    self._is_mixed = self._is_plain = False
    if gates is None:
      return
    self._activation = draws.weighted(rng, gates.activations)
    is_other = self._activation is not Activation.PLAIN
    self._slope = draws.weighted(rng, gates.slopes)
    self._is_mixed = draws.chance(rng, gates.mixed_share)
    if not is_other:
      self._squeezed_share = 1.0
    elif draws.chance(rng, gates.squeeze_share):
      self._squeezed_share = draws.weighted(rng, gates.squeezed_blocks)
    self._reduction = draws.weighted(rng, gates.reductions)
    self._is_hard = draws.chance(rng, gates.hard_share)
    self._is_hard |= self._activation is Activation.HARD_SWISH
    if draws.chance(rng, gates.max_pool_share):
      self.pool = layers.GLOBAL_MAX_POOL

  def enter_stage(self, stage: int) -> None:
    """Goes on to a stage; the first is number 0."""
    self._is_plain = self._is_mixed and stage == 0

  def activate(self, x: int) -> int:
    """Adds an activation."""
    place = self._builder.place
    if self._is_plain:
      return place(self._relu, x)
    match self._activation:
      case Activation.PLAIN:
        return place(self._relu, x)
      case Activation.LEAKY_RELU:
        return place(layers.leaky_relu(self._slope), x)
      case Activation.SWISH:
        return place(layers.MULTIPLY, x, place(layers.SIGMOID, x))
      case Activation.HARD_SWISH:
        return place(layers.MULTIPLY, x, place(layers.HARD_SIGMOID, x))

  def squeeze(self, x: int) -> int:
    """Adds squeeze-and-excitation, where the network has it in this block."""
    if not self._squeezed_share:
      return x
    if not draws.chance(self._rng, self._squeezed_share):
      return x
    place = self._builder.place
    channels = self._builder.shape(x)[-1]
    inner = layers.dense(max(8, 8 * round(channels / self._reduction / 8)))
    y = place(inner, place(layers.GLOBAL_AVG_POOL, x))
    # MobileNetV3 has ReLU here even where it has hard swish elsewhere.
    y = place(self._relu, y) if self._is_hard else self.activate(y)
    y = place(layers.dense(channels), y)
    gate = layers.HARD_SIGMOID if self._is_hard else layers.SIGMOID
    return place(layers.MULTIPLY, x, place(gate, y))
