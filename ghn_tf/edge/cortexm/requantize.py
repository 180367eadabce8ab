# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""TFLite's fixed-point arithmetic, as TFLite Micro's kernels round.

A real factor is multiplier * 2^(shift - 31) with a multiplier of 31 bits. A
product is rounded twice: to the 31 bits, and then by the rest of the shift.
Formulas as in quantization_util.cc of TFLite and fixedpoint.h of gemmlowp.
"""

from collections.abc import Iterable
import math

import numpy as np

INT32_MAX = 2**31 - 1


def quantize_multiplier(real: float) -> tuple[int, int]:
  """Returns multiplier and shift of a factor that is not negative.

  Factors below 2^-32 are 0.

  Raises:
    ValueError: it is negative or not finite.
  """
  if not 0 <= real < math.inf:
    raise ValueError(f"multiplies by {real:g}")
  fraction, shift = math.frexp(real)
  multiplier = math.floor(fraction * 2**31 + 0.5)
  if multiplier == 2**31:
    multiplier, shift = 2**30, shift + 1
  return (0, 0) if shift < -31 else (multiplier, shift)


def bounded_factor(real: float) -> tuple[int, int]:
  """Returns the same of a factor below 2^30, by which kernels can shift.

  Raises:
    ValueError: it is not below.
  """
  if not 0 <= real < 2**30:
    raise ValueError(f"multiplies by {real:g}, which is not below 2^30")
  return quantize_multiplier(real)


def high_product(a: int, b: int) -> int:
  """Returns a * b / 2^31, rounded to nearest, halves up."""
  return min((a * b + 2**30) >> 31, INT32_MAX)


def divide_by_power(value: int, exponent: int) -> int:
  """Returns value / 2^exponent, rounded to nearest, halves away from 0."""
  if not exponent:
    return value
  half = 2 ** (exponent - 1)
  return (value + half - (value < 0)) >> exponent


def rescale(value: int, multiplier: int, shift: int) -> int:
  """Returns value * multiplier * 2^(shift - 31), rounded twice."""
  if shift > 0:
    return high_product(_wrapped(value << shift), multiplier)
  return divide_by_power(high_product(value, multiplier), -shift)


def _wrapped(value: int) -> int:
  return (value + 2**31) % 2**32 - 2**31


def round_half_away(value: float) -> int:
  """Returns the nearest integer; of halves the one away from 0."""
  return int(math.copysign(math.floor(abs(value) + 0.5), value))


def clamp(value: int, low: int = -128, high: int = 127) -> int:
  """Returns the nearest value from low to high."""
  return max(low, min(high, value))


def activation_range(
  activation: str, scale: float, zero_point: int
) -> tuple[int, int]:
  """Returns the least and the greatest code after a fused activation.

  Args:
    activation: as the schema names it.
    scale: of the output.
    zero_point: of the output.

  Raises:
    ValueError: the activation is not among those that only clamp, or the scale
      so small that TFLite Micro, too, cannot tell the code of a limit.
  """
  limits = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
  }
  if activation not in limits:
    raise ValueError(
      f"The fused activation {activation} is not supported, only"
      f" {sorted(limits)}."
    )
  low, high = limits[activation]

  def code(limit: float) -> int:
    with np.errstate(over="ignore"):  # by a scale of nearly 0, to infinity
      steps = float(np.float32(limit) / np.float32(scale))
    if abs(steps) > INT32_MAX:
      raise ValueError(
        f"{activation} has a limit of {steps:g} steps of {scale:g}, which 32"
        " bits do not hold."
      )
    return zero_point + round_half_away(steps)

  return (
    -128 if low is None else max(-128, code(low)),
    127 if high is None else min(127, code(high)),
  )


def are_small(shifts: Iterable[int], greatest_sum: int) -> bool:
  """Returns whether rounding may go by the instruction for high products.

  Args:
    shifts: of the channels.
    greatest_sum: a bound on the magnitude of what is rescaled.
  """
  return greatest_sum < 2**30 and all(-22 <= shift < 0 for shift in shifts)
