# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How far the networks of a space, or of a set, reach in each measure.

What a hypernetwork predicts for a network beyond that is a guess: trained on
`edge`, it gave VGG-16 logits of 3e4, and 60 layers without BatchNorm 1e11.
"""

from collections.abc import Iterable, Mapping
import math

from ghn_tf.arch import measures
from ghn_tf.arch import spec
from ghn_tf.spaces import space as space_lib

# The least and the greatest value of each of `measures.measure`.
Extent = Mapping[str, tuple[float, float]]
# Each measure in which a network lies outside of an extent, with its "value",
# and the "least" and the "greatest" of the extent.
Outside = dict[str, dict[str, float]]

_LIMITS = {
  "nodes": "nodes",
  "multiply_accumulates": "macs",
  "parameters": "params",
}
# What spaces do not limit, and what does not depend on the images: measured on
# the first 10,000 networks of `train`, relatives of known networks among them.
MEASURED: Mapping[str, Extent] = {
  "tiny": {
    "depth": (4, 17),
    "layers_without_batch_norm": (1, 2),
    "channels": (24, 384),
    "kernel_size": (3, 5),
  },
  "edge": {
    "depth": (4, 48),
    "layers_without_batch_norm": (1, 48),
    "channels": (12, 576),
    "kernel_size": (3, 10),
  },
  "convnets": {
    "depth": (4, 158),
    "layers_without_batch_norm": (1, 45),
    "channels": (16, 3072),
    "kernel_size": (3, 10),
  },
}


def of(architectures: Iterable[spec.Architecture]) -> Extent:
  """Returns the extent of a set of networks.

  Raises:
    ValueError: the set is empty.
  """
  rows = [measures.measure(architecture) for architecture in architectures]
  if not rows:
    raise ValueError("Got no networks to measure, expected at least one.")
  return {
    name: (min(row[name] for row in rows), max(row[name] for row in rows))
    for name in rows[0]
  }


def of_space(space: space_lib.SearchSpace) -> Extent:
  """Returns the extent of a space: its limits, and what was measured of it.

  Sizes that it does not limit are left out.
  """
  height, width, _ = space.input_shape
  extent: dict[str, tuple[float, float]] = {
    "image_height": (height, height),
    "image_width": (width, width),
  }
  for name, size in _LIMITS.items():
    greatest = getattr(space, f"max_{size}")
    if greatest < math.inf:
      extent[name] = (getattr(space, f"min_{size}"), greatest)
  return {**extent, **MEASURED.get(space.name, {})}


def outside(architecture: spec.Architecture, extent: Extent) -> Outside:
  """Returns the measures in which a network lies outside of an extent."""
  found: Outside = {}
  measured = measures.measure(architecture)
  for name, (least, greatest) in extent.items():
    value = measured[name]
    if not least <= value <= greatest:
      found[name] = {"value": value, "least": least, "greatest": greatest}
  return found


def tell(name: str, found: Outside) -> str:
  """Returns a line that tells in which measures a network lies outside."""
  told = []
  for measure, row in found.items():
    ends = dict.fromkeys(f"{row[end]:,}" for end in ("least", "greatest"))
    told.append(
      f"{measure.replace('_', ' ')} {row['value']:,} ({' to '.join(ends)})"
    )
  return (
    f"Network {name!r} lies outside of those that the hypernetwork was trained"
    f" on, so it may be far less accurate: {', '.join(told)}."
  )
