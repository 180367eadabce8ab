# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How long a systolic array of 64 x 64 cells works, weights staying in place.

A layer is a product of matrices, [M, K] x [K, N]: outputs by taps, taps by
filters. Folds of 64 taps and 64 filters are loaded one after the other, and
the M rows run through each:

  cycles = ceil(K / 64) * ceil(N / 64) * (M + 3 * 64 - 2)

That is what SCALE-Sim counts (A. Samajdar et al., arXiv 1811.02883; version
3.0.0 gives the same less 1). 64 x 64 multipliers agree with the 4 TOPS at 500
MHz that Coral states; that the array is square is a guess of others. Memory is
left out.
"""

import math
from typing import NamedTuple

from ghn_tf.edge import geometry
from ghn_tf.edge import model_file

SIZE = 64
_FILL = 3 * SIZE - 2


class Product(NamedTuple):
  """Products of [M, K] x [K, N], as many as `number`."""

  m: int
  k: int
  n: int
  number: int = 1

  @property
  def cycles(self) -> int:
    """Returns the cycles of all of them, one after the other."""
    folds = math.ceil(self.k / SIZE) * math.ceil(self.n / SIZE)
    return self.number * folds * (self.m + _FILL)


def products(
  operator: model_file.Operator, operands: geometry.Operands
) -> tuple[Product, Product] | None:
  """Returns an operator as products of matrices; None if it has no kernel.

  Of a depthwise convolution it is not known how the chip does it. The first of
  the two has the channels side by side, a kernel that is zero but for their own
  taps; the second has them one after the other. They are equal for others.
  """
  if operator.name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
    return None
  out, kernel = operands.outputs[0], operands.inputs[1]
  if operator.name == "FULLY_CONNECTED":
    units, size = kernel.shape
    own = Product(out.size // units, size, units)
    return own, own
  rows = math.prod(out.shape[:3])
  taps = math.prod(kernel.shape[1:3])
  channels = kernel.shape[3]
  if operator.name == "CONV_2D":
    groups = operands.inputs[0].shape[3] // channels
    filters = kernel.shape[0] // groups
    own = Product(rows, taps * channels, filters, groups)
    return own, own
  beside = Product(rows, taps * SIZE, SIZE, math.ceil(channels / SIZE))
  if channels < SIZE:
    beside = Product(rows, taps * channels, channels)
  return beside, Product(rows, taps, 1, channels)


def utilization(macs: int, cycles: int) -> float:
  """Returns the share of the array's multiplications that a layer needs."""
  return macs / (SIZE * SIZE * cycles)
