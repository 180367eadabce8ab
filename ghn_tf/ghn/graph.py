# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Architectures encoded as one `tfgnn.GraphTensor`, with GHN-2's nodes.

A graph has one component per architecture, and nodes only for what carries
parameters, joins branches or pools: activations, flattening, padding and
cropping are contracted into their input, and so is a sum, product or
concatenation that is left with one distinct input. A bias is a node behind its
kernel; scale and offset of a BatchNorm share one. Nodes and edges of a
component keep the architecture's topological order.

Node set "op":
  type_id [N]     index into `NODE_TYPES`
  shape   [N, 4]  c_out, c_in, kh, kw; zeros where a node has no shape
  level   [N]     edges on the longest path from the component's first node
  traits  [N, K]  what GHN-2's nodes do not tell, indices into the tables of
                  `TRAITS`
  bits    [N, 2]  of its kernel, and of what is stored of its output; 0 where it
                  has none, or in float
Edge set "flow":
  distance [E]    edges on the shortest path from source to target: 1 is an
                  edge of the network, more is a virtual edge
(GHN-2: arXiv 2110.13100, section 4.1 and appendix A.)
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import math
import types

import numpy as np
import tensorflow_gnn as tfgnn

from ghn_tf.arch import ops
from ghn_tf.arch import spec

# The order is that of a public GHN-2's embedding table, which knows more
# operations than we have.
NODE_TYPES = (
  "max_pool",
  "avg_pool",
  "sep_conv",
  "dil_conv",
  "conv",
  "msa",
  "cse",
  "sum",
  "concat",
  "input",
  "bias",
  "bn",
  "ln",
  "pos_enc",
  "glob_avg",
)
_TYPE_OF_OP = {
  ops.Op.INPUT: "input",
  ops.Op.CONV: "conv",
  ops.Op.GROUPED_CONV: "conv",
  ops.Op.DEPTHWISE_CONV: "sep_conv",
  ops.Op.DENSE: "conv",
  ops.Op.BATCH_NORM: "bn",
  ops.Op.MAX_POOL: "max_pool",
  ops.Op.AVG_POOL: "avg_pool",
  ops.Op.GLOBAL_AVG_POOL: "glob_avg",
  ops.Op.GLOBAL_MAX_POOL: "glob_avg",
  ops.Op.ADD: "sum",
  ops.Op.SUBTRACT: "sum",
  ops.Op.CONCAT: "concat",
  ops.Op.MULTIPLY: "cse",  # as squeeze-and-excitation does at its end
}
# What decides the function of a node beyond type and shape, and the number of
# values that are told apart: without them one graph stands for networks that
# differ in activations, strides, dilation and the windows of pools.
TRAITS: Mapping[str, int] = types.MappingProxyType(
  {
    "activation": 8,  # behind it: none, or one of `_ACTIVATIONS`
    "stride": 4,  # log2, rounded
    "dilation": 4,  # log2, rounded
    "window": 5,  # of a pool, log2, rounded
    "resolution": 10,  # of the output, log2 of its height, rounded
  }
)
_ACTIVATIONS = {
  ops.Op.RELU: 1,
  ops.Op.RELU6: 2,
  ops.Op.SIGMOID: 3,
  ops.Op.HARD_SIGMOID: 4,
  ops.Op.LEAKY_RELU: 7,
  ops.Op.PRELU: 7,
}
# What is multiplied by a sigmoid of its own has an activation as well, swish or
# hard_swish: 5 or 6 in place of 3 or 4.
_GATED = {3: 5, 4: 6}
_MERGES = (*ops.PAIRS, ops.Op.CONCAT)
# GHN-2 gives every pool this shape, whatever its window.
_POOL_SHAPE = (1, 1, 3, 3)
_NO_SHAPE = (0, 0, 0, 0)
# Of one network. So many take 17 s and 1 GB on 2 cores; the longest sequence of
# cells that `bounds.MAX_NODES` allows has fewer.
MAX_EDGES = 1 << 23
# The edges of a cached network of 600 nodes take up to 2 MB.
_CACHE_SIZE = 128


