# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of the embeddings of graphs, against a visit of node by node."""

from collections.abc import Sequence
import json
import tracemalloc
from typing import Any

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf
import tensorflow_gnn as tfgnn
import tf_keras as keras

from ghn_tf.arch import genotype
from ghn_tf.arch import spec
from ghn_tf.ghn import encoder
from ghn_tf.ghn import gated_gnn
from ghn_tf.ghn import ghn2_weights
from ghn_tf.ghn import graph
from tests import reference_data

_BRANCHES: dict[str, list] = {
  "normal": [("sep_conv_3x3", 0), ("skip_connect", 1)],
  "normal_concat": [2],
  "reduce": [("max_pool_3x3", 0), ("conv_1x1", 1)],
  "reduce_concat": [2],
}
# Sums of float32 in another order: some roundings of 6e-8 on each of the levels
# that a message goes through.
_TOLERANCE = 2e-5


def _cells(n_cells: int, **arguments) -> spec.Architecture:
  return genotype.from_genotype(_BRANCHES, n_cells=n_cells, C=6, **arguments)


def _encoder(**arguments) -> encoder.Encoder:
  defaults: dict[str, Any] = {
    "dim": 8,
    "num_classes": 10,
    "max_kernel": 11,
    "virtual_edges": True,
    "num_rounds": 1,
    "layer_norm": True,
    "traits": False,
    "bits": False,
    "rng": np.random.default_rng(0),
  }
  return encoder.Encoder(**(defaults | arguments))


def _features(layer: encoder.Encoder, nodes) -> tf.Tensor:
  """Looks sizes up one by one in the vocabularies for 10 classes and 11x11."""
  tables = {
    "channel": [1, 3, *range(8, 64, 8), 10, *range(64, 4096, 16)]
    + [*range(4096, 8193, 32)],
    "spatial": [1, 3, 5, 7, 9, 11, 14, 16],
  }
  special = {"channel": {4: 8, 5: 8, 6: 8, 7: 8}, "spatial": {2: 3}}

  def embed(kind: str, size: int) -> tf.Tensor:
    table = sorted(tables[kind])
    size = special[kind].get(size, size)
    nearest = min(table, key=lambda entry: abs(entry - size))
    row = table.index(nearest) if size else len(table)
    return layer.arrays[f"{kind}_embedding"][row]

  rows = []
  for kind, shape in zip(
    nodes["type_id"].numpy(), nodes["shape"].numpy(), strict=True
  ):
    parts = [embed("channel", s) for s in shape[:2]]
    parts += [embed("spatial", s) for s in shape[2:]]
    rows.append(layer.arrays["type_embedding"][kind] + tf.concat(parts, 0))
  return tf.stack(rows)


