# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How accumulators become codes again, in the ways in which chips round.

An accumulator times a real factor, s_in * s_kernel / s_out, is a code. Runtimes
agree on the factor and not on the last bit:

*   `double`: the factor as an integer of 31 bits and a power of two; the
    product is rounded to the 31 bits, and then by the power. TFLite's reference
    kernels and TFLite Micro (gemmlowp's fixedpoint.h).
*   `single`: the same factor, rounded once. Optimized kernels of TFLite (ruy).
*   `float32`: the factor, and the product, in float32; halves to even.
    According to reverse engineering of its binaries (github.com/
    ricardodeazambuja/LibrEdgeTPU) the Edge TPU has float32 factors.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np

from ghn_tf.edge.cortexm import requantize

DOUBLE, SINGLE, FLOAT32 = VARIANTS = ("double", "single", "float32")
# Of the power of two: with it, every value but 0 leaves the range of codes.
_MAX_SHIFT = 30


@dataclasses.dataclass(frozen=True, eq=False)
class Factors:
  """Factors that are not negative, one or one per channel.

  Attributes:
    real: [C], float64.
    multipliers: [C], of 31 bits; real = multiplier * 2^(shift - 31).
    shifts: [C].
  """

  real: np.ndarray
  multipliers: np.ndarray
  shifts: np.ndarray


def factors(real: Sequence[float]) -> Factors:
  """Returns factors as quantization_util.cc of TFLite takes them apart."""
  pairs = [requantize.quantize_multiplier(factor) for factor in real]
  return Factors(
    np.array(real, np.float64),
    np.array([pair[0] for pair in pairs], np.int64),
    np.minimum([pair[1] for pair in pairs], _MAX_SHIFT),
  )


def rescale(values: np.ndarray, by: Factors, variant: str) -> np.ndarray:
  """Returns values * factors as integers.

  Args:
    values: [..., C], int64 within the range of int32.
    by: one factor, or one per channel.
    variant: one of `VARIANTS`.
  """
  if variant == FLOAT32:
    product = values.astype(np.float32) * by.real.astype(np.float32)
    return np.rint(product).astype(np.int64)
  if variant == SINGLE:
    right = 31 - by.shifts
    return (values * by.multipliers + (1 << (right - 1))) >> right
  left = np.maximum(by.shifts, 0)
  right = np.maximum(-by.shifts, 0)
  # What the power of two takes beyond int32 wraps, as in gemmlowp's callers.
  shifted = (values << left).astype(np.int32).astype(np.int64)
  high = (shifted * by.multipliers + (1 << 30)) >> 31
  half = np.where(right > 0, (1 << right) >> 1, 0)
  return (high + half - ((high < 0) & (right > 0))) >> right
