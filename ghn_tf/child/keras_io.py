# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Architectures to and from Keras models.

A layer and the node it stands for have the same name, which is what joins
predicted params to layers.
"""

from collections.abc import Callable, Mapping
import importlib
from typing import Any

import tf_keras as keras

from ghn_tf.arch import ops, spec
from ghn_tf.child import network, ranges
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.quant import tfmot

_layers = keras.layers
_Config = Mapping[str, Any]
# What a layer becomes: operations in a row, with their attributes.
_Operations = list[tuple[ops.Op, dict[str, Any]]]


def load_target(path: str) -> keras.Model:
  """Returns the Keras model that a dotted path builds.

  Args:
    path: "package.module:function" of a function without required arguments,
      such as "models.resnet:resnet8".

  Raises:
    ValueError: there is no such module or function, or it returns no model.
  """
  module_name, _, function_name = path.partition(":")
  if not module_name or not function_name:
    raise ValueError(
      f"Target {path!r} is not of the form package.module:function."
    )
  try:
    module = importlib.import_module(module_name)
  except ModuleNotFoundError as error:
    raise ValueError(
      f"Target {path!r}: no module named {error.name!r} on the Python path;"
      " run from the folder that holds it, or add it to PYTHONPATH."
    ) from error
  function = getattr(module, function_name, None)
  if not callable(function):
    raise ValueError(
      f"Target {path!r}: module {module_name!r} has no function"
      f" {function_name!r}."
    )
  model = function()
  if not isinstance(model, keras.Model):
    raise ValueError(
      f"Target {path!r} returned {type(model)}, expected a tf_keras.Model"
      " (Keras 2); build it with `import tf_keras as keras`."
    )
  return model


class _UnsupportedLayerError(ValueError):
  """Says why one layer has no counterpart; `from_keras` adds its name."""


def _require(config: _Config, **expected: Any) -> None:
  for key, value in expected.items():
    if key in config and config[key] != value:
      raise _UnsupportedLayerError(
        f"{key}={config[key]!r} is not supported, only {value!r}"
      )


def _activation(name: str) -> _Operations:
  known: dict[str, _Operations] = {
    "linear": [],
    "relu": [(ops.Op.RELU, {})],
    "relu6": [(ops.Op.RELU6, {})],
  }
  if name not in known:
    hint = (
      "; networks end at logits, so remove it" if name == "softmax" else ""
    )
    raise _UnsupportedLayerError(
      f"activation {name!r} is not supported, only {sorted(known)}{hint}"
    )
  return known[name]


def _window(config: _Config, size_key: str) -> dict[str, Any]:
  _require(config, data_format="channels_last")
  return {
    "kernel": tuple(config[size_key]),
    "strides": tuple(config["strides"]),
    "padding": config["padding"],
  }


def _read_convolution(op: ops.Op) -> Callable[[_Config], _Operations]:
  def read(config: _Config) -> _Operations:
    _require(config, groups=1, depth_multiplier=1)
    attributes = _window(config, "kernel_size")
    rows, columns = config["dilation_rate"]
    if rows != columns:
      raise _UnsupportedLayerError(
        f"dilation_rate={(rows, columns)} is not supported, only equal rates"
      )
    attributes.update(dilation=rows, use_bias=config["use_bias"])
    if op is ops.Op.CONV:
      attributes["filters"] = config["filters"]
    return [(op, attributes), *_activation(config["activation"])]

  return read


def _read_dense(config: _Config) -> _Operations:
  attributes = {"filters": config["units"], "use_bias": config["use_bias"]}
  return [(ops.Op.DENSE, attributes), *_activation(config["activation"])]


def _read_batch_norm(config: _Config) -> _Operations:
  _require(config, center=True, scale=True)
  axis = config["axis"]
  axis = axis[0] if isinstance(axis, (list, tuple)) else axis
  if axis not in (-1, 1, 3):
    raise _UnsupportedLayerError(f"axis={axis} is not the channel axis")
  return [(ops.Op.BATCH_NORM, {"epsilon": config["epsilon"]})]


def _read_relu(config: _Config) -> _Operations:
  _require(config, negative_slope=0.0, threshold=0.0)
  limit = config["max_value"]
  if limit not in (None, 6.0):
    raise _UnsupportedLayerError(
      f"max_value={limit} is not supported, only None and 6.0"
    )
  return [(ops.Op.RELU if limit is None else ops.Op.RELU6, {})]


def _read_pool(op: ops.Op) -> Callable[[_Config], _Operations]:
  return lambda config: [(op, _window(config, "pool_size"))]


def _read_global_pool(config: _Config) -> _Operations:
  _require(config, keepdims=False, data_format="channels_last")
  return [(ops.Op.GLOBAL_AVG_POOL, {})]


def _read_margins(op: ops.Op, key: str) -> Callable[[_Config], _Operations]:
  def read(config: _Config) -> _Operations:
    _require(config, data_format="channels_last")
    (top, bottom), (left, right) = config[key]
    return [(op, {"margins": (top, bottom, left, right)})]

  return read


def _read_concat(config: _Config) -> _Operations:
  if config["axis"] not in (-1, 3):
    raise _UnsupportedLayerError(f"axis={config['axis']} is not the last axis")
  return [(ops.Op.CONCAT, {})]


# The supported layers. What does nothing at inference becomes no operation.
_READERS: Mapping[type, Callable[[_Config], _Operations]] = {
  _layers.Conv2D: _read_convolution(ops.Op.CONV),
  _layers.DepthwiseConv2D: _read_convolution(ops.Op.DEPTHWISE_CONV),
  _layers.Dense: _read_dense,
  _layers.BatchNormalization: _read_batch_norm,
  _layers.ReLU: _read_relu,
  _layers.Activation: lambda config: _activation(config["activation"]),
  _layers.MaxPooling2D: _read_pool(ops.Op.MAX_POOL),
  _layers.AveragePooling2D: _read_pool(ops.Op.AVG_POOL),
  _layers.GlobalAveragePooling2D: _read_global_pool,
  _layers.Add: lambda config: [(ops.Op.ADD, {})],
  _layers.Concatenate: _read_concat,
  _layers.Flatten: lambda config: [(ops.Op.FLATTEN, {})],
  _layers.ZeroPadding2D: _read_margins(ops.Op.ZERO_PAD, "padding"),
  _layers.Cropping2D: _read_margins(ops.Op.CROP, "cropping"),
  _layers.Dropout: lambda config: [],
}


def _check_layers(model: keras.Model) -> None:
  """Raises ValueError unless every layer has a reader."""
  if not isinstance(model, keras.Model):
    raise ValueError(
      f"Expected a tf_keras.Model (Keras 2), got {type(model)}; build it with"
      " `import tf_keras as keras`."
    )
  if not (isinstance(model, keras.Sequential) or model._is_graph_network):
    raise ValueError(
      f"Model {model.name!r} is subclassed; only functional and sequential"
      " models show their layers."
    )
  if not model.built:
    raise ValueError(
      f"Model {model.name!r} has no input shape; begin it with"
      " keras.Input(shape)."
    )
  for layer in model.layers:
    if type(layer) not in (*_READERS, _layers.InputLayer):
      raise ValueError(
        f"Layer {layer.name!r} is a {type(layer).__name__}, which is not"
        " supported; supported are"
        f" {sorted(kind.__name__ for kind in _READERS)}."
      )


def _input_names(model: keras.Model) -> list[tuple[str, list[str]]]:
  """Returns every layer's name with the names of the layers it reads."""
  if isinstance(model, keras.Sequential):
    names = ["", *(layer.name for layer in model.layers)]
    return [
      (name, [source])
      for source, name in zip(names[:-1], names[1:], strict=True)
    ]
  result = []
  for record in model.get_config()["layers"]:
    calls = record["inbound_nodes"]
    if len(calls) > 1:
      raise ValueError(
        f"Layer {record['name']!r} is called {len(calls)} times; shared"
        " layers are not supported, so give each call a layer of its own."
      )
    sources = calls[0] if calls else []
    result.append((record["name"], [source[0] for source in sources]))
  return result


