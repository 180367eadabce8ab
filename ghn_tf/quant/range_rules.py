# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The range of a tensor's grid, by the rule of its recipe.

With few bits, a range up to the greatest value rounds nearly all others to 0.
LEAST_SQUARES goes less far, and clips. In each channel of a kernel, and in an
output that cannot be negative, it goes to

  k E[x^2] / E[|x|].

The quotient is the mean of the magnitudes, each weighted by itself: zeros,
which every grid has, do not move it, however many a ReLU makes. An output that
can be negative has a range of k sqrt(E[x^2]) to both sides of its mean.

This needs one pass. It scales with the tensor, so that a kernel's codes are the
same before and after BatchNorm is folded into its channels. The factors k are
those of least squared error for the Laplace distribution, which has the tails
of predicted kernels and of what they compute. `tests/range_rules_test.py` says
by how much the squared error exceeds that of the best range, there and
elsewhere.

No gradient belongs to a range. Which gradient clipped values have is said in
`child.gradients`, and for Keras models in `tfmot`.
"""

import math

import tensorflow as tf

from ghn_tf import constants
from ghn_tf.quant import recipe as recipe_lib

_raw = tf.raw_ops

# The least and the greatest value that a tensor can have, 0 between them.
Bounds = tuple[float, float]
UNBOUNDED: Bounds = (-math.inf, math.inf)

# The factors where the magnitudes have 1, 2, ... 8 bits. Those of a kernel have
# one bit less than its values.
_MAGNITUDES = (1.00, 1.74, 2.41, 3.05, 3.68, 4.31, 4.94, 5.57)
# The factors of outputs that can be negative, of 2, 3, ... 8 bits.
_SIGNED = (1.82, 2.67, 3.51, 4.36, 5.23, 6.10, 6.99)

# The least end of a range. The step of one narrower than 255 times the least
# float32 is taken for 0 in part of TensorFlow's kernel, which gives NaN.
LEAST_LIMIT = 1e-30
# Squares overflow from 1e19 on, but a range is finite, and its width too.
_FARTHEST = 1e38


def kernel_limit(
  kernel: tf.Tensor,
  grid: recipe_lib.TensorQuantization,
  channel_axis: int | None,
) -> tf.Tensor:
  """Returns the greatest magnitude on a kernel's symmetric grid.

  Args:
    kernel: [kh, kw, c_in, c_out], depthwise [kh, kw, c, 1] or [c_in, c_out].
    grid: its bits and rule.
    channel_axis: the axis of output channels; None for one range in all.

  Returns:
    [channels] if each has a range, else a scalar.
  """
  shared = channel_axis is None or not grid.per_channel
  axes = constants.constant(
    tuple(i for i in range(len(kernel.shape)) if shared or i != channel_axis)
  )
  magnitude = _raw.Abs(x=kernel)
  if grid.range_rule is recipe_lib.RangeRule.MAX:
    return at_least(_raw.Max(input=magnitude, axis=axes))
  squares = _raw.Sum(input=_raw.Square(x=kernel), axis=axes)
  magnitudes = _raw.Sum(input=magnitude, axis=axes)
  limit = _raw.DivNoNan(x=squares, y=magnitudes)
  factor = _MAGNITUDES[grid.num_bits - 2]
  if factor != 1:  # a mean is at most the greatest
    limit = _raw.Mul(x=limit, y=constants.constant(factor, kernel.dtype))
    greatest = _raw.Max(input=magnitude, axis=axes)
    limit = _raw.Minimum(x=limit, y=greatest)
  return at_least(limit)


def at_least(limit: tf.Tensor) -> tf.Tensor:
  """Returns a positive end of a range that is no less than `LEAST_LIMIT`."""
  least = constants.constant(LEAST_LIMIT, limit.dtype)
  return _raw.Maximum(x=limit, y=least)


def activation_range(
  x: tf.Tensor, grid: recipe_lib.TensorQuantization, bounds: Bounds
) -> tuple[tf.Tensor, tf.Tensor]:
  """Returns the least and the greatest value of an activation's grid, scalars.

  Args:
    x: the values, of any shape.
    grid: its bits and rule; a symmetric one reaches equally far to both sides.
    bounds: between which all values are known to lie.
  """
  least, greatest = bounds
  zero = constants.constant(0.0, x.dtype)
  axes = constants.constant(tuple(range(len(x.shape))))
  if grid.range_rule is recipe_lib.RangeRule.MAX:
    if grid.symmetric:
      high = at_least(_raw.Max(input=_raw.Abs(x=x), axis=axes))
      return _raw.Neg(x=high), high
    high = _raw.Max(input=x, axis=axes)
    if least == 0:
      return zero, high  # saves one pass over x
    low = _raw.Min(input=x, axis=axes)
    return _raw.Minimum(x=low, y=zero), _raw.Maximum(x=high, y=zero)
  if least == 0:
    # Twice L2Loss is the sum of squares.
    weighted = _raw.DivNoNan(x=_raw.L2Loss(t=x), y=_raw.Sum(input=x, axis=axes))
    factor = constants.constant(2 * _MAGNITUDES[grid.num_bits - 1], x.dtype)
    farthest = constants.constant(min(greatest, _FARTHEST), x.dtype)
    return zero, _raw.Minimum(x=_raw.Mul(x=weighted, y=factor), y=farthest)
  mean = _raw.Mean(input=x, axis=axes)
  norm = _raw.EuclideanNorm(input=x, axis=axes)
  factor = _over_root_of_size(_SIGNED[grid.num_bits - 2], x)
  farthest = constants.constant(_FARTHEST, x.dtype)
  reach = _raw.Minimum(x=_raw.Mul(x=norm, y=factor), y=farthest)
  return (
    _raw.Minimum(x=_raw.Sub(x=mean, y=reach), y=zero),
    _raw.Maximum(x=_raw.AddV2(x=mean, y=reach), y=zero),
  )


def _over_root_of_size(factor: float, x: tf.Tensor) -> tf.Tensor:
  """Returns factor / sqrt(the number of values)."""
  size = x.shape.num_elements()
  if size is None:  # in a Keras model, which takes batches of any size
    return factor * tf.math.rsqrt(tf.cast(tf.size(x), x.dtype))
  return constants.constant(factor / math.sqrt(size), x.dtype)