def _gru(arrays, inbox: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
  """PyTorch's GRUCell, from its documentation."""
  i_r, i_z, i_n = tf.split(
    tf.linalg.matvec(arrays["gru/kernel"], inbox, transpose_a=True)
    + arrays["gru/bias"],
    3,
  )
  h_r, h_z, h_n = tf.split(
    tf.linalg.matvec(arrays["gru/recurrent_kernel"], state, transpose_a=True)
    + arrays["gru/recurrent_bias"],
    3,
  )
  reset, update = tf.sigmoid(i_r + h_r), tf.sigmoid(i_z + h_z)
  return (1 - update) * tf.tanh(i_n + reset * h_n) + update * state


def _message(arrays, kind: int, state: tf.Tensor) -> tf.Tensor:
  hidden = tf.linalg.matvec(
    arrays["message/hidden_kernel"][:, kind], state, transpose_a=True
  )
  hidden = tf.nn.relu(hidden + arrays["message/hidden_bias"][kind])
  out = tf.linalg.matvec(
    arrays["message/kernel"][kind], hidden, transpose_a=True
  )
  return tf.nn.relu(out + arrays["message/bias"][kind])


def _one_by_one(
  layer: encoder.Encoder, encoded, num_rounds: int, virtual: bool
) -> tf.Tensor:
  """GHN-2's gated GNN as it is written: one node after the other."""
  arrays = layer.arrays
  flow = encoded.edge_sets["flow"]
  edges = np.stack(
    [flow.adjacency.source, flow.adjacency.target, flow["distance"]], axis=1
  )
  states = tf.unstack(_features(layer, encoded.node_sets["op"]))
  num_nodes = len(states)
  for _ in range(num_rounds):
    # `encode` numbers nodes in topological order.
    for order, sender, receiver in (
      (range(num_nodes), 0, 1),
      (reversed(range(num_nodes)), 1, 0),
    ):
      for node in order:
        inbox = tf.zeros_like(states[node])
        for edge in edges[edges[:, receiver] == node]:
          other, distance = states[edge[sender]], edge[2]
          if distance == 1:
            inbox += _message(arrays, 0, other)
          if virtual:
            inbox += _message(arrays, 1, other) / float(distance)
        states[node] = _gru(arrays, inbox, states[node])
  return tf.stack(states)


def _gradients(layer: encoder.Encoder, function) -> tuple[tf.Tensor, list]:
  """Returns a result [N, D] and the gradients of a weighted sum of it."""
  with tf.GradientTape() as tape:
    result = function()
    weights = tf.constant(
      np.random.default_rng(1).standard_normal(result.shape), tf.float32
    )
    loss = tf.reduce_sum(result * weights)
  gradients = tape.gradient(loss, layer.trainable_variables)
  return result, [tf.convert_to_tensor(g) for g in gradients]


def _permuted(encoded, rng: np.random.Generator):
  """Returns a graph of one component in another order, and that order."""
  nodes, flow = encoded.node_sets["op"], encoded.edge_sets["flow"]
  order = rng.permutation(int(nodes.sizes[0]))
  edges = rng.permutation(int(flow.sizes[0]))
  rank = np.argsort(order)
  permuted = tfgnn.GraphTensor.from_pieces(
    node_sets={
      "op": tfgnn.NodeSet.from_fields(
        sizes=nodes.sizes,
        features={
          name: nodes[name].numpy()[order]
          for name in ("type_id", "shape", "level")
        },
      )
    },
    edge_sets={
      "flow": tfgnn.EdgeSet.from_fields(
        sizes=flow.sizes,
        features={"distance": flow["distance"].numpy()[edges]},
        adjacency=tfgnn.Adjacency.from_indices(
          ("op", rank[flow.adjacency.source.numpy()[edges]].astype(np.int32)),
          ("op", rank[flow.adjacency.target.numpy()[edges]].astype(np.int32)),
        ),
      )
    },
  )
  return permuted, order


class EncoderTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(
    ([_cells(2), _cells(1, norm=None, fc_layers=2)], 50, 1),
    ([_cells(2)], 3, 1),
    ([_cells(1)], 50, 2),
    ([_cells(3)], 1, 1),
  )
  def test_is_the_visit_of_node_by_node_and_so_is_its_gradient(
    self,
    architectures: Sequence[spec.Architecture],
    max_distance: int,
    num_rounds: int,
  ):
    virtual = max_distance > 1
    layer = _encoder(
      virtual_edges=virtual, num_rounds=num_rounds, layer_norm=False
    )
    compiled = tf.function(layer, input_signature=[graph.relaxed_spec()])
    encoded = graph.encode(architectures, max_distance=max_distance)
    actual, gradients = _gradients(layer, lambda: compiled(encoded))
    expected, expected_gradients = _gradients(
      layer, lambda: _one_by_one(layer, encoded, num_rounds, virtual)
    )
    self.assertAllClose(actual, expected, _TOLERANCE, _TOLERANCE)
    for name, ours, theirs in zip(
      layer.arrays, gradients, expected_gradients, strict=True
    ):
      scale = float(tf.reduce_max(tf.abs(theirs)))
      self.assertGreater(scale, 0, name)
      self.assertAllClose(ours, theirs, 0, _TOLERANCE * scale, name)

  def test_update_is_a_keras_gru_cell(self):
    layer, dim = _encoder(), 8
    rule = gated_gnn.Rule(*(layer.arrays[name] for name in gated_gnn.NAMES))
    cell = keras.layers.GRUCell(dim, reset_after=True)
    cell.build([None, dim])

    def keras_order(name: str) -> np.ndarray:
      reset, update, new = np.split(layer.arrays[name].numpy(), 3, axis=-1)
      return np.concatenate([update, reset, new], axis=-1)

    biases = [keras_order("gru/bias"), keras_order("gru/recurrent_bias")]
    cell.set_weights(
      [keras_order("gru/kernel"), keras_order("gru/recurrent_kernel")]
      + [np.stack(biases)]
    )
    samples = np.random.default_rng(0).standard_normal((2, 5, dim))
    inbox, states = tf.unstack(tf.constant(samples, tf.float32))
    expected, _ = cell(inbox, [states])
    self.assertAllClose(
      rule.update(inbox, states, rule.recurrent(states)), expected
    )

  def test_layer_norm_is_that_of_keras(self):
    layer = _encoder()
    plain = _encoder(layer_norm=False)
    rng = np.random.default_rng(3)
    for name in ("norm/gamma", "norm/beta"):
      layer.arrays[name].assign(rng.standard_normal(8))
    norm = keras.layers.LayerNormalization(epsilon=1e-5)
    norm.build([None, 8])
    norm.set_weights([layer.arrays["norm/gamma"], layer.arrays["norm/beta"]])
    encoded = graph.encode([_cells(1)])
    self.assertAllClose(layer(encoded), norm(plain(encoded)))

  def test_graphs_of_a_batch_do_not_touch_each_other(self):
    layer = _encoder()
    architectures = [_cells(1), _cells(4), _cells(2, norm=None)]
    together = layer(graph.encode(architectures))
    alone = [layer(graph.encode([a])) for a in architectures]
    self.assertAllClose(together, tf.concat(alone, 0), _TOLERANCE, _TOLERANCE)

  def test_order_of_nodes_and_edges_does_not_matter(self):
    layer = _encoder()
    encoded = graph.encode([_cells(3)])
    permuted, order = _permuted(encoded, np.random.default_rng(0))
    self.assertAllClose(
      layer(permuted),
      tf.gather(layer(encoded), order),
      _TOLERANCE,
      _TOLERANCE,
    )

  def test_one_trace_serves_all_sizes(self):
    layer = _encoder()
    compiled = tf.function(layer, input_signature=[graph.relaxed_spec()])
    for architectures in ([_cells(1)], [_cells(3), _cells(2)], [_cells(5)] * 3):
      with tf.GradientTape() as tape:
        loss = tf.reduce_sum(compiled(graph.encode(architectures)) ** 2)
      tape.gradient(loss, layer.trainable_variables)
    self.assertEqual(compiled.experimental_get_tracing_count(), 1)

  def test_gradient_keeps_no_state_of_the_loops(self):
    layer = _encoder()

    @tf.function(input_signature=[graph.relaxed_spec()])
    def gradient(encoded):
      with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(encoded) ** 2)
      return tape.gradient(loss, layer.trainable_variables)

    # TensorFlow's own gradient of a while loop pushes every intermediate
    # tensor of every iteration to a list: N levels of tables of N rows.
    definition = gradient.get_concrete_function().graph.as_graph_def()
    operations = {node.op for node in definition.node}
    for function in definition.library.function:
      operations |= {node.op for node in function.node_def}
    self.assertContainsSubset(
      {"StatelessWhile", "TensorScatterUpdate"}, operations
    )
    self.assertEmpty({op for op in operations if op.startswith("TensorList")})


