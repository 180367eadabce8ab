# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of architectures encoded as graphs."""

import json

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import genotype
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.ghn import graph
from tests import reference_data

_BRANCHES: dict[str, list] = {
  "normal": [
    ("sep_conv_3x3", 0),
    ("skip_connect", 1),
    ("dil_conv_5x5", 1),
    ("avg_pool_3x3", 2),
  ],
  "normal_concat": [2, 3],
  "reduce": [
    ("max_pool_3x3", 0),
    ("conv_7x1_1x7", 1),
    ("conv_1x1", 2),
    ("skip_connect", 0),
  ],
  "reduce_concat": [2, 3],
}


def _cells(n_cells: int, **arguments) -> spec.Architecture:
  return genotype.from_genotype(_BRANCHES, n_cells=n_cells, C=8, **arguments)


def _residual() -> spec.Architecture:
  """image - conv -+- batch_norm - relu - add - gap - dense + bias."""
  builder = spec.Builder((8, 8, 3))
  conv = builder.add(ops.Op.CONV, builder.input, filters=4, kernel=(3, 5))
  norm = builder.add(ops.Op.BATCH_NORM, conv)
  relu = builder.add(ops.Op.RELU, norm)
  add = builder.add(ops.Op.ADD, relu, conv)
  pooled = builder.add(ops.Op.GLOBAL_AVG_POOL, add)
  builder.add(ops.Op.DENSE, pooled, name="logits", filters=10, use_bias=True)
  return builder.build("residual")


def _chain(*nodes: tuple[ops.Op, dict]) -> spec.Architecture:
  """The image, then nodes one after the other, then an average over it."""
  builder = spec.Builder((8, 8, 4))
  last = builder.input
  for op, attributes in nodes:
    last = builder.add(op, last, **attributes)
  builder.add(ops.Op.GLOBAL_AVG_POOL, last)
  return builder.build("chain")


def _types(encoded) -> list[str]:
  return [graph.NODE_TYPES[i] for i in encoded.node_sets["op"]["type_id"]]


def _edges(encoded) -> dict[tuple[int, int], int]:
  """Returns (source, target) -> distance; no pair may be there twice."""
  flow = encoded.edge_sets["flow"]
  source, target = flow.adjacency.source, flow.adjacency.target
  pairs = list(
    zip(source.numpy().tolist(), target.numpy().tolist(), strict=True)
  )
  edges = dict(zip(pairs, flow["distance"].numpy().tolist(), strict=True))
  if len(edges) != len(pairs):
    raise AssertionError("There are two edges between the same nodes.")
  return edges


def _shortest_paths(real: np.ndarray) -> np.ndarray:
  """Floyd and Warshall's algorithm on a Boolean adjacency matrix."""
  distance = np.where(real, 1.0, np.inf)
  for middle in range(len(distance)):
    through = distance[:, middle, None] + distance[None, middle]
    distance = np.minimum(distance, through)
  return distance


