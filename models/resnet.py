# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Residual networks for small images.

He et al. 2015, Deep Residual Learning for Image Recognition, arXiv 1512.03385.
"""

from collections.abc import Sequence

import tf_keras as keras

layers = keras.layers

# Stages: filters, number of blocks, stride of the first block.
_Stage = tuple[int, int, int]

# MLPerf Tiny, image classification: Banbury et al. 2021, arXiv 2106.07597;
# reference network in github.com/mlcommons/tiny.
_RESNET8: Sequence[_Stage] = ((16, 1, 1), (32, 1, 2), (64, 1, 2))

# arXiv 1512.03385, section 4.2 with n = 3: 6n + 2 = 20 layers.
_RESNET20: Sequence[_Stage] = ((16, 3, 1), (32, 3, 2), (64, 3, 2))


def resnet8(
  input_shape: tuple[int, int, int] = (32, 32, 3), num_classes: int = 10
) -> keras.Model:
  """Returns MLPerf Tiny's ResNet-8 without its softmax.

  As in the reference, convolutions have a bias although BatchNorm follows, and
  a shortcut that changes the shape is a 1x1 convolution without BatchNorm. The
  reference's 8x8 average pool is global for 32x32 images, and is so here for
  every size.

  Args:
    input_shape: image height, width and channels.
    num_classes: number of logits.
  """
  return _resnet(
    "resnet8", _RESNET8, input_shape, num_classes, mlperf_tiny=True
  )


def resnet20(
  input_shape: tuple[int, int, int] = (32, 32, 3), num_classes: int = 10
) -> keras.Model:
  """Returns the 20-layer CIFAR network of arXiv 1512.03385, section 4.2.

  Where the paper's CIFAR networks pad the shortcut with zero channels (option
  A), this one projects it with a strided 1x1 convolution and BatchNorm (option
  B of section 4.1): integer runtimes for microcontrollers map a convolution,
  and often not a pad over channels. It adds 2,752 parameters, 1%.

  Args:
    input_shape: image height, width and channels.
    num_classes: number of logits.
  """
  return _resnet(
    "resnet20", _RESNET20, input_shape, num_classes, mlperf_tiny=False
  )


def _resnet(
  name: str,
  stages: Sequence[_Stage],
  input_shape: tuple[int, int, int],
  num_classes: int,
  *,
  mlperf_tiny: bool,
) -> keras.Model:
  """Stem, stages of basic blocks, global average pool, logits."""
  image = keras.Input(input_shape, name="input")
  x = _conv(image, stages[0][0], 3, 1, "stem_conv", use_bias=mlperf_tiny)
  x = layers.BatchNormalization(name="stem_bn")(x)
  x = layers.ReLU(name="stem_relu")(x)
  for stage, (filters, blocks, first_strides) in enumerate(stages, 1):
    for block in range(1, blocks + 1):
      prefix = f"stage{stage}_block{block}"
      strides = first_strides if block == 1 else 1
      x = _basic_block(x, filters, strides, prefix, mlperf_tiny=mlperf_tiny)
  x = layers.GlobalAveragePooling2D(name="pool")(x)
  logits = layers.Dense(num_classes, name="logits")(x)
  return keras.Model(image, logits, name=name)


def _basic_block(x, filters, strides, prefix, *, mlperf_tiny):
  """Two 3x3 convolutions and a shortcut (arXiv 1512.03385, Figure 5 left)."""
  shortcut = x
  x = _conv(x, filters, 3, strides, f"{prefix}_conv1", use_bias=mlperf_tiny)
  x = layers.BatchNormalization(name=f"{prefix}_bn1")(x)
  x = layers.ReLU(name=f"{prefix}_relu1")(x)
  x = _conv(x, filters, 3, 1, f"{prefix}_conv2", use_bias=mlperf_tiny)
  x = layers.BatchNormalization(name=f"{prefix}_bn2")(x)
  if strides != 1 or shortcut.shape[-1] != filters:
    name = f"{prefix}_shortcut"
    shortcut = _conv(
      shortcut, filters, 1, strides, f"{name}_conv", use_bias=mlperf_tiny
    )
    if not mlperf_tiny:
      shortcut = layers.BatchNormalization(name=f"{name}_bn")(shortcut)
  x = layers.Add(name=f"{prefix}_add")([shortcut, x])
  return layers.ReLU(name=f"{prefix}_relu2")(x)


def _conv(x, filters, kernel_size, strides, name, *, use_bias):
  return layers.Conv2D(
    filters,
    kernel_size,
    strides,
    padding="same",
    use_bias=use_bias,
    name=name,
  )(x)
