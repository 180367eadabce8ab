# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""MobileNets, with a width multiplier and for small images.

The papers' networks reduce a 224x224 image 32 times, to 7x7. For 32x32 images
that would leave one pixel, so the default total_stride is 8 and leaves 4x4: the
strides of the stem and of the first strided block are 1 instead of 2.
total_stride=32 gives the networks of the papers.
"""

from collections.abc import Sequence
import math

import tf_keras as keras

layers = keras.layers

_STEM_FILTERS = 32
_STEM_STRIDES = 2

# Howard et al. 2017, arXiv 1704.04861, Table 1: filters and strides of the
# depthwise-separable blocks. The last block has stride 1, as it keeps 7x7; the
# table's "s2" there does not fit its own sizes.
_V1_BLOCKS = (
  (64, 1),
  (128, 2),
  (128, 1),
  (256, 2),
  (256, 1),
  (512, 2),
  *((512, 1),) * 5,
  (1024, 2),
  (1024, 1),
)

# Sandler et al. 2018, arXiv 1801.04381, Table 2: expansion t, filters c,
# number of blocks n, strides s of the first block.
_V2_STAGES = (
  (1, 16, 1, 1),
  (6, 24, 2, 2),
  (6, 32, 3, 2),
  (6, 64, 4, 2),
  (6, 96, 3, 1),
  (6, 160, 3, 2),
  (6, 320, 1, 1),
)
_V2_HEAD_FILTERS = 1280


def mobilenet_v1(
  input_shape: tuple[int, int, int] = (32, 32, 3),
  num_classes: int = 10,
  *,
  alpha: float = 0.25,
  total_stride: int = 8,
) -> keras.Model:
  """Returns MobileNetV1 (arXiv 1704.04861).

  With ReLU6 in place of ReLU, as in V2: its output range is known before any
  calibration. `mobilenet_v1((96, 96, 3), 2, total_stride=32)` has the layers of
  MLPerf Tiny's network for visual wake words (Banbury et al. 2021, arXiv
  2106.07597).

  Args:
    input_shape: image height, width and channels.
    num_classes: number of logits.
    alpha: width multiplier of all filters, rounded to a multiple of 8.
    total_stride: factor by which the image shrinks: 1, 2, 4, 8, 16 or 32.

  Raises:
    ValueError: alpha or total_stride is not one of these.
  """
  strides = _strides((_STEM_STRIDES, *(s for _, s in _V1_BLOCKS)), total_stride)
  image = keras.Input(input_shape, name="input")
  x = _conv(image, _width(_STEM_FILTERS, alpha), 3, strides[0], "stem")
  for block, (filters, _) in enumerate(_V1_BLOCKS, 1):
    x = _depthwise(x, strides[block], f"block{block}_depthwise")
    x = _conv(x, _width(filters, alpha), 1, 1, f"block{block}_pointwise")
  return _classifier(image, x, num_classes, "mobilenet_v1")


def mobilenet_v2(
  input_shape: tuple[int, int, int] = (32, 32, 3),
  num_classes: int = 10,
  *,
  alpha: float = 0.35,
  total_stride: int = 8,
) -> keras.Model:
  """Returns MobileNetV2 (arXiv 1801.04381).

  Args:
    input_shape: image height, width and channels.
    num_classes: number of logits.
    alpha: width multiplier of all filters, rounded to a multiple of 8; one
      below 1 leaves the last convolution at 1280 filters (section 4).
    total_stride: factor by which the image shrinks: 1, 2, 4, 8, 16 or 32.

  Raises:
    ValueError: alpha or total_stride is not one of these.
  """
  strides = _strides(
    (_STEM_STRIDES, *(s[-1] for s in _V2_STAGES)), total_stride
  )
  image = keras.Input(input_shape, name="input")
  x = _conv(image, _width(_STEM_FILTERS, alpha), 3, strides[0], "stem")
  for stage, (expansion, filters, blocks, _) in enumerate(_V2_STAGES, 1):
    for block in range(1, blocks + 1):
      x = _inverted_residual(
        x,
        expansion,
        _width(filters, alpha),
        strides[stage] if block == 1 else 1,
        f"stage{stage}_block{block}",
      )
  x = _conv(x, _width(_V2_HEAD_FILTERS, max(alpha, 1.0)), 1, 1, "head")
  return _classifier(image, x, num_classes, "mobilenet_v2")


def _strides(paper: Sequence[int], total_stride: int) -> list[int]:
  """Replaces the first of the paper's strides by 1, as many as are too many."""
  allowed = [2**k for k in range(int(math.log2(math.prod(paper))) + 1)]
  if total_stride not in allowed:
    raise ValueError(
      f"total_stride must be one of {allowed}, got {total_stride}."
    )
  surplus = math.prod(paper) // total_stride
  strides = []
  for stride in paper:
    if surplus > 1 and stride > 1:
      surplus //= stride
      stride = 1
    strides.append(stride)
  return strides


def _width(filters: int, alpha: float) -> int:
  """Multiple of 8 nearest to alpha * filters, but not 10% below it."""
  if alpha <= 0:
    raise ValueError(f"alpha must be a positive multiplier, got {alpha}.")
  exact = alpha * filters
  rounded = max(8, 8 * int(exact / 8 + 0.5))
  return rounded if rounded >= 0.9 * exact else rounded + 8


def _inverted_residual(x, expansion, filters, strides, prefix):
  """Expand, filter, project, and add where shapes allow (Figure 4d)."""
  shortcut = x
  if expansion > 1:
    x = _conv(x, expansion * x.shape[-1], 1, 1, f"{prefix}_expand")
  x = _depthwise(x, strides, f"{prefix}_depthwise")
  x = _conv(x, filters, 1, 1, f"{prefix}_project", relu=False)
  if strides == 1 and shortcut.shape[-1] == filters:
    x = layers.Add(name=f"{prefix}_add")([shortcut, x])
  return x


def _conv(x, filters, kernel_size, strides, prefix, *, relu=True):
  x = layers.Conv2D(
    filters,
    kernel_size,
    strides,
    padding="same",
    use_bias=False,
    name=f"{prefix}_conv",
  )(x)
  return _bn_relu6(x, prefix, relu=relu)


def _depthwise(x, strides, prefix):
  x = layers.DepthwiseConv2D(
    3, strides, padding="same", use_bias=False, name=f"{prefix}_conv"
  )(x)
  return _bn_relu6(x, prefix)


def _bn_relu6(x, prefix, *, relu=True):
  x = layers.BatchNormalization(name=f"{prefix}_bn")(x)
  # A projection stays linear (arXiv 1801.04381, section 3.2).
  return layers.ReLU(6.0, name=f"{prefix}_relu")(x) if relu else x


def _classifier(image, x, num_classes, name):
  x = layers.GlobalAveragePooling2D(name="pool")(x)
  logits = layers.Dense(num_classes, name="logits")(x)
  return keras.Model(image, logits, name=name)
