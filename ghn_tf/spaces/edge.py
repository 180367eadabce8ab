# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Small convolutional networks such as run on microcontrollers.

A network is a stem, two to four stages of blocks, and a head. Blocks are those
of the networks people deploy: ResNet (arXiv 1512.03385, 1603.05027),
MobileNet (1704.04861, 1801.04381), SqueezeNet and DenseNet (1602.07360,
1608.06993), and sums of random primitives as in DARTS (1806.09055).
"""

import dataclasses
import enum

import numpy as np

from ghn_tf.arch import layers
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.spaces import draws
from ghn_tf.spaces import gates as gates_lib


class Order(enum.StrEnum):
  """Where a network normalizes and activates."""

  CONV_NORM_RELU = "conv_norm_relu"
  RELU_CONV_NORM = "relu_conv_norm"  # as DARTS and GHN-2
  NORM_RELU_CONV = "norm_relu_conv"  # as pre-activation ResNets


class Block(enum.StrEnum):
  """The kinds of blocks that a stage is made of."""

  PLAIN = "plain"
  SEPARABLE = "separable"
  RESIDUAL = "residual"
  BOTTLENECK = "bottleneck"
  INVERTED_RESIDUAL = "inverted_residual"
  BRANCHES = "branches"
  CELL = "cell"


class Primitive(enum.StrEnum):
  """What a cell sums two of; the first three have no kernel."""

  SKIP = "skip"
  MAX_POOL = "max_pool"
  AVG_POOL = "avg_pool"
  CONV_1X1 = "conv_1x1"
  CONV_3X3 = "conv_3x3"
  SEPARABLE = "separable"


@dataclasses.dataclass(frozen=True)
class EdgeGrammar:
  """The distribution of small networks; weights are relative frequencies.

  Attributes:
    base_channels: output channels of the stem.
    stem_strides: stride of the stem.
    stages: number of stages. The first block of a stage halves the image and
      widens the network.
    first_stage_keeps: probability that the first stage does neither.
    min_size: images of at most this height or width are not halved.
    blocks_per_stage: number of blocks of a stage.
    widening: factors of the channels, which are then rounded to 8.
    max_channels: at most so many channels leave a block.
    kinds: how many draws of a kind of block a network has to choose from; with
      one, all its blocks are of the same kind.
    blocks: kinds of blocks.
    orders: of convolution, normalization and activation.
    norm_free_share: of networks without BatchNorm; their convolutions have a
      bias.
    bias_share: of networks with a bias before BatchNorm, as Keras defaults to.
    relu6_share: of networks with ReLU6 instead of ReLU.
    pooling_share: of networks that halve the image by pooling, not by strides.
    norm_inside_share: of networks that normalize and activate between a
      depthwise and a pointwise convolution, as MobileNets do.
    head_conv_share: of networks with a 1x1 convolution before the head.
    flatten_share: of networks that pool to 2x2 and flatten, instead of
      averaging over the image.
    hidden_share: of networks with a hidden dense layer.
    kernels: window sizes of convolutions that are all of a block's path.
    windows: window sizes of the other spatial convolutions.
    dilated_share: of separable convolutions with a dilated window.
    expansions: factors of the channels in inverted residuals.
    primitives: what a cell sums.
    cell_steps: numbers of sums in a cell.
    hidden_units: of the hidden dense layer.
    gates: what there is beyond ReLU, if anything.
  """

  base_channels: draws.Weighted[int] = ((8, 2), (16, 6), (24, 3), (32, 1))
  stem_strides: draws.Weighted[int] = ((1, 3), (2, 2))
  stages: draws.Weighted[int] = ((2, 1), (3, 3), (4, 1))
  first_stage_keeps: float = 0.5
  min_size: int = 4
  blocks_per_stage: draws.Weighted[int] = ((1, 3), (2, 4), (3, 2), (4, 1))
  widening: draws.Weighted[float] = ((1.5, 1), (2.0, 2))
  max_channels: draws.Weighted[int] = ((48, 1), (64, 3), (96, 1), (128, 1))
  kinds: draws.Weighted[int] = ((1, 3), (2, 2), (3, 2))
  blocks: draws.Weighted[Block] = (
    (Block.PLAIN, 2),
    (Block.SEPARABLE, 3),
    (Block.RESIDUAL, 3),
    (Block.BOTTLENECK, 1),
    (Block.INVERTED_RESIDUAL, 3),
    (Block.BRANCHES, 2),
    (Block.CELL, 2),
  )
  orders: draws.Weighted[Order] = (
    (Order.CONV_NORM_RELU, 3),
    (Order.RELU_CONV_NORM, 1),
    (Order.NORM_RELU_CONV, 1),
  )
  norm_free_share: float = 0.15
  bias_share: float = 0.2
  relu6_share: float = 0.2
  pooling_share: float = 0.25
  norm_inside_share: float = 0.7
  head_conv_share: float = 0.15
  flatten_share: float = 0.05
  hidden_share: float = 0.1
  kernels: draws.Weighted[int] = ((1, 1), (3, 6), (5, 1))
  windows: draws.Weighted[int] = ((3, 7), (5, 1))
  dilated_share: float = 0.1
  expansions: draws.Weighted[int] = ((2, 1), (3, 2), (4, 2), (6, 2))
  primitives: draws.Weighted[Primitive] = (
    (Primitive.SKIP, 2),
    (Primitive.MAX_POOL, 1),
    (Primitive.AVG_POOL, 1),
    (Primitive.CONV_1X1, 2),
    (Primitive.CONV_3X3, 2),
    (Primitive.SEPARABLE, 4),
  )
  cell_steps: tuple[int, ...] = (2, 3)
  hidden_units: draws.Weighted[int] = ((32, 1), (64, 1))
  gates: gates_lib.Gates | None = None

  def draw(
    self,
    rng: np.random.Generator,
    input_shape: tuple[int, int, int],
    num_classes: int,
    name: str,
  ) -> spec.Architecture:
    """Returns a random network."""
    drawing = _Drawing(self, rng, input_shape)
    channels = draws.weighted(rng, self.base_channels)
    max_channels = draws.weighted(rng, self.max_channels)
    x = drawing.stem(channels)
    for stage in range(draws.weighted(rng, self.stages)):
      widens = stage > 0 or not draws.chance(rng, self.first_stage_keeps)
      if widens:
        wider = channels * draws.weighted(rng, self.widening)
        channels = min(_multiple_of_8(wider), max_channels)
      drawing.style.enter_stage(stage)
      for block in range(draws.weighted(rng, self.blocks_per_stage)):
        x = drawing.block(x, channels, halves=widens and block == 0)
    drawing.head(x, channels, num_classes)
    return drawing.builder.build(name)


def _multiple_of_8(channels: float) -> int:
  return max(8, 8 * round(channels / 8))


class _Drawing:
  """Adds blocks to a builder, in one style for the whole network."""

  def __init__(
    self,
    grammar: EdgeGrammar,
    rng: np.random.Generator,
    input_shape: tuple[int, int, int],
  ):
    self.builder = spec.Builder(input_shape)
    self._grammar = grammar
    self._rng = rng
    self._order = draws.weighted(rng, grammar.orders)
    self._normalizes = not draws.chance(rng, grammar.norm_free_share)
    self._use_bias = not self._normalizes or draws.chance(
      rng, grammar.bias_share
    )
    relu6 = draws.chance(rng, grammar.relu6_share)
    relu = layers.RELU6 if relu6 else layers.RELU
    self.style = gates_lib.Style(self.builder, rng, relu, grammar.gates)
    self._norm_inside = draws.chance(rng, grammar.norm_inside_share)
    self._pool: ops.Op | None = None
    if draws.chance(rng, grammar.pooling_share):
      self._pool = draws.one_of(rng, (ops.Op.MAX_POOL, ops.Op.AVG_POOL))
    self._kinds = [
      draws.weighted(rng, grammar.blocks)
      for _ in range(draws.weighted(rng, grammar.kinds))
    ]

  def stem(self, channels: int) -> int:
    """Adds the first convolution; the image itself is never activated."""
    stride = draws.weighted(self._rng, self._grammar.stem_strides)
    x = self.builder.place(self._conv(channels, 3, stride), 0)
    if self._order is not Order.NORM_RELU_CONV:
      x = self._norm(x)
    return self.style.activate(x) if self._order is Order.CONV_NORM_RELU else x

  def block(self, x: int, channels: int, halves: bool) -> int:
    """Adds a random block that gives `channels`."""
    stride = 1
    if halves and min(self.builder.shape(x)[:2]) > self._grammar.min_size:
      if self._pool:
        x = self.builder.place(layers.pool(self._pool, 2, 2), x)
      else:
        stride = 2
    match draws.one_of(self._rng, self._kinds):
      case Block.PLAIN:
        return self.style.squeeze(self._plain(x, channels, stride))
      case Block.SEPARABLE:
        return self.style.squeeze(self._separable(x, channels, stride))
      case Block.RESIDUAL:
        return self._residual(x, channels, stride)
      case Block.BOTTLENECK:
        return self._bottleneck(x, channels, stride)
      case Block.INVERTED_RESIDUAL:
        return self._inverted_residual(x, channels, stride)
      case Block.BRANCHES:
        return self.style.squeeze(self._branches(x, channels, stride))
      case Block.CELL:
        return self.style.squeeze(self._cell(x, channels, stride))

  def head(self, x: int, channels: int, num_classes: int) -> None:
    """Adds what turns features into logits."""
    rng, grammar = self._rng, self._grammar
    if draws.chance(rng, grammar.head_conv_share):
      x = self._unit(x, self._conv(2 * channels, 1))
    if self._order is Order.NORM_RELU_CONV:
      x = self.style.activate(self._norm(x))
    if draws.chance(rng, grammar.flatten_share):
      window = -(-min(self.builder.shape(x)[:2]) // 2)
      if window > 1:
        op = draws.one_of(rng, (ops.Op.MAX_POOL, ops.Op.AVG_POOL))
        x = self.builder.place(layers.pool(op, window, window), x)
      x = self.builder.place(layers.FLATTEN, x)
    else:
      x = self.builder.place(self.style.pool, x)
    if draws.chance(rng, grammar.hidden_share):
      units = draws.weighted(rng, grammar.hidden_units)
      x = self.builder.place(layers.dense(units), x)
      x = self.style.activate(x)
    self.builder.place(layers.dense(num_classes), x)

  def _conv(self, filters: int, kernel: int, stride: int = 1) -> ops.Layer:
    return layers.conv(filters, kernel, stride, self._use_bias)

  def _norm(self, x: int) -> int:
    if not self._normalizes:
      return x
    return self.builder.place(layers.batch_norm(), x)

  def _unit(
    self, x: int, *convolutions: ops.Layer, linear: bool = False
  ) -> int:
    """Adds convolutions, normalized and activated in the network's order.

    Args:
      x: the node to read.
      *convolutions: one or more, with nothing between them.
      linear: whether no activation follows; one that precedes stays.
    """
    if self._order is Order.NORM_RELU_CONV:
      x = self._norm(x)
    if self._order is not Order.CONV_NORM_RELU:
      x = self.style.activate(x)
    for convolution in convolutions:
      x = self.builder.place(convolution, x)
    if self._order is not Order.NORM_RELU_CONV:
      x = self._norm(x)
    if self._order is Order.CONV_NORM_RELU and not linear:
      x = self.style.activate(x)
    return x

  def _kernel(self) -> int:
    return draws.weighted(self._rng, self._grammar.kernels)

  def _window(self) -> int:
    return draws.weighted(self._rng, self._grammar.windows)

  def _plain(self, x: int, channels: int, stride: int) -> int:
    return self._unit(x, self._conv(channels, self._kernel(), stride))

  def _separable(self, x: int, channels: int, stride: int) -> int:
    """A depthwise and a pointwise convolution; a few have a dilated window."""
    dilation = 1 + draws.chance(self._rng, self._grammar.dilated_share)
    kernel = self._window()
    pair = layers.separable(channels, kernel, stride, dilation, self._use_bias)
    if self._norm_inside:
      return self._unit(self._unit(x, pair[0]), pair[1])
    return self._unit(x, *pair)

  def _shortcut(self, x: int, channels: int, stride: int) -> int:
    """The input itself, or projected where the block changes its shape."""
    if stride == 1 and self.builder.shape(x)[-1] == channels:
      return x
    return self._unit(x, self._conv(channels, 1, stride), linear=True)

  def _sum(self, x: int, y: int) -> int:
    x = self.builder.place(layers.ADD, x, self.style.squeeze(y))
    return self.style.activate(x) if self._order is Order.CONV_NORM_RELU else x

  def _residual(self, x: int, channels: int, stride: int) -> int:
    kernel = self._window()
    y = self._unit(x, self._conv(channels, kernel, stride))
    y = self._unit(y, self._conv(channels, kernel), linear=True)
    return self._sum(self._shortcut(x, channels, stride), y)

  def _bottleneck(self, x: int, channels: int, stride: int) -> int:
    inner = _multiple_of_8(channels / draws.one_of(self._rng, (2, 4)))
    y = self._unit(x, self._conv(inner, 1))
    y = self._unit(y, self._conv(inner, self._window(), stride))
    y = self._unit(y, self._conv(channels, 1), linear=True)
    return self._sum(self._shortcut(x, channels, stride), y)

  def _inverted_residual(self, x: int, channels: int, stride: int) -> int:
    input_channels = self.builder.shape(x)[-1]
    expansion = draws.weighted(self._rng, self._grammar.expansions)
    y = self._unit(x, self._conv(expansion * input_channels, 1))
    y = self._unit(
      y, layers.depthwise(self._window(), stride, 1, self._use_bias)
    )
    y = self._unit(self.style.squeeze(y), self._conv(channels, 1), linear=True)
    if stride == 1 and input_channels == channels:
      return self.builder.place(layers.ADD, x, y)
    return y

  def _branches(self, x: int, channels: int, stride: int) -> int:
    """Two convolutions side by side, or the second after the first."""
    half = _multiple_of_8(channels / 2)
    if half == channels:
      return self._plain(x, channels, stride)
    if draws.chance(self._rng, 0.3):  # a squeeze, as in SqueezeNet's fire
      x = self._unit(x, self._conv(half, 1))
    first = self._unit(x, self._conv(half, self._kernel(), stride))
    if draws.chance(self._rng, 0.3):  # a chain, as in DenseNet
      x, stride = first, 1
    choose = draws.one_of(self._rng, (self._plain, self._separable))
    second = choose(x, channels - half, stride)
    return self.builder.place(layers.CONCAT, first, second)

  def _cell(self, x: int, channels: int, stride: int) -> int:
    """Sums of random primitives; those that nothing reads are concatenated."""
    states = [self._shortcut(x, channels, stride)]
    unread: set[int] = set()
    for _ in range(draws.one_of(self._rng, self._grammar.cell_steps)):
      sources = [draws.one_of(self._rng, states) for _ in range(2)]
      left, right = (self._primitive(s, channels) for s in sources)
      if left == right:  # twice the identity
        right = self._separable(right, channels, 1)
      unread.difference_update(sources)
      states.append(self.builder.place(layers.ADD, left, right))
      unread.add(states[-1])
    if len(unread) == 1:
      return unread.pop()
    x = self.builder.place(layers.CONCAT, *sorted(unread))
    return self._unit(x, self._conv(channels, 1))

  def _primitive(self, x: int, channels: int) -> int:
    match draws.weighted(self._rng, self._grammar.primitives):
      case Primitive.SKIP:
        return x
      case Primitive.MAX_POOL:
        return self.builder.place(layers.pool(ops.Op.MAX_POOL, 3), x)
      case Primitive.AVG_POOL:
        return self.builder.place(layers.pool(ops.Op.AVG_POOL, 3), x)
      case Primitive.CONV_1X1:
        return self._unit(x, self._conv(channels, 1))
      case Primitive.CONV_3X3:
        return self._unit(x, self._conv(channels, 3))
      case Primitive.SEPARABLE:
        return self._separable(x, channels, 1)
