# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Functions of TensorFlow and operations of Keras 3 in functional models."""

from collections.abc import Callable, Sequence
import functools
import math
from typing import Any

from ghn_tf.arch import ops
from ghn_tf.reading import activations
from ghn_tf.reading import assembly
from ghn_tf.reading import channels
from ghn_tf.reading import gates
from ghn_tf.reading import records
from ghn_tf.reading import steps

Reader = Callable[[records.Call], list[steps.Step]]

# Names of the second operand of a function of two.
_SECOND = ("y", "x2", "b", "value", "bias")


def _operands(call: records.Call) -> list[Any]:
  """Returns both operands of a function of two, tensors and constants."""
  second = [call.options[key] for key in _SECOND if key in call.options]
  operands = [*call.arguments, *second]
  if len(operands) == 1 and isinstance(operands[0], list):
    operands = operands[0]
  return operands


def _option(call: records.Call, key: str, position: int, default: Any) -> Any:
  """Returns an argument of a function, or what its operation is made of."""
  if key in call.options:
    return call.options[key]
  if len(call.arguments) > position:
    return call.arguments[position]
  return call.config.get(key, default)


def arithmetic(
  merge: steps.Step | None, sign: int = 0, power: int = 0
) -> Reader:
  """Returns the reader of a function of two operands.

  Args:
    merge: what it is of two tensors; None if that is not supported.
    sign: of a constant that it adds.
    power: of a constant that it multiplies by.
  """

  def read(call: records.Call) -> list[steps.Step]:
    operands = _operands(call)
    tensors = [o for o in operands if isinstance(o, records.Output)]
    if len(tensors) >= 2:
      if merge is None:
        raise records.ReadingError(
          "its two tensors are not supported",
          "use Add, Multiply or Concatenate",
        )
      return [merge]
    constants = [o for o in operands if not isinstance(o, records.Output)]
    value = constants[0] if len(constants) == 1 else None
    if (
      isinstance(value, bool) or not isinstance(value, int | float) or not value
    ):
      return [gates.constant(call.name, None, None)]
    if not math.isfinite(value):
      raise records.ReadingError(f"its constant is {value}", "leave it out")
    addend = sign * value if sign else None
    factor = value**power if power else None
    return [gates.constant(call.name, addend, factor)]

  return read


def of_tensors(step: steps.Step) -> Reader:
  """Returns the reader of a function of two tensors, neither a constant."""

  def read(call: records.Call) -> list[steps.Step]:
    if not all(isinstance(own, records.Output) for own in _operands(call)):
      raise records.ReadingError(
        "it reads a constant", "use an activation, such as ReLU"
      )
    return [step]

  return read


def mean(op: ops.Op) -> Reader:
  """Returns the reader of a reduction over all positions."""

  def read(call: records.Call) -> list[steps.Step]:
    axes = _option(call, "axis", 1, None)
    keepdims = _option(call, "keepdims", 2, False)
    axes = list(axes) if isinstance(axes, list | tuple) else [axes]
    if not all(type(axis) is int for axis in axes):
      raise records.ReadingError(
        f"axis={records.show(axes)} is not over all positions",
        "use axis=[1, 2] on images",
      )

    def place(a: assembly.Assembly, values: steps.Values) -> assembly.Value:
      value = steps.only(values)
      dimensions = len(value.shape) - 1
      over = sorted(axis % (dimensions + 2) for axis in axes)
      if over != list(range(1, dimensions + 1)):
        raise records.ReadingError(
          f"axis={axes} is not over all positions of a tensor of shape"
          f" {list(value.shape)}",
          "use axis=[1, 2] on images",
        )
      pool = steps.global_pool(op, dimensions, bool(keepdims))
      return pool.place(a, values)

    return [steps.Step(place)]

  return read


def concat(call: records.Call) -> list[steps.Step]:
  """Reads a concatenation."""
  axis = _option(call, "axis", 1, -1)
  if type(axis) is not int:
    raise records.ReadingError(f"axis={records.show(axis)} is not an integer")
  return [steps.concatenate(axis)]


def activation(name: str) -> Reader:
  """Returns the reader of an activation; see `activations.of_name`."""
  return lambda call: activations.of_name(name, call.name)


def nothing(call: records.Call) -> list[steps.Step]:
  """Reads what does nothing."""
  del call
  return [steps.nothing()]


def reversal(call: records.Call) -> list[steps.Step]:
  """Reads x[..., ::-1], channels in another order, which the image may pass.

  Of x[..., 0] and the others the image may be put together again. Slices of
  other steps, or of a part, would give an image of another shape.
  """
  parts = _option(call, "slice_spec", 1, None)
  parts = parts if isinstance(parts, list | tuple) else [parts]
  if len(parts) == 2 and _is_ellipsis(parts[0]) and type(parts[1]) is int:
    return [channels.channel(call.name, parts[1])]
  for part in parts:
    kind, ends = None, part
    if isinstance(part, dict):
      kind = part.get("class_name")
      ends = part.get("config") if kind == "__slice__" else part
    is_whole = isinstance(ends, dict) and (
      ends.get("start", 0) is None
      and ends.get("stop", 0) is None
      and ends.get("step", 0) in (None, 1, -1)
    )
    if not _is_ellipsis(part) and not is_whole:
      raise records.ReadingError(
        "it takes a part of what it reads, or adds an axis",
        "use Cropping2D for fewer positions, a 1x1 Conv2D for fewer channels,"
        " Reshape for an axis",
      )
  return [steps.absorbed(call.name)]


def _is_ellipsis(part: Any) -> bool:
  is_object = isinstance(part, dict)
  return part is Ellipsis or (
    is_object and part.get("class_name") == "__ellipsis__"
  )


