# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Architectures that a split must not have, told by what they compute."""

from collections.abc import Iterable

from ghn_tf.arch import ops
from ghn_tf.arch import spec

_LEFT_OUT = (
  ops.Op.BATCH_NORM,
  ops.Op.RELU,
  ops.Op.RELU6,
  ops.Op.LEAKY_RELU,
  ops.Op.PRELU,
  ops.Op.SIGMOID,
  ops.Op.HARD_SIGMOID,
)


class Exclusion:
  """Architectures that must not be drawn again, nor isomorphic ones.

  Of some, near twins are excluded too: networks that differ from them only in
  BatchNorm, biases and activations.
  """

  def __init__(
    self,
    architectures: Iterable[spec.Architecture] = (),
    with_twins: Iterable[spec.Architecture] = (),
  ):
    """Excludes architectures, and others with their near twins."""
    self._by_size: dict[tuple[int, int, int], set[str]] = {}
    self._skeletons: dict[int, set[str]] = {}
    for architecture in architectures:
      self.add(architecture)
    for architecture in with_twins:
      fingerprints = self._skeletons.setdefault(architecture.macs, set())
      fingerprints.add(skeleton(architecture).fingerprint)

  def add(self, architecture: spec.Architecture) -> None:
    """Excludes one more, without its near twins."""
    fingerprints = self._by_size.setdefault(_size(architecture), set())
    fingerprints.add(architecture.fingerprint)

  def __contains__(self, architecture: object) -> bool:
    if not isinstance(architecture, spec.Architecture):
      return False
    # Isomorphic networks have the same size, which is known already; most
    # networks never need their fingerprint. Near twins have the same MACs.
    fingerprints = self._by_size.get(_size(architecture))
    if fingerprints is not None and architecture.fingerprint in fingerprints:
      return True
    skeletons = self._skeletons.get(architecture.macs)
    return skeletons is not None and (
      skeleton(architecture).fingerprint in skeletons
    )


def _size(architecture: spec.Architecture) -> tuple[int, int, int]:
  return len(architecture.nodes), architecture.macs, architecture.num_params


def skeleton(architecture: spec.Architecture) -> spec.Architecture:
  """Returns the network without BatchNorm, biases and activations."""
  builder = spec.Builder(architecture.input_shape)
  places = [builder.input]
  for node in architecture.nodes[1:]:
    inputs = [places[i] for i in node.inputs]
    # What is multiplied by its own sigmoid, as in swish, is activated by that.
    is_gate = node.op is ops.Op.MULTIPLY and len(set(inputs)) == 1
    if node.op in _LEFT_OUT or is_gate:
      places.append(inputs[0])
      continue
    layer = node.layer
    if layer.use_bias:
      layer = layer._replace(use_bias=False)
    places.append(builder.place(layer, *inputs))
  return builder.build(architecture.name)
