# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Where an architecture's activations are rounded, and on whose range.

An integer runtime fuses BatchNorm and ReLU into the operation before them and
rounds only what it stores. The rule here says which outputs those are; training
(`network`), Keras models (`keras_io`) and thereby exported files all follow it.
"""

import dataclasses
import functools
import itertools
import math

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.quant import range_rules

_RELUS = (ops.Op.RELU, ops.Op.RELU6)
# What a ReLU behind it is fused with.
_FUSING = (
  *ops.CONVOLUTIONS,
  *ops.PAIRS,
  ops.Op.DENSE,
  ops.Op.BATCH_NORM,
  ops.Op.AVG_POOL,
)
# What may be stored on the range of a concat that reads it.
_COMPUTING = (
  *ops.CONVOLUTIONS,
  *_RELUS,
  *ops.PAIRS,
  ops.Op.DENSE,
  ops.Op.BATCH_NORM,
  ops.Op.LEAKY_RELU,
  ops.Op.PRELU,
)
# What has the range that integer runtimes fix, by the bits of their interface.
GATES = (ops.Op.SIGMOID, ops.Op.HARD_SIGMOID)
GATE_RANGES = {8: (0.0, 255 / 256), 16: (-1 + 2**-15, 1 - 2**-15)}
# What stores values of its input again: the output keeps the input's range.
_MOVING = (
  ops.Op.MAX_POOL,
  ops.Op.GLOBAL_MAX_POOL,
  ops.Op.AVG_POOL,
  ops.Op.FLATTEN,
  ops.Op.ZERO_PAD,
  ops.Op.CROP,
)


@dataclasses.dataclass(frozen=True, slots=True)
class OutputRange:
  """How one stored output is rounded.

  Attributes:
    owner: index of the node whose range it has; its own index, or that of
      the node whose values it only moves or averages.
    rounds: whether the output has to be rounded to the grid; False where
      values on the grid are only moved.
  """

  owner: int
  rounds: bool


def name(node: ops.Node) -> str:
  """Returns the key of a node's calibrated range, [min, max], in params."""
  return f"{node.name}/range"


@functools.lru_cache(maxsize=4096)
def bounds(
  architecture: spec.Architecture,
) -> tuple[range_rules.Bounds, ...]:
  """Returns between which values each node's output lies, by its operations."""
  result: list[range_rules.Bounds] = []
  for node in architecture.nodes:
    inputs = [result[i] for i in node.inputs]
    own = range_rules.UNBOUNDED
    if node.op is ops.Op.RELU:
      own = (0.0, inputs[0][1])
    elif node.op is ops.Op.RELU6:
      own = (0.0, min(6.0, inputs[0][1]))
    elif node.op is ops.Op.ADD:
      own = (sum(low for low, _ in inputs), sum(high for _, high in inputs))
    elif node.op is ops.Op.SUBTRACT:
      (low, high), (other_low, other_high) = inputs
      own = (low - other_high, high - other_low)
    elif node.op in GATES:
      own = (0.0, 1.0)
    elif node.op is ops.Op.LEAKY_RELU:
      low, high = inputs[0]
      own = (node.layer.slope * low, high)
    elif node.op is ops.Op.MULTIPLY and all(low == 0 for low, _ in inputs):
      own = (0.0, math.inf)
    elif node.op is ops.Op.CONCAT:
      own = (min(low for low, _ in inputs), max(high for _, high in inputs))
    elif node.op in (*_MOVING, ops.Op.GLOBAL_AVG_POOL):
      own = inputs[0]
    result.append(own)
  return tuple(result)


def is_folded(architecture: spec.Architecture, index: int) -> bool:
  """Whether a BATCH_NORM is folded into the convolution it reads.

  Otherwise it stands alone and is exported as a 1x1 depthwise convolution. A
  dense kernel has one range in all, so per-channel scales cannot fold into it.
  """
  source = architecture.nodes[index].inputs[0]
  return (
    architecture.nodes[source].op in ops.CONVOLUTIONS
    and len(architecture.consumers[source]) == 1
  )


def twins(architecture: spec.Architecture, index: int) -> tuple[int, ...]:
  """Returns a node with the equal ones of its inputs: the converter's one.

  They are those of ReLUs, sums, differences and the like, in any order of what
  is added; other nodes stand for themselves, which have params or keep a range.
  """
  node = architecture.nodes[index]
  if node.op not in (*_RELUS, *ops.PAIRS):
    return (index,)
  return tuple(
    i
    for i in architecture.consumers[node.inputs[0]]
    if _operation(architecture.nodes[i]) == _operation(node)
  )


def _operation(node: ops.Node) -> tuple[ops.Op, tuple[int, ...]]:
  ordered = node.op is ops.Op.SUBTRACT
  return node.op, node.inputs if ordered else tuple(sorted(node.inputs))


def _is_fused(architecture: spec.Architecture, index: int) -> bool:
  """Whether a node's output is never stored: its only reader absorbs it."""
  node = architecture.nodes[index]
  read = (architecture.consumers[i] for i in twins(architecture, index))
  readers = tuple(sorted({*itertools.chain.from_iterable(read)}))
  if not readers or readers != twins(architecture, readers[0]):
    return False
  reader = architecture.nodes[readers[0]]
  if reader.op in _RELUS:
    return node.op in _FUSING
  if reader.op is ops.Op.BATCH_NORM:
    return node.op in ops.CONVOLUTIONS
  # Operands of a concat share its range, which saves a rescaling; one that
  # occurs twice in it is a stored tensor of its own.
  return (
    reader.op is ops.Op.CONCAT
    and reader.inputs.count(index) == 1
    and node.op in _COMPUTING
    and twins(architecture, index) == (index,)
  )


@functools.lru_cache(maxsize=4096)
def output_ranges(
  architecture: spec.Architecture,
) -> tuple[OutputRange | None, ...]:
  """Returns for every node how its output is rounded; None if never stored."""
  owners: list[int] = []
  result: list[OutputRange | None] = []
  for index, node in enumerate(architecture.nodes):
    source = architecture.nodes[node.inputs[0]].op if node.inputs else None
    # A pool has one range for what it reads and stores, also with a ReLU.
    pooled = source is ops.Op.AVG_POOL and result[node.inputs[0]] is None
    keeps = node.op in _MOVING or pooled
    owners.append(owners[node.inputs[0]] if keeps else index)
    if _is_fused(architecture, index) and not pooled:
      result.append(None)
      continue
    # The average of grid values lies between them.
    rounds = not keeps or pooled or node.op is ops.Op.AVG_POOL
    result.append(OutputRange(owners[index], rounds))
  return tuple(result)


@functools.lru_cache(maxsize=4096)
def stores(architecture: spec.Architecture) -> tuple[int, ...]:
  """Returns for every node whose range its values are stored on.

  They are its own where it is stored, those of what absorbs it where it is not.
  Of twins, which are one in a file, it is the first.
  """
  outputs = output_ranges(architecture)
  result = [-1] * len(outputs)
  for index, output in enumerate(outputs):
    if output is not None:
      result[index] = twins(architecture, output.owner)[0]
  for index in reversed(range(len(outputs))):
    if outputs[index] is None:
      result[index] = result[architecture.consumers[index][0]]
  return tuple(result)
