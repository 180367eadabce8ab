# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Operations to and from single Keras layers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tf_keras as keras

from ghn_tf.arch import ops

_layers = keras.layers
# An operation with its attributes, as `spec.Builder.add` takes them.
Operation = tuple[ops.Op, dict[str, Any]]
_Config = Mapping[str, Any]
_Shapes = Sequence[tuple[int, ...]]
# Takes the config of a layer and the shapes of its inputs.
_Reader = Callable[[_Config, _Shapes], list[Operation]]


class _UnsupportedError(ValueError):
  """Why a layer has no counterpart; `read` adds which layer it is."""


def _require(config: _Config, **expected: Any) -> None:
  for key, value in expected.items():
    if key in config and config[key] != value:
      raise _UnsupportedError(
        f"{key}={config[key]!r} is not supported, only {value!r}"
      )


def _activation(name: Any) -> list[Operation]:
  known: dict[str, list[Operation]] = {
    "linear": [],
    "relu": [(ops.Op.RELU, {})],
    "relu6": [(ops.Op.RELU6, {})],
  }
  # A function of the user's own has a config for a name.
  if not isinstance(name, str) or name not in known:
    hint = "; networks end at logits, so remove it" if name == "softmax" else ""
    raise _UnsupportedError(
      f"activation {name!r} is not supported, only {sorted(known)}{hint}"
    )
  return known[name]


def _window(config: _Config, size_key: str) -> dict[str, Any]:
  return {
    "kernel": tuple(config[size_key]),
    "strides": tuple(config["strides"]),
    "padding": config["padding"],
  }


def _read_convolution(op: ops.Op) -> _Reader:
  def read_config(config: _Config, shapes: _Shapes) -> list[Operation]:
    del shapes
    _require(config, groups=1, depth_multiplier=1)
    attributes = _window(config, "kernel_size")
    rows, columns = config["dilation_rate"]
    if rows != columns:
      raise _UnsupportedError(
        f"dilation_rate={(rows, columns)} is not supported, only equal rates"
      )
    attributes.update(dilation=rows, use_bias=config["use_bias"])
    if op is ops.Op.CONV:
      attributes["filters"] = config["filters"]
    return [(op, attributes), *_activation(config["activation"])]

  return read_config


def _read_dense(config: _Config, shapes: _Shapes) -> list[Operation]:
  del shapes
  attributes = {"filters": config["units"], "use_bias": config["use_bias"]}
  return [(ops.Op.DENSE, attributes), *_activation(config["activation"])]


def _read_batch_norm(config: _Config, shapes: _Shapes) -> list[Operation]:
  _require(config, center=True, scale=True)
  _check_last_axis(tuple(config["axis"]), shapes)
  return [(ops.Op.BATCH_NORM, {"epsilon": config["epsilon"]})]


def _read_relu(config: _Config, shapes: _Shapes) -> list[Operation]:
  del shapes
  _require(config, negative_slope=0.0, threshold=0.0)
  limit = config["max_value"]
  if limit not in (None, 6.0):
    raise _UnsupportedError(
      f"max_value={limit} is not supported, only None and 6.0"
    )
  return [(ops.Op.RELU if limit is None else ops.Op.RELU6, {})]


def _read_activation(config: _Config, shapes: _Shapes) -> list[Operation]:
  del shapes
  return _activation(config["activation"])


def _read_pool(op: ops.Op) -> _Reader:
  return lambda config, shapes: [(op, _window(config, "pool_size"))]


def _read_global_pool(config: _Config, shapes: _Shapes) -> list[Operation]:
  del shapes
  _require(config, keepdims=False)
  return [(ops.Op.GLOBAL_AVG_POOL, {})]


def _read_margins(op: ops.Op, key: str) -> _Reader:
  def read_config(config: _Config, shapes: _Shapes) -> list[Operation]:
    del shapes
    (top, bottom), (left, right) = config[key]
    return [(op, {"margins": (top, bottom, left, right)})]

  return read_config


def _read_concat(config: _Config, shapes: _Shapes) -> list[Operation]:
  _check_last_axis((config["axis"],), shapes)
  return [(ops.Op.CONCAT, {})]


def _check_last_axis(axes: tuple[int, ...], shapes: _Shapes) -> None:
  # Keras counts the batch as axis 0.
  if axes not in ((-1,), (len(shapes[0]),)):
    raise _UnsupportedError(f"axis={axes} is not the last axis alone")