def from_keras(model: keras.Model) -> spec.Architecture:
  """Returns the architecture of a Keras model; its weights do not matter.

  Args:
    model: functional or sequential, of supported layers, with one image
      [H, W, C] as input and logits [classes] as output.

  Raises:
    ValueError: naming the layer that is not supported, and why.
  """
  _check_layers(model)
  if len(model.inputs) != 1 or len(model.outputs) != 1:
    raise ValueError(
      f"Model {model.name!r} has {len(model.inputs)} inputs and"
      f" {len(model.outputs)} outputs; expected one image and its logits."
    )
  shape = tuple(model.inputs[0].shape[1:])
  if len(shape) != 3 or None in shape:
    raise ValueError(
      f"Model {model.name!r} takes inputs of shape {list(shape)}; expected"
      " a fixed [H, W, C]."
    )
  input_name = model.input_names[0]
  builder = spec.Builder(shape, input_name)
  made = {"": builder.input, input_name: builder.input}
  for name, sources in _input_names(model):
    if name == input_name:
      continue
    layer = model.get_layer(name)
    try:
      operations = _READERS[type(layer)](layer.get_config())
    except _UnsupportedLayerError as error:
      raise ValueError(
        f"Layer {name!r} ({type(layer).__name__}): {error}."
      ) from error
    outputs = [made[source] for source in sources]
    if isinstance(layer, _layers.Add):
      # A longer sum becomes a chain, and the last addition has its name.
      for position in range(len(outputs) - 2):
        partial = builder.add(
          ops.Op.ADD, *outputs[:2], name=f"{name}_{position}"
        )
        outputs = [partial, *outputs[2:]]
    for position, (op, attributes) in enumerate(operations):
      node_name = name if position == 0 else f"{name}_{op}"
      outputs = [builder.add(op, *outputs, name=node_name, **attributes)]
    made[name] = outputs[0]
  output = made[model.output_names[0]]
  return builder.build(model.name, output)


