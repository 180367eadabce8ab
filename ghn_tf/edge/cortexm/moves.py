# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Operators that pool, reduce and move."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ghn_tf.edge import geometry
from ghn_tf.edge import tensors
from ghn_tf.edge.cortexm import calls
from ghn_tf.edge.cortexm import convolutions
from ghn_tf.edge.cortexm import requantize

_AXES = 4


def pool(name: str, operands: geometry.Operands) -> list[calls.Call]:
  """Returns the call for AVERAGE_POOL_2D or MAX_POOL_2D."""
  (image,), (output,) = operands.inputs, operands.outputs
  options = operands.options
  pair = geometry.windows(
    image.shape, (options["filter_h"], options["filter_w"]), options
  )
  low, high = requantize.activation_range(options["activation"], *output.grid)
  fields = {
    "input": calls.Place(image.index),
    "output": calls.Place(output.index),
    "window": convolutions.window(pair, image.shape[3]),
    "low": low,
    "high": high,
  }
  kernel = {"AVERAGE_POOL_2D": "pool_average", "MAX_POOL_2D": "pool_maximum"}
  return [calls.Call(kernel[name], "pool", fields)]


def reduce(name: str, operands: geometry.Operands) -> list[calls.Call]:
  """Returns the call for MEAN, REDUCE_MAX or REDUCE_MIN."""
  image, output = operands.inputs[0], operands.outputs[0]
  axes = geometry.axes(operands)
  first, end = min(axes, default=0), max(axes, default=-1) + 1
  # Axes of one element may stand between.
  between = [a for a in range(first, end) if a not in axes]
  if any(image.shape[axis] > 1 for axis in between):
    raise ValueError(
      f"reduces over axes {list(axes)}, between which is another"
    )
  count = int(np.prod(image.shape[first:end]))
  (scale, zero), (out_scale, out_zero) = image.grid, output.grid
  multiplier, shift = requantize.bounded_factor(scale / out_scale)
  if name == "MEAN":
    # 1 / count goes into the multiplier, without rounding.
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    multiplier, shift = (multiplier << bits) // count, shift - bits
  elif image.grid != output.grid:
    raise ValueError("has an output of another scale or zero point")
  fields = {
    "input": calls.Place(image.index),
    "output": calls.Place(output.index),
    "outer": int(np.prod(image.shape[:first])),
    "count": count,
    "inner": int(np.prod(image.shape[end:])),
    "multiplier": multiplier,
    "shift": shift,
    "input_zero": zero,
    "output_zero": out_zero,
  }
  kernels = {
    "MEAN": "average",
    "REDUCE_MAX": "reduce_maximum",
    "REDUCE_MIN": "reduce_minimum",
  }
  return [calls.Call(kernels[name], "reduction", fields)]


def strides(shape: Sequence[int]) -> list[int]:
  """Returns bytes from one index to the next, per axis."""
  return [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]


def _four(values: Sequence[int], front: int) -> list[int]:
  """Returns values with some in front, so that there are four."""
  if len(values) > _AXES:
    raise ValueError(f"has {len(values)} axes; {_AXES} is the most")
  return [front] * (_AXES - len(values)) + [*values]


def copy(
  source: Any,
  output: Any,
  size: Sequence[int],
  steps: Sequence[int],
  to: Sequence[int],
) -> calls.Call:
  """Returns the call that moves a box of codes, of at most four axes.

  Args:
    source: the place of its first code.
    output: where that goes.
    size: of the box, per axis.
    steps: from one index to the next where it is, in bytes.
    to: the same where it goes.
  """
  fields = {
    "input": source,
    "output": output,
    "size": _four(size, 1),
    "from": _four(steps, 0),
    "to": _four(to, 0),
  }
  return calls.Call("copy", "box", fields)


def check_same_grid(operands: geometry.Operands, *others: Any) -> None:
  """Raises ValueError if inputs have another grid than the output."""
  for tensor in (operands.inputs[0], *others):
    if tensor.grid != operands.outputs[0].grid:
      raise ValueError("moves codes to another scale or zero point")


def fill(tensor: tensors.Tensor, value: int) -> calls.Call:
  """Returns the call that makes all codes of a tensor one value."""
  fields = {
    "output": calls.Place(tensor.index),
    "value": value,
    "size": tensor.size,
  }
  return calls.Call("fill", "", fields)


def pad(operands: geometry.Operands) -> list[calls.Call]:
  """Returns the calls for PAD and PADV2."""
  image, margins = operands.inputs[:2]
  output = operands.outputs[0]
  value = output.grid[1]
  if len(operands.inputs) > 2:
    if operands.inputs[2] is None or operands.inputs[2].data is None:
      raise ValueError("pads with what is no constant")
    value = int(operands.inputs[2].data.reshape(-1)[0])
  check_same_grid(operands)
  to = strides(output.shape)
  offset = int(np.dot(to, margins.data[:, 0]))
  return [
    fill(output, value),
    copy(
      calls.Place(image.index),
      calls.Place(output.index, offset),
      image.shape,
      strides(image.shape),
      to,
    ),
  ]


def concatenate(operands: geometry.Operands) -> list[calls.Call]:
  """Returns the calls for CONCATENATION, one per input."""
  output = operands.outputs[0]
  if operands.options["activation"] != "NONE":
    raise ValueError("has a fused activation, which TFLite Micro does not run")
  check_same_grid(operands, *operands.inputs)
  axis = operands.options["axis"] % len(output.shape)
  to = strides(output.shape)
  result, start = [], 0
  for tensor in operands.inputs:
    place = calls.Place(output.index, start * to[axis])
    source = calls.Place(tensor.index)
    result.append(copy(source, place, tensor.shape, strides(tensor.shape), to))
    start += tensor.shape[axis]
  return result


def strided_slice(operands: geometry.Operands) -> list[calls.Call]:
  """Returns the call for STRIDED_SLICE."""
  image, *bounds = operands.inputs
  options = operands.options
  if any(b is None or b.data is None for b in bounds) or len(bounds) != 3:
    raise ValueError("has bounds that are no constants")
  if options["ellipsis_mask"] or options["new_axis_mask"]:
    raise ValueError("has an ellipsis or new axes")
  check_same_grid(operands)
  from_bytes = strides(image.shape)
  size, steps, offset = [], [], 0
  columns = [b.data.reshape(-1).tolist() for b in bounds]
  for axis, (begin, end, step) in enumerate(zip(*columns, strict=True)):
    bit = 1 << axis
    if options["shrink_axis_mask"] & bit:
      begin %= image.shape[axis]
      end, step = begin + 1, 1
    elif step < 1:
      raise ValueError(f"has the step {step}")
    else:
      begin = None if options["begin_mask"] & bit else begin
      end = None if options["end_mask"] & bit else end
    indices = range(image.shape[axis])[begin:end:step]
    size.append(len(indices))
    steps.append(step * from_bytes[axis])
    offset += indices.start * from_bytes[axis]
  output = operands.outputs[0]
  if int(np.prod(size)) != output.size:
    raise ValueError(f"makes {output.size} elements of {size}")
  source = calls.Place(image.index, offset)
  place = calls.Place(output.index)
  return [copy(source, place, size, steps, strides(size))]


def reshape(operands: geometry.Operands) -> list[calls.Call]:
  """Returns the call for a RESHAPE that is not only another name."""
  image, output = operands.inputs[0], operands.outputs[0]
  check_same_grid(operands)
  place = calls.Place(output.index)
  return [copy(calls.Place(image.index), place, [image.size], [1], [1])]
