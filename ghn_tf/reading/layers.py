# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Readers of Keras's layers: what each does, from its configuration alone."""

from collections.abc import Callable
from typing import Any

from ghn_tf.arch import ops
from ghn_tf.reading import activations
from ghn_tf.reading import gates
from ghn_tf.reading import records
from ghn_tf.reading import steps

Reader = Callable[[records.Call], list[steps.Step]]
_MAX_MULTIPLIER = 64


def _require(config: records.Config, remedy: str, **expected: Any) -> None:
  for key, value in expected.items():
    if key in config and config[key] != value:
      raise records.ReadingError(
        f"{key}={records.show(config[key])} is not supported, only {value!r}",
        remedy,
      )


def _sizes(
  config: records.Config,
  key: str,
  dimensions: int,
  default: int | None = None,
  before: int = 1,
) -> tuple[int, int]:
  """Returns vertical and horizontal sizes; `before` those of dimension 1."""
  sizes = config.integers(key, dimensions, default)
  return (before, sizes[0]) if dimensions == 1 else (sizes[0], sizes[1])


def _window(
  config: records.Config, size_key: str, dimensions: int
) -> dict[str, Any]:
  kernel = _sizes(config, size_key, dimensions)
  strides = kernel
  if config.get("strides") is not None:  # a pool's are those of its window
    strides = _sizes(config, "strides", dimensions, 1)
  return {
    "kernel": kernel,
    # An image of height 1 has one place for a window, whatever the stride.
    "strides": strides if dimensions == 2 else (strides[1], strides[1]),
    "padding": config.text("padding", "valid"),
  }


def _dilation(config: records.Config, dimensions: int) -> int:
  rates = config.integers("dilation_rate", dimensions, 1)
  if len(set(rates)) > 1:
    raise records.ReadingError(
      f"dilation_rate={rates} is not supported, only equal rates",
      "use the same rate in both directions",
    )
  return rates[0]


def _convolution(
  call: records.Call, dimensions: int
) -> tuple[list[steps.Step], dict[str, Any]]:
  """Returns what comes before a convolution, and its attributes."""
  config = call.config
  attributes = _window(config, "kernel_size", dimensions)
  attributes["dilation"] = _dilation(config, dimensions)
  if attributes["padding"] != "causal" or dimensions == 2:
    return [], attributes
  attributes["padding"] = "valid"
  reach = (attributes["kernel"][1] - 1) * attributes["dilation"]
  if not reach:
    return [], attributes
  return [steps.margins(ops.Op.ZERO_PAD, 1, (0, 0, reach, 0))], attributes


def conv(dimensions: int) -> Reader:
  """Returns the reader of Conv2D or Conv1D."""

  def read(call: records.Call) -> list[steps.Step]:
    config = call.config
    before, attributes = _convolution(call, dimensions)
    attributes["filters"] = config.integer("filters")
    attributes["use_bias"] = config.flag("use_bias", True)
    return [
      *before,
      steps.convolution(dimensions, config.integer("groups", 1), **attributes),
      *activations.read(call),
    ]

  return read


def _repeated(config: records.Config) -> list[steps.Step]:
  """Returns what gives a depthwise kernel several outputs of each channel."""
  number = config.integer("depth_multiplier", 1)
  if not 1 <= number <= _MAX_MULTIPLIER:
    raise records.ReadingError(
      f"depth_multiplier={number} is not supported, only 1 to"
      f" {_MAX_MULTIPLIER}",
      "use a Conv2D",
    )
  return [steps.repeated(number)] if number > 1 else []


def depthwise_conv(dimensions: int) -> Reader:
  """Returns the reader of DepthwiseConv2D or DepthwiseConv1D."""

  def read(call: records.Call) -> list[steps.Step]:
    config = call.config
    before, attributes = _convolution(call, dimensions)
    attributes["use_bias"] = config.flag("use_bias", True)
    return [
      *before,
      *_repeated(config),
      steps.window(ops.Op.DEPTHWISE_CONV, dimensions, **attributes),
      *activations.read(call),
    ]

  return read


def separable_conv(dimensions: int) -> Reader:
  """Returns the reader of SeparableConv2D or SeparableConv1D."""

  def read(call: records.Call) -> list[steps.Step]:
    config = call.config
    before, attributes = _convolution(call, dimensions)
    pointwise = {
      "filters": config.integer("filters"),
      "use_bias": config.flag("use_bias", True),
    }
    return [
      *before,
      *_repeated(config),
      steps.window(ops.Op.DEPTHWISE_CONV, dimensions, **attributes),
      steps.window(ops.Op.CONV, dimensions, kernel=(1, 1), **pointwise),
      *activations.read(call),
    ]

  return read