def encode(
  architectures: Sequence[spec.Architecture],
  bits: Sequence[np.ndarray] | None = None,
  *,
  max_distance: int = 50,
) -> tfgnn.GraphTensor:
  """Returns the architectures as one graph, a component for each.

  Args:
    architectures: at least one.
    bits: for each the bits around its nodes, [nodes, 2]; in float if None.
    max_distance: longest shortest path that becomes an edge; 1 for the edges
      of the networks alone.

  Raises:
    ValueError: no architecture, one with too many edges, bits of other nodes,
      or max_distance < 1.
  """
  if not architectures:
    raise ValueError("encode needs at least one architecture, got none.")
  if max_distance < 1:
    raise ValueError(f"max_distance must be at least 1, got {max_distance}.")
  if bits is None:
    bits = [np.zeros((len(a.nodes), 2), np.int32) for a in architectures]
  nodes = [_nodes(architecture) for architecture in architectures]
  edges = [_edges(architecture, max_distance) for architecture in architectures]
  num_nodes = [len(n.level) for n in nodes]
  num_edges = [e.shape[1] for e in edges]
  first = np.repeat(_offsets(num_nodes), num_edges).astype(np.int32)
  source, target, distance = np.concatenate(edges, axis=1)
  return tfgnn.GraphTensor.from_pieces(
    node_sets={
      "op": tfgnn.NodeSet.from_fields(
        sizes=np.array(num_nodes, np.int32),
        features={
          "type_id": np.concatenate([n.type_id for n in nodes]),
          "shape": np.concatenate([n.shape for n in nodes]),
          "level": np.concatenate([n.level for n in nodes]),
          "traits": np.concatenate([n.traits for n in nodes]),
          "bits": np.concatenate(
            [n.bits(own) for n, own in zip(nodes, bits, strict=True)]
          ),
        },
      )
    },
    edge_sets={
      "flow": tfgnn.EdgeSet.from_fields(
        sizes=np.array(num_edges, np.int32),
        features={"distance": distance},
        adjacency=tfgnn.Adjacency.from_indices(
          ("op", source + first), ("op", target + first)
        ),
      )
    },
  )


def check(architecture: spec.Architecture, max_distance: int) -> None:
  """Raises ValueError for more edges than `MAX_EDGES`; see `encode`."""
  _edges(architecture, max_distance)


def relaxed_spec() -> tfgnn.GraphTensorSpec:
  """Returns the type of every graph that `encode` makes, whatever its size."""
  builder = spec.Builder((1, 1, 1))
  builder.add(ops.Op.GLOBAL_AVG_POOL, builder.input)
  return encode([builder.build("smallest")]).spec.relax(
    num_components=True, num_nodes=True, num_edges=True
  )


def param_nodes(
  architectures: Sequence[spec.Architecture],
) -> list[np.ndarray]:
  """Returns the node that each parameter is predicted from.

  Returns:
    For each architecture an array parallel to its `param_specs`, of indices
    into the node set "op" of all architectures' graph.
  """
  nodes = [_nodes(architecture) for architecture in architectures]
  offsets = _offsets([len(n.level) for n in nodes])
  return [n.of_param + o for n, o in zip(nodes, offsets, strict=True)]


def shape_of(param: spec.ParamSpec) -> tuple[int, int, int, int]:
  """Returns c_out, c_in, kh, kw of a parameter.

  c_in is how many channels each filter reads: 1 of a depthwise kernel, those of
  a group of a grouped one.
  """
  match param.kind:
    case spec.ParamKind.CONV_KERNEL:
      kh, kw, c_in, c_out = param.shape
    case spec.ParamKind.DEPTHWISE_KERNEL:
      kh, kw, c_out, c_in = param.shape
    case spec.ParamKind.DENSE_KERNEL:
      (c_in, c_out), kh, kw = param.shape, 1, 1
    case _:
      (c_out,), c_in, kh, kw = param.shape, 1, 1, 1
  return c_out, c_in, kh, kw


@dataclasses.dataclass(frozen=True)
class _Nodes:
  """The nodes of one component.

  `of_param` is parallel to `param_specs`. `standing_for` has for each the node
  of the architecture that it stands for, `output` for each of these the one
  that it was contracted into.
  """

  type_id: np.ndarray
  shape: np.ndarray
  level: np.ndarray
  traits: np.ndarray
  of_param: np.ndarray
  standing_for: np.ndarray
  output: np.ndarray
  predecessors: tuple[tuple[int, ...], ...]

  def bits(self, around: np.ndarray) -> np.ndarray:
    """Returns the bits of every node, [nodes, 2].

    Where several stored outputs were contracted, those of the coarsest count.

    Args:
      around: the bits around the nodes of the architecture.
    """
    if around.shape != (len(self.output), 2):
      raise ValueError(
        f"Bits must have the shape {[len(self.output), 2]}, two for each node"
        f" of the network, got {list(around.shape)}."
      )
    result = around[self.standing_for]
    np.minimum.at(result[:, 1], self.output, around[:, 1])
    return result


