# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The operations of an architecture, their attributes and output shapes."""

from collections.abc import Mapping, Sequence
import dataclasses
import enum
import math
from typing import Any


class Op(enum.StrEnum):
  """The operations an architecture is made of, with their Keras layers."""

  INPUT = "input"  # InputLayer
  CONV = "conv"  # Conv2D
  DEPTHWISE_CONV = "depthwise_conv"  # DepthwiseConv2D, depth_multiplier=1
  DENSE = "dense"  # Dense
  BATCH_NORM = "batch_norm"  # BatchNormalization
  RELU = "relu"  # ReLU
  RELU6 = "relu6"  # ReLU(max_value=6)
  MAX_POOL = "max_pool"  # MaxPooling2D
  AVG_POOL = "avg_pool"  # AveragePooling2D, padding not counted
  GLOBAL_AVG_POOL = "global_avg_pool"  # GlobalAveragePooling2D
  ADD = "add"  # Add, of two inputs
  CONCAT = "concat"  # Concatenate, over channels
  FLATTEN = "flatten"  # Flatten
  ZERO_PAD = "zero_pad"  # ZeroPadding2D
  CROP = "crop"  # Cropping2D


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
  """One operation. Attributes that an operation lacks keep their defaults.

  Attributes:
    name: unique in the architecture; a Keras layer name.
    op: the operation.
    inputs: indices of the nodes it reads, all smaller than its own.
    filters: output channels of CONV and units of DENSE.
    kernel: window height and width of convolutions and pools.
    strides: vertical and horizontal stride of convolutions and pools.
    dilation: dilation rate of convolutions, the same in both directions.
    padding: "same" (TensorFlow's rule) or "valid".
    use_bias: whether a convolution or dense layer adds a bias.
    epsilon: added to the variance by BATCH_NORM.
    margins: top, bottom, left, right rows and columns of ZERO_PAD and CROP.
  """

  name: str
  op: Op
  inputs: tuple[int, ...] = ()
  filters: int = 0
  kernel: tuple[int, int] = (1, 1)
  strides: tuple[int, int] = (1, 1)
  dilation: int = 1
  padding: str = "same"
  use_bias: bool = False
  epsilon: float = 1e-3
  margins: tuple[int, int, int, int] = (0, 0, 0, 0)

  def attributes(self) -> tuple[Any, ...]:
    """Everything that decides what the node computes, except its inputs."""
    return (self.op.value,) + tuple(
      getattr(self, name) for name in ATTRIBUTES[self.op]
    )


_WINDOW = ("kernel", "strides", "padding")
# Which attributes of `Node` each operation has; the rest must be defaults.
ATTRIBUTES: Mapping[Op, tuple[str, ...]] = {
  Op.INPUT: (),
  Op.CONV: ("filters", *_WINDOW, "dilation", "use_bias"),
  Op.DEPTHWISE_CONV: (*_WINDOW, "dilation", "use_bias"),
  Op.DENSE: ("filters", "use_bias"),
  Op.BATCH_NORM: ("epsilon",),
  Op.RELU: (),
  Op.RELU6: (),
  Op.MAX_POOL: _WINDOW,
  Op.AVG_POOL: _WINDOW,
  Op.GLOBAL_AVG_POOL: (),
  Op.ADD: (),
  Op.CONCAT: (),
  Op.FLATTEN: (),
  Op.ZERO_PAD: ("margins",),
  Op.CROP: ("margins",),
}
DEFAULTS = {
  f.name: f.default
  for f in dataclasses.fields(Node)
  if f.name not in ("name", "op", "inputs")
}
# Attributes that each operation lacks, with the value they must keep.
_LACKING = {
  op: tuple((name, DEFAULTS[name]) for name in DEFAULTS if name not in has)
  for op, has in ATTRIBUTES.items()
}
_SPATIAL_OPS = frozenset(
  (
    Op.CONV,
    Op.DEPTHWISE_CONV,
    Op.MAX_POOL,
    Op.AVG_POOL,
    Op.GLOBAL_AVG_POOL,
    Op.FLATTEN,
    Op.ZERO_PAD,
    Op.CROP,
  )
)


