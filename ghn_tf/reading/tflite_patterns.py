# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Operators of a .tflite file that were one layer, as one operator again.

The converter writes a dilated convolution as one on parts of the image, a dense
layer on an image as one on a list of pixels, and the hard sigmoid of Keras 2
as its arithmetic.
"""

from collections.abc import Mapping, Sequence
import copy
import math

from ghn_tf.reading import tflite_operators

# The name of what is fused to one; no operator of TFLite has it.
HARD_SIGMOID = "HARD_SIGMOID"
_AXES = ("EXPAND_DIMS", "RESHAPE", "SQUEEZE")
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
# x * 0.2 + 0.5 between 0 and 1. Behind a convolution that has taken them over,
# the first two are missing.
_HARD_SIGMOID = (("MUL", 0.2), ("ADD", 0.5), ("MINIMUM", 1.0), ("RELU", None))
_PRECISION = 1e-3

_Operator = tflite_operators.Operator


def fused(
  graph: tflite_operators.Graph, operators: Sequence[_Operator]
) -> list[_Operator]:
  """Returns operators with one in place of those that were one layer.

  Args:
    graph: in which they are.
    operators: those that reach the outputs, in order.

  Raises:
    flatbuffer.DamagedError: one lacks what it needs.
  """
  found = _Operators(graph, operators)
  result: list[_Operator] = []
  done: set[int] = set()
  for operator in operators:
    # By its output, as the first of several that are fused is no more.
    if done.isdisjoint(operator.outputs):
      parts, whole = found.whole(operator)
      done.update(index for part in parts for index in part.outputs)
      result.append(whole)
  return result


class _Operators:
  """Operators, with what reads their outputs."""

  def __init__(
    self, graph: tflite_operators.Graph, operators: Sequence[_Operator]
  ):
    self._graph = graph
    self._readers: dict[int, list[_Operator]] = {}
    for operator in operators:
      for index in {*operator.inputs}:
        self._readers.setdefault(index, []).append(operator)

  def whole(self, first: _Operator) -> tuple[list[_Operator], _Operator]:
    """Returns what belongs to an operator and follows it, and both as one."""
    for find in (self._dilated, self._dense, self._hard_sigmoid):
      if (found := find(first)) is not None:
        return found
    return [], first

  def _next(
    self, operator: _Operator | None, *skipped: str
  ) -> _Operator | None:
    """Returns what alone reads an operator's output, as its data.

    Args:
      operator: or None, which nothing follows.
      *skipped: names of operators behind which to look on.
    """
    if operator is None:
      return None
    output = operator.output()
    readers = self._readers.get(output, [])
    if len(readers) != 1 or output in self._graph.outputs:
      return None
    (reader,) = readers
    if reader.input(0) != output:
      return None
    return self._next(reader) if reader.name in skipped else reader

  def _chain(self, first: _Operator, last: _Operator) -> list[_Operator]:
    """Returns the operators from one to another that follows it."""
    chain = [first]
    while chain[-1] is not last and (follower := self._next(chain[-1])):
      chain.append(follower)
    return chain

  def _dilated(
    self, first: _Operator
  ) -> tuple[list[_Operator], _Operator] | None:
    """Finds a convolution of every d-th row and column, side by side."""
    if first.name != "SPACE_TO_BATCH_ND":
      return None
    conv = self._next(first, *_AXES)
    last = self._next(conv, *_AXES)
    if conv is None or conv.name not in _CONVOLUTIONS:
      return None
    if last is None or last.name != "BATCH_TO_SPACE_ND":
      return None
    rates, margins, crops, again = (
      self._graph.integers(index)
      for index in (
        *(first.input(1), first.input(2)),
        *(last.input(2), last.input(1)),
      )
    )
    number = len(first.shape(0)) - 2
    kernel = conv.shape(1)[1:3][-number:]
    if (
      not len(rates) == len(kernel) == number
      or not len(margins) == len(crops) == 2 * number
      or rates != again
      or not _is_plain(conv)
    ):
      return None
    # What fills the image up to a multiple of d is cut off again.
    own = [margin - crop for margin, crop in zip(margins, crops, strict=True)]
    reach = [(k - 1) * d for k, d in zip(kernel, rates, strict=True)]
    same = [half for r in reach for half in (r // 2, r - r // 2)]
    if any(own) and own != same:
      return None
    whole = _between(conv, first, last)
    whole.options = {
      **conv.options,
      "padding": "SAME" if any(own) else "VALID",
      "dilation_h": rates[-2] if number == 2 else 1,
      "dilation_w": rates[-1],
    }
    return self._with_bias(self._chain(first, last), whole)

  def _dense(
    self, first: _Operator
  ) -> tuple[list[_Operator], _Operator] | None:
    """Finds a dense layer on the pixels of an image, one below the other."""
    dense = self._next(first)
    if first.name != "RESHAPE" or dense is None:
      return None
    before = first.shape(0)
    pixels = self._graph.shape(first.output())
    is_vector = pixels[:1] == (1,) and math.prod(pixels) == math.prod(before)
    if dense.name != "FULLY_CONNECTED" or is_vector:
      return None
    if dense.shape(1)[-1:] != before[-1:]:
      return None
    last, after = self._next(dense), (*before[:-1], dense.shape(1)[0])
    if (
      last is None
      or last.name not in _AXES
      or self._graph.shape(last.output()) != after
    ):
      last = dense  # and an activation comes before the image
    whole = _between(dense, first, last)
    return self._with_bias(self._chain(first, last), whole)

  def _with_bias(
    self, chain: list[_Operator], whole: _Operator
  ) -> tuple[list[_Operator], _Operator]:
    """Returns a layer with the bias that is added behind it, if one is."""
    add = self._next(whole)
    if add is not None and add.name == "ADD" and len(add.inputs) == 2:
      bias, plain = add.inputs[1], whole.options["activation"] == "NONE"
      channels = self._graph.shape(add.output())[-1:]
      if plain and self._graph.constant(bias) and add.shape(1) == channels:
        whole.inputs = (*whole.inputs[:2], bias)
        whole.outputs = add.outputs
        whole.options = {
          **whole.options,
          "activation": add.options["activation"],
        }
        return [*chain, add], whole
    return chain, whole

  def _hard_sigmoid(
    self, first: _Operator
  ) -> tuple[list[_Operator], _Operator] | None:
    """Finds the hard sigmoid of Keras 2."""
    for parts in (_HARD_SIGMOID, _HARD_SIGMOID[2:]):
      chain: list[_Operator] = []
      operator: _Operator | None = first
      for name, constant in parts:
        if operator is None or not self._is(operator, name, constant):
          break
        chain.append(operator)
        operator = self._next(operator)
      else:
        whole = _between(chain[-1], first, chain[-1])
        whole.name = HARD_SIGMOID
        return chain, whole
    return None

  def _is(self, operator: _Operator, name: str, constant: float | None) -> bool:
    """Whether an operator has a name, and this number beside its data."""
    if operator.name != name or constant is None:
      return operator.name == name
    number = self._graph.number(operator.input(1))
    return number is not None and abs(number - constant) < _PRECISION


def _between(middle: _Operator, first: _Operator, last: _Operator) -> _Operator:
  """Returns an operator that reads what another does, and gives a third's."""
  whole = copy.copy(middle)
  whole.inputs = (first.input(0), *middle.inputs[1:])
  whole.outputs = last.outputs
  return whole


def _is_plain(conv: _Operator) -> bool:
  """Whether a convolution reads every place, and all within the image."""
  plain: Mapping[str, object] = {
    "padding": "VALID",
    "activation": "NONE",
    **dict.fromkeys(("stride_h", "stride_w", "dilation_h", "dilation_w"), 1),
  }
  return all(conv.options[key] == value for key, value in plain.items())
