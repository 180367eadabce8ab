# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Steps of layers that multiply, and of hard sigmoids in parts."""

import math
from typing import Any

from ghn_tf.arch import ops
from ghn_tf.reading import assembly
from ghn_tf.reading import records
from ghn_tf.reading import steps

# relu6(x + 3) / 6 is a hard sigmoid, as its parts are not.
_PLUS_3 = "the first part of a hard sigmoid"
_RELU6_OF_IT = "the second part of a hard sigmoid"
# So is x * relu6(x + 3) / 6, from the left, a product with one.
_PRODUCT_WITH_IT = "six times a product with a hard sigmoid"
SIXTH = 1 / 6


def multiply(takes_vectors: bool) -> steps.Step:
  """Returns a product of tensors, of an image first where others are pixels.

  Args:
    takes_vectors: whether an image may be multiplied by [C], as by [1, 1, C].
  """

  def place(a: assembly.Assembly, values: steps.Values) -> assembly.Value:
    unfinished = [value.pending for value in values if value.pending]
    if len(unfinished) > 1:
      raise records.ReadingError(
        "it multiplies unfinished hard sigmoids", "multiply each by 1 / 6"
      )
    values = [_hard_sigmoid(a, v) if v.pending else v for v in values]
    result = product(a, values)
    for pending in unfinished:
      pending = pending._replace(what=_PRODUCT_WITH_IT)
      result = result._replace(pending=pending)
    return result

  def product(a: assembly.Assembly, values: steps.Values) -> assembly.Value:
    # Factors of a whole channel are vectors to the architecture.
    ordered = sorted(values, key=lambda v: -len(a.node_shape(v)))
    result, *others = ordered
    shape = result.shape
    for other in others:
      is_pixel = math.prod(a.node_shape(other)) == other.shape[-1]
      is_vector = takes_vectors and len(other.shape) == 1
      fits = other.shape[-1] == shape[-1] and (
        len(other.shape) == len(shape) or is_vector
      )
      ranks = [len(a.node_shape(value)) for value in (result, other)]
      if other.shape == shape and ranks[0] == ranks[1]:
        pass
      elif is_pixel and fits and ranks[0] > 1:
        other = a.flat(other)
      elif math.prod(a.node_shape(result)) == shape[-1] and fits:
        result, other, shape = other, a.flat(result), other.shape
      else:
        raise records.ReadingError(
          f"multiplies tensors of the shapes {[list(v.shape) for v in values]}",
          "give factors the shape of the image, or [1, 1, C]",
        )
      result = a.add(ops.Op.MULTIPLY, [result, other])._replace(shape=shape)
    return result

  return steps.Step(place, (_RELU6_OF_IT,))


def _hard_sigmoid(
  a: assembly.Assembly, value: assembly.Value
) -> assembly.Value:
  """Returns the hard sigmoid of which a value is the second part."""
  plain = value._replace(pending=None)
  result = a.add(ops.Op.HARD_SIGMOID, [plain], slope=SIXTH)
  return result._replace(shape=value.shape)


def relu6() -> steps.Step:
  """Returns a ReLU6, also within a hard sigmoid."""
  plain = steps.elementwise(ops.Op.RELU6)

  def place(a: assembly.Assembly, values: steps.Values) -> assembly.Value:
    value = steps.only(values)
    if value.pending is None:
      return plain.place(a, values)
    return value._replace(pending=value.pending._replace(what=_RELU6_OF_IT))

  return steps.Step(place, (_PLUS_3,))


def constant(layer: str, addend: Any, factor: Any) -> steps.Step:
  """Returns x + addend or factor * x: at the input, or within a hard sigmoid.

  Args:
    layer: its name.
    addend: a constant; None where there is none, or it is no number.
    factor: the same.
  """
  at_input = steps.absorbed(layer, remedy=steps.FOLDED)

  def place(a: assembly.Assembly, values: steps.Values) -> assembly.Value:
    value = steps.only(values)
    if value.pending:
      if factor is None or abs(factor - SIXTH) > 1e-3:
        raise records.ReadingError(
          "is no end of a hard sigmoid", "multiply by 1 / 6"
        )
      if value.pending.what == _PRODUCT_WITH_IT:
        return value._replace(pending=None)
      return _hard_sigmoid(a, value)
    if addend == 3 and not value.is_image:
      return value._replace(pending=assembly.Pending(layer, _PLUS_3))
    return at_input.place(a, values)

  return steps.Step(place, (_RELU6_OF_IT, _PRODUCT_WITH_IT))


def gated(gate: ops.Op, **attributes: Any) -> steps.Step:
  """Returns x multiplied by a sigmoid of x, as swish and hard_swish are."""

  def place(a: assembly.Assembly, values: steps.Values) -> assembly.Value:
    value = steps.only(values)
    factor = a.add(gate, [value], **attributes)
    result = a.add(ops.Op.MULTIPLY, [value, factor])
    return result._replace(shape=value.shape)

  return steps.Step(place)
