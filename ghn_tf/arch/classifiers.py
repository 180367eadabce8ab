# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which networks end in a classifier that can be fitted (`child.head`)."""

from ghn_tf.arch import spec

# Of so many features the sums take 0.5 GB, and the solution some minutes.
MAX_FEATURES = 8192


def check(architecture: spec.Architecture) -> None:
  """Raises ValueError for a network that no classifier can be fitted to."""
  if reason := problem(architecture):
    raise ValueError(f"Network {architecture.name!r} {reason}.")


def problem(architecture: spec.Architecture) -> str:
  """Returns why no classifier can be fitted to a network; nothing if it can."""
  node = architecture.nodes[-1]
  if architecture.classifier is None:
    return (
      f"ends in {node.name!r} ({node.op}); a classifier can be fitted where the"
      " last node is dense"
    )
  (number,) = architecture.shapes[node.inputs[0]]
  if number > MAX_FEATURES:
    return (
      f"gives its classifier {number:,} features, more than the"
      f" {MAX_FEATURES:,} that one is fitted to; end it in a global average"
    )
  return ""