def _float_layer(node: ops.Node, filters: int) -> keras.layers.Layer:
  """Returns the Keras layer of a node other than INPUT and BATCH_NORM."""
  named = {"name": node.name}
  window = {
    "strides": node.strides,
    "padding": node.padding,
    **named,
  }
  convolution = {
    "kernel_size": node.kernel,
    "dilation_rate": node.dilation,
    "use_bias": node.use_bias,
    **window,
  }
  top, bottom, left, right = node.margins
  margins = ((top, bottom), (left, right))
  match node.op:
    case ops.Op.CONV:
      return _layers.Conv2D(filters, **convolution)
    case ops.Op.DEPTHWISE_CONV:
      return _layers.DepthwiseConv2D(**convolution)
    case ops.Op.DENSE:
      return _layers.Dense(filters, use_bias=node.use_bias, **named)
    case ops.Op.RELU:
      return _layers.ReLU(**named)
    case ops.Op.RELU6:
      return _layers.ReLU(6.0, **named)
    case ops.Op.MAX_POOL:
      return _layers.MaxPooling2D(node.kernel, **window)
    case ops.Op.AVG_POOL:
      return _layers.AveragePooling2D(node.kernel, **window)
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
  raise AssertionError(node.op)


def _layer(
  architecture: spec.Architecture, index: int, recipe: recipe_lib.Recipe
) -> keras.layers.Layer:
  """Returns the layer of a node, with its kernel wrapped if it is rounded."""
  node = architecture.nodes[index]
  if node.op is ops.Op.BATCH_NORM:
    folded = recipe.is_float or ranges.is_folded(architecture, index)
    kind = (
      _layers.BatchNormalization
      if folded
      else tfmot.StandaloneBatchNormalization
    )
    return kind(epsilon=node.epsilon, name=node.name)
  layer = _float_layer(node, architecture.shapes[index][-1])
  if recipe.is_float or node.op not in network.CHANNEL_AXIS:
    return layer
  return tfmot.quantize_kernel(layer, recipe, network.CHANNEL_AXIS[node.op])


# Keras names of the weights that have params, and the params' names.
_PARAM_NAMES = {
  "depthwise_kernel": "kernel",
  "kernel": "kernel",
  "bias": "bias",
  "gamma": "gamma",
  "beta": "beta",
  "moving_mean": "moving_mean",
  "moving_variance": "moving_variance",
}


def _set_weights(
  layer: keras.layers.Layer, node: ops.Node, params: network.Params
) -> None:
  """Copies a node's params into its layer, wrapped or not."""
  for weight in layer.weights:
    weight_name = weight.name.split("/")[-1].split(":")[0]
    if weight_name not in _PARAM_NAMES:
      continue  # a variable of the wrapper
    key = f"{node.name}/{_PARAM_NAMES[weight_name]}"
    if key not in params:
      raise ValueError(
        f"params lack {key!r}; predict and calibrate the network first."
      )
    weight.assign(params[key])
  if isinstance(layer, tfmot.Wrapper):
    tfmot.set_kernel_range(layer, params[f"{node.name}/kernel"])


def to_keras(
  architecture: spec.Architecture,
  params: network.Params,
  recipe: recipe_lib.Recipe,
) -> keras.Model:
  """Returns a Keras model of a calibrated child, quantize-aware by TFMOT.

  Kernels sit in TFMOT wrappers named `quant_<node>`, and each stored
  activation passes a wrapper named `quant_<node>_range` that holds its range.
  The float recipe gives a plain Keras model.

  Args:
    architecture: the network.
    params: what `calibrate` returned for this recipe.
    recipe: how it is rounded.

  Raises:
    ValueError: params lack a tensor.
  """
  output_ranges = ranges.output_ranges(architecture)
  range_layers: dict[int, keras.layers.Layer] = {}
  outputs: list[Any] = []
  for index, node in enumerate(architecture.nodes):
    if node.op is ops.Op.INPUT:
      x = image = keras.Input(architecture.input_shape, name=node.name)
    else:
      inputs = [outputs[i] for i in node.inputs]
      layer = _layer(architecture, index, recipe)
      x = layer(inputs if len(inputs) > 1 else inputs[0])
      _set_weights(layer, node, params)
    output_range = output_ranges[index]
    if not recipe.is_float and output_range is not None:
      owner = output_range.owner
      if owner == index:
        range_layers[owner] = tfmot.quantize_output(
          f"{node.name}_range", ranges.num_bits(architecture, owner, recipe)
        )
      if output_range.rounds:
        # A pool calls the layer of the node that it averages, and so shares
        # its range, as integer runtimes require.
        x = range_layers[owner](x)
      if owner == index:
        key = ranges.name(node)
        if key not in params:
          raise ValueError(
            f"params lack {key!r}; calibrate with recipe {recipe.name!r}."
          )
        tfmot.set_output_range(range_layers[owner], *params[key])
    outputs.append(x)
  return keras.Model(image, outputs[-1], name=_model_name(architecture))


def _model_name(architecture: spec.Architecture) -> str:
  # TensorFlow scopes allow no spaces or leading punctuation.
  name = "".join(c if c.isalnum() else "_" for c in architecture.name)
  return name.lstrip("_") or "network"