# The supported layers. What does nothing at inference becomes no operation,
# and a sum of n tensors a chain of n - 1 additions.
_READERS: Mapping[type, _Reader] = {
  _layers.Conv2D: _read_convolution(ops.Op.CONV),
  _layers.DepthwiseConv2D: _read_convolution(ops.Op.DEPTHWISE_CONV),
  _layers.Dense: _read_dense,
  _layers.BatchNormalization: _read_batch_norm,
  _layers.ReLU: _read_relu,
  _layers.Activation: _read_activation,
  _layers.MaxPooling2D: _read_pool(ops.Op.MAX_POOL),
  _layers.AveragePooling2D: _read_pool(ops.Op.AVG_POOL),
  _layers.GlobalAveragePooling2D: _read_global_pool,
  _layers.Add: lambda config, shapes: [(ops.Op.ADD, {})] * (len(shapes) - 1),
  _layers.Concatenate: _read_concat,
  _layers.Flatten: lambda config, shapes: [(ops.Op.FLATTEN, {})],
  _layers.ZeroPadding2D: _read_margins(ops.Op.ZERO_PAD, "padding"),
  _layers.Cropping2D: _read_margins(ops.Op.CROP, "cropping"),
  _layers.Dropout: lambda config, shapes: [],
}


def check(layer: keras.layers.Layer) -> None:
  """Raises ValueError, naming the layer, unless its kind is supported."""
  if type(layer) not in _READERS:
    raise ValueError(
      f"Layer {layer.name!r} is a {type(layer).__name__}, which is not"
      " supported; supported are"
      f" {sorted(kind.__name__ for kind in _READERS)}."
    )


def read(
  layer: keras.layers.Layer, shapes: Sequence[tuple[int, ...]]
) -> list[Operation]:
  """Returns the operations in a row that a layer stands for.

  Args:
    layer: built, of a supported kind.
    shapes: of its inputs, without the batch dimension.

  Raises:
    ValueError: naming the layer whose attributes are not supported, and why.
  """
  kind = type(layer)
  config = layer.get_config()
  try:
    _require(config, data_format="channels_last")
    if layer.activity_regularizer is not None:
      raise _UnsupportedError(
        "an activity_regularizer is not supported, which TFMOT's wrappers would"
        " leave out; only regularizers of weights are"
      )
    return _READERS[kind](config, shapes)
  except _UnsupportedError as error:
    raise ValueError(
      f"Layer {layer.name!r} ({kind.__name__}): {error}."
    ) from error


def make(node: ops.Node, channels: int) -> keras.layers.Layer:
  """Returns the layer of a node, with the node's name; not for INPUT.

  Args:
    node: the node.
    channels: of its output.
  """
  # Whatever policy the user has set for other models: ranges need float32.
  layer, named = node.layer, {"name": node.name, "dtype": "float32"}
  window = {"strides": layer.strides, "padding": layer.padding, **named}
  convolution = {
    "kernel_size": layer.kernel,
    "dilation_rate": layer.dilation,
    "use_bias": layer.use_bias,
    **window,
  }
  top, bottom, left, right = layer.margins
  margins = ((top, bottom), (left, right))
  match node.op:
    case ops.Op.CONV:
      return _layers.Conv2D(channels, **convolution)
    case ops.Op.DEPTHWISE_CONV:
      return _layers.DepthwiseConv2D(**convolution)
    case ops.Op.DENSE:
      return _layers.Dense(channels, use_bias=layer.use_bias, **named)
    case ops.Op.BATCH_NORM:
      return _layers.BatchNormalization(epsilon=layer.epsilon, **named)
    case ops.Op.RELU:
      return _layers.ReLU(**named)
    case ops.Op.RELU6:
      return _layers.ReLU(6.0, **named)
    case ops.Op.MAX_POOL:
      return _layers.MaxPooling2D(layer.kernel, **window)
    case ops.Op.AVG_POOL:
      return _layers.AveragePooling2D(layer.kernel, **window)
    case ops.Op.GLOBAL_AVG_POOL:
      return _layers.GlobalAveragePooling2D(**named)
    case ops.Op.ADD:
      return _layers.Add(**named)
    case ops.Op.CONCAT:
      return _layers.Concatenate(**named)
    case ops.Op.FLATTEN:
      return _layers.Flatten(**named)
    case ops.Op.ZERO_PAD:
      return _layers.ZeroPadding2D(margins, **named)
    case ops.Op.CROP:
      return _layers.Cropping2D(margins, **named)
  raise AssertionError(f"{node.op} has no layer")


# What a layer decides only for training: its weights' losses and bounds, and
# how fast BatchNorm's stored statistics follow.
_WEIGHTS = ("kernel", "depthwise", "bias", "gamma", "beta")
_FOR_TRAINING = (
  "momentum",
  *(f"{weight}_regularizer" for weight in _WEIGHTS),
  *(f"{weight}_constraint" for weight in _WEIGHTS),
)


def train_alike(
  layer: keras.layers.Layer, model_layer: keras.layers.Layer
) -> None:
  """Gives a layer that is not built yet what another has for training."""
  for name in _FOR_TRAINING:
    if hasattr(model_layer, name):
      setattr(layer, name, getattr(model_layer, name))
