# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Every kind of layer: what it becomes, or why it is refused and what to do.

Errors, `ghn-architectures --check` and the table in docs/models.md are made of
this one table.
"""

from collections.abc import Callable, Mapping
import enum
from typing import NamedTuple

from ghn_tf.arch import ops
from ghn_tf.reading import activations
from ghn_tf.reading import functions
from ghn_tf.reading import layers
from ghn_tf.reading import records
from ghn_tf.reading import steps


class Treatment(enum.StrEnum):
  """What becomes of a layer."""

  READ = "read"  # as operations
  DROPPED = "dropped"  # behind the logits
  ABSORBED = "absorbed"  # at the input, by the hypernetwork's normalization
  TRAINING = "training"  # does nothing else; a Keras model keeps it
  REFUSED = "refused"


class Kind(NamedTuple):
  """A kind of layer.

  Attributes:
    treatment: what becomes of it.
    meaning: the operations, or the reason why it is refused.
    remedy: of what is refused.
    read: makes steps of a call; None if it is refused.
    has_weights: whether calls of one layer would share them.
  """

  treatment: Treatment
  meaning: str
  remedy: str = ""
  read: Callable[[records.Call], list[steps.Step]] | None = None
  has_weights: bool = False


def _read(
  meaning: str, reader: layers.Reader, has_weights: bool = False
) -> Kind:
  return Kind(Treatment.READ, meaning, "", reader, has_weights)


def _refused(meaning: str, remedy: str) -> Kind:
  return Kind(Treatment.REFUSED, meaning, remedy)


_TRAINING = Kind(
  Treatment.TRAINING, "kept for training", "", layers.for_training
)
_ABSORBED = Kind(
  Treatment.ABSORBED,
  "at the input: the hypernetwork has its own normalization",
  "",
  layers.rescaled,
)
_AUGMENTATION = Kind(
  Treatment.ABSORBED,
  "at the input: augment the images before",
  "",
  layers.absorbed,
)
_RESIZED = Kind(
  Treatment.ABSORBED,
  "at the input: give images of its size",
  "",
  layers.resized,
)
_UPSAMPLING = _refused(
  "it makes images larger",
  "predict the part before it, as a classifier of its own",
)
_RECURRENT = _refused(
  "recurrent layers are not predicted",
  "use Conv1D over time, with dilation_rate for more of it",
)
_ATTENTION = _refused(
  "attention is not predicted", "use convolutions, or squeeze-and-excitation"
)
_NORM = _refused(
  "integer files have BatchNorm alone, which costs nothing there",
  "use BatchNormalization",
)
_THREE = _refused(
  "networks of three dimensions are not predicted",
  "move the third dimension to the channels and use the layer of two",
)
_UNTIED = _refused(
  "it has weights for every position", "use Conv2D, which shares them"
)
_MERGE = _refused(
  "no operation of integer files does it", "use Add, Multiply or Concatenate"
)
_SIGMOIDS = _refused("the activation is not supported", "use ReLU or LeakyReLU")


def _layers() -> dict[str, Kind]:
  """Returns the layers of Keras."""
  op = ops.Op
  table = {
    "Conv2D": _read(
      "conv; with groups grouped_conv or depthwise_conv", layers.conv(2), True
    ),
    "Conv1D": _read("the same, of height 1", layers.conv(1), True),
    "DepthwiseConv2D": _read("depthwise_conv", layers.depthwise_conv(2), True),
    "DepthwiseConv1D": _read(
      "depthwise_conv of height 1", layers.depthwise_conv(1), True
    ),
    "SeparableConv2D": _read(
      "depthwise_conv, conv", layers.separable_conv(2), True
    ),
    "SeparableConv1D": _read(
      "depthwise_conv, conv of height 1", layers.separable_conv(1), True
    ),
    "Dense": _read("dense; on an image conv", layers.dense, True),
    "BatchNormalization": _read("batch_norm", layers.batch_norm, True),
    "SyncBatchNormalization": _read("batch_norm", layers.batch_norm, True),
    "ReLU": _read("relu or relu6", layers.relu),
    "Activation": _read("its activation", layers.activation),
    "Softmax": Kind(
      Treatment.DROPPED,
      "at the end, behind the logits",
      "",
      layers.softmax,
    ),
    "LeakyReLU": _read("leaky_relu", activations.leaky_relu),
    "PReLU": _read("prelu", layers.prelu, True),
    "HardSigmoid": _read("hard_sigmoid, of ours", layers.hard_sigmoid),
    "Multiply": _read("multiply", layers.multiply),
    "Add": _read("add", layers.merge(op.ADD)),
    "Subtract": _read("subtract", layers.merge(op.SUBTRACT)),
    "Maximum": _read("subtract, relu, add", layers.extreme(1)),
    "Minimum": _read("subtract, relu, subtract", layers.extreme(-1)),
    "Concatenate": _read("concat", layers.concatenate),
    "Flatten": _read("flatten", layers.flatten),
    "Reshape": _read(
      "flatten, or a vector as a pixel and back", layers.reshape
    ),
    "Identity": _read("nothing", functions.nothing),
    "InputLayer": _read("input", lambda call: []),
  }
  for dimensions in (1, 2):
    of = f"{dimensions}D"
    for name, pool in (("Max", op.MAX_POOL), ("Average", op.AVG_POOL)):
      table[f"{name}Pooling{of}"] = _read(pool, layers.pool(pool, dimensions))
    table[f"GlobalAveragePooling{of}"] = _read(
      "global_avg_pool", layers.global_pool(op.GLOBAL_AVG_POOL, dimensions)
    )
    table[f"GlobalMaxPooling{of}"] = _read(
      "global_max_pool", layers.global_pool(op.GLOBAL_MAX_POOL, dimensions)
    )
    for name, margin, key in (
      ("ZeroPadding", op.ZERO_PAD, "padding"),
      ("Cropping", op.CROP, "cropping"),
    ):
      table[f"{name}{of}"] = _read(
        margin, layers.margins(margin, key, dimensions)
      )
  return table


_GROUPS: Mapping[Kind, str] = {
  _TRAINING: "Dropout SpatialDropout1D SpatialDropout2D AlphaDropout"
  " GaussianDropout GaussianNoise ActivityRegularization",
  _ABSORBED: "Rescaling Normalization",
  _AUGMENTATION: "RandomFlip RandomRotation RandomZoom RandomTranslation"
  " RandomContrast RandomBrightness RandomHeight RandomWidth RandomHue"
  " RandomSaturation RandomShear RandomSharpness RandomGrayscale"
  " RandomColorJitter RandomErasing RandomGaussianBlur RandomInvert"
  " RandomPerspective RandomPosterization RandomColorDegeneration AutoContrast"
  " Equalization Solarization RandAugment AugMix MixUp CutMix",
  _RESIZED: "Resizing CenterCrop RandomCrop",
  _UPSAMPLING: "Conv2DTranspose Conv1DTranspose UpSampling2D UpSampling1D",
  _RECURRENT: "LSTM GRU SimpleRNN RNN Bidirectional ConvLSTM1D ConvLSTM2D"
  " ConvLSTM3D LSTMCell GRUCell SimpleRNNCell StackedRNNCells"
  " TimeDistributed Masking",
  _ATTENTION: "Attention AdditiveAttention MultiHeadAttention"
  " GroupQueryAttention GroupedQueryAttention",
  _NORM: "LayerNormalization GroupNormalization UnitNormalization"
  " SpectralNormalization RMSNormalization",
  _THREE: "Conv3D Conv3DTranspose MaxPooling3D AveragePooling3D"
  " GlobalAveragePooling3D GlobalMaxPooling3D ZeroPadding3D Cropping3D"
  " UpSampling3D SpatialDropout3D",
  _UNTIED: "LocallyConnected1D LocallyConnected2D EinsumDense",
  _MERGE: "Average Dot",
  _SIGMOIDS: "ELU ThresholdedReLU",
  _refused(
    "it multiplies by a constant",
    "leave it out: fold it into the convolution or BatchNorm before it",
  ): "CustomScaleLayer",
  **{
    _refused("the function is not supported", f"use {layer}"): names
    for layer, names in {
      "ZeroPadding2D": "tf.pad tf.compat.v1.pad ops.Pad",
      "MaxPooling2D": "tf.nn.max_pool tf.nn.max_pool2d ops.MaxPool",
      "AveragePooling2D": "tf.nn.avg_pool tf.nn.avg_pool2d ops.AveragePool",
      "Reshape": "tf.expand_dims ops.ExpandDims",
      "ReLU(6.0), from 0 to 6": "tf.clip_by_value ops.Clip",
      "a 1x1 Conv2D for each part": "tf.split tf.unstack ops.Split ops.Unstack",
    }.items()
  },
  _refused(
    "it holds Python code, which is not run from files",
    "write its function with layers of Keras",
  ): "Lambda",
  _refused(
    "it is a part of a pre-trained quantized or frozen model",
    "give the model as it was before that",
  ): "QuantizeWrapper QuantizeWrapperV2 QuantizeLayer QuantizeAwareActivation"
  " PruneLowMagnitude TFSMLayer FlaxLayer JaxLayer TorchModuleWrapper",
  _refused(
    "images are expected, not tokens or records", "give images [H, W, C]"
  ): "Embedding StringLookup IntegerLookup TextVectorization Hashing"
  " Discretization CategoryEncoding HashedCrossing FeatureSpace",
  _refused(
    "axes stay where they are", "build the network with channels last"
  ): "Permute RepeatVector",
}


def _kinds() -> dict[str, Kind]:
  table = _layers()
  for kind, names in _GROUPS.items():
    table.update(dict.fromkeys(names.split(), kind))
  for name, (meaning, reader) in functions.all_kinds().items():
    table[name] = _read(meaning, reader)
  return table


KINDS: Mapping[str, Kind] = _kinds()
_CUSTOM = _refused(
  "it is a class of its own, whose code is not read",
  "build it from layers of Keras",
)
_FUNCTION = _refused(
  "the function is not supported", "use layers of Keras that are"
)
_UNKNOWN = _refused(
  "the layer is not supported", "use other layers; docs/models.md lists them"
)
_OPERATOR = _refused(
  "the operator is not supported",
  "give the Keras model that the file was made of",
)


def of(kind: str) -> Kind:
  """Returns what a kind of layer is; what nobody knows is refused."""
  if kind in KINDS:
    return KINDS[kind]
  if kind.startswith(records.CUSTOM):
    return _CUSTOM
  if kind.endswith(records.OF_TFLITE):
    return _OPERATOR
  return _FUNCTION if kind.startswith(("tf.", "ops.")) else _UNKNOWN


def table() -> str:
  """Returns all kinds as a table in Markdown, for docs/models.md."""
  groups: dict[tuple[str, str, str], list[str]] = {}
  for name, kind in KINDS.items():
    key = kind.treatment.value, kind.meaning, kind.remedy
    groups.setdefault(key, []).append(f"`{name}`")
  order = [treatment.value for treatment in Treatment]
  lines = [
    "| layers | verdict | as, or why | instead |",
    "| --- | --- | --- | --- |",
  ]
  for (treatment, meaning, remedy), names in sorted(
    groups.items(), key=lambda item: order.index(item[0][0])
  ):
    lines.append(f"| {', '.join(names)} | {treatment} | {meaning} | {remedy} |")
  return "\n".join(lines) + "\n"
