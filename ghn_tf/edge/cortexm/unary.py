# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Operators of one tensor, each code of which becomes another.

Each is a table of 256 codes, which is computed here as TFLite Micro computes
the code on the device.
"""

from collections.abc import Callable

import numpy as np

from ghn_tf.edge import geometry
from ghn_tf.edge.cortexm import calls
from ghn_tf.edge.cortexm import exponential
from ghn_tf.edge.cortexm import requantize

_Function = Callable[[int], int]


def _relu(operands: geometry.Operands) -> _Function:
  (scale, zero), (out_scale, out_zero) = _grids(operands)
  factor = requantize.bounded_factor(scale / out_scale)
  low = max(-128, out_zero)
  return lambda code: requantize.clamp(
    out_zero + requantize.rescale(code - zero, *factor), low
  )


def _relu6(operands: geometry.Operands) -> _Function:
  # On the grid of its input, whatever that of the output is.
  scale, zero = operands.inputs[0].grid
  low, high = requantize.activation_range("RELU6", scale, zero)
  return lambda code: requantize.clamp(code, low, high)


def _quantize(operands: geometry.Operands) -> _Function:
  (scale, zero), (out_scale, out_zero) = _grids(operands)
  factor = requantize.bounded_factor(scale / out_scale)
  return lambda code: requantize.clamp(
    out_zero + requantize.rescale(code - zero, *factor)
  )


def _leaky_relu(operands: geometry.Operands) -> _Function:
  (scale, zero), (out_scale, out_zero) = _grids(operands)
  alpha = np.float32(operands.options["alpha"])
  with np.errstate(over="ignore"):  # what is too much is refused below
    steps = np.float32(scale) / np.float32(out_scale)
    slope = np.float32(scale) * alpha / np.float32(out_scale)
  positive = requantize.bounded_factor(float(steps))
  negative = requantize.bounded_factor(float(slope))

  def function(code: int) -> int:
    factor = positive if code >= zero else negative
    return requantize.clamp(out_zero + requantize.rescale(code - zero, *factor))

  return function


def _logistic(operands: geometry.Operands) -> _Function:
  (scale, zero), (_, out_zero) = _grids(operands)
  if out_zero != -128:
    raise ValueError(f"has the output zero point {out_zero}, expected -128")
  multiplier, shift = requantize.bounded_factor(scale * 2**27)
  if shift < 0:
    raise ValueError(f"has the input scale {scale:g}, which is too small")
  radius = exponential.input_radius(4, shift)

  def function(code: int) -> int:
    value = code - zero
    if value <= -radius:
      return -128
    if value >= radius:
      return 127
    result = exponential.logistic(requantize.rescale(value, multiplier, shift))
    return requantize.clamp(requantize.divide_by_power(result, 23) - 128)

  return function


def _hard_swish(operands: geometry.Operands) -> _Function:
  (scale, zero), (out_scale, out_zero) = _grids(operands)
  fine = np.float32(1 / 128) * np.float32(scale)
  with np.errstate(over="ignore"):  # what is too much is refused below
    factors = fine / np.float32(out_scale), fine / np.float32(3 / 32768)
  (out_multiplier, out_shift), (multiplier, shift) = map(_quantize_16, factors)
  if out_shift > 0:
    raise ValueError("has an output scale less than 1/128 of the input's")

  def function(code: int) -> int:
    value = (code - zero) * 2**7
    result = _high_product_16(value, out_multiplier)
    # How much of it passes, from -1 to 1 and then from 0 to 1.
    gate = value
    if shift > 0:
      gate = _clamp_16(gate << (shift - 1))
    gate = _high_product_16(gate, multiplier)
    if shift > 0:
      gate = _clamp_16(gate << 1)
    if shift < 0:
      gate = requantize.divide_by_power(gate, -shift)
    gate = (gate + 2**15) >> 1
    product = int(gate * result / 2**15)  # exact in float; towards 0
    return requantize.clamp(
      requantize.divide_by_power(product, -out_shift) + out_zero
    )

  return function


def _quantize_16(real: np.float32) -> tuple[int, int]:
  """Returns a multiplier of 15 bits, and its shift."""
  multiplier, shift = requantize.bounded_factor(float(real))
  return min((multiplier + 2**15) >> 16, 2**15 - 1), shift


def _clamp_16(value: int) -> int:
  return requantize.clamp(value, -(2**15), 2**15 - 1)


def _high_product_16(a: int, b: int) -> int:
  return _clamp_16((a * b + 2**14) >> 15)


def _grids(
  operands: geometry.Operands,
) -> tuple[tuple[float, int], tuple[float, int]]:
  return operands.inputs[0].grid, operands.outputs[0].grid


_FUNCTIONS: dict[str, Callable[[geometry.Operands], _Function]] = {
  "HARD_SWISH": _hard_swish,
  "LEAKY_RELU": _leaky_relu,
  "LOGISTIC": _logistic,
  "QUANTIZE": _quantize,
  "RELU": _relu,
  "RELU6": _relu6,
}
NAMES = (*_FUNCTIONS,)


def table(name: str, operands: geometry.Operands) -> np.ndarray:
  """Returns what an operator of `NAMES` makes of the codes from -128 to 127.

  Raises:
    ValueError: TFLite Micro's kernel does not take its tensors.
  """
  function = _FUNCTIONS[name](operands)
  return np.array([*map(function, range(-128, 128))], np.int8)


def look_up(name: str, operands: geometry.Operands) -> list[calls.Call]:
  """Returns the call for an operator of `NAMES`."""
  fields = {
    "input": calls.Place(operands.inputs[0].index),
    "output": calls.Place(operands.outputs[0].index),
    "entries": calls.Constant(table(name, operands)),
    "size": operands.outputs[0].size,
  }
  return [calls.Call("look_up", "table", fields)]


def softmax(operands: geometry.Operands) -> list[calls.Call]:
  """Returns the call for SOFTMAX, over the last axis."""
  scale, _ = operands.inputs[0].grid
  if operands.outputs[0].grid[1] != -128:
    raise ValueError("has an output zero point other than -128")
  beta = np.float32(operands.options["beta"])
  real = float(beta) * scale * 2**26
  multiplier, shift = requantize.bounded_factor(real)
  if shift < 0:
    raise ValueError(f"has the input scale {scale}, which is too small")
  least = -exponential.input_radius(5, shift)
  exponentials = [
    exponential.of_negative(requantize.rescale(-steps, multiplier, shift))
    if -steps >= least
    else 0
    for steps in range(256)
  ]
  depth = operands.inputs[0].shape[-1]
  fields = {
    "input": calls.Place(operands.inputs[0].index),
    "output": calls.Place(operands.outputs[0].index),
    "exponentials": calls.Constant(np.array(exponentials, np.int32)),
    "rows": operands.inputs[0].size // depth,
    "depth": depth,
  }
  return [calls.Call("normalize", "softmax", fields)]
