# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Depthwise-separable network for keyword spotting.

Zhang et al. 2017, Hello Edge: Keyword Spotting on Microcontrollers, arXiv
1711.07128. MLPerf Tiny (Banbury et al. 2021, arXiv 2106.07597) takes its small
size, DS-CNN-S, as the reference network for keyword spotting.
"""

import tf_keras as keras

layers = keras.layers

# DS-CNN-S: convolution 10x4 with stride 2, then depthwise-separable blocks.
_FILTERS = 64
_STEM_KERNEL = (10, 4)
_STEM_STRIDES = (2, 2)
_BLOCKS = 4


def ds_cnn(
  input_shape: tuple[int, int, int] = (49, 10, 1), num_classes: int = 12
) -> keras.Model:
  """Returns MLPerf Tiny's DS-CNN without its dropout and softmax.

  As in the reference, every convolution has a bias although BatchNorm follows.
  Its 25x5 average pool is global for the default input, and is so here for
  every size.

  Args:
    input_shape: time frames, cepstral coefficients (MFCC) and channels, or an
      image's height, width and channels.
    num_classes: number of logits; by default 10 words, silence and unknown.
  """
  signal = keras.Input(input_shape, name="input")
  x = layers.Conv2D(
    _FILTERS, _STEM_KERNEL, _STEM_STRIDES, padding="same", name="stem_conv"
  )(signal)
  x = _bn_relu(x, "stem")
  for block in range(1, _BLOCKS + 1):
    name = f"block{block}_depthwise"
    x = layers.DepthwiseConv2D(3, padding="same", name=f"{name}_conv")(x)
    x = _bn_relu(x, name)
    name = f"block{block}_pointwise"
    x = layers.Conv2D(_FILTERS, 1, name=f"{name}_conv")(x)
    x = _bn_relu(x, name)
  x = layers.GlobalAveragePooling2D(name="pool")(x)
  logits = layers.Dense(num_classes, name="logits")(x)
  return keras.Model(signal, logits, name="ds_cnn")


def _bn_relu(x, prefix):
  x = layers.BatchNormalization(name=f"{prefix}_bn")(x)
  return layers.ReLU(name=f"{prefix}_relu")(x)