class EncodeTest(tf.test.TestCase, parameterized.TestCase):
  def test_a_residual_network_by_hand(self):
    encoded = graph.encode([_residual()])
    self.assertEqual(
      _types(encoded),
      ["input", "conv", "bn", "sum", "glob_avg", "conv", "bias"],
    )
    nodes = encoded.node_sets["op"]
    self.assertAllEqual(
      nodes["shape"],
      [
        [0, 0, 0, 0],
        [4, 3, 3, 5],  # c_out, c_in, kh, kw
        [4, 1, 1, 1],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [10, 4, 1, 1],
        [10, 1, 1, 1],
      ],
    )
    self.assertAllEqual(nodes["level"], [0, 1, 2, 3, 4, 5, 6])
    # conv -> sum is both an edge and a detour of two over bn.
    expected = {
      (0, 1): 1,
      (0, 2): 2,
      (0, 3): 2,
      (0, 4): 3,
      (0, 5): 4,
      (0, 6): 5,
    }
    expected |= {(1, 2): 1, (1, 3): 1, (1, 4): 2, (1, 5): 3, (1, 6): 4}
    expected |= {(2, 3): 1, (2, 4): 2, (2, 5): 3, (2, 6): 4}
    expected |= {(3, 4): 1, (3, 5): 2, (3, 6): 3}
    expected |= {(4, 5): 1, (4, 6): 2, (5, 6): 1}
    self.assertEqual(_edges(encoded), expected)

  @parameterized.parameters(
    (ops.Op.RELU, {}),
    (ops.Op.RELU6, {}),
    (ops.Op.ZERO_PAD, {"margins": (1, 1, 1, 1)}),
    (ops.Op.CROP, {"margins": (1, 0, 1, 0)}),
  )
  def test_an_operation_without_a_type_is_contracted(self, op, attributes):
    encoded = graph.encode([_chain((op, attributes))])
    self.assertEqual(_types(encoded), ["input", "glob_avg"])
    self.assertEqual(_edges(encoded), {(0, 1): 1})

  def test_flatten_is_contracted(self):
    builder = spec.Builder((2, 2, 1))
    flat = builder.add(ops.Op.FLATTEN, builder.input)
    builder.add(ops.Op.DENSE, flat, filters=3)
    encoded = graph.encode([builder.build("flat")])
    self.assertEqual(_types(encoded), ["input", "conv"])
    self.assertAllEqual(encoded.node_sets["op"]["shape"][1], [3, 4, 1, 1])

  @parameterized.parameters(
    ((ops.Op.CONV, {"filters": 6, "kernel": (3, 3)}), "conv", [6, 4, 3, 3]),
    (
      (ops.Op.CONV, {"filters": 6, "kernel": (3, 3), "dilation": 2}),
      "conv",
      [6, 4, 3, 3],
    ),
    ((ops.Op.DEPTHWISE_CONV, {"kernel": (5, 5)}), "sep_conv", [4, 1, 5, 5]),
    (
      (ops.Op.DEPTHWISE_CONV, {"kernel": (3, 3), "dilation": 2}),
      "dil_conv",
      [4, 1, 3, 3],
    ),
    ((ops.Op.MAX_POOL, {"kernel": (2, 2)}), "max_pool", [1, 1, 3, 3]),
    ((ops.Op.AVG_POOL, {"kernel": (5, 5)}), "avg_pool", [1, 1, 3, 3]),
    ((ops.Op.BATCH_NORM, {}), "bn", [4, 1, 1, 1]),
  )
  def test_type_and_shape_of_an_operation(self, node, kind, shape):
    encoded = graph.encode([_chain(node)])
    self.assertEqual(_types(encoded)[1], kind)
    self.assertAllEqual(encoded.node_sets["op"]["shape"][1], shape)

  @parameterized.parameters(ops.Op.ADD, ops.Op.CONCAT)
  def test_a_merge_of_one_node_with_itself_is_contracted(self, op):
    builder = spec.Builder((4, 4, 2))
    conv = builder.add(ops.Op.CONV, builder.input, filters=2)
    relu = builder.add(ops.Op.RELU, conv)
    merged = builder.add(op, relu, conv)
    builder.add(ops.Op.GLOBAL_AVG_POOL, builder.add(op, merged, merged))
    encoded = graph.encode([builder.build("merge")])
    self.assertEqual(_types(encoded), ["input", "conv", "glob_avg"])

  @parameterized.parameters(1, 3, 50)
  def test_distances_are_shortest_paths(self, max_distance: int):
    architecture = _cells(4)
    real = _edges(graph.encode([architecture], max_distance=1))
    self.assertEqual(set(real.values()), {1})
    encoded = graph.encode([architecture], max_distance=max_distance)
    num_nodes = len(_types(encoded))
    adjacency = np.zeros((num_nodes, num_nodes), bool)
    adjacency[tuple(zip(*real, strict=True))] = True
    expected = _shortest_paths(adjacency)
    expected[expected > max_distance] = 0
    actual = np.zeros_like(expected)
    for pair, distance in _edges(encoded).items():
      actual[pair] = distance
    self.assertAllEqual(actual, expected)
    self.assertGreater(expected.max(), min(max_distance, 10) - 1)

  def test_level_is_the_longest_path(self):
    encoded = graph.encode([_cells(4)])
    level = encoded.node_sets["op"]["level"].numpy()
    real = [pair for pair, d in _edges(encoded).items() if d == 1]
    longest = np.zeros_like(level)
    for _ in level:  # Bellman and Ford: as many rounds as nodes suffice
      for source, target in real:
        longest[target] = max(longest[target], longest[source] + 1)
    self.assertAllEqual(level, longest)

  def test_a_batch_is_its_components_one_after_the_other(self):
    architectures = [_cells(3), _residual(), _cells(1, norm=None)]
    together = graph.encode(architectures)
    alone = [graph.encode([a]) for a in architectures]
    sizes = [len(_types(e)) for e in alone]
    self.assertAllEqual(together.node_sets["op"].sizes, sizes)
    self.assertAllEqual(
      together.edge_sets["flow"].sizes, [len(_edges(e)) for e in alone]
    )
    for name in ("type_id", "shape", "level"):
      self.assertAllEqual(
        together.node_sets["op"][name],
        np.concatenate([e.node_sets["op"][name] for e in alone]),
      )
    expected: dict[tuple[int, int], int] = {}
    for first, one in zip(np.cumsum([0, *sizes]), alone, strict=False):
      expected |= {
        (first + u, first + v): d for (u, v), d in _edges(one).items()
      }
    self.assertEqual(_edges(together), expected)

  def test_every_graph_has_the_relaxed_spec(self):
    relaxed = graph.relaxed_spec()
    for architectures in ([_residual()], [_cells(1), _cells(5)]):
      encoded = graph.encode(architectures)
      self.assertTrue(relaxed.is_compatible_with(encoded))

  def test_nothing_to_encode_is_an_error(self):
    with self.assertRaisesRegex(ValueError, "at least one architecture"):
      graph.encode([])

  def test_a_distance_of_zero_is_an_error(self):
    with self.assertRaisesRegex(ValueError, "max_distance .* got 0"):
      graph.encode([_residual()], max_distance=0)


