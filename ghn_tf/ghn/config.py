# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sizes of hypernetworks, known before TensorFlow is there."""

from collections.abc import Mapping
import dataclasses
import math
import types

# Of a hypernetwork's checkpoint; another one when its arrays or their meaning
# change.
FORMAT = "ghn_tf/1"

# Of the largest array of weights: 16 times that of "ghn2". A checkpoint could
# claim any size.
MAX_WEIGHTS = 1 << 24
# GHN-2 has 1 and 50. A byte holds the distance and two more.
_GREATEST = {"num_rounds": 16, "max_distance": 253}

_SWITCHES = ("layer_norm", "traits", "bits", "bounded_kernels")
# Switches whose tables begin at zero: switched on, a hypernetwork computes at
# first what it did without.
FROM_ZERO = ("traits", "bits")
# Sizes that may become multiples: the larger hypernetwork of `growth.grow`
# computes at first what the smaller one did.
WIDTHS = ("hidden_dim", "tap_features", "kernel_features", "vector_features")


@dataclasses.dataclass(frozen=True)
class GhnConfig:
  """Sizes of a hypernetwork; the defaults are GHN-2's for CIFAR-10.

  (arXiv 2110.13100.)

  Attributes:
    hidden_dim: D, width of the node states; a multiple of 4.
    max_channels: channels a kernel is decoded with; more are repeated.
    max_kernel: largest kernel height or width.
    num_classes: units of a dense classifier.
    max_distance: longest shortest path that becomes a virtual edge; 1 for none.
    num_rounds: how often messages go along all edges and against them.
    layer_norm: whether embeddings are normalized.
    traits: whether nodes tell activations, strides, dilation, windows of pools
      and resolution (`graph.TRAITS`), which GHN-2 does not see.
    bits: whether nodes tell the bits of kernels and stored activations; where
      they do, one hypernetwork can serve many recipes.
    bounded_kernels: whether kernels keep below He's scale, on which networks
      without BatchNorm depend.
    tap_features: width of the first layer of the kernel part.
    kernel_features: width of its second layer.
    vector_features: width of the first layer of the vector part.

  Raises:
    ValueError: on construction, naming the field that is wrong.
  """

  hidden_dim: int = 32
  max_channels: int = 64
  max_kernel: int = 11
  num_classes: int = 10
  max_distance: int = 50
  num_rounds: int = 1
  layer_norm: bool = True
  traits: bool = False
  bits: bool = False
  bounded_kernels: bool = False
  tap_features: int = 128
  kernel_features: int = 256
  vector_features: int = 64

  def __post_init__(self):
    for name, value in dataclasses.asdict(self).items():
      expected = bool if name in _SWITCHES else int
      if type(value) is not expected or (expected is int and value < 1):
        raise ValueError(
          f"{name} must be {'a bool' if expected is bool else 'an int >= 1'},"
          f" got {value!r}."
        )
    if self.hidden_dim % 4:
      raise ValueError(
        f"hidden_dim must be a multiple of 4, got {self.hidden_dim}."
      )
    for name, greatest in _GREATEST.items():
      if (value := getattr(self, name)) > greatest:
        raise ValueError(f"{name} must be at most {greatest}, got {value}.")
    for names in (
      ("hidden_dim", "hidden_dim"),
      ("hidden_dim", "max_kernel", "max_kernel", "tap_features"),
      ("tap_features", "kernel_features"),
      ("kernel_features", "max_channels", "max_channels"),
      ("max_channels", "num_classes"),
      ("hidden_dim", "vector_features"),
      ("vector_features", "max_channels"),
    ):
      if (size := math.prod(getattr(self, n) for n in names)) > MAX_WEIGHTS:
        raise ValueError(
          f"{' * '.join(names)}, the size of an array, must be at most"
          f" {MAX_WEIGHTS:,}, got {size:,}."
        )


CONFIGS: Mapping[str, GhnConfig] = types.MappingProxyType(
  {
    "ghn2": GhnConfig(),
    # For networks of microcontrollers, up to 32 channels without repeats.
    "edge": GhnConfig(max_channels=32, tap_features=64, kernel_features=128),
  }
)
