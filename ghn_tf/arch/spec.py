# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""An architecture as data: immutable, hashable, validated, free of TensorFlow.

An `Architecture` is a directed acyclic graph of `Node`s in topological order:
node 0 is the image, the last node gives the logits, and every node lies on a
path between the two. Shapes, parameters and multiply-accumulates follow from
the nodes and are never stored beside them.
"""

from collections.abc import Sequence
import dataclasses
import enum
import functools
import hashlib
import importlib
import math
from typing import Any, NamedTuple

import numpy as np

from ghn_tf.arch import bounds
from ghn_tf.arch import names
from ghn_tf.arch import ops

# The slopes with which a PReLU begins (He et al., arXiv 1502.01852).
FIRST_ALPHA = 0.25


class ParamKind(enum.StrEnum):
  """What a parameter tensor does; the decoder has one rule for each."""

  CONV_KERNEL = "conv_kernel"  # [kh, kw, c_in / groups, c_out]
  DEPTHWISE_KERNEL = "depthwise_kernel"  # [kh, kw, c, 1]
  DENSE_KERNEL = "dense_kernel"  # [c_in, c_out]
  BIAS = "bias"  # [c_out], of a convolution or dense layer
  GAMMA = "gamma"  # [c], BatchNorm scale
  BETA = "beta"  # [c], BatchNorm offset
  ALPHA = "alpha"  # [c], slopes of a PReLU


@dataclasses.dataclass(frozen=True, slots=True)
class ParamSpec:
  """One parameter tensor that a hypernetwork has to give.

  Attributes:
    name: `<node name>/<kernel|bias|gamma|beta|alpha>`, unique in its
      architecture.
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
    name: for people, as `arch.names` allows; not part of equality or of the
      fingerprint.
    input_shape: image height, width and channels.
    nodes: operations in topological order; the last one gives the logits.

  Raises:
    ValueError: on construction, naming what is wrong.
  """

  name: str = dataclasses.field(compare=False)
  input_shape: tuple[int, int, int]
  nodes: tuple[ops.Node, ...]

  def __post_init__(self):
    self._check_names()
    if len(self.input_shape) != 3 or min(self.input_shape) < 1:
      raise ValueError(
        f"Architecture {self.name!r} needs an input_shape [H, W, C] of"
        f" positive sizes, got {list(self.input_shape)}."
      )
    bounds.check_size(
      len(self.nodes), sum(len(node.inputs) for node in self.nodes)
    )
    for index, node in enumerate(self.nodes):
      ops.check_place(index, node, len(self.nodes))
    self._check_facts()
    unread = [
      node.name
      for node, readers in zip(self.nodes[:-1], self.consumers, strict=False)
      if not readers
    ]
    if unread:
      raise ValueError(
        f"Nodes {unread[:9]} of architecture {self.name!r} do not reach the"
        f" output {self.nodes[-1].name!r}; remove them."
      )

  @classmethod
  def _of_builder(
    cls,
    name: str,
    input_shape: tuple[int, int, int],
    nodes: tuple[ops.Node, ...],
    facts: tuple["_Facts", ...],
  ) -> "Architecture":
    """Returns an architecture of nodes that were checked when they were added.

    Checking them again would take longer than all the rest of sampling.
    """
    self = object.__new__(cls)
    self.__dict__.update(
      name=name, input_shape=input_shape, nodes=nodes, _facts=facts
    )
    self._check_names()
    self._check_facts()
    return self

  def _check_names(self) -> None:
    names.check(self.name, [node.name for node in self.nodes])
    if len(self.nodes) < 2:
      raise ValueError(
        f"Architecture {self.name!r} needs an input and at least one more"
        f" node, got {len(self.nodes)} nodes."
      )

  def _check_facts(self) -> None:
    bounds.check_params(self.num_params)
    if len(self.shapes[-1]) != 1:
      raise ValueError(
        f"Architecture {self.name!r} must end in logits of shape [classes],"
        f" but {self.nodes[-1].name!r} gives {list(self.shapes[-1])}; add a"
        " global_avg_pool or flatten, and a dense node."
      )

  def _repr_html_(self) -> str:
    """What a notebook shows."""
    # Pictures stand above what they show; no other use of this loads them.
    shown = importlib.import_module("ghn_tf.report.notebook")
    return shown.architecture(self)

  @functools.cached_property
  def _facts(self) -> tuple["_Facts", ...]:
    facts: list[_Facts] = []
    for node in self.nodes:
      inputs = [facts[i].shape for i in node.inputs]
      if node.op is ops.Op.INPUT:
        inputs = [self.input_shape]
      facts.append(_infer(node, inputs))
    return tuple(facts)

  @functools.cached_property
  def shapes(self) -> tuple[tuple[int, ...], ...]:
    """Output shape of every node, without the batch dimension."""
    return tuple(facts.shape for facts in self._facts)

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
    return tuple(
      ParamSpec(f"{node.name}/{suffix}", kind, shape, index)
      for index, node in enumerate(self.nodes)
      for suffix, kind, shape in self._facts[index].params
    )

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
    return sum(facts.num_params for facts in self._facts)

  @functools.cached_property
  def macs(self) -> int:
    """Multiply-accumulates of convolutions and dense layers for one image."""
    return sum(facts.macs for facts in self._facts)

  @functools.cached_property
  def fingerprint(self) -> str:
    """A hash that is equal for isomorphic architectures, as 32 hex digits.

    Names and the order of nodes and of addends do not count. Each node is
    labelled by what it computes; labels are then refined from the input to the
    output and back, as in Weisfeiler and Leman's test.
    """
    labels = [facts.label for facts in self._facts]
    for index, node in enumerate(self.nodes):
      label = labels[index]
      sources = [labels[i] for i in node.inputs]
      if node.layer.op in ops.SYMMETRIC:
        sources.sort()
      for source in sources:
        label = _mix(label, source)
      labels[index] = label
    readers: list[list[int]] = [[] for _ in labels]
    for index in reversed(range(len(labels))):
      label = labels[index]
      for reader in sorted(readers[index]):
        label = _mix(label, reader)
      labels[index] = label
      node = self.nodes[index]
      for slot, source in enumerate(node.inputs):
        # A concat tells its inputs apart by their place, a sum does not.
        place = 0 if node.layer.op in ops.SYMMETRIC else slot
        readers[source].append(_mix(label, place))
    content = np.array([*self.input_shape, *sorted(labels)], "<u8").tobytes()
    return hashlib.blake2b(content, digest_size=16).hexdigest()


class _Facts(NamedTuple):
  """What follows from a layer and the shapes of its inputs."""

  shape: tuple[int, ...]
  params: tuple[tuple[str, ParamKind, tuple[int, ...]], ...]
  num_params: int
  macs: int
  label: int  # 64 bits that tell what the layer computes


def _infer(node: ops.Node, inputs: Sequence[tuple[int, ...]]) -> _Facts:
  """Returns the facts of a node's layer; an error names the node."""
  try:
    return _layer_facts(node.layer, *inputs)
  except ValueError as error:
    raise ValueError(f"Node {node.name!r} ({node.op}) {error}") from None