class ParamNodesTest(tf.test.TestCase):
  def test_node_of_a_parameter_has_its_type_and_shape(self):
    architectures = [_residual(), _cells(3, fc_layers=2)]
    encoded = graph.encode(architectures)
    types = _types(encoded)
    shapes = encoded.node_sets["op"]["shape"].numpy()
    expected = {
      spec.ParamKind.CONV_KERNEL: {"conv"},
      spec.ParamKind.DEPTHWISE_KERNEL: {"sep_conv", "dil_conv"},
      spec.ParamKind.DENSE_KERNEL: {"conv"},
      spec.ParamKind.BIAS: {"bias"},
      spec.ParamKind.GAMMA: {"bn"},
      spec.ParamKind.BETA: {"bn"},
    }
    seen: dict[int, list[spec.ParamKind]] = {}
    for architecture, nodes in zip(
      architectures, graph.param_nodes(architectures), strict=True
    ):
      for param, node in zip(architecture.param_specs, nodes, strict=True):
        self.assertIn(types[node], expected[param.kind])
        self.assertAllEqual(shapes[node], graph.shape_of(param))
        self.assertEqual(np.prod(shapes[node]), np.prod(param.shape))
        seen.setdefault(node, []).append(param.kind)
    # A node gives one parameter, or scale and offset of one BatchNorm.
    both = [spec.ParamKind.GAMMA, spec.ParamKind.BETA]
    for kinds in seen.values():
      self.assertTrue(len(kinds) == 1 or kinds == both)
    carriers = {"conv", "sep_conv", "dil_conv", "bias", "bn"}
    self.assertEqual(
      set(seen), {i for i, kind in enumerate(types) if kind in carriers}
    )


class ReferenceTest(tf.test.TestCase):
  def test_the_graph_is_that_of_the_public_ghn2(self):
    with np.load(reference_data.GHN2) as reference:
      network = json.loads(str(reference["nodes_json"]))
      types = [network["node_types"][i] for i in reference["node_type"]]
      edges = {(u, v): d for u, v, d in reference["edges"].tolist()}
    architecture = genotype.from_genotype(
      network["genotype"], **network["args"]
    )
    encoded = graph.encode([architecture])
    (nodes,) = graph.param_nodes([architecture])
    ours = {}
    for param, node in zip(architecture.param_specs, nodes, strict=True):
      name, _, role = param.name.rpartition("/")
      ours[node] = name + (".bias" if role == "bias" else ".weight")
    pools = ("avg_pool", "max_pool")
    theirs = {
      index: name for index, name, *_ in network["nodes"] if name not in pools
    }
    self.assertEqual(
      _labelled(_types(encoded), _edges(encoded), ours),
      _labelled(types, edges, theirs),
    )


def _labelled(types, edges, names):
  """Returns the edges between labels that do not depend on the nodes' order.

  A node with parameters is labelled by their name, another one by its type and
  the labels of what it reads.
  """
  labels: dict[int, str] = {}

  def label(node: int) -> str:
    if node not in labels:
      reads = sorted(
        label(u) for (u, v), d in edges.items() if (v, d) == (node, 1)
      )
      labels[node] = names.get(node) or f"{types[node]}({', '.join(reads)})"
    return labels[node]

  if len({label(node) for node in range(len(types))}) != len(types):
    raise AssertionError("Two nodes have the same label.")
  return {(label(u), label(v), d) for (u, v), d in edges.items()}


class BoundsTest(absltest.TestCase):
  def test_too_many_edges_are_an_error(self):
    # Skips of all lengths bring all of 4,500 nodes close to each other.
    builder = spec.Builder((1, 1, 1))
    ends = [builder.input]
    for i in range(2_250):
      norm = builder.add(ops.Op.BATCH_NORM, ends[-1])
      skip = ends[max(0, i - 2 ** (i % 11))]
      ends.append(builder.add(ops.Op.ADD, norm, skip))
    builder.add(ops.Op.GLOBAL_AVG_POOL, ends[-1])
    architecture = builder.build("close")
    with self.assertRaisesRegex(
      ValueError,
      r"'close' has 10,\d+,\d+ pairs of nodes up to 50 apart, more than the"
      " 8,388,608 that a hypernetwork takes; make it smaller, or",
    ):
      graph.encode([architecture])
    graph.encode([architecture], max_distance=2)


if __name__ == "__main__":
  absltest.main()