def dense(call: records.Call) -> list[steps.Step]:
  """Reads Dense."""
  units, use_bias = (
    call.config.integer("units"),
    call.config.flag("use_bias", True),
  )
  return [
    steps.dense(units, use_bias),
    *activations.read(call),
  ]


def batch_norm(call: records.Call) -> list[steps.Step]:
  """Reads BatchNormalization."""
  config = call.config
  _require(config, "leave it out", renorm=False)
  axes = config.get("axis", -1)
  if type(axes) is not int:
    axes = records.integers(
      axes, "axis", len(axes) if isinstance(axes, list | tuple) else 1
    )
  names = {"scale": "a scale", "center": "an offset"}
  lacks = [told for key, told in names.items() if not config.flag(key, True)]
  epsilon = config.number("epsilon", 1e-3)
  return [steps.batch_norm(axes, epsilon, " and ".join(lacks))]


def activation(call: records.Call) -> list[steps.Step]:
  """Reads Activation."""
  return activations.read(call)


def relu(call: records.Call) -> list[steps.Step]:
  """Reads ReLU."""
  return activations.relu(call.config)


def prelu(call: records.Call) -> list[steps.Step]:
  """Reads PReLU."""
  return activations.prelu(call.config)


def hard_sigmoid(call: records.Call) -> list[steps.Step]:
  """Reads HardSigmoid, which `child.keras_io` makes."""
  slope = call.config.number("slope", 0.0)
  return [steps.elementwise(ops.Op.HARD_SIGMOID, slope=slope)]


def softmax(call: records.Call) -> list[steps.Step]:
  """Reads Softmax."""
  return activations.softmax(call.config, call.name)


def pool(op: ops.Op, dimensions: int) -> Reader:
  """Returns the reader of a pool."""

  def read(call: records.Call) -> list[steps.Step]:
    window = _window(call.config, "pool_size", dimensions)
    return [steps.window(op, dimensions, **window)]

  return read


def global_pool(op: ops.Op, dimensions: int) -> Reader:
  """Returns the reader of a pool over all positions."""

  def read(call: records.Call) -> list[steps.Step]:
    keepdims = call.config.flag("keepdims", False)
    return [steps.global_pool(op, dimensions, keepdims)]

  return read


def margins(op: ops.Op, key: str, dimensions: int) -> Reader:
  """Returns the reader of ZeroPadding and Cropping."""

  def read(call: records.Call) -> list[steps.Step]:
    value = call.config.get(key, 1)
    if dimensions == 1:
      sizes = (0, 0, *records.integers(value, key, 2))
    else:
      pair = (value, value) if type(value) is int else value
      if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise records.ReadingError(
          f"{key}={records.show(value)}, expected two pairs of integers",
          f"give {key}=((1, 1), (1, 1))",
        )
      rows, columns = (records.integers(ends, key, 2) for ends in pair)
      sizes = (*rows, *columns)
    if not any(sizes):
      return [steps.nothing()]
    return [steps.margins(op, dimensions, sizes)]

  return read


def multiply(call: records.Call) -> list[steps.Step]:
  """Reads Multiply, which gives vectors the axes that they lack."""
  del call
  return [gates.multiply(takes_vectors=True)]


def merge(op: ops.Op) -> Reader:
  """Returns the reader of a layer of several tensors of one shape."""
  return lambda call: [steps.merge(op)]


def extreme(sign: int) -> Reader:
  """Returns the reader of Maximum, or of Minimum with a sign of -1."""
  return lambda call: [steps.extreme(sign)]


def concatenate(call: records.Call) -> list[steps.Step]:
  """Reads Concatenate."""
  return [steps.concatenate(call.config.integer("axis", -1))]


def flatten(call: records.Call) -> list[steps.Step]:
  """Reads Flatten."""
  del call
  return [steps.reshape(None)]


def reshape(call: records.Call) -> list[steps.Step]:
  """Reads Reshape."""
  target = call.config.get("target_shape")
  if type(target) is int:
    target = (target,)
  length = len(target) if isinstance(target, list | tuple) else 1
  return [steps.reshape(records.integers(target, "target_shape", length))]


def for_training(call: records.Call) -> list[steps.Step]:
  """Reads what does something in training alone."""
  return [steps.passing(call.name)]


def absorbed(call: records.Call) -> list[steps.Step]:
  """Reads what the image alone may pass."""
  return [steps.absorbed(call.name)]


def rescaled(call: records.Call) -> list[steps.Step]:
  """Reads a scale or an offset that the image alone may pass."""
  return [steps.absorbed(call.name, remedy=steps.FOLDED)]


def resized(call: records.Call) -> list[steps.Step]:
  """Reads what the image alone may pass, and gets another size by."""
  size = call.config.integer("height"), call.config.integer("width")
  return [steps.absorbed(call.name, size)]
