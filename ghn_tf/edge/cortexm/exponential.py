# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Exponentials in fixed point, as gemmlowp's fixedpoint.h approximates them.

Qn has n bits before the point, and 31 - n behind it.
"""

from ghn_tf.edge.cortexm import requantize

_ONE = requantize.INT32_MAX  # of a Q0: as near as it gets
# Of exp(-2^k) as Q0, with the bit of a Q5 that stands for 2^k.
_FACTORS = (
  (24, 1672461947),
  (25, 1302514674),
  (26, 790015084),
  (27, 290630308),
  (28, 39332535),
  (29, 720401),
  (30, 242),
)
_EXP_OF_MINUS_EIGHTH = 1895147668
_THIRD = 715827883


def input_radius(integer_bits: int, shift: int) -> int:
  """Returns up to which input there is no overflow, in steps.

  Args:
    integer_bits: before the point of what inputs become.
    shift: by which they do.
  """
  return (2**integer_bits - 1) * 2 ** (31 - integer_bits) // 2**shift


def _saturated(value: int) -> int:
  return requantize.clamp(value, -(2**31), _ONE)


def of_negative(value: int, integer_bits: int = 5) -> int:
  """Returns exp of a Q5, or of one of fewer bits, that is at most 0, as Q0."""
  if not value:
    return _ONE
  fraction_bits = 31 - integer_bits
  quarter = 2 ** (fraction_bits - 2)
  rest = value % quarter - quarter  # from -1/4 to 0
  result = _of_quarter(_saturated(rest << integer_bits))
  remainder = rest - value
  for bit, factor in _FACTORS:
    if remainder >> (bit - 26 + fraction_bits) & 1:
      result = requantize.high_product(result, factor)
  return result


def _of_quarter(value: int) -> int:
  """Returns exp of a Q0 from -1/4 to 0, by its series around -1/8."""
  product = requantize.high_product
  x = value + 2**28
  x2 = product(x, x)
  x3, x4 = product(x2, x), product(x2, x2)
  cubes = product(requantize.divide_by_power(x4, 2) + x3, _THIRD)
  rest = requantize.divide_by_power(cubes + x2, 1)
  return _EXP_OF_MINUS_EIGHTH + product(_EXP_OF_MINUS_EIGHTH, x + rest)


def _inverse(value: int) -> int:
  """Returns 1 / (1 + value) of a Q0 from 0 to 1, by Newton's method."""
  product = requantize.high_product
  half = (value + _ONE + 1) // 2
  x = 1515870810 + product(half, -1010580540)  # 48/17 and -32/17, as Q2
  for _ in range(3):
    x += _saturated(product(x, 2**29 - product(half, x)) << 2)
  return _saturated(x << 1)


def logistic(value: int) -> int:
  """Returns 1 / (1 + exp(-value)) of a Q4, as a Q0."""
  if not value:
    return 2**30
  positive = _inverse(of_negative(-abs(value), 4))
  return positive if value > 0 else _ONE - positive
