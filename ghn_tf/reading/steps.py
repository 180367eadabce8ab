# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a layer does, as steps that know the values that they read.

A step is made of a configuration alone, so that what is wrong with that is told
even of layers behind one that is not understood.
"""

from collections.abc import Callable, Sequence
import math
from typing import Any, NamedTuple

from ghn_tf.arch import ops
from ghn_tf.reading import assembly
from ghn_tf.reading import records

Values = Sequence[assembly.Value]
_Place = Callable[[assembly.Assembly, Values], assembly.Value]

# Of `assembly.Pending`: of what comes behind, only what moves values takes it.
PROBABILITIES = "probabilities"
NO_PROBABILITIES = "without its probabilities, as networks end at logits"


class Step(NamedTuple):
  """One thing that a layer does.

  Attributes:
    place: appends its nodes to an assembly and returns what they give; may
      raise `records.ReadingError`.
    takes: of `assembly.Pending` what it may read.
  """

  place: _Place
  takes: tuple[str, ...] = ()


def only(values: Values) -> assembly.Value:
  """Returns the one value that is read; raises ReadingError of several."""
  if len(values) != 1:
    raise records.ReadingError(
      f"reads {len(values)} tensors, expected one", "merge them before it"
    )
  return values[0]


def rank(value: assembly.Value, expected: int) -> None:
  """Raises ReadingError unless a value has so many axes."""
  if len(value.shape) != expected:
    raise records.ReadingError(
      f"reads a tensor of shape {list(value.shape)}, expected one of"
      f" {expected} axes besides the batch"
    )


def elementwise(op: ops.Op, **attributes: Any) -> Step:
  """Returns an operation of each value or channel by itself."""

  def place(a: assembly.Assembly, values: Values) -> assembly.Value:
    value = only(values)
    return a.add(op, [value], **attributes)._replace(shape=value.shape)

  return Step(place)


def window(op: ops.Op, dimensions: int, **attributes: Any) -> Step:
  """Returns a convolution or a pool.

  Args:
    op: the operation.
    dimensions: of the windows, 1 or 2; a network of one has images of height 1.
    **attributes: of `ops.Layer`.
  """

  def place(a: assembly.Assembly, values: Values) -> assembly.Value:
    value = only(values)
    rank(value, dimensions + 1)
    if len(a.node_shape(value)) == 3:
      result = a.add(op, [value], **attributes)
      return result._replace(shape=result.shape[2 - dimensions :])
    return _on_a_pixel(a, value, op, attributes)

  return Step(place)


def convolution(dimensions: int, groups: int, **attributes: Any) -> Step:
  """Returns a convolution of groups of channels, or of all; see `window`."""

  def place(a: assembly.Assembly, values: Values) -> assembly.Value:
    channels = only(values).shape[-1]
    down, across = attributes["strides"]
    if groups == 1:
      step = window(ops.Op.CONV, dimensions, **attributes)
    elif groups == channels == attributes["filters"] and down == across:
      own = {k: v for k, v in attributes.items() if k != "filters"}
      step = window(ops.Op.DEPTHWISE_CONV, dimensions, **own)
    else:
      step = window(
        ops.Op.GROUPED_CONV, dimensions, groups=groups, **attributes
      )
    return step.place(a, values)

  return Step(place)


def _on_a_pixel(
  a: assembly.Assembly,
  value: assembly.Value,
  op: ops.Op,
  attributes: dict[str, Any],
) -> assembly.Value:
  """Returns what a window makes of a vector that is a pixel to the model."""
  single = attributes["kernel"] == (1, 1)
  if op is ops.Op.CONV and single:
    result = a.add(
      ops.Op.DENSE,
      [value],
      filters=attributes["filters"],
      use_bias=attributes["use_bias"],
    )
    return result._replace(shape=(*value.shape[:-1], *result.shape))
  pools = op in (ops.Op.MAX_POOL, ops.Op.AVG_POOL)
  if pools and (single or attributes["padding"] == "same"):
    return value
  raise records.ReadingError(
    f"has the window {attributes['kernel']} on a single pixel",
    "use a Conv2D of one group with a 1x1 window there, or a Dense",
  )


def margins(op: ops.Op, dimensions: int, sizes: tuple[int, ...]) -> Step:
  """Returns padding or cropping by top, bottom, left and right sizes."""

  def place(a: assembly.Assembly, values: Values) -> assembly.Value:
    value = only(values)
    rank(value, dimensions + 1)
    if len(a.node_shape(value)) != 3:
      raise records.ReadingError(
        "changes the size of what was averaged to a single pixel",
        "put it before the pool",
      )
    result = a.add(op, [value], margins=sizes)
    return result._replace(shape=result.shape[2 - dimensions :])

  return Step(place)


def global_pool(op: ops.Op, dimensions: int, keepdims: bool) -> Step:
  """Returns a pool over all positions."""

  def place(a: assembly.Assembly, values: Values) -> assembly.Value:
    value = only(values)
    rank(value, dimensions + 1)
    result = value
    if len(a.node_shape(value)) == 3:
      result = a.add(op, [value])
    ones = (1,) * dimensions if keepdims else ()
    return result._replace(shape=(*ones, value.shape[-1]))

  return Step(place)


def dense(units: int, use_bias: bool) -> Step:
  """Returns a dense layer; on images it is a 1x1 convolution."""
  attributes = {"filters": units, "use_bias": use_bias}

  def place(a: assembly.Assembly, values: Values) -> assembly.Value:
    value = only(values)
    if len(a.node_shape(value)) == 1:
      result = a.add(ops.Op.DENSE, [value], **attributes)
    else:
      result = a.add(ops.Op.CONV, [value], **attributes)
    return result._replace(shape=(*value.shape[:-1], units))

  return Step(place)


def merge(op: ops.Op) -> Step:
  """Returns an operation of two tensors of one shape; of more, a chain."""

  def place(a: assembly.Assembly, values: Values) -> assembly.Value:
    if any(value.shape != values[0].shape for value in values):
      raise records.ReadingError(
        f"reads tensors of the shapes {[list(v.shape) for v in values]},"
        " expected one shape",
        "bring them to one shape before, as by a 1x1 convolution",
      )
    result, *others = a.alike(values)
    for other in others:
      result = a.add(op, [result, other])._replace(shape=values[0].shape)
    return result

  return Step(place)


def extreme(sign: int) -> Step:
  """Returns the greatest of tensors of one shape; the least if sign is -1.

  Of two it is x + relu(y - x) or x - relu(x - y).
  """
  relu = elementwise(ops.Op.RELU)
  subtract = merge(ops.Op.SUBTRACT)
  last = merge(ops.Op.ADD if sign > 0 else ops.Op.SUBTRACT)

  def place(a: assembly.Assembly, values: Values) -> assembly.Value:
    result, *others = values
    for other in others:
      pair = (other, result) if sign > 0 else (result, other)
      more = relu.place(a, [subtract.place(a, pair)])
      result = last.place(a, [result, more])
    return result

  return Step(place)


def repeated(number: int) -> Step:
  """Returns an image with its channels several times."""

  def place(a: assembly.Assembly, values: Values) -> assembly.Value:
    value = only(values)
    if value.shape[-1] != 1:
      a.note("the channels that it gives are in another order")
    result = a.add(ops.Op.CONCAT, [value] * number)
    return result._replace(shape=(*value.shape[:-1], result.shape[-1]))

  return Step(place)


def concatenate(axis: int) -> Step:
  """Returns a concatenation over channels."""

  def place(a: assembly.Assembly, values: Values) -> assembly.Value:
    channels_alone(axis, values[0])
    result = a.add(ops.Op.CONCAT, a.alike(values))
    return result._replace(shape=(*values[0].shape[:-1], result.shape[-1]))

  return Step(place)


def channels_alone(axes: int | Sequence[int], value: assembly.Value) -> None:
  """Raises ReadingError unless axes are that of the channels alone."""
  # Keras counts the batch as axis 0.
  axes = (axes,) if isinstance(axes, int) else tuple(axes)
  if axes not in ((-1,), (len(value.shape),)):
    raise records.ReadingError(
      f"axis={axes} is not the last axis alone",
      "use axis=-1, the channels",
    )


def batch_norm(axes: int | Sequence[int], epsilon: float, lacks: str) -> Step:
  """Returns a BatchNorm over the channels; `lacks` names what it has not."""

  def place(a: assembly.Assembly, values: Values) -> assembly.Value:
    value = only(values)
    channels_alone(axes, value)
    if lacks:
      a.note(f"predicted with {lacks} too")
    result = a.add(ops.Op.BATCH_NORM, [value], epsilon=epsilon)
    return result._replace(shape=value.shape)

  return Step(place)


def reshape(target: Sequence[int] | None) -> Step:
  """Returns a reshape to this shape without the batch; None for a vector."""

  def place(a: assembly.Assembly, values: Values) -> assembly.Value:
    value = only(values)
    new = _resolved(value, (-1,) if target is None else target)
    if new == value.shape:
      return value
    pending = value.pending
    if pending and math.prod(new) != value.shape[-1]:
      raise records.ReadingError(
        f"reads what {pending.layer!r} made {pending.what} of",
        "put it before that",
      )
    # Rows of an image are no vector yet, and any others may be images.
    if value.is_image and len(new) > 1:
      return value._replace(shape=new)
    if len(new) == 1:
      if value.is_image and len(value.shape) == 2:
        # [H, W], as of MNIST: all of it alike, so that it is a gray image.
        value = value._replace(shape=(*value.shape, 1))
      return a.flat(value)
    node_shape = a.node_shape(value)
    is_pixel = new == (*[1] * (len(new) - 1), node_shape[-1])
    if new == node_shape or (len(node_shape) == 1 and is_pixel):
      return value._replace(shape=new)
    if node_shape == (1, *new):
      return value._replace(shape=new)
    raise records.ReadingError(
      f"brings {list(value.shape)} to {list(new)}",
      "make a vector of it, or a pixel of a vector: all else would move the"
      " channels",
    )

  return Step(place, (PROBABILITIES,))


def _resolved(value: assembly.Value, target: Sequence[int]) -> tuple[int, ...]:
  """Returns a target shape with its -1 replaced."""
  if None in value.shape:
    raise records.ReadingError(
      f"reads a tensor of shape {list(value.shape)}",
      "give the input a fixed size, as in keras.Input((32, 32, 3))",
    )
  size = math.prod(s for s in value.shape if s is not None)
  known = math.prod(s for s in target if s != -1)
  rest = size // known if known > 0 else 0
  new = tuple(rest if s == -1 else s for s in target)
  if min(new, default=0) < 1 or math.prod(new) != size:
    raise records.ReadingError(
      f"cannot bring {list(value.shape)} to {list(target)}",
      "make the sizes agree",
    )
  return new


def passing(layer: str) -> Step:
  """Returns what does something in training alone; a model keeps it there."""

  def place(a: assembly.Assembly, values: Values) -> assembly.Value:
    del a
    value = only(values)
    return value._replace(passed=(*value.passed, layer))

  return Step(place, (PROBABILITIES,))


def nothing(note: str = "") -> Step:
  """Returns what does nothing at all, and why that is so."""

  def place(a: assembly.Assembly, values: Values) -> assembly.Value:
    if note:
      a.note(note)
    value = only(values)
    return value

  return Step(place, (PROBABILITIES,))


def probabilities(layer: str, axes: int | Sequence[int] = -1) -> Step:
  """Returns what makes probabilities of logits, which goes only at the end."""

  def place(a: assembly.Assembly, values: Values) -> assembly.Value:
    value = only(values)
    channels_alone(axes, value)
    a.note(NO_PROBABILITIES)
    return value._replace(pending=assembly.Pending(layer, PROBABILITIES))

  return Step(place)


_FIRST = "put it first, or leave it out"
# Of a factor or an addend that is constant.
FOLDED = (
  f"{_FIRST}: fold it into the convolution or BatchNorm before it, whose"
  " params are predicted"
)


def absorbed(
  layer: str,
  size: tuple[int, int] | None = None,
  remedy: str = _FIRST,
) -> Step:
  """Returns what the image alone may pass.

  Args:
    layer: its name.
    size: height and width that it gives the image; None to keep them.
    remedy: where something else than the image passes.
  """

  def place(a: assembly.Assembly, values: Values) -> assembly.Value:
    value = only(values)
    if not value.is_image:
      raise records.ReadingError(
        "stands behind other layers, where it has another meaning than at the"
        " input",
        remedy,
      )
    if size is None:
      return value._replace(absorbed=(*value.absorbed, layer))
    rank(value, 3)
    a.note(f"give the network images of {size[0]} x {size[1]}")
    return value._replace(
      absorbed=(*value.absorbed, layer), shape=(*size, value.shape[2])
    )

  return Step(place)
