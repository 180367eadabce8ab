# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The operations of an architecture, their attributes and output shapes."""

from collections.abc import Mapping, Sequence
import enum
import math
from typing import Any, NamedTuple

from ghn_tf.arch import bounds


class Op(enum.StrEnum):
  """The operations an architecture is made of, with their Keras layers."""

  INPUT = "input"  # InputLayer
  CONV = "conv"  # Conv2D
  GROUPED_CONV = "grouped_conv"  # Conv2D(groups=...)
  DEPTHWISE_CONV = "depthwise_conv"  # DepthwiseConv2D, depth_multiplier=1
  DENSE = "dense"  # Dense
  BATCH_NORM = "batch_norm"  # BatchNormalization
  RELU = "relu"  # ReLU
  RELU6 = "relu6"  # ReLU(max_value=6)
  LEAKY_RELU = "leaky_relu"  # LeakyReLU
  PRELU = "prelu"  # PReLU, with a slope for each channel
  SIGMOID = "sigmoid"  # Activation("sigmoid")
  HARD_SIGMOID = "hard_sigmoid"  # slope * x + 0.5, between 0 and 1
  MAX_POOL = "max_pool"  # MaxPooling2D
  AVG_POOL = "avg_pool"  # AveragePooling2D, padding not counted
  GLOBAL_AVG_POOL = "global_avg_pool"  # GlobalAveragePooling2D
  GLOBAL_MAX_POOL = "global_max_pool"  # GlobalMaxPooling2D
  ADD = "add"  # Add, of two inputs
  SUBTRACT = "subtract"  # Subtract
  MULTIPLY = "multiply"  # Multiply, of two; the second may be [C]
  CONCAT = "concat"  # Concatenate, over channels
  FLATTEN = "flatten"  # Flatten
  ZERO_PAD = "zero_pad"  # ZeroPadding2D
  CROP = "crop"  # Cropping2D


class Layer(NamedTuple):
  """What a node computes. Attributes that an operation lacks keep defaults.

  Layers and nodes are tuples, because spaces make thousands a second.

  Attributes:
    op: the operation.
    filters: output channels of CONV and GROUPED_CONV, and units of DENSE.
    kernel: window height and width of convolutions and pools.
    strides: vertical and horizontal stride of convolutions and pools.
    dilation: dilation rate of convolutions, the same in both directions.
    padding: "same" (TensorFlow's rule) or "valid".
    use_bias: whether a convolution or dense layer adds a bias.
    epsilon: added to the variance by BATCH_NORM.
    margins: top, bottom, left, right rows and columns of ZERO_PAD and CROP.
    slope: of LEAKY_RELU below 0, and of HARD_SIGMOID in the middle.
    groups: of GROUPED_CONV, each of as many input channels and filters; more
      than 1.
  """

  op: Op
  filters: int = 0
  kernel: tuple[int, int] = (1, 1)
  strides: tuple[int, int] = (1, 1)
  dilation: int = 1
  padding: str = "same"
  use_bias: bool = False
  epsilon: float = 1e-3
  margins: tuple[int, int, int, int] = (0, 0, 0, 0)
  slope: float = 0.0
  groups: int = 1

  def attributes(self) -> tuple[Any, ...]:
    """Returns everything that decides what the layer computes."""
    return (self.op.value,) + tuple(
      getattr(self, name) for name in ATTRIBUTES[self.op]
    )


class Node(NamedTuple):
  """A layer at its place.

  Attributes:
    name: unique in the architecture; a Keras layer name.
    layer: what it computes.
    inputs: indices of the nodes it reads, all smaller than its own.
  """

  name: str
  layer: Layer
  inputs: tuple[int, ...] = ()

  @property
  def op(self) -> Op:
    """The operation of its layer."""
    return self.layer.op


