# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""From the Keras models that `keras_io.to_keras` makes back to their parts.

What a user's own training changed comes back with them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
import functools
import itertools
import os
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras as keras

from ghn_tf import files
from ghn_tf.arch import spec
from ghn_tf.child import grids
from ghn_tf.child import keras_io
from ghn_tf.child import ranges
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.quant import tfmot
from ghn_tf.reading import keras_config
from ghn_tf.reading import network as reading
from ghn_tf.reading import stored

# Whose classes such a model has, by their names in files.
_MODULES = {
  "ghn_tf.child.keras_layers",
  "ghn_tf.quant.tfmot",
  "keras.constraints",
  "keras.initializers",
  "keras.layers",
  "keras.losses",
  "keras.metrics",
  "keras.optimizers",
  "keras.optimizers.schedules",
  "keras.regularizers",
  "tf_keras.src.engine.functional",
}


class Trained(NamedTuple):
  """What `to_keras` made a model of, with the weights that it has now.

  Attributes:
    architecture: the network.
    params: every tensor of `architecture.param_specs`, BatchNorm's statistics
      and ranges of outputs, as `calibrate` returns them.
    recipe: how it is rounded.
  """

  architecture: spec.Architecture
  params: Mapping[str, tf.Tensor]
  recipe: recipe_lib.Recipe


def load(path: str | os.PathLike[str]) -> Trained:
  """Returns the parts of a model that was saved as a `.keras` file.

  Nothing of the file is run: it may have no classes but Keras's and ours.

  Raises:
    ValueError: it is no such file, or not of such a model.
  """
  try:
    if foreign := stored.modules(path) - _MODULES:
      raise ValueError(
        f"it has classes of {sorted(foreign)}, which are not run; give a model"
        " that to_keras made."
      )
    model = keras.models.load_model(path, compile=False, safe_mode=True)
  except (*files.DAMAGES, KeyError, OSError) as error:
    raise ValueError(f"{os.fspath(path)!r} cannot be read: {error}") from error
  return parts(model)


def parts(model: keras.Model) -> Trained:
  """Returns the parts of a model that `to_keras` made.

  Args:
    model: as it was made, trained on, or loaded from a file.

  Raises:
    ValueError: it is not such a model, or its layers' bits are none of a
      recipe.
  """
  architecture = _architecture(model)
  return Trained(
    architecture, _params(architecture, model), _recipe(architecture, model)
  )


def _architecture(model: keras.Model) -> spec.Architecture:
  is_functional = isinstance(model, keras.Model) and model._is_graph_network
  if not is_functional or isinstance(model, keras.Sequential):
    raise ValueError(
      f"Expected a functional tf_keras.Model, got {type(model).__name__}"
      f" {model!r:.100}."
    )
  config = model.get_config()
  record = {
    "class_name": "Functional",
    "module": "keras",
    "config": {**config, "layers": [*map(_plain, config["layers"])]},
  }
  read = reading.read(keras_config.network(record)).architecture
  names = {layer.name: _inner_name(layer) for layer in model.layers}
  nodes = tuple(
    node._replace(name=names.get(node.name, node.name)) for node in read.nodes
  )
  return spec.Architecture(read.name, read.input_shape, nodes)


def _inner_name(layer: keras.layers.Layer) -> str:
  """Returns the name of a layer, or of what it wraps."""
  return layer.layer.name if isinstance(layer, tfmot.Wrapper) else layer.name


def _plain(record: Mapping[str, Any]) -> Mapping[str, Any]:
  """Returns the record of a layer without its wrapper, under the same name."""
  ours = {
    "ghn_tf>StandaloneBatchNormalization": "BatchNormalization",
    "ghn_tf>RoundedPReLU": "PReLU",
  }
  match record.get("registered_name"):
    case "ghn_tf>Wrapper":
      inner = record["config"]["layer"]
      config = {**inner["config"], "name": record["name"]}
      return {
        **record,
        "module": inner["module"],
        "class_name": inner["class_name"],
        "config": config,
      }
    case str(name) if name in ours:
      return {**record, "module": "keras.layers", "class_name": ours[name]}
  return record


