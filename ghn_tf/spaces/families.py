# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Relatives of the networks that people deploy.

Four families with drawn depths, widths and details: VGG (arXiv 1409.1556),
residual networks (1512.03385), stacks of depthwise-separable convolutions as
MobileNetV1 (1704.04861) and DS-CNN (1711.07128), and inverted residuals as
MobileNetV2 (1801.04381).
"""

import dataclasses
import enum

import numpy as np

from ghn_tf.arch import layers
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.spaces import draws
from ghn_tf.spaces import gates as gates_lib


class Family(enum.StrEnum):
  """The kinds of networks."""

  VGG = "vgg"
  RESIDUAL = "residual"
  SEPARABLE = "separable"
  INVERTED_RESIDUAL = "inverted_residual"


@dataclasses.dataclass(frozen=True)
class FamilyGrammar:
  """The distribution of the families; weights are relative frequencies.

  Attributes:
    widths: channels of the first stage.
    blocks: number of blocks of a stage.
    stages: number of stages; each but the first halves the image.
    widening: factors of the channels from a stage to the next, which are
      rounded to 4.
    windows: sizes of a stage's depthwise windows.
    expansions: factors of the channels in a stage's inverted residuals.
    families: kinds of networks.
    norm_free_share: of VGGs without BatchNorm; the other families have it.
    bias_share: of networks with a bias before BatchNorm, as MLPerf Tiny's.
    relu6_share: of networks with ReLU6 instead of ReLU.
    gates: what there is beyond ReLU, if anything; with them, inverted residuals
      are relatives of MobileNetV3 (1905.02244) and EfficientNet (1905.11946).
  """

  widths: draws.Weighted[int]
  blocks: draws.Weighted[int] = ((1, 3), (2, 4), (3, 3), (4, 1), (5, 1))
  stages: draws.Weighted[int] = ((2, 1), (3, 4), (4, 2))
  widening: draws.Weighted[float] = ((1.0, 1), (1.25, 1), (1.5, 2), (2.0, 6))
  windows: draws.Weighted[int] = ((3, 4), (5, 1))
  expansions: draws.Weighted[int] = ((2, 1), (3, 2), (4, 2), (6, 4))
  families: draws.Weighted[Family] = (
    (Family.VGG, 1),
    (Family.RESIDUAL, 2),
    (Family.SEPARABLE, 2),
    (Family.INVERTED_RESIDUAL, 2),
  )
  norm_free_share: float = 0.4
  bias_share: float = 0.3
  relu6_share: float = 0.3
  gates: gates_lib.Gates | None = None

  def draw(
    self,
    rng: np.random.Generator,
    input_shape: tuple[int, int, int],
    num_classes: int,
    name: str,
  ) -> spec.Architecture:
    """Returns a random network of a random family."""
    family = draws.weighted(rng, self.families)
    drawing = _Drawing(self, rng, input_shape, family)
    channels = draws.weighted(rng, self.widths)
    x = drawing.stem(channels)
    for stage in range(draws.weighted(rng, self.stages)):
      if stage:
        channels = 4 * round(channels * draws.weighted(rng, self.widening) / 4)
      drawing.style.enter_stage(stage)
      x = drawing.stage(x, channels, halves=stage > 0)
    drawing.head(x, channels, num_classes)
    return drawing.builder.build(name)


class _Drawing:
  """Adds the parts of one network of a family to a builder."""

  def __init__(
    self,
    grammar: FamilyGrammar,
    rng: np.random.Generator,
    input_shape: tuple[int, int, int],
    family: Family,
  ):
    self.builder = spec.Builder(input_shape)
    self._grammar = grammar
    self._rng = rng
    self._family = family
    self._normalizes = family is not Family.VGG or not draws.chance(
      rng, grammar.norm_free_share
    )
    self._use_bias = not self._normalizes or draws.chance(
      rng, grammar.bias_share
    )
    relu6 = draws.chance(rng, grammar.relu6_share)
    relu = layers.RELU6 if relu6 else layers.RELU
    self.style = gates_lib.Style(self.builder, rng, relu, grammar.gates)
    # MLPerf Tiny's ResNet-8 has no BatchNorm on its shortcuts.
    self._norms_shortcut = not draws.chance(rng, 0.3)

  def stem(self, channels: int) -> int:
    """Adds the first convolution."""
    image = self.builder.input
    stride = 1
    if self._family in (Family.SEPARABLE, Family.INVERTED_RESIDUAL):
      stride = draws.one_of(self._rng, (1, 2))
    if self._family is Family.SEPARABLE and draws.chance(self._rng, 0.2):
      # DS-CNN's window, made for spectrograms.
      tall = self._conv(channels, 10, stride)._replace(kernel=(10, 4))
      return self._unit(image, tall)
    return self._unit(image, self._conv(channels, 3, stride))

  def stage(self, x: int, channels: int, halves: bool) -> int:
    """Adds the blocks of a stage; an image of 4x4 or less is not halved."""
    rng, grammar = self._rng, self._grammar
    window = draws.weighted(rng, grammar.windows)
    expansion = draws.weighted(rng, grammar.expansions)
    halves = halves and min(self.builder.shape(x)[:2]) > 4
    if halves and self._family is Family.VGG:
      x = self.builder.place(layers.pool(ops.Op.MAX_POOL, 2, 2), x)
    for block in range(draws.weighted(rng, grammar.blocks)):
      stride = 2 if halves and not block else 1
      match self._family:
        case Family.VGG:
          x = self.style.squeeze(self._unit(x, self._conv(channels, 3)))
        case Family.RESIDUAL:
          x = self._residual(x, channels, stride)
        case Family.SEPARABLE:
          x = self._unit(x, self._depthwise(window, stride))
          x = self._unit(x, self._conv(channels, 1))
          x = self.style.squeeze(x)
        case Family.INVERTED_RESIDUAL:
          x = self._inverted_residual(x, channels, stride, window, expansion)
    return x

  def head(self, x: int, channels: int, num_classes: int) -> None:
    """Adds what turns features into logits."""
    place = self.builder.place
    if self._family is Family.INVERTED_RESIDUAL:
      if draws.chance(self._rng, 0.5):
        x = self._unit(x, self._conv(4 * channels, 1))
    if self._family is Family.VGG and draws.chance(self._rng, 0.5):
      while min(self.builder.shape(x)[:2]) > 2:
        x = place(layers.pool(ops.Op.MAX_POOL, 2, 2), x)
      x = place(layers.FLATTEN, x)
      if draws.chance(self._rng, 0.5):
        x = place(layers.dense(draws.one_of(self._rng, (64, 128, 256))), x)
        x = self.style.activate(x)
    else:
      x = place(self.style.pool, x)
    place(layers.dense(num_classes), x)

  def _conv(self, filters: int, kernel: int, stride: int = 1) -> ops.Layer:
    return layers.conv(filters, kernel, stride, self._use_bias)

  def _depthwise(self, window: int, stride: int) -> ops.Layer:
    return layers.depthwise(window, stride, use_bias=self._use_bias)

  def _unit(
    self, x: int, convolution: ops.Layer, activates: bool = True
  ) -> int:
    """Adds a convolution, its BatchNorm and its activation."""
    x = self.builder.place(convolution, x)
    if self._normalizes:
      x = self.builder.place(layers.batch_norm(), x)
    return self.style.activate(x) if activates else x

  def _residual(self, x: int, channels: int, stride: int) -> int:
    y = self._unit(x, self._conv(channels, 3, stride))
    y = self._unit(y, self._conv(channels, 3), activates=False)
    if stride > 1 or self.builder.shape(x)[-1] != channels:
      projection = self._conv(channels, 1, stride)
      if self._norms_shortcut:
        x = self._unit(x, projection, activates=False)
      else:
        x = self.builder.place(projection, x)
    x = self.builder.place(layers.ADD, x, self.style.squeeze(y))
    return self.style.activate(x)

  def _inverted_residual(
    self, x: int, channels: int, stride: int, window: int, expansion: int
  ) -> int:
    inputs = self.builder.shape(x)[-1]
    y = self._unit(x, self._conv(expansion * inputs, 1))
    y = self.style.squeeze(self._unit(y, self._depthwise(window, stride)))
    y = self._unit(y, self._conv(channels, 1), activates=False)
    if stride == 1 and inputs == channels:
      return self.builder.place(layers.ADD, x, y)
    return y
