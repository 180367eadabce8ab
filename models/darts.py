# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Networks of cells found by differentiable architecture search.

Liu et al. 2018, DARTS: Differentiable Architecture Search, arXiv 1806.09055.
"""

import dataclasses

import tf_keras as keras

layers = keras.layers

# A primitive and the state that it reads: 0 and 1 are the outputs of the two
# cells before, 2 is the sum of the cell's first two primitives, and so on.
_Edge = tuple[str, int]


@dataclasses.dataclass(frozen=True)
class Genotype:
  """The normal and the reduction cell of a network.

  Attributes:
    normal: primitives of the normal cell; each two in a row are summed.
    normal_concat: states of the normal cell that make up its output.
    reduce: primitives of the reduction cell, where those that read state 0 or
      1 have stride 2.
    reduce_concat: states of the reduction cell that make up its output.
  """

  normal: tuple[_Edge, ...]
  normal_concat: tuple[int, ...]
  reduce: tuple[_Edge, ...]
  reduce_concat: tuple[int, ...]


# Second-order search on CIFAR-10: arXiv 1806.09055, Figures 4 and 5.
DARTS_V2 = Genotype(
  normal=(
    ("sep_conv_3x3", 0),
    ("sep_conv_3x3", 1),
    ("sep_conv_3x3", 0),
    ("sep_conv_3x3", 1),
    ("sep_conv_3x3", 1),
    ("skip_connect", 0),
    ("skip_connect", 0),
    ("dil_conv_3x3", 2),
  ),
  normal_concat=(2, 3, 4, 5),
  reduce=(
    ("max_pool_3x3", 0),
    ("max_pool_3x3", 1),
    ("skip_connect", 2),
    ("max_pool_3x3", 1),
    ("max_pool_3x3", 0),
    ("skip_connect", 2),
    ("skip_connect", 2),
    ("max_pool_3x3", 1),
  ),
  reduce_concat=(2, 3, 4, 5),
)

# The stem has three times the channels of the first cell's primitives.
_STEM_MULTIPLIER = 3


def darts(
  input_shape: tuple[int, int, int] = (32, 32, 3),
  num_classes: int = 10,
  *,
  genotype: Genotype = DARTS_V2,
  channels: int = 16,
  cells: int = 8,
) -> keras.Model:
  """Returns the CIFAR network of arXiv 1806.09055 for a genotype.

  The paper's own has channels=36 and cells=20; the default is small enough for
  an edge device. Without auxiliary head and drop path, which only train.

  Args:
    input_shape: image height, width and channels.
    num_classes: number of logits.
    genotype: the two cells.
    channels: of each primitive in the first cell; a reduction doubles them.
    cells: number of cells; those at a third and two thirds are reductions.

  Raises:
    ValueError: channels or cells is below 1, or a primitive is unknown.
  """
  if channels < 1 or cells < 1:
    raise ValueError(
      f"channels and cells must be at least 1, got {channels} and {cells}."
    )
  image = keras.Input(input_shape, name="input")
  x = _conv_bn(image, _STEM_MULTIPLIER * channels, 3, 1, "stem")
  states = (x, x)
  after_reduction = False
  for index in range(cells):
    reduction = index in (cells // 3, 2 * cells // 3)
    channels *= 2 if reduction else 1
    prefix = f"cell{index + 1}"
    inputs = _preprocess(*states, channels, after_reduction, prefix)
    output = _cell(inputs, genotype, channels, reduction, prefix)
    states = (states[1], output)
    after_reduction = reduction
  x = layers.GlobalAveragePooling2D(name="pool")(states[1])
  logits = layers.Dense(num_classes, name="logits")(x)
  return keras.Model(image, logits, name="darts")


def _preprocess(before_last, last, channels, after_reduction, prefix):
  """Gives the outputs of the two cells before one size and channel count."""
  resize = _factorized_reduce if after_reduction else _relu_conv_bn
  return [
    resize(before_last, channels, f"{prefix}_input1"),
    _relu_conv_bn(last, channels, f"{prefix}_input2"),
  ]


def _cell(states, genotype, channels, reduction, prefix):
  """Concatenation of sums of two primitives each."""
  edges = genotype.reduce if reduction else genotype.normal
  concat = genotype.reduce_concat if reduction else genotype.normal_concat
  for node in range(len(edges) // 2):
    addends = []
    for side, (op, source) in enumerate(edges[2 * node : 2 * node + 2]):
      strides = 2 if reduction and source < 2 else 1
      name = f"{prefix}_node{node + 1}_op{side + 1}"
      addends.append(_primitive(op, states[source], channels, strides, name))
    name = f"{prefix}_node{node + 1}_add"
    states.append(layers.Add(name=name)(addends))
  outputs = [states[i] for i in concat]
  return layers.Concatenate(name=f"{prefix}_concat")(outputs)


def _primitive(op, x, channels, strides, prefix):
  """One primitive of the search space (arXiv 1806.09055, section 3.1)."""
  match op:
    case "skip_connect":
      if strides == 1:
        return x
      return _factorized_reduce(x, channels, prefix)
    case "max_pool_3x3":
      return layers.MaxPooling2D(3, strides, "same", name=f"{prefix}_pool")(x)
    case "avg_pool_3x3":
      # Padding does not count into the average, in Keras as in the paper.
      return layers.AveragePooling2D(3, strides, "same", name=f"{prefix}_pool")(
        x
      )
    case "sep_conv_3x3" | "sep_conv_5x5":
      size = int(op[-1])
      x = _separable(x, channels, size, strides, 1, f"{prefix}_sep1")
      return _separable(x, channels, size, 1, 1, f"{prefix}_sep2")
    case "dil_conv_3x3" | "dil_conv_5x5":
      return _separable(x, channels, int(op[-1]), strides, 2, f"{prefix}_dil")
  raise ValueError(
    f"Unknown primitive {op!r} in a genotype; expected skip_connect,"
    " max_pool_3x3, avg_pool_3x3, sep_conv_3x3, sep_conv_5x5, dil_conv_3x3 or"
    " dil_conv_5x5."
  )


def _separable(x, channels, kernel_size, strides, dilation, prefix):
  """ReLU, depthwise and pointwise convolution, BatchNorm."""
  x = layers.ReLU(name=f"{prefix}_relu")(x)
  # TensorFlow refuses stride and dilation in one convolution. The pointwise one
  # can take the stride as well: it reads the pixels that a strided depthwise
  # one would have written.
  depthwise_strides = 1 if dilation > 1 else strides
  x = layers.DepthwiseConv2D(
    kernel_size,
    depthwise_strides,
    padding="same",
    dilation_rate=dilation,
    use_bias=False,
    name=f"{prefix}_depthwise_conv",
  )(x)
  pointwise_strides = strides // depthwise_strides
  return _conv_bn(x, channels, 1, pointwise_strides, f"{prefix}_pointwise")


def _relu_conv_bn(x, channels, prefix):
  x = layers.ReLU(name=f"{prefix}_relu")(x)
  return _conv_bn(x, channels, 1, 1, prefix)


def _factorized_reduce(x, channels, prefix):
  """Halves height and width by two 1x1 convolutions on alternate pixels.

  The second reads the pixels one down and one right of those of the first. An
  odd size gets one more row and column of zeros, so that both give one size.
  """
  x = layers.ReLU(name=f"{prefix}_relu")(x)
  shifted = x
  odd = (x.shape[1] % 2, x.shape[2] % 2)
  if any(odd):
    padding = ((0, odd[0]), (0, odd[1]))
    shifted = layers.ZeroPadding2D(padding, name=f"{prefix}_pad")(shifted)
  shifted = layers.Cropping2D(((1, 0), (1, 0)), name=f"{prefix}_crop")(shifted)
  first = channels // 2
  halves = [
    _strided_conv(x, first, f"{prefix}_conv1"),
    _strided_conv(shifted, channels - first, f"{prefix}_conv2"),
  ]
  x = layers.Concatenate(name=f"{prefix}_concat")(halves)
  return layers.BatchNormalization(name=f"{prefix}_bn")(x)


def _strided_conv(x, filters, name):
  return layers.Conv2D(
    filters, 1, 2, padding="same", use_bias=False, name=name
  )(x)


def _conv_bn(x, filters, kernel_size, strides, prefix):
  x = layers.Conv2D(
    filters,
    kernel_size,
    strides,
    padding="same",
    use_bias=False,
    name=f"{prefix}_conv",
  )(x)
  return layers.BatchNormalization(name=f"{prefix}_bn")(x)