def _window_size(size: int, node: Node, axis: int) -> int:
  """Output length of a sliding window along one axis (TensorFlow's rule)."""
  if node.padding == "same":
    return -(-size // node.strides[axis])
  reach = (node.kernel[axis] - 1) * node.dilation + 1
  return (size - reach) // node.strides[axis] + 1


def output_shape(
  node: Node, inputs: Sequence[tuple[int, ...]]
) -> tuple[int, ...]:
  """Returns the shape of a node's output without the batch dimension.

  Args:
    node: the node; not INPUT.
    inputs: shapes of its inputs, [H, W, C] or [C].

  Raises:
    ValueError: the input shapes do not fit the operation.
  """
  shape = inputs[0]
  if node.op in _SPATIAL_OPS and len(shape) != 3:
    raise ValueError(
      f"Node {node.name!r} ({node.op}) needs an input of shape [H, W, C], got"
      f" {list(shape)}."
    )
  match node.op:
    case Op.CONV | Op.DEPTHWISE_CONV | Op.MAX_POOL | Op.AVG_POOL:
      channels = node.filters if node.op is Op.CONV else shape[2]
      result: tuple[int, ...] = (
        _window_size(shape[0], node, 0),
        _window_size(shape[1], node, 1),
        channels,
      )
    case Op.DENSE:
      if len(shape) != 1:
        raise ValueError(
          f"Node {node.name!r} (dense) needs an input of shape [C], got"
          f" {list(shape)}; put a flatten or global_avg_pool before it."
        )
      result = (node.filters,)
    case Op.GLOBAL_AVG_POOL:
      result = (shape[2],)
    case Op.FLATTEN:
      result = (math.prod(shape),)
    case Op.ZERO_PAD | Op.CROP:
      sign = 1 if node.op is Op.ZERO_PAD else -1
      top, bottom, left, right = node.margins
      result = (
        shape[0] + sign * (top + bottom),
        shape[1] + sign * (left + right),
        shape[2],
      )
    case Op.ADD:
      if any(other != shape for other in inputs):
        raise ValueError(
          f"Node {node.name!r} (add) needs inputs of one shape, got"
          f" {[list(s) for s in inputs]}."
        )
      result = shape
    case Op.CONCAT:
      if any(s[:-1] != shape[:-1] for s in inputs):
        raise ValueError(
          f"Node {node.name!r} (concat) needs inputs that differ only in"
          f" channels, got {[list(s) for s in inputs]}."
        )
      result = (*shape[:-1], sum(s[-1] for s in inputs))
    case _:  # BATCH_NORM, RELU, RELU6
      result = shape
  if min(result) < 1:
    raise ValueError(
      f"Node {node.name!r} ({node.op}) would have the empty output shape"
      f" {list(result)} from inputs {[list(s) for s in inputs]}; use fewer"
      " strides, smaller windows or a larger input."
    )
  return result


def check_node(index: int, node: Node, num_nodes: int) -> None:
  """Raises ValueError where a node is wrong by itself."""
  where = f"Node {node.name!r} ({node.op})"
  if (index == 0) != (node.op is Op.INPUT):
    raise ValueError(
      f"{where} at position {index}: the first node, and only it, must be"
      " the input."
    )
  for source in node.inputs:
    if not 0 <= source < num_nodes:
      raise ValueError(f"{where} reads node {source}, which does not exist.")
    if source >= index:
      raise ValueError(
        f"{where} at position {index} reads node {source}: nodes must be in"
        " topological order, each after its inputs."
      )
  arity = len(node.inputs)
  if node.op is Op.CONCAT:
    if arity < 2:
      raise ValueError(f"{where} needs at least 2 inputs, got {arity}.")
  elif node.op is Op.ADD:
    # Integer runtimes add two tensors; a longer sum is a chain of nodes.
    if arity != 2:
      raise ValueError(f"{where} needs 2 inputs, got {arity}.")
  elif arity != (node.op is not Op.INPUT):
    raise ValueError(f"{where} needs 1 input, got {arity}.")
  for name, default in _LACKING[node.op]:
    if getattr(node, name) != default:
      raise ValueError(
        f"{where} has no attribute {name!r}, got {getattr(node, name)!r}."
      )
  if node.op in (Op.CONV, Op.DENSE) and node.filters < 1:
    raise ValueError(f"{where} needs filters >= 1, got {node.filters}.")
  if min(*node.kernel, *node.strides, node.dilation) < 1:
    raise ValueError(
      f"{where} needs kernel, strides and dilation >= 1, got"
      f" {node.kernel}, {node.strides}, {node.dilation}."
    )
  if node.dilation > 1 and node.strides != (1, 1):
    raise ValueError(
      f"{where} has strides {node.strides} and dilation {node.dilation}:"
      " TensorFlow allows only one of them to differ from 1."
    )
  if node.op is Op.DEPTHWISE_CONV and node.strides[0] != node.strides[1]:
    raise ValueError(
      f"{where} has strides {node.strides}: a depthwise convolution needs"
      " equal strides."
    )
  if node.padding not in ("same", "valid"):
    raise ValueError(
      f'{where} has padding {node.padding!r}, expected "same" or "valid".'
    )
  if min(node.margins) < 0:
    raise ValueError(f"{where} needs margins >= 0, got {node.margins}.")
  if not (math.isfinite(node.epsilon) and node.epsilon > 0):
    raise ValueError(f"{where} needs epsilon > 0, got {node.epsilon}.")
