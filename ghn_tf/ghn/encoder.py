# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Graphs to embeddings: GHN-2's node features and gated graph network.

The features of a node are embeddings of its type and, concatenated, of its
c_out, c_in, kh and kw. (arXiv 2110.13100, section 4.)
"""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
import tensorflow_gnn as tfgnn
import tf_keras as keras

from ghn_tf.ghn import gated_gnn
from ghn_tf.ghn import graph as graph_lib
from ghn_tf.ghn import initializers

_NORM_EPSILON = 1e-5  # PyTorch's
# The bits that have an embedding, beside float; others have the nearest one's.
_BITS = np.array([2, 4, 8])


def channel_vocabulary(num_classes: int) -> np.ndarray:
  """Returns the numbers of channels that have an embedding, ascending."""
  ranges = (range(8, 64, 8), range(64, 4096, 16), range(4096, 8193, 32))
  return np.unique(np.concatenate([(1, 3, num_classes), *ranges]))


def spatial_vocabulary(max_kernel: int) -> np.ndarray:
  """Returns the kernel heights and widths that have an embedding, ascending."""
  return np.unique([*range(1, max(11, max_kernel) + 1, 2), 14, 16])


def nearest(
  vocabulary: np.ndarray, treated_as: Mapping[int, int]
) -> np.ndarray:
  """Returns for each size, from 0 to the largest, its index in a vocabulary.

  A size without an entry has that of the nearest one, the smaller of two, if
  `treated_as` does not name another. Size 0, of nodes without a shape, has the
  index after the last.
  """
  sizes = np.arange(vocabulary[-1] + 1)
  for size, entry in treated_as.items():
    if size not in vocabulary:
      sizes[size] = entry
  middles = (vocabulary[:-1] + vocabulary[1:]) / 2
  index = np.searchsorted(middles, sizes)
  index[0] = len(vocabulary)
  return index.astype(np.int32)


class Encoder(keras.layers.Layer):
  """Graphs to one embedding per node.

  Args:
    dim: D, width of states and embeddings; a multiple of 4.
    num_classes: for the vocabulary of channels, which has it as an entry.
    max_kernel: largest kernel height or width.
    virtual_edges: whether there are messages along virtual edges.
    num_rounds: how often to sweep along the edges and against them.
    layer_norm: whether to normalize the embeddings.
    traits: whether nodes are told apart by `graph.TRAITS`.
    bits: whether nodes are told apart by their bits.
    rng: source of the initial values.
  """

  def __init__(
    self,
    *,
    dim: int,
    num_classes: int,
    max_kernel: int,
    virtual_edges: bool,
    num_rounds: int,
    layer_norm: bool,
    traits: bool,
    bits: bool,
    rng: np.random.Generator,
  ):
    super().__init__(name="encoder", dtype="float32")
    self._num_rounds = num_rounds
    channels = channel_vocabulary(num_classes)
    spatial = spatial_vocabulary(max_kernel)
    self._channel_index = nearest(channels, {4: 8, 5: 8, 6: 8, 7: 8})
    self._spatial_index = nearest(spatial, {2: 3})
    kinds, hidden = (2, dim // 2) if virtual_edges else (1, dim)

    def table(rows: int, columns: int) -> np.ndarray:
      return rng.standard_normal((rows, columns))

    def uniform(fan_in: int, *shape: int) -> np.ndarray:
      return initializers.uniform(rng, fan_in, shape)

    values = {
      "type_embedding": table(len(graph_lib.NODE_TYPES), dim),
      "channel_embedding": table(len(channels) + 1, dim // 4),
      "spatial_embedding": table(len(spatial) + 1, dim // 4),
      "message/hidden_kernel": uniform(dim, dim, kinds, hidden),
      "message/hidden_bias": uniform(dim, kinds, hidden),
      "message/kernel": uniform(hidden, kinds, hidden, dim),
      "message/bias": uniform(hidden, kinds, dim),
      "gru/kernel": uniform(dim, dim, 3 * dim),
      "gru/bias": uniform(dim, 3 * dim),
      "gru/recurrent_kernel": uniform(dim, dim, 3 * dim),
      "gru/recurrent_bias": uniform(dim, 3 * dim),
    }
    if traits:  # from zero, so that nodes that are alike begin alike
      values["trait_embedding"] = np.zeros(
        (sum(graph_lib.TRAITS.values()), dim)
      )
    if bits:  # from zero too
      self._bits_index = nearest(_BITS, {})
      values["bits_embedding"] = np.zeros((2 * (len(_BITS) + 1), dim))
    if layer_norm:
      values["norm/gamma"] = np.ones(dim)
      values["norm/beta"] = np.zeros(dim)
    self.arrays = initializers.variables(values)

  def call(self, graph: tfgnn.GraphTensor) -> tf.Tensor:
    """Returns the embeddings [N, D] of a graph made by `graph.encode`."""
    nodes = graph.node_sets["op"]
    edges = graph.edge_sets["flow"]
    level, distance = nodes["level"], edges["distance"]
    source, target = edges.adjacency.source, edges.adjacency.target
    # What a node leads to has a larger level, so that levels counted from the
    # other end order the sweep against the edges.
    opposite = tf.reduce_max(level) - level
    rule = gated_gnn.Rule(
      *(tf.convert_to_tensor(self.arrays[name]) for name in gated_gnn.NAMES)
    )
    states = self._features(nodes["type_id"], nodes["shape"])
    if "trait_embedding" in self.arrays:
      states += self._trait_features(nodes["traits"])
    if "bits_embedding" in self.arrays:
      states += self._bits_features(nodes["bits"])
    for _ in range(self._num_rounds):
      states = gated_gnn.sweep(states, level, source, target, distance, rule)
      states = gated_gnn.sweep(states, opposite, target, source, distance, rule)
    if "norm/gamma" in self.arrays:
      states = self._layer_norm(states)
    return states

  def _features(self, type_id: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """Returns the states before the first sweep, [N, D]."""

    def embed(table: str, index: np.ndarray, sizes: tf.Tensor) -> tf.Tensor:
      rows = tf.gather(index, tf.minimum(sizes, len(index) - 1))
      pairs = tf.gather(self.arrays[table], rows)  # [N, 2, D / 4]
      return tf.reshape(pairs, [-1, 2 * self.arrays[table].shape[1]])

    channels = embed("channel_embedding", self._channel_index, shape[:, :2])
    spatial = embed("spatial_embedding", self._spatial_index, shape[:, 2:])
    types = tf.gather(self.arrays["type_embedding"], type_id)
    return types + tf.concat([channels, spatial], axis=1)

  def _trait_features(self, traits: tf.Tensor) -> tf.Tensor:
    """Returns the sum of the embeddings of each node's traits, [N, D]."""
    first = np.cumsum([0, *graph_lib.TRAITS.values()][:-1])
    rows = tf.gather(self.arrays["trait_embedding"], traits + first)
    return tf.reduce_sum(rows, axis=1)

  def _bits_features(self, bits: tf.Tensor) -> tf.Tensor:
    """Returns the sum of the embeddings of each node's bits, [N, D]."""
    first = np.array([0, len(_BITS) + 1], np.int32)
    index = tf.gather(self._bits_index, tf.minimum(bits, _BITS[-1])) + first
    rows = tf.gather(self.arrays["bits_embedding"], index)
    return tf.reduce_sum(rows, axis=1)

  def _layer_norm(self, states: tf.Tensor) -> tf.Tensor:
    mean, variance = tf.nn.moments(states, axes=[1], keepdims=True)
    return tf.nn.batch_normalization(
      states,
      mean,
      variance,
      self.arrays["norm/beta"],
      self.arrays["norm/gamma"],
      _NORM_EPSILON,
    )
