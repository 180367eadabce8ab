# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Operators of two tensors, with broadcasting."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ghn_tf.edge import geometry
from ghn_tf.edge.cortexm import calls
from ghn_tf.edge.cortexm import requantize


def _steps(
  shape: Sequence[int], output: Sequence[int], axis: int
) -> tuple[int, int]:
  """Returns how far an operand moves per outer and per inner output.

  Args:
    shape: of the operand, with as many axes as the output.
    output: shape of the output.
    axis: the first of the inner ones.

  Raises:
    ValueError: it does not move as regularly.
  """
  steps = []
  for axes in (slice(0, axis), slice(axis, None)):
    sizes, whole = shape[axes], output[axes]
    if all(size == 1 for size in sizes):
      steps.append(0)
    elif tuple(sizes) == tuple(whole):
      steps.append(int(np.prod(shape[axes.stop :])) if axes.stop else 1)
    else:
      raise ValueError
  return steps[0], steps[1]


def _broadcast(operands: geometry.Operands) -> dict[str, Any]:
  """Returns the fields of struct broadcast."""
  (first, second), output = operands.inputs, operands.outputs[0]
  rank = len(output.shape)
  shapes = [(1,) * (rank - len(t.shape)) + t.shape for t in (first, second)]
  for axis in range(rank + 1):
    try:
      pairs = [_steps(shape, output.shape, axis) for shape in shapes]
    except ValueError:
      continue
    outer = int(np.prod(output.shape[:axis]))
    return {
      "first": calls.Place(first.index),
      "second": calls.Place(second.index),
      "output": calls.Place(output.index),
      "outer": outer,
      "inner": output.size // outer,
      "first_outer": pairs[0][0],
      "first_inner": pairs[0][1],
      "second_outer": pairs[1][0],
      "second_inner": pairs[1][1],
    }
  raise ValueError(
    f"has operands of shapes {[*map(list, shapes)]}, which are repeated along"
    " axes that are not all first or all last"
  )


def _grids(operands: geometry.Operands) -> list[tuple[float, int]]:
  return [t.grid for t in (*operands.inputs, *operands.outputs)]


def _range(operands: geometry.Operands) -> dict[str, int]:
  low, high = requantize.activation_range(
    operands.options["activation"], *operands.outputs[0].grid
  )
  return {"low": low, "high": high}


def _common_step(
  operands: geometry.Operands,
) -> tuple[list[tuple[int, int, int]], tuple[int, int]]:
  """Returns how inputs come to a common step, and their sum to the output's.

  Returns:
    Per input how far its codes are shifted left, multiplier and shift, with
    which it is in units of 2^-20 of twice the greater step; and multiplier and
    shift of the output.
  """
  scales = [scale for scale, _ in _grids(operands)]
  twice = 2 * max(scales[:2])
  inputs = []
  for scale in scales[:2]:
    multiplier, shift = requantize.bounded_factor(scale / twice)
    # Where it is 1/2, and so exact, it may as well be half of twice as much.
    left, shift = (20, shift) if shift else (21, -1)
    inputs.append((left, multiplier, shift))
  multiplier, shift = requantize.bounded_factor(twice / (2**20 * scales[2]))
  if multiplier and shift > -1:
    raise ValueError("has an output of steps 2^19 times as fine as its inputs'")
  return inputs, (multiplier, min(shift, -1))


def add(operands: geometry.Operands) -> list[calls.Call]:
  """Returns the call for ADD."""
  inputs, output = _common_step(operands)
  if not requantize.are_small([output[1]], 0):
    return _combine(operands, 1)
  first, second = operands.inputs
  if first.grid[0] < second.grid[0]:
    operands = operands._replace(inputs=[second, first])
    inputs.reverse()
  left, *factor = inputs[1]
  fields = {
    "operands": _broadcast(operands),
    "multiplier": [factor[0], output[0]],
    "left": left,
    "shift": [factor[1], output[1]],
    "zero": [zero for _, zero in _grids(operands)],
    **_range(operands),
  }
  return [calls.Call("add", "sum", fields)]


def subtract(operands: geometry.Operands) -> list[calls.Call]:
  """Returns the call for SUB."""
  return _combine(operands, -1)


def _combine(operands: geometry.Operands, sign: int) -> list[calls.Call]:
  """Returns the call for a sum or difference of any scales."""
  inputs, output = _common_step(operands)
  factors = [*(factor for _, *factor in inputs), output]
  fields = {
    "operands": _broadcast(operands),
    "multiplier": [multiplier for multiplier, _ in factors],
    "left": [left for left, *_ in inputs],
    "shift": [shift for _, shift in factors],
    "zero": [zero for _, zero in _grids(operands)],
    "sign": sign,
    **_range(operands),
  }
  return [calls.Call("combine", "combination", fields)]


def multiply(operands: geometry.Operands) -> list[calls.Call]:
  """Returns the call for MUL."""
  (scale1, _), (scale2, _), (scale, _) = grids = _grids(operands)
  multiplier, shift = requantize.bounded_factor(scale1 * scale2 / scale)
  fields = {
    "operands": _broadcast(operands),
    "multiplier": multiplier,
    "shift": shift,
    "zero": [zero for _, zero in grids],
    **_range(operands),
  }
  return [calls.Call("multiply", "product", fields)]


def choose(name: str, operands: geometry.Operands) -> list[calls.Call]:
  """Returns the call for MAXIMUM or MINIMUM."""
  if len({*_grids(operands)}) > 1:
    raise ValueError("has several scales or zero points")
  kernel = {"MAXIMUM": "take_maximum", "MINIMUM": "take_minimum"}[name]
  return [calls.Call(kernel, "broadcast", _broadcast(operands))]


def slope(operands: geometry.Operands) -> list[calls.Call]:
  """Returns the call for PRELU."""
  (scale, _), (alpha, _), (out_scale, _) = grids = _grids(operands)
  factors = [
    requantize.bounded_factor(scale / out_scale),
    requantize.bounded_factor(scale * alpha / out_scale),
  ]
  fields = {
    "operands": _broadcast(operands),
    "multiplier": [multiplier for multiplier, _ in factors],
    "shift": [shift for _, shift in factors],
    "zero": [zero for _, zero in grids],
  }
  return [calls.Call("slope", "sloped", fields)]