class VocabularyTest(parameterized.TestCase):
  @parameterized.parameters((10, 391), (1000, 391), (64, 390), (3, 390))
  def test_number_of_channel_entries(self, num_classes: int, expected: int):
    self.assertLen(encoder.channel_vocabulary(num_classes), expected)

  @parameterized.parameters(
    (5, [1, 3, 5, 7, 9, 11, 14, 16]),
    (11, [1, 3, 5, 7, 9, 11, 14, 16]),
    (16, [1, 3, 5, 7, 9, 11, 13, 14, 15, 16]),
  )
  def test_spatial_entries(self, max_kernel: int, expected: list[int]):
    self.assertEqual(encoder.spatial_vocabulary(max_kernel).tolist(), expected)

  @parameterized.parameters(
    # Entries are 1, 3, 8, 10, 16 ...; of two as near the smaller one counts.
    *((1, 1), (2, 1), (3, 3), (4, 8), (5, 8), (7, 8), (9, 8), (12, 10)),
    *((13, 10), (14, 16), (20, 16), (70, 64), (73, 80), (8192, 8192)),
  )
  def test_nearest_number_of_channels(self, channels: int, expected: int):
    vocabulary = encoder.channel_vocabulary(10)
    index = encoder.nearest(vocabulary, {4: 8, 5: 8, 6: 8, 7: 8})
    self.assertEqual(vocabulary[index[channels]], expected)

  @parameterized.parameters(2, 10, 100, 9001)
  def test_each_size_has_the_least_of_the_nearest_entries(self, classes: int):
    vocabulary = encoder.channel_vocabulary(classes)
    index = encoder.nearest(vocabulary, {})
    self.assertLen(index, vocabulary[-1] + 1)
    for sizes in np.array_split(np.arange(1, len(index)), 20):
      expected = np.abs(vocabulary - sizes[:, None]).argmin(axis=1)
      np.testing.assert_array_equal(index[sizes], expected)

  def test_memory_is_that_of_the_index(self):
    tracemalloc.start()
    self.addCleanup(tracemalloc.stop)
    encoder.nearest(encoder.channel_vocabulary(1 << 18), {})
    _, peak = tracemalloc.get_traced_memory()
    self.assertLess(peak, 10 << 20)  # [sizes, entries] are 800 MB

  def test_an_entry_of_its_own_comes_before_a_substitute(self):
    vocabulary = encoder.channel_vocabulary(5)
    index = encoder.nearest(vocabulary, {4: 8, 5: 8})
    self.assertEqual(vocabulary[index[4]], 8)
    self.assertEqual(vocabulary[index[5]], 5)

  def test_no_shape_has_an_entry_of_its_own(self):
    vocabulary = encoder.spatial_vocabulary(11)
    self.assertEqual(encoder.nearest(vocabulary, {2: 3})[0], len(vocabulary))

  def test_more_channels_than_the_last_entry_are_the_last(self):
    layer = _encoder()
    rows = []
    for dim in (8192, 100_000):
      architecture = _cells(1, fc_layers=2, fc_dim=dim)
      nodes = graph.encode([architecture]).node_sets["op"]
      rows.append(layer._features(nodes["type_id"], nodes["shape"]))
    np.testing.assert_array_equal(rows[0], rows[1])


