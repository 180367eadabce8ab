# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""An architecture as data: immutable, hashable, validated, free of TensorFlow.

An `Architecture` is a directed acyclic graph of `Node`s in topological order:
node 0 is the image, the last node gives the logits, and every node lies on a
path between the two. Shapes, parameters and multiply-accumulates follow from
the nodes and are never stored beside them.
"""

import dataclasses
import enum
import functools
import hashlib
import math
from typing import Any

from ghn_tf.arch import ops


class ParamKind(enum.StrEnum):
  """What a parameter tensor does; the decoder has one rule for each."""

  CONV_KERNEL = "conv_kernel"  # [kh, kw, c_in, c_out]
  DEPTHWISE_KERNEL = "depthwise_kernel"  # [kh, kw, c, 1]
  DENSE_KERNEL = "dense_kernel"  # [c_in, c_out]
  BIAS = "bias"  # [c_out], of a convolution or dense layer
  GAMMA = "gamma"  # [c], BatchNorm scale
  BETA = "beta"  # [c], BatchNorm offset


@dataclasses.dataclass(frozen=True, slots=True)
class ParamSpec:
  """One parameter tensor that a hypernetwork has to predict.

  Attributes:
    name: `<node name>/<kernel|bias|gamma|beta>`, unique in its architecture.
    kind: its role.
    shape: its Keras shape.
    node: index of the node that owns it.
  """

  name: str
  kind: ParamKind
  shape: tuple[int, ...]
  node: int


@dataclasses.dataclass(frozen=True)
class Architecture:
  """A validated network without parameters.

  Attributes:
    name: for people; not part of equality or of the fingerprint.
    input_shape: image height, width and channels.
    nodes: operations in topological order; the last one gives the logits.

  Raises:
    ValueError: on construction, naming the node that is wrong.
  """

  name: str = dataclasses.field(compare=False)
  input_shape: tuple[int, int, int]
  nodes: tuple[ops.Node, ...]

  def __post_init__(self):
    if len(self.input_shape) != 3 or min(self.input_shape) < 1:
      raise ValueError(
        f"Architecture {self.name!r} needs an input_shape [H, W, C] of"
        f" positive sizes, got {list(self.input_shape)}."
      )
    if len(self.nodes) < 2:
      raise ValueError(
        f"Architecture {self.name!r} needs an input and at least one more"
        f" node, got {len(self.nodes)} nodes."
      )
    names = set()
    for index, node in enumerate(self.nodes):
      if not node.name or node.name in names:
        raise ValueError(
          f"Node {index} is named {node.name!r}, but names must be unique and"
          " not empty."
        )
      names.add(node.name)
      ops.check_node(index, node, len(self.nodes))
    unread = [
      node.name
      for node, readers in zip(self.nodes[:-1], self.consumers, strict=False)
      if not readers
    ]
    if unread:
      raise ValueError(
        f"Nodes {unread} of architecture {self.name!r} do not reach the"
        f" output {self.nodes[-1].name!r}; remove them."
      )
    if len(self.shapes[-1]) != 1:
      raise ValueError(
        f"Architecture {self.name!r} must end in logits of shape [classes],"
        f" but {self.nodes[-1].name!r} gives {list(self.shapes[-1])}; add a"
        " global_avg_pool or flatten, and a dense node."
      )

  @functools.cached_property
  def shapes(self) -> tuple[tuple[int, ...], ...]:
    """Output shape of every node, without the batch dimension."""
    shapes: list[tuple[int, ...]] = [tuple(self.input_shape)]
    for node in self.nodes[1:]:
      shapes.append(ops.output_shape(node, [shapes[i] for i in node.inputs]))
    return tuple(shapes)

  @functools.cached_property
  def consumers(self) -> tuple[tuple[int, ...], ...]:
    """For every node, the indices of the nodes that read it."""
    consumers: list[list[int]] = [[] for _ in self.nodes]
    for index, node in enumerate(self.nodes):
      for source in dict.fromkeys(node.inputs):
        consumers[source].append(index)
    return tuple(map(tuple, consumers))

  @functools.cached_property
  def param_specs(self) -> tuple[ParamSpec, ...]:
    """Every parameter tensor, in the order of the nodes."""
    specs: list[ParamSpec] = []
    for index, node in enumerate(self.nodes):
      if not node.inputs:
        continue
      c_in = self.shapes[node.inputs[0]][-1]
      c_out = self.shapes[index][-1]
      kinds: list[tuple[str, ParamKind, tuple[int, ...]]] = []
      match node.op:
        case ops.Op.CONV:
          shape = (*node.kernel, c_in, c_out)
          kinds.append(("kernel", ParamKind.CONV_KERNEL, shape))
        case ops.Op.DEPTHWISE_CONV:
          shape = (*node.kernel, c_in, 1)
          kinds.append(("kernel", ParamKind.DEPTHWISE_KERNEL, shape))
        case ops.Op.DENSE:
          kinds.append(("kernel", ParamKind.DENSE_KERNEL, (c_in, c_out)))
        case ops.Op.BATCH_NORM:
          kinds.append(("gamma", ParamKind.GAMMA, (c_out,)))
          kinds.append(("beta", ParamKind.BETA, (c_out,)))
      if node.use_bias:
        kinds.append(("bias", ParamKind.BIAS, (c_out,)))
      specs.extend(
        ParamSpec(f"{node.name}/{suffix}", kind, shape, index)
        for suffix, kind, shape in kinds
      )
    return tuple(specs)

  @property
  def num_classes(self) -> int:
    """Number of logits."""
    return self.shapes[-1][0]

  @property
  def classifier(self) -> int | None:
    """Index of the dense node that gives the logits, if one does."""
    return len(self.nodes) - 1 if self.nodes[-1].op is ops.Op.DENSE else None

  @functools.cached_property
  def num_params(self) -> int:
    """Number of trainable parameters."""
    return sum(math.prod(spec.shape) for spec in self.param_specs)

  @functools.cached_property
  def macs(self) -> int:
    """Multiply-accumulates of convolutions and dense layers for one image."""
    total = 0
    for spec in self.param_specs:
      if spec.kind in (
        ParamKind.CONV_KERNEL,
        ParamKind.DEPTHWISE_KERNEL,
        ParamKind.DENSE_KERNEL,
      ):
        # Each kernel element is used once at every output position.
        total += math.prod(self.shapes[spec.node][:-1]) * math.prod(spec.shape)
    return total

  @functools.cached_property
  def fingerprint(self) -> str:
    """A hash that is equal for isomorphic architectures, as 32 hex digits.

    ops.Node names and the order of nodes and of addends do not count. Each node
    is labelled by what it computes; labels are then refined from the input to
    the output and back, as in Weisfeiler and Leman's test.
    """
    labels = [_digest(repr(node.attributes())) for node in self.nodes]
    for index, node in enumerate(self.nodes):
      sources = [labels[i] for i in node.inputs]
      if node.op is ops.Op.ADD:
        sources.sort()
      labels[index] = _digest(labels[index], *sources)
    for index in reversed(range(len(self.nodes))):
      readers = sorted(
        # A concat tells its inputs apart by their place.
        _digest(labels[reader], repr(_slots(self.nodes[reader], index)))
        for reader in self.consumers[index]
      )
      labels[index] = _digest(labels[index], *readers)
    return _digest(repr(tuple(self.input_shape)), *sorted(labels))

  def __hash__(self) -> int:
    return hash((self.input_shape, self.nodes))


def _digest(*parts: str) -> str:
  return hashlib.blake2b("|".join(parts).encode(), digest_size=16).hexdigest()


def _slots(reader: ops.Node, index: int) -> tuple[int, ...]:
  """Positions at which a reader takes a node; only their number for an add."""
  slots = tuple(k for k, source in enumerate(reader.inputs) if source == index)
  return slots if reader.op is ops.Op.CONCAT else (len(slots),)


class Builder:
  """Collects nodes one by one and gives each its shape at once.

  >>> builder = Builder((32, 32, 3))
  >>> image = builder.input
  >>> conv = builder.add(ops.Op.CONV, image, filters=8, kernel=(3, 3))
  >>> pooled = builder.add(ops.Op.GLOBAL_AVG_POOL, conv)
  >>> _ = builder.add(ops.Op.DENSE, pooled, filters=10, use_bias=True)
  >>> builder.build("tiny").num_params
  306
  """

  def __init__(self, input_shape: tuple[int, int, int], name: str = "input"):
    self._input_shape = input_shape
    self._nodes = [ops.Node(name, ops.Op.INPUT)]
    self._shapes: list[tuple[int, ...]] = [input_shape]

  @property
  def input(self) -> int:
    """Index of the image."""
    return 0

  def shape(self, index: int) -> tuple[int, ...]:
    """Output shape of a node that was added."""
    return self._shapes[index]

  def add(
    self, op: ops.Op, *inputs: int, name: str | None = None, **attributes: Any
  ) -> int:
    """Appends a node and returns its index.

    Args:
      op: the operation.
      *inputs: indices of the nodes it reads.
      name: its name; `<op>_<index>` by default.
      **attributes: of `Node`.
    """
    index = len(self._nodes)
    node = ops.Node(name or f"{op}_{index}", op, inputs, **attributes)
    shapes = [self._shapes[i] for i in inputs]
    self._shapes.append(ops.output_shape(node, shapes))
    self._nodes.append(node)
    return index

  def build(self, name: str, output: int = -1) -> Architecture:
    """Returns the architecture, without nodes that do not reach its output.

    Args:
      name: its name.
      output: index of the node that gives the logits; the last by default.
    """
    used = {output % len(self._nodes)}
    for index in reversed(range(len(self._nodes))):
      if index in used:
        used.update(self._nodes[index].inputs)
    keep = sorted(used | {0})
    position = {old: new for new, old in enumerate(keep)}
    nodes = []
    for old in keep:
      node = self._nodes[old]
      inputs = tuple(position[i] for i in node.inputs)
      if inputs != node.inputs:
        node = dataclasses.replace(node, inputs=inputs)
      nodes.append(node)
    return Architecture(name, self._input_shape, tuple(nodes))