# Networks of a space are made of a few thousand different layers.
@functools.lru_cache(maxsize=1 << 16)
def _layer_facts(layer: ops.Layer, *inputs: tuple[int, ...]) -> _Facts:
  digest = hashlib.blake2b(repr(layer.attributes()).encode(), digest_size=8)
  label = int.from_bytes(digest.digest(), "little")
  if layer.op is ops.Op.INPUT:
    ops.check_layer(layer, 0)
    return _Facts(ops.output_shape(layer, inputs), (), 0, 0, label)
  ops.check_layer(layer, len(inputs))
  shape = ops.output_shape(layer, inputs)
  c_in, c_out = inputs[0][-1], shape[-1]
  params: list[tuple[str, ParamKind, tuple[int, ...]]] = []
  match layer.op:
    case ops.Op.CONV | ops.Op.GROUPED_CONV:
      kernel = (*layer.kernel, c_in // layer.groups, c_out)
      params.append(("kernel", ParamKind.CONV_KERNEL, kernel))
    case ops.Op.DEPTHWISE_CONV:
      kernel = (*layer.kernel, c_in, 1)
      params.append(("kernel", ParamKind.DEPTHWISE_KERNEL, kernel))
    case ops.Op.DENSE:
      params.append(("kernel", ParamKind.DENSE_KERNEL, (c_in, c_out)))
    case ops.Op.BATCH_NORM:
      params.append(("gamma", ParamKind.GAMMA, (c_out,)))
      params.append(("beta", ParamKind.BETA, (c_out,)))
    case ops.Op.PRELU:
      params.append(("alpha", ParamKind.ALPHA, (c_out,)))
  macs = 0
  if params and params[0][0] == "kernel":
    # Each kernel element is used once at every output position.
    macs = math.prod(shape[:-1]) * math.prod(params[0][2])
  if layer.use_bias:
    params.append(("bias", ParamKind.BIAS, (c_out,)))
  num_params = sum(math.prod(shape) for _, _, shape in params)
  return _Facts(shape, tuple(params), num_params, macs, label)


def _mix(label: int, other: int) -> int:
  """Returns 64 bits that depend on both labels and on which is the first."""
  # An odd multiplier and a shift, as in the finalizers of integer hashes.
  label = ((label ^ other) * 0x9E3779B97F4A7C15 + other) & 0xFFFFFFFFFFFFFFFF
  return label ^ (label >> 29)


# An enum's formatting and look-up are slow. Of the names that a builder gives:
_PREFIXES = {op: f"{op.value}_" for op in ops.Op}
_INPUT = ops.Op.INPUT


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
    self._nodes = [ops.Node(name, ops.Layer(ops.Op.INPUT))]
    self._facts = [_infer(self._nodes[0], [input_shape])]
    self._num_inputs = 0

  @property
  def input(self) -> int:
    """Index of the image."""
    return 0

  def shape(self, index: int) -> tuple[int, ...]:
    """Output shape of a node that was added."""
    return self._facts[index].shape

  def add(
    self, op: ops.Op, *inputs: int, name: str | None = None, **attributes: Any
  ) -> int:
    """Appends a node and returns its index.

    Args:
      op: the operation.
      *inputs: indices of the nodes it reads.
      name: its name; `<op>_<index>` by default.
      **attributes: of `ops.Layer`.
    """
    return self.place(ops.Layer(op, **attributes), *inputs, name=name)

  def place(
    self, layer: ops.Layer, *inputs: int, name: str | None = None
  ) -> int:
    """Appends a layer as a node and returns its index; see `add`."""
    facts = self._facts
    index = len(facts)
    if layer.op is _INPUT:
      raise ValueError("A builder has its input already; add other nodes.")
    self._num_inputs += len(inputs)
    # Checked here first, as calls cost and spaces make millions of nodes.
    if index >= bounds.MAX_NODES or self._num_inputs > bounds.MAX_INPUTS:
      bounds.check_size(index + 1, self._num_inputs)
    for source in inputs:
      if not 0 <= source < index:
        raise ValueError(
          f"A node ({layer.op}) reads node {source}, which does not exist yet:"
          f" there are {index}."
        )
    # tuple.__new__ takes half the time of Node's own.
    node = tuple.__new__(
      ops.Node, (name or f"{_PREFIXES[layer.op]}{index}", layer, inputs)
    )
    facts.append(_infer(node, [facts[i].shape for i in inputs]))
    self._nodes.append(node)
    return index

  def build(self, name: str, output: int = -1) -> Architecture:
    """Returns the architecture, without nodes that do not reach its output.

    Args:
      name: its name.
      output: index of the node that gives the logits; the last by default.
    """
    last = output % len(self._nodes)
    used = bytearray(len(self._nodes))
    used[0] = used[last] = 1
    for index in range(last, 0, -1):
      if used[index]:
        for source in self._nodes[index].inputs:
          used[source] = 1
    keep = [index for index, is_used in enumerate(used) if is_used]
    nodes = self._nodes
    if len(keep) < len(nodes):
      position = {old: new for new, old in enumerate(keep)}
      nodes = []
      for old in keep:
        node = self._nodes[old]
        inputs = tuple([position[i] for i in node.inputs])
        nodes.append(ops.Node(node.name, node.layer, inputs))
    # `place` has inferred these already.
    facts = tuple([self._facts[index] for index in keep])
    return Architecture._of_builder(
      name, self._input_shape, tuple(nodes), facts
    )
