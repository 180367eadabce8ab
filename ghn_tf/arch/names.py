# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What networks and nodes may be named: what Keras models and layers may."""

import collections
from collections.abc import Sequence
import re

# TensorFlow's rule for scopes, which models and layers are, without the ">"
# that it has between names; and a length that fits into messages.
_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_./-]{0,254}")
_RULE = (
  "Keras names models and layers with A-Z, a-z, 0-9 and _./- alone, a letter,"
  " digit or point first, and here they have at most 255 characters"
)


def check(network: str, nodes: Sequence[str]) -> None:
  """Raises ValueError unless a network and its nodes may be named so."""
  if not isinstance(network, str) or not _NAME.fullmatch(network):
    raise ValueError(
      f"An architecture is named {network!r:.100}, but {_RULE}; rename it."
    )
  if not all(map(_NAME.fullmatch, nodes)):
    wrong = [name for name in nodes if not _NAME.fullmatch(name)]
    raise ValueError(
      f"Architecture {network!r} has nodes named {wrong[:9]!r:.900}, but"
      f" {_RULE}; rename them."
    )
  if len(set(nodes)) < len(nodes):
    numbers = collections.Counter(nodes)
    twice = [name for name, number in numbers.items() if number > 1]
    raise ValueError(
      f"Architecture {network!r} has several nodes named {twice[:9]}, but"
      " names must be unique."
    )
