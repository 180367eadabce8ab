# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Many parameters out of few decoded tensors, and their gradient back.

A meta-batch has hundreds of parameters. Recorded one by one on a tape, cutting
them out costs as much as decoding them, so the way back is written out.
"""

from collections.abc import Sequence
import dataclasses
import math

import tensorflow as tf

from ghn_tf import constants

_raw = tf.raw_ops


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
  """Consecutive elements of a decoded tensor, and what is cut out of each.

  Attributes:
    rows: their number n.
    size: of each as it is decoded.
    shape: what is cut out, of as many axes; repeated along an axis where this
      is more than the size.
    param_shape: the same number of elements in the order of Keras.
  """

  rows: int
  size: tuple[int, ...]
  shape: tuple[int, ...]
  param_shape: tuple[int, ...]

  @property
  def _repeats(self) -> tuple[int, ...]:
    pairs = zip(self.shape, self.size, strict=True)
    return tuple(-(-wanted // have) for wanted, have in pairs)

  @property
  def _tiled(self) -> tuple[int, ...]:
    pairs = zip(self.size, self._repeats, strict=True)
    return tuple(size * repeats for size, repeats in pairs)

  def cut(self, values: tf.Tensor) -> Sequence[tf.Tensor]:
    """Returns n parameters of values [n, *size]."""
    if self._tiled != self.size:
      multiples = constants.constant((1, *self._repeats))
      values = _raw.Tile(input=values, multiples=multiples)
    if self._tiled != self.shape:
      values = _raw.Slice(
        input=values,
        begin=constants.constant((0,) * (1 + len(self.shape))),
        size=constants.constant((self.rows, *self.shape)),
      )
    # A kernel has an axis of size 1 where Keras has another order or fewer.
    if self.shape != self.param_shape:
      values = _reshape(values, (self.rows, *self.param_shape))
    return _raw.Unpack(value=values, num=self.rows)

  def join(self, gradients: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the gradient [n, *size] of the n parameters', the adjoint."""
    values = _raw.Pack(values=list(gradients))
    if self.shape != self.param_shape:
      values = _reshape(values, (self.rows, *self.shape))
    if self._tiled != self.shape:
      pairs = zip(self._tiled, self.shape, strict=True)
      margins = ((0, 0), *((0, tiled - cut) for tiled, cut in pairs))
      values = _raw.Pad(input=values, paddings=constants.constant(margins))
    if self._tiled != self.size:
      pairs = zip(self._repeats, self.size, strict=True)
      values = _reshape(values, sum(pairs, (self.rows,)))
      axes = tuple(range(1, 2 * len(self.size), 2))
      values = _raw.Sum(input=values, axis=constants.constant(axes))
    return values


def cut(
  decoded: Sequence[tf.Tensor], pieces: Sequence[Sequence[Piece]]
) -> list[tf.Tensor]:
  """Returns the parameters in the order of the pieces.

  Args:
    decoded: tensors of rows.
    pieces: of each, which together have all of its elements, in their order.
      A row may be but a part of what a piece has n of.
  """

  @tf.custom_gradient
  def cut_all(*decoded):
    params: list[tf.Tensor] = []
    for values, own in zip(decoded, pieces, strict=True):
      row = math.prod(values.shape[1:])
      rows = tuple(piece.rows * math.prod(piece.size) // row for piece in own)
      parts = _raw.SplitV(
        value=values,
        size_splits=constants.constant(rows),
        axis=constants.constant(0),
        num_split=len(own),
      )
      for piece, part in zip(own, parts, strict=True):
        params += piece.cut(_reshape(part, (piece.rows, *piece.size)))

    def join_all(*gradients):
      rest = iter(gradients)
      joined = []
      for values, own in zip(decoded, pieces, strict=True):
        parts = []
        for piece in own:
          part = piece.join([next(rest) for _ in range(piece.rows)])
          parts.append(_reshape(part, (-1, *values.shape[1:])))
        joined.append(
          _raw.ConcatV2(values=parts, axis=constants.constant(0))
          if len(parts) > 1
          else parts[0]
        )
      return joined

    return params, join_all

  return cut_all(*decoded)


def _reshape(values: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
  if len(values.shape) == len(shape) and tuple(values.shape)[1:] == shape[1:]:
    return values
  return _raw.Reshape(tensor=values, shape=constants.constant(shape))