_WINDOW = ("kernel", "strides", "padding")
# Which attributes of `Layer` each operation has; the rest must be defaults.
ATTRIBUTES: Mapping[Op, tuple[str, ...]] = {
  Op.INPUT: (),
  Op.CONV: ("filters", *_WINDOW, "dilation", "use_bias"),
  Op.GROUPED_CONV: ("filters", *_WINDOW, "dilation", "use_bias", "groups"),
  Op.DEPTHWISE_CONV: (*_WINDOW, "dilation", "use_bias"),
  Op.DENSE: ("filters", "use_bias"),
  Op.BATCH_NORM: ("epsilon",),
  Op.RELU: (),
  Op.RELU6: (),
  Op.MAX_POOL: _WINDOW,
  Op.AVG_POOL: _WINDOW,
  Op.LEAKY_RELU: ("slope",),
  Op.PRELU: (),
  Op.SIGMOID: (),
  Op.HARD_SIGMOID: ("slope",),
  Op.GLOBAL_AVG_POOL: (),
  Op.GLOBAL_MAX_POOL: (),
  Op.ADD: (),
  Op.SUBTRACT: (),
  Op.MULTIPLY: (),
  Op.CONCAT: (),
  Op.FLATTEN: (),
  Op.ZERO_PAD: ("margins",),
  Op.CROP: ("margins",),
}
DEFAULTS: Mapping[str, Any] = Layer._field_defaults
# Attributes that each operation lacks, with the value they must keep.
_LACKING = {
  op: tuple((name, DEFAULTS[name]) for name in DEFAULTS if name not in has)
  for op, has in ATTRIBUTES.items()
}
CONVOLUTIONS = (Op.CONV, Op.GROUPED_CONV, Op.DEPTHWISE_CONV)
# Operations of two inputs, and those in which their order is of no matter.
PAIRS = (Op.ADD, Op.SUBTRACT, Op.MULTIPLY)
SYMMETRIC = (Op.ADD, Op.MULTIPLY)
_SPATIAL_OPS = frozenset(
  (
    *CONVOLUTIONS,
    Op.MAX_POOL,
    Op.AVG_POOL,
    Op.GLOBAL_AVG_POOL,
    Op.GLOBAL_MAX_POOL,
    Op.FLATTEN,
    Op.ZERO_PAD,
    Op.CROP,
  )
)


def _where(node: Node) -> str:
  return f"Node {node.name!r} ({node.op})"