def stack(call: records.Call) -> list[steps.Step]:
  """Reads the channels of the image put together again, in any order."""
  axis = _option(call, "axis", 1, 0)
  if axis not in (-1, 3):
    raise records.ReadingError(
      f"axis={records.show(axis)} makes a new axis", "use Concatenate"
    )
  return [channels.stacked(call.name)]


def reshape(call: records.Call) -> list[steps.Step]:
  """Reads a reshape, whose target has the batch for its first axis."""
  target = _option(call, "newshape", 1, call.options.get("shape"))
  if (
    not isinstance(target, list | tuple)
    or not target
    or not all(type(size) is int or size is None for size in target)
  ):
    raise records.ReadingError(
      f"has the shape {records.show(target)}, expected integers",
      "use keras.layers.Reshape or Flatten",
    )
  sizes = [-1 if size is None else int(size) for size in target[1:]]
  return [steps.reshape(sizes)]


def _axes(call: records.Call) -> Sequence[int]:
  axes = _option(call, "axis", 1, None)
  axes = list(axes) if isinstance(axes, list | tuple) else [axes]
  if not all(type(axis) is int for axis in axes):
    raise records.ReadingError(
      f"axis={records.show(axes)}, expected integers", "name the axes"
    )
  return axes


def squeeze(call: records.Call) -> list[steps.Step]:
  """Reads what drops axes of size 1."""
  axes = _axes(call)

  def place(a: assembly.Assembly, values: steps.Values) -> assembly.Value:
    shape = (0, *steps.only(values).shape)
    drop = {axis % len(shape) for axis in axes}
    new = [size for axis, size in enumerate(shape) if axis not in drop]
    if 0 in drop or any(shape[axis] != 1 for axis in drop):
      raise records.ReadingError(f"drops axes {sorted(drop)} of {list(shape)}")
    return steps.reshape([-1 if s is None else s for s in new[1:]]).place(
      a, values
    )

  return [steps.Step(place)]


@functools.cache
def all_kinds() -> dict[str, tuple[str, Reader]]:
  """Returns the functions that are understood, by kind: meaning and reader."""
  add = arithmetic(steps.merge(ops.Op.ADD), sign=1)
  average = mean(ops.Op.GLOBAL_AVG_POOL)
  meanings: dict[str, tuple[str, Reader, Sequence[str]]] = {
    "add; with a constant at the input alone, or in relu6(x + 3) / 6": (
      "add",
      add,
      ("tf.__operators__.add", "tf.math.add", "tf.add", "ops.Add"),
    ),
    "multiply; with a constant as above": (
      "multiply",
      # Of batches [N, H, W, C] and [N, C] they take N for W.
      arithmetic(gates.multiply(takes_vectors=False), power=1),
      ("tf.math.multiply", "ops.Multiply"),
    ),
    "with a constant as above": (
      "divide",
      arithmetic(None, power=-1),
      ("tf.math.truediv", "tf.math.divide", "ops.Divide", "ops.TrueDivide"),
    ),
    "subtract; at the input, with a constant, absorbed": (
      "subtract",
      arithmetic(steps.merge(ops.Op.SUBTRACT)),
      ("tf.math.subtract", "tf.__operators__.sub", "ops.Subtract"),
    ),
    "absorbed at the input, with a constant": (
      "arithmetic",
      arithmetic(None),
      ("tf.nn.bias_add",),
    ),
    "subtract, relu, add; of tensors alone": (
      "maximum",
      of_tensors(steps.extreme(1)),
      ("tf.math.maximum", "tf.maximum", "ops.Maximum"),
    ),
    "subtract, relu, subtract; of tensors alone": (
      "minimum",
      of_tensors(steps.extreme(-1)),
      ("tf.math.minimum", "tf.minimum", "ops.Minimum"),
    ),
    "of all, in another order: absorbed at the input": (
      "reversal",
      reversal,
      ("tf.__operators__.getitem", "ops.GetItem"),
    ),
    "all channels of the image, in any order: absorbed": (
      "stack",
      stack,
      ("tf.stack", "ops.Stack"),
    ),
    "nothing": (
      "nothing",
      nothing,
      ("tf.cast", "tf.identity", "ops.Cast", "ops.StopGradient"),
    ),
    "concat": ("concat", concat, ("tf.concat", "ops.Concatenate")),
    "global_avg_pool": (
      "mean",
      average,
      ("tf.math.reduce_mean", "ops.Mean"),
    ),
    "global_max_pool": (
      "max",
      mean(ops.Op.GLOBAL_MAX_POOL),
      ("tf.math.reduce_max", "ops.Max"),
    ),
    "leaky_relu": (
      "leaky_relu",
      activations.leaky_relu,
      ("tf.nn.leaky_relu", "ops.LeakyRelu"),
    ),
    "reshape": ("reshape", reshape, ("tf.reshape", "ops.Reshape")),
    "squeeze": ("squeeze", squeeze, ("tf.squeeze", "ops.Squeeze")),
  }
  found = {
    kind: (meaning, reader)
    for meaning, (_, reader, kinds) in meanings.items()
    for kind in kinds
  }
  for name, kinds in (
    ("relu", ("tf.nn.relu", "ops.Relu", "ops.ReLU")),
    ("relu6", ("tf.nn.relu6", "ops.Relu6")),
    ("softmax", ("tf.nn.softmax", "ops.Softmax")),
    ("sigmoid", ("tf.math.sigmoid", "tf.nn.sigmoid", "ops.Sigmoid")),
    ("swish", ("tf.nn.silu", "tf.nn.swish", "ops.Silu")),
    ("hard_swish", ("ops.HardSilu", "ops.HardSwish")),
  ):
    for kind in kinds:
      found[kind] = (name, activation(name))
  return found
