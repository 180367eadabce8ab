# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""GHN-2's gated graph network: sweeps over directed acyclic graphs.

A sweep visits the nodes v in topological order, and sets

  m_v = sum of w_k(u, v) * f_k(h_u) over messages of kind k, u -> v     (1)
  h_v = GRU(input=m_v, hidden=h_v)                                      (2)

with a message of kind 0 and weight 1 for every edge of the network, and one of
kind 1 and weight 1 / distance for every edge, real or virtual. (arXiv
2110.13100, equation 4, where virtual messages begin at distance 2. The public
GHN-2 has them at distance 1 too, and so have we.)

All nodes that v hears from have a smaller level, the longest path from a first
node. So the nodes of one level, in all graphs, update at once; the result is
that of the visit one by one, and each edge is touched once.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

# Names and order of the fields of `Rule`.
NAMES = (
  "message/hidden_kernel",
  "message/hidden_bias",
  "message/kernel",
  "message/bias",
  "gru/kernel",
  "gru/bias",
  "gru/recurrent_kernel",
  "gru/recurrent_bias",
)


class Rule(NamedTuple):
  """The weights of equations (1) and (2), with K kinds of messages."""

  hidden_kernel: tf.Tensor  # [D, K, hidden]
  hidden_bias: tf.Tensor  # [K, hidden]
  kernel: tf.Tensor  # [K, hidden, D]
  bias: tf.Tensor  # [K, D]
  gru_kernel: tf.Tensor  # [D, 3 * D], of the reset, update and new gate
  gru_bias: tf.Tensor  # [3 * D]
  recurrent_kernel: tf.Tensor  # [D, 3 * D]
  recurrent_bias: tf.Tensor  # [3 * D]

  @property
  def num_kinds(self) -> int:
    """K: 2 with virtual edges, else 1."""
    return self.kernel.shape[0]

  def recurrent(self, states: tf.Tensor) -> tf.Tensor:
    """Returns the share of the states in the gates, [N, 3 * D]."""
    return tf.matmul(states, self.recurrent_kernel) + self.recurrent_bias

  def update(
    self, inbox: tf.Tensor, states: tf.Tensor, recurrent: tf.Tensor
  ) -> tf.Tensor:
    """Returns equation (2) for the inboxes m, [N, D]."""
    dim = states.shape[1]
    gates = tf.matmul(inbox, self.gru_kernel) + self.gru_bias
    both = tf.sigmoid(gates[:, : 2 * dim] + recurrent[:, : 2 * dim])
    reset, keep = tf.split(both, 2, axis=1)
    new = tf.tanh(gates[:, 2 * dim :] + reset * recurrent[:, 2 * dim :])
    return new + keep * (states - new)

  def messages(self, states: tf.Tensor) -> tf.Tensor:
    """Returns f_k of every state; row v * K + k of [N * K, D]."""
    dim, kinds, hidden = self.hidden_kernel.shape
    kernel = tf.reshape(self.hidden_kernel, [dim, kinds * hidden])
    bias = tf.reshape(self.hidden_bias, [kinds * hidden])
    inner = tf.nn.relu(tf.matmul(states, kernel) + bias)
    inner = tf.split(inner, kinds, axis=1)
    outer = [tf.matmul(inner[k], self.kernel[k]) for k in range(kinds)]
    stacked = tf.nn.relu(tf.stack(outer, axis=1) + self.bias)
    return tf.reshape(stacked, [-1, dim])


class _Flow(NamedTuple):
  """A sparse matrix: adds `weight` times row `source` to row `target`."""

  source: tf.Tensor  # [M]
  target: tf.Tensor  # [M]
  weight: tf.Tensor  # [M]

  def transpose(self) -> "_Flow":
    return _Flow(self.target, self.source, self.weight)


def sweep(
  states: tf.Tensor,
  level: tf.Tensor,
  sender: tf.Tensor,
  receiver: tf.Tensor,
  distance: tf.Tensor,
  rule: Rule,
) -> tf.Tensor:
  """Returns the states after equations (1) and (2) at every node, [N, D].

  Args:
    states: the states before, [N, D].
    level: of each node, [N]; a sender's is below its receivers'.
    sender: node at which each edge begins, [E].
    receiver: node at which each edge ends, [E].
    distance: of each edge, [E]; 1 is an edge of the network.
    rule: the weights.
  """
  order = tf.argsort(level, stable=True)
  rank = tf.math.invert_permutation(order)
  sender, receiver = tf.gather(rank, sender), tf.gather(rank, receiver)
  flow = _message_flow(sender, receiver, distance, rule.num_kinds)
  solve = _solver(tf.gather(level, order), flow)
  return tf.gather(solve(tf.gather(states, order), *rule), rank)


def _message_flow(
  sender: tf.Tensor, receiver: tf.Tensor, distance: tf.Tensor, num_kinds: int
) -> _Flow:
  """Returns the matrix of equation (1), from rows v * K + k to rows v."""
  real = tf.where(distance == 1)[:, 0]
  source = tf.gather(sender, real) * num_kinds
  target = tf.gather(receiver, real)
  weight = tf.ones_like(target, tf.float32)
  if num_kinds == 1:
    return _Flow(source, target, weight)
  return _Flow(
    tf.concat([source, sender * num_kinds + 1], 0),
    tf.concat([target, receiver], 0),
    tf.concat([weight, 1 / tf.cast(distance, tf.float32)], 0),
  )


