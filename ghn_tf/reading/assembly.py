# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""An architecture put together from what the calls of a network give."""

from collections.abc import Sequence
import math
import re
from typing import Any, NamedTuple

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.reading import records

_NOT_IN_NAMES = re.compile("[^A-Za-z0-9_./-]")
_MAX_NAME = 200  # of 255; what a layer becomes more nodes of is longer


class Pending(NamedTuple):
  """What a model does to a value and the architecture does not, or not yet.

  Attributes:
    layer: that does it.
    what: "probabilities", or a part of an activation (`kinds`).
  """

  layer: str
  what: str


class Value(NamedTuple):
  """What a call gives.

  Attributes:
    node: of the architecture that computes it; 0 for the image.
    shape: as the model has it, without the batch: [H, W, C], [C], or [T, C] of
      a network of one dimension, whose node has [1, T, C]. A node of shape [C]
      may be [1, 1, C] in the model.
    passed: layers that do something in training alone, which it passed behind
      the node.
    absorbed: layers that the image passed, and that the hypernetwork's own
      normalization replaces.
    pending: what has to happen before it may be used.
  """

  node: int
  shape: tuple[int | None, ...]
  passed: tuple[str, ...] = ()
  absorbed: tuple[str, ...] = ()
  pending: Pending | None = None

  @property
  def is_image(self) -> bool:
    """Whether nothing has computed it yet."""
    return self.node == 0 and not self.passed


class Source(NamedTuple):
  """Which layer a node comes from.

  Attributes:
    layer: its name in the model.
    position: of the node among those of the layer.
  """

  layer: str
  position: int


class Assembly:
  """The architecture as far as it was read, and what is said of the layers.

  Attributes:
    dropouts: by a node's name what each of its inputs has `passed`.
    sources: by a node's name the layer that it comes from.
  """

  def __init__(self) -> None:
    self.dropouts: dict[str, Sequence[tuple[str, ...]]] = {}
    self.sources: dict[str, Source] = {}
    self._builder: spec.Builder | None = None
    self._input_name = ""
    self._absorbed: tuple[str, ...] = ()
    self._names: set[str] = set()
    self._sigmoids: dict[int, tuple[Value, str]] = {}
    self._layer = self._node_name = ""
    self._operations: list[str] = []
    self._notes: list[str] = []

  def begin(self, call: records.Call) -> None:
    """Begins the nodes of a call."""
    self._layer = call.name
    name = call.name if not call.number else f"{call.name}_call{call.number}"
    self._node_name = self._unique(name)
    self._operations, self._notes = [], []

  @property
  def operations(self) -> list[str]:
    """What the present call has become."""
    return self._operations

  @property
  def notes(self) -> list[str]:
    """What a user should know of the present call."""
    return self._notes

  def note(self, text: str) -> None:
    """Adds to `notes`."""
    self._notes.append(text)

  def _unique(self, name: str) -> str:
    """Returns a name that a node may have, as near as can be."""
    name = _NOT_IN_NAMES.sub("_", name)[:_MAX_NAME].lstrip("_-/") or "layer"
    unique, number = name, 1
    while unique in self._names:
      number += 1
      unique = f"{name}_{number}"
    self._names.add(unique)
    return unique

  def image(self, shape: Sequence[int | None]) -> Value:
    """Returns the image."""
    self._input_name = self._node_name
    return Value(0, tuple(shape))

  def node_shape(self, value: Value) -> tuple[int, ...]:
    """Returns the shape of a value's node."""
    return self._started(value).shape(value.node)

  def _started(self, value: Value) -> spec.Builder:
    """Returns the builder, begun with the image as it is used first."""
    if self._builder is None:
      if len(value.shape) == 1:
        raise records.ReadingError(
          f"the network takes vectors {list(value.shape)}; expected images",
          "give it images [H, W, C] and logits of classes; classifiers of"
          " vectors and autoencoders are not predicted",
        )
      shape = [size for size in value.shape if size]
      if len(shape) == 2:
        shape.insert(0, 1)
      if len(shape) != 3 or None in value.shape or min(shape) < 1:
        raise records.ReadingError(
          f"the network takes inputs of shape {list(value.shape)}; expected"
          " images of a fixed [H, W, C]",
          "give the input a fixed size, as in keras.Input((32, 32, 3))",
        )
      height, width, channels = shape
      self._builder = spec.Builder((height, width, channels), self._input_name)
      self._absorbed = value.absorbed
    if value.node == 0 and value.absorbed != self._absorbed:
      passed = sorted({*value.absorbed} ^ {*self._absorbed})
      raise records.ReadingError(
        f"of what reads the image, only some comes behind {passed}",
        "put these first, before all that reads the image",
      )
    return self._builder

  def add(
    self, op: ops.Op, values: Sequence[Value], **attributes: Any
  ) -> Value:
    """Appends a node that reads values, and returns its value.

    Raises:
      records.ReadingError: the values do not fit the operation.
    """
    builder = self._started(values[0])
    for value in values:
      self._started(value)
    name, position = self._node_name, len(self._operations)
    if position:  # unlike those that Keras gives, it does not end in _<number>
      name = self._unique(f"{name}_{op}{position}")
    try:
      node = builder.add(
        op, *(value.node for value in values), name=name, **attributes
      )
    except ValueError as error:
      raise records.ReadingError(str(error).rstrip(".")) from error
    if op is ops.Op.SIGMOID:
      self._sigmoids[node] = values[0], self._layer
    self._operations.append(op.value)
    self.dropouts[name] = [value.passed for value in values]
    self.sources[name] = Source(self._layer, position)
    return Value(node, builder.shape(node))

  def alike(self, values: Sequence[Value]) -> list[Value]:
    """Returns values whose nodes have shapes of the same rank.

    A [1, 1, C] becomes a [C] where another is one.
    """
    ranks = {len(self.node_shape(value)) for value in values}
    if len(ranks) == 1:
      return list(values)
    return [
      value
      if len(self.node_shape(value)) == 1
      else self.add(ops.Op.FLATTEN, [value])._replace(shape=value.shape)
      for value in values
    ]

  def flat(self, value: Value) -> Value:
    """Returns a value as a vector."""
    size = math.prod(self.node_shape(value))
    if len(self.node_shape(value)) == 1:
      return value._replace(shape=(size,))
    pending = value.pending
    return self.add(ops.Op.FLATTEN, [value])._replace(pending=pending)

  def before_sigmoid(self, value: Value) -> tuple[Value, str] | None:
    """Returns what a value is the sigmoid of, and by which layer, or None."""
    return self._sigmoids.get(value.node)

  def build(self, name: str, logits: Value) -> spec.Architecture:
    """Returns the architecture that ends in logits.

    Raises:
      ValueError: it does not end in logits, or is no valid architecture.
    """
    if self._builder is None:
      raise records.ReadingError("the network computes nothing of its image")
    self.dropouts[""] = (logits.passed,)
    safe = _NOT_IN_NAMES.sub("_", name)[:_MAX_NAME].lstrip("_-/") or "model"
    return self._builder.build(safe, logits.node)