def _params(
  architecture: spec.Architecture, model: keras.Model
) -> dict[str, tf.Tensor]:
  found: dict[str, tf.Tensor] = {}
  for layer in model.layers:
    name = _inner_name(layer)
    for weight, suffix in keras_io.param_weights(layer):
      value = tf.convert_to_tensor(weight)
      # Keras has slopes as [1, 1, C].
      found[f"{name}/{suffix}"] = (
        tf.reshape(value, [-1]) if suffix == "alpha" else value
      )
  nodes = {node.name: node for node in architecture.nodes}
  for name, wrapper in _range_layers(model):
    if name in nodes:
      found[ranges.name(nodes[name])] = tf.stack(
        tfmot.output_range(wrapper), axis=0
      )
  for param in architecture.param_specs:
    value = found.get(param.name)
    if value is None or tuple(value.shape) != param.shape:
      shape = None if value is None else list(value.shape)
      raise ValueError(
        f"Model {model.name!r} has {param.name!r} of shape {shape}, expected"
        f" {list(param.shape)}; give a model that to_keras made."
      )
  return found


def _range_layers(
  model: keras.Model,
) -> Iterator[tuple[str, keras.layers.Layer]]:
  """Yields the names of nodes whose outputs have ranges, and their layers."""
  for layer in model.layers:
    if isinstance(layer, tfmot.Wrapper) and not tfmot.has_kernel(layer):
      yield _inner_name(layer).removesuffix(keras_io.RANGE_SUFFIX), layer


def _recipe(
  architecture: spec.Architecture, model: keras.Model
) -> recipe_lib.Recipe:
  """Returns a recipe whose grids the wrappers have, of few named layers."""
  outputs = {name: tfmot.grid(layer) for name, layer in _range_layers(model)}
  kernels = {
    _inner_name(layer): tfmot.grid(layer)
    for layer in model.layers
    if isinstance(layer, tfmot.Wrapper) and tfmot.has_kernel(layer)
  }
  if not outputs and not kernels:
    return recipe_lib.get("float")
  found = _grids(architecture, kernels, outputs)
  base, *named = _names(architecture, found)
  for rule, per_channel in itertools.product(
    (None, *recipe_lib.RangeRule), (True, False)
  ):
    get = functools.partial(
      recipe_lib.get, per_channel=per_channel, range_rule=rule
    )
    if grids.of(architecture, get("+".join([base, *named]))) != found:
      continue
    for name in [*named]:
      fewer = [other for other in named if other != name]
      if grids.of(architecture, get("+".join([base, *fewer]))) == found:
        named = fewer
    return get("+".join([base, *named]))
  raise ValueError(
    f"The grids of model {model.name!r} are those of no recipe,"
    f" {'+'.join([base, *named])} is the nearest; give a model that to_keras"
    " made."
  )


def _grids(
  architecture: spec.Architecture,
  kernels: Mapping[str, recipe_lib.TensorQuantization],
  outputs: Mapping[str, recipe_lib.TensorQuantization],
) -> grids.Grids:
  """Returns the grids of a model as `grids.of` does those of a recipe."""
  nodes = architecture.nodes
  output_ranges = ranges.output_ranges(architecture)
  return grids.Grids(
    tuple(kernels.get(node.name) for node in nodes),
    tuple(
      None if output is None else outputs.get(nodes[output.owner].name)
      for output in output_ranges
    ),
  )


def _names(architecture: spec.Architecture, found: grids.Grids) -> list[str]:
  """Returns the parts of the name of a recipe that has these grids, if any."""
  stores = ranges.stores(architecture)
  interface = stores[0], stores[-1]
  bits: dict[str, tuple[int | None, int | None]] = {}
  for name, index in grids.layers(architecture).items():
    kernel, output = found.kernels[index], found.outputs[stores[index]]
    is_free = output is not None and stores[index] not in interface
    bits[name] = (
      kernel.num_bits if kernel is not None else None,
      output.num_bits if output is not None and is_free else None,
    )
  usual = []
  for values in zip(*bits.values(), strict=True):
    numbers = Counter(number for number in values if number is not None)
    usual.append(numbers.most_common(1)[0][0] if numbers else 8)
  base = "w{}a{}".format(*usual)
  names = [base]
  for name, own in bits.items():
    part = "w{}a{}".format(*(x or y for x, y in zip(own, usual, strict=True)))
    if part != base:
      names.append(f"{name}={part}")
  return names