class ReferenceTest(tf.test.TestCase):
  def test_embeddings_are_those_of_the_public_ghn2(self):
    with np.load(reference_data.GHN2) as reference:
      arrays = dict(reference)
    network = json.loads(str(arrays["nodes_json"]))
    _, weights = ghn2_weights.convert(reference_data.weights(arrays))
    layer = _encoder(dim=32)
    for name, variable in layer.arrays.items():
      variable.assign(weights[f"encoder/{name}"])
    embeddings = layer(_reference_graph(arrays, network["nodes"]))
    # Relative to the largest absolute value: what float32 sums in another
    # order may differ by.
    scale = np.abs(arrays["embedding"]).max()
    self.assertAllClose(embeddings, arrays["embedding"], 0, 1e-5 * scale)


def _reference_graph(arrays, nodes) -> tfgnn.GraphTensor:
  """Returns the reference's own graph, whatever our architectures give."""
  num_nodes = len(arrays["node_type"])
  shape = np.zeros((num_nodes, 4), np.int32)
  for index, _, _, sizes, *_ in nodes:
    shape[index] = sizes + [1] * (4 - len(sizes))
  source, target, distance = arrays["edges"].astype(np.int32).T
  level = np.zeros(num_nodes, np.int32)
  # Its nodes are in topological order.
  for edge in np.lexsort((source, target)):
    level[target[edge]] = max(level[target[edge]], level[source[edge]] + 1)
  return tfgnn.GraphTensor.from_pieces(
    node_sets={
      "op": tfgnn.NodeSet.from_fields(
        sizes=[num_nodes],
        features={
          "type_id": arrays["node_type"].astype(np.int32),
          "shape": shape,
          "level": level,
        },
      )
    },
    edge_sets={
      "flow": tfgnn.EdgeSet.from_fields(
        sizes=[len(source)],
        features={"distance": distance},
        adjacency=tfgnn.Adjacency.from_indices(("op", source), ("op", target)),
      )
    },
  )


if __name__ == "__main__":
  absltest.main()