def _solver(level: tf.Tensor, flow: _Flow) -> Callable[..., tf.Tensor]:
  """Returns a function of (states, *rule) that sweeps once.

  With A the matrix of equation (1), a sweep solves T = messages(update(A T))
  for the messages T. That is a triangular system, and so is its adjoint, which
  a visit in the opposite order solves for the gradient. Of the first visit
  nothing has to be kept but the inboxes A T.
  """

  @tf.custom_gradient
  def solve(states, *weights):
    rule = Rule(*weights)
    inbox = _inbox(states, rule, level, flow)

    def gradient(upstream):
      # It is IndexedSlices where the caller gathers from the result.
      upstream = tf.convert_to_tensor(upstream)
      sent = _sent_gradient(upstream, states, inbox, rule, level, flow)
      with tf.GradientTape() as tape:
        tape.watch((states, rule))
        new = rule.update(inbox, states, rule.recurrent(states))
        results = (new, rule.messages(new))
      return tape.gradient(
        results, (states, *rule), output_gradients=(upstream, sent)
      )

    return rule.update(inbox, states, rule.recurrent(states)), gradient

  return solve


def _inbox(
  states: tf.Tensor, rule: Rule, level: tf.Tensor, flow: _Flow
) -> tf.Tensor:
  """Returns what every node hears in a sweep, [N, D]."""
  recurrent = rule.recurrent(states)

  def send(nodes, inbox):
    return rule.messages(rule.update(inbox, states[nodes], recurrent[nodes]))

  return _visit(send, level, flow, states.shape[1], 1, rule.num_kinds)


def _sent_gradient(
  upstream: tf.Tensor,
  states: tf.Tensor,
  inbox: tf.Tensor,
  rule: Rule,
  level: tf.Tensor,
  flow: _Flow,
) -> tf.Tensor:
  """Returns the gradient of all messages that nodes send, [N * K, D]."""
  recurrent = rule.recurrent(states)

  def send_back(nodes, sent_gradient):
    heard = inbox[nodes]
    with tf.GradientTape() as tape:
      tape.watch(heard)
      new = rule.update(heard, states[nodes], recurrent[nodes])
      results = (new, rule.messages(new))
    return tape.gradient(
      results, heard, output_gradients=(upstream[nodes], sent_gradient)
    )

  return _visit(
    send_back,
    level,
    flow.transpose(),
    states.shape[1],
    rule.num_kinds,
    1,
    descending=True,
  )


def _visit(
  send: Callable[[slice, tf.Tensor], tf.Tensor],
  level: tf.Tensor,
  flow: _Flow,
  dim: int,
  hears: int,
  sends: int,
  descending: bool = False,
) -> tf.Tensor:
  """Solves heard = flow * send(heard), one level of nodes after the other.

  Args:
    send: from a range of nodes and the rows that they hear to those they send.
    level: of the nodes, ascending, [N].
    flow: from rows v * sends + k to rows v * hears + k.
    dim: D, width of all rows.
    hears: number of rows that a node hears.
    sends: number of rows that a node sends.
    descending: whether to begin with the last level.

  Returns:
    The rows that all nodes hear, [N * hears, D].
  """
  flow, nodes, edges = _by_level(flow, level, hears)
  # The table has for each node the rows that it hears, then those it sends.
  width = hears + sends
  source = flow.source + (flow.source // sends + 1) * hears

  def visit_level(index, table):
    here = level[-1] - index if descending else index
    first, last = nodes[here], nodes[here + 1]
    part = slice(edges[here], edges[here + 1])
    heard = tf.math.unsorted_segment_sum(
      tf.gather(table, source[part]) * flow.weight[part, None],
      flow.target[part] - first * hears,
      (last - first) * hears,
    )
    sent = send(slice(first, last), heard)
    both = tf.concat(
      [
        tf.reshape(heard, [-1, hears, dim]),
        tf.reshape(sent, [-1, sends, dim]),
      ],
      axis=1,
    )
    rows = tf.range(first * width, last * width)[:, None]
    # This copies the table. A TensorArray would not, but took longer for up to
    # 4,000 nodes.
    return index + 1, tf.tensor_scatter_nd_update(
      table, rows, tf.reshape(both, [-1, dim])
    )

  table = tf.zeros([tf.size(level) * width, dim])
  _, table = tf.while_loop(
    lambda index, _: index <= level[-1], visit_level, (0, table)
  )
  heard = tf.reshape(table, [-1, width, dim])[:, :hears]
  return tf.reshape(heard, [-1, dim])


def _by_level(
  flow: _Flow, level: tf.Tensor, hears: int
) -> tuple[_Flow, tf.Tensor, tf.Tensor]:
  """Sorts a flow by the level of its targets.

  Returns:
    The flow, and where each level begins among the nodes and in the flow, with
    the end of the last one.
  """
  order = tf.argsort(flow.target, stable=True)
  flow = _Flow(*(tf.gather(column, order) for column in flow))
  levels = tf.range(level[-1] + 2)
  heard_at = tf.gather(level, flow.target // hears)
  nodes = tf.searchsorted(level, levels)
  return flow, nodes, tf.searchsorted(heard_at, levels)