@functools.lru_cache(maxsize=_CACHE_SIZE)
def _nodes(architecture: spec.Architecture) -> _Nodes:
  """Contracts an architecture to the nodes that GHN-2 has."""
  params: list[list[spec.ParamSpec]] = [[] for _ in architecture.nodes]
  for param in architecture.param_specs:
    params[param.node].append(param)
  kinds: list[str] = []
  traits: list[list[int]] = []
  shapes: list[tuple[int, int, int, int]] = []
  predecessors: list[tuple[int, ...]] = []
  of_param: list[int] = []
  standing_for: list[int] = []
  output: list[int] = []  # of each architecture node, as a graph node
  for index, (node, shape, owned) in enumerate(
    zip(architecture.nodes, architecture.shapes, params, strict=True)
  ):
    inputs = tuple(sorted({output[i] for i in node.inputs}))
    merges = node.op in _MERGES
    if node.op not in _TYPE_OF_OP or (merges and len(inputs) == 1):
      output.append(inputs[0])
      of_param.extend([inputs[0]] * len(owned))
      trait = traits[inputs[0]]
      if node.op in _ACTIVATIONS:
        trait[0] = _ACTIVATIONS[node.op]
      elif node.op is ops.Op.MULTIPLY:
        trait[0] = _GATED.get(trait[0], trait[0])
      continue
    output.append(len(kinds))
    kinds.append(_type(node))
    traits.append(_traits(node, shape))
    shapes.append(_shape(node, owned))
    standing_for.append(index)
    predecessors.append(inputs)
    for param in owned:
      if param.kind is spec.ParamKind.BIAS:
        predecessors.append((output[-1],))
        output[-1] = len(kinds)
        kinds.append("bias")
        traits.append(list(traits[-1]))
        shapes.append(shape_of(param))
        standing_for.append(index)
      of_param.append(output[-1])
  levels: list[int] = []
  for inputs in predecessors:
    levels.append(1 + max((levels[i] for i in inputs), default=-1))
  return _Nodes(
    np.array([NODE_TYPES.index(kind) for kind in kinds], np.int32),
    np.array(shapes, np.int32),
    np.array(levels, np.int32),
    np.array(traits, np.int32),
    np.array(of_param, np.int32),
    np.array(standing_for, np.int32),
    np.array(output, np.int32),
    tuple(predecessors),
  )


def _type(node: ops.Node) -> str:
  if node.op is ops.Op.DEPTHWISE_CONV and node.layer.dilation > 1:
    return "dil_conv"
  return _TYPE_OF_OP[node.op]


def _traits(node: ops.Node, shape: Sequence[int]) -> list[int]:
  """Returns the traits of a node with this output, no activation behind it."""
  is_pool = node.op in (ops.Op.MAX_POOL, ops.Op.AVG_POOL)
  sizes = (
    node.layer.strides[0],
    node.layer.dilation,
    node.layer.kernel[0] if is_pool else 1,
    shape[0] if len(shape) == 3 else 1,
  )
  rows = [*TRAITS.values()][1:]
  return [0] + [
    min(round(math.log2(size)), row - 1)
    for size, row in zip(sizes, rows, strict=True)
  ]


def _shape(
  node: ops.Node, params: Sequence[spec.ParamSpec]
) -> tuple[int, int, int, int]:
  if node.op in (ops.Op.MAX_POOL, ops.Op.AVG_POOL):
    return _POOL_SHAPE
  return shape_of(params[0]) if params else _NO_SHAPE


@functools.lru_cache(maxsize=_CACHE_SIZE)
def _edges(architecture: spec.Architecture, max_distance: int) -> np.ndarray:
  """Returns source, target and distance of every edge, [3, E].

  In a directed acyclic graph the shortest path to a node leads through one of
  its predecessors, so that one pass in topological order finds them all.
  """
  predecessors = _nodes(architecture).predecessors
  far = max_distance + 1
  distance = np.full(  # from a column's node to a row's
    (len(predecessors), len(predecessors)), far, np.min_scalar_type(far + 1)
  )
  for node, inputs in enumerate(predecessors):
    if inputs:
      row = distance[inputs, :node].min(axis=0) + 1
      np.minimum(row, far, out=distance[node, :node])
    distance[node, node] = 0
  is_edge = (distance > 0) & (distance < far)
  if (number := np.count_nonzero(is_edge)) > MAX_EDGES:
    raise ValueError(
      f"Architecture {architecture.name!r} has {number:,} pairs of nodes up to"
      f" {max_distance} apart, more than the {MAX_EDGES:,} that a hypernetwork"
      " takes; make it smaller, or use a hypernetwork with a smaller"
      " max_distance."
    )
  target, source = np.nonzero(is_edge)
  return np.stack([source, target, distance[target, source]]).astype(np.int32)


def _offsets(sizes: Sequence[int]) -> np.ndarray:
  """Returns the first index of each of some consecutive ranges."""
  return np.cumsum([0, *sizes[:-1]])