def _window_size(size: int, layer: Layer, axis: int) -> int:
  """Output length of a sliding window along one axis (TensorFlow's rule)."""
  if layer.padding == "same":
    return -(-size // layer.strides[axis])
  reach = (layer.kernel[axis] - 1) * layer.dilation + 1
  return (size - reach) // layer.strides[axis] + 1


def _padded_size(size: int, layer: Layer, axis: int) -> int:
  """Input length along one axis, padded and cut into dilated images."""
  if layer.padding == "same":
    size += (layer.kernel[axis] - 1) * layer.dilation
  return -(-size // layer.dilation) * layer.dilation


def output_shape(
  layer: Layer, inputs: Sequence[tuple[int, ...]]
) -> tuple[int, ...]:
  """Returns the shape of a layer's output, without the batch dimension.

  Args:
    layer: the layer.
    inputs: shapes of its inputs, [H, W, C] or [C]; of INPUT, its own.

  Raises:
    ValueError: the input shapes do not fit the operation. The message goes on
      after the name of the node.
  """
  shape = inputs[0]
  if layer.op in _SPATIAL_OPS and len(shape) != 3:
    raise ValueError(f"needs an input of shape [H, W, C], got {list(shape)}.")
  match layer.op:
    case (
      Op.CONV | Op.GROUPED_CONV | Op.DEPTHWISE_CONV | Op.MAX_POOL | Op.AVG_POOL
    ):
      padded = [_padded_size(shape[axis], layer, axis) for axis in (0, 1)]
      bounds.check_values("pad its input to", [*padded, shape[2]])
      if shape[2] % layer.groups:
        raise ValueError(
          f"has {layer.groups} groups, which do not divide its {shape[2]} input"
          " channels."
        )
      channels = layer.filters or shape[2]
      result: tuple[int, ...] = (
        _window_size(shape[0], layer, 0),
        _window_size(shape[1], layer, 1),
        channels,
      )
    case Op.DENSE:
      if len(shape) != 1:
        raise ValueError(
          f"needs an input of shape [C], got"
          f" {list(shape)}; put a flatten or global_avg_pool before it."
        )
      result = (layer.filters,)
    case Op.GLOBAL_AVG_POOL | Op.GLOBAL_MAX_POOL:
      result = (shape[2],)
    case Op.FLATTEN:
      result = (math.prod(shape),)
    case Op.ZERO_PAD | Op.CROP:
      sign = 1 if layer.op is Op.ZERO_PAD else -1
      top, bottom, left, right = layer.margins
      result = (
        shape[0] + sign * (top + bottom),
        shape[1] + sign * (left + right),
        shape[2],
      )
    case Op.ADD | Op.SUBTRACT:
      if any(other != shape for other in inputs):
        raise ValueError(
          f"needs inputs of one shape, got {[list(s) for s in inputs]}."
        )
      result = shape
    case Op.MULTIPLY:
      if inputs[1] not in (shape, shape[-1:]):
        raise ValueError(
          f"needs two inputs of one shape, or one of its channels as the"
          f" second, got {[list(s) for s in inputs]}."
        )
      result = shape
    case Op.CONCAT:
      if any(s[:-1] != shape[:-1] for s in inputs):
        raise ValueError(
          f"needs inputs that differ only in"
          f" channels, got {[list(s) for s in inputs]}."
        )
      result = (*shape[:-1], sum(s[-1] for s in inputs))
    case _:  # INPUT, BATCH_NORM, activations
      result = shape
  if min(result) < 1:
    raise ValueError(
      f"would have the empty output shape"
      f" {list(result)} from inputs {[list(s) for s in inputs]}; use fewer"
      " strides, smaller windows or a larger input."
    )
  bounds.check_values("give", result)
  return result


def check_place(index: int, node: Node, num_nodes: int) -> None:
  """Raises ValueError where a node cannot stand at a position."""
  if (index == 0) != (node.op is Op.INPUT):
    raise ValueError(
      f"{_where(node)} at position {index}: the first node, and only it, must"
      " be the input."
    )
  for source in node.inputs:
    if not 0 <= source < num_nodes:
      raise ValueError(
        f"{_where(node)} reads node {source}, which does not exist."
      )
    if source >= index:
      raise ValueError(
        f"{_where(node)} at position {index} reads node {source}: nodes must"
        " be in topological order, each after its inputs."
      )


def check_layer(layer: Layer, arity: int) -> None:
  """Raises ValueError where a layer with `arity` inputs is wrong by itself.

  The message goes on after the name of the node.
  """
  if layer.op is Op.CONCAT:
    if arity < 2:
      raise ValueError(f"needs at least 2 inputs, got {arity}.")
  elif layer.op in PAIRS:
    # Integer runtimes add two tensors; a longer sum is a chain of nodes.
    if arity != 2:
      raise ValueError(f"needs 2 inputs, got {arity}.")
  elif arity != (layer.op is not Op.INPUT):
    raise ValueError(f"needs 1 input, got {arity}.")
  for name, default in _LACKING[layer.op]:
    if getattr(layer, name) != default:
      raise ValueError(
        f"has no attribute {name!r}, got {getattr(layer, name)!r}."
      )
  if "filters" in ATTRIBUTES[layer.op] and layer.filters < 1:
    raise ValueError(f"needs filters >= 1, got {layer.filters}; give it some.")
  if layer.op is Op.GROUPED_CONV and (
    layer.groups < 2 or layer.filters % layer.groups
  ):
    raise ValueError(
      f"needs 2 groups or more that divide its {layer.filters} filters, got"
      f" {layer.groups}."
    )
  window = (*layer.kernel, *layer.strides, layer.dilation)
  if not 1 <= min(window) <= max(window) <= bounds.MAX_WINDOW:
    raise ValueError(
      f"needs kernel, strides and dilation from 1 to {bounds.MAX_WINDOW:,}, got"
      f" {layer.kernel}, {layer.strides}, {layer.dilation}."
    )
  if layer.dilation > 1 and layer.strides != (1, 1):
    raise ValueError(
      f"has strides {layer.strides} and dilation {layer.dilation}:"
      " TensorFlow allows only one of them to differ from 1."
    )
  if layer.op is Op.DEPTHWISE_CONV and layer.strides[0] != layer.strides[1]:
    raise ValueError(
      f"has strides {layer.strides}: a depthwise convolution needs"
      " equal strides."
    )
  if layer.padding not in ("same", "valid"):
    raise ValueError(
      f'has padding {layer.padding!r}, expected "same" or "valid".'
    )
  if not 0 <= min(layer.margins) <= max(layer.margins) <= bounds.MAX_WINDOW:
    raise ValueError(
      f"needs margins from 0 to {bounds.MAX_WINDOW:,}, got {layer.margins}."
    )
  if layer.op in (Op.LEAKY_RELU, Op.HARD_SIGMOID):
    # Of others it is 0. Above 1 the one would be no ReLU any more.
    if not 0 < layer.slope <= 1:
      raise ValueError(f"needs a slope above 0 up to 1, got {layer.slope}.")
  if not (math.isfinite(layer.epsilon) and layer.epsilon > 0):
    raise ValueError(f"needs epsilon > 0, got {layer.epsilon}.")
