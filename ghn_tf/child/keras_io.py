# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Architectures to and from Keras models.

A layer and the node it stands for have the same name, which is what joins
predicted params to layers.
"""

import collections
from collections.abc import Iterable, Iterator, Mapping, Sequence
import contextlib
import itertools
import sys
from typing import Any

import tensorflow as tf
import tf_keras as keras

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import grids
from ghn_tf.child import keras_layers
from ghn_tf.child import network
from ghn_tf.child import ranges
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.quant import tfmot
from ghn_tf.reading import assembly
from ghn_tf.reading import models

# Of the name of the layer that holds the range of a node's output.
RANGE_SUFFIX = "_range"


def from_keras(model: Any) -> spec.Architecture:
  """Returns the architecture of a Keras model; its weights do not matter.

  Args:
    model: of Keras 2 or 3, functional or sequential, of layers that
      `reading.kinds` has, with one image [H, W, C] as input and logits
      [classes] as output.

  Raises:
    ValueError: naming the layer that is not supported, why, and what to do.
  """
  return models.read(model).architecture


class _Training:
  """What a model has for training, which its architecture does not tell."""

  def __init__(
    self, architecture: spec.Architecture, model: keras.Model | None
  ):
    self._layers: dict[str, keras.layers.Layer] = {}
    self._dropped: dict[str, Any] = {}  # outputs of Dropout layers
    self._dropouts: Mapping[str, Sequence[tuple[str, ...]]] = {}
    self._sources: Mapping[str, assembly.Source] = {}
    if model is None:
      return
    read = models.read(model)
    if read.architecture != architecture:
      raise ValueError(
        f"Architecture {architecture.name!r} is not that of model"
        f" {model.name!r}; give the one that it was read from, or None."
      )
    self._dropouts, self._sources = read.dropouts, read.sources
    self._layers = dict(models.layers(model))

  def give(self, layer: keras.layers.Layer, node: ops.Node) -> None:
    """Gives the layer of a node, not yet built, what the model's has."""
    if node.name in self._sources and node.op in keras_layers.WITH_WEIGHTS:
      source = self._sources[node.name].layer
      keras_layers.train_alike(layer, self._layers[source])

  @property
  def names(self) -> set[str]:
    """Of the layers that `dropped` adds."""
    paths = itertools.chain.from_iterable(self._dropouts.values())
    return {*itertools.chain.from_iterable(paths)}

  def dropped(self, name: str, inputs: Sequence[Any]) -> Sequence[Any]:
    """Returns the inputs of a node of a name as they come through Dropout."""
    paths = self._dropouts.get(name, [()] * len(inputs))
    return [self._drop(x, path) for x, path in zip(inputs, paths, strict=True)]

  def _drop(self, x: Any, path: Sequence[str]) -> Any:
    for name in path:
      if name not in self._dropped:
        layer = keras_layers.for_training(self._layers[name], name, x.shape)
        self._dropped[name] = layer(x)
      x = self._dropped[name]
    return x


def _layer(
  architecture: spec.Architecture,
  index: int,
  recipe: recipe_lib.Recipe,
  training: _Training,
) -> keras.layers.Layer:
  """Returns the layer of a node, with its kernel wrapped if it is rounded."""
  grid = grids.of(architecture, recipe).kernels[index]
  node = architecture.nodes[index]
  layer = keras_layers.make(node, architecture.shapes[index])
  if (
    node.op is ops.Op.BATCH_NORM
    and not recipe.is_float
    and not ranges.is_folded(architecture, index)
  ):
    layer = tfmot.StandaloneBatchNormalization.from_config(layer.get_config())
  if isinstance(layer, keras_layers.HardSigmoid) and not recipe.is_float:
    layer = layer.rounded()
  if node.op is ops.Op.PRELU and not recipe.is_float:
    layer = keras_layers.RoundedPReLU.from_config(layer.get_config())
  training.give(layer, node)
  if grid is None:
    return layer
  return tfmot.quantize_kernel(layer, grid, grids.CHANNEL_AXIS[node.op])


# Keras names of the weights that have params, and the params' names.
_PARAM_NAMES = {
  "depthwise_kernel": "kernel",
  "kernel": "kernel",
  "bias": "bias",
  "gamma": "gamma",
  "beta": "beta",
  "alpha": "alpha",
  "moving_mean": "moving_mean",
  "moving_variance": "moving_variance",
}


def param_weights(
  layer: keras.layers.Layer,
) -> Iterator[tuple[tf.Variable, str]]:
  """Yields the weights of a layer that have params, and the params' names."""
  for weight in layer.weights:
    name = weight.name.split("/")[-1].split(":")[0]
    if name in _PARAM_NAMES:  # and is no variable of the wrapper
      yield weight, _PARAM_NAMES[name]


def _set_weights(
  layer: keras.layers.Layer, node: ops.Node, params: network.Params
) -> None:
  """Copies a node's params into its layer, wrapped or not."""
  for weight, param in param_weights(layer):
    key = f"{node.name}/{param}"
    if key not in params:
      raise ValueError(
        f"params lack {key!r}; predict and calibrate the network first."
      )
    # Keras has slopes as [1, 1, C].
    weight.assign(tf.reshape(params[key], weight.shape))
  if isinstance(layer, tfmot.Wrapper):
    tfmot.set_kernel_range(layer, params[f"{node.name}/kernel"])


def _check_names(
  architecture: spec.Architecture,
  found: grids.Grids,
  output_ranges: Sequence[ranges.OutputRange | None],
  dropouts: Iterable[str],
) -> None:
  """Raises ValueError for a wrapper with the name of another layer."""
  nodes = collections.defaultdict(list)  # by the names of their layers
  for name in dropouts:
    nodes[name].append(name)
  for index, node in enumerate(architecture.nodes):
    is_wrapped = found.kernels[index] is not None
    nodes[f"quant_{node.name}" if is_wrapped else node.name].append(node.name)
    output_range = output_ranges[index]
    has_range = output_range is not None and output_range.owner == index
    if has_range and found.outputs[index] is not None:
      nodes[f"quant_{node.name}{RANGE_SUFFIX}"].append(node.name)
  for name, those in nodes.items():
    if len(those) > 1:
      raise ValueError(
        f"Network {architecture.name!r} has layers {those}, of which more than"
        f" one would be named {name!r}, as TFMOT names the layer around the"
        f" kernel of x quant_x, and the one behind x quant_x{RANGE_SUFFIX};"
        " rename one of them."
      )


def to_keras(
  architecture: spec.Architecture,
  params: network.Params,
  recipe: recipe_lib.Recipe,
  like: keras.Model | None = None,
) -> keras.Model:
  """Returns a Keras model of a calibrated child, quantize-aware by TFMOT.

  Kernels sit in TFMOT wrappers named `quant_<node>`, and each stored
  activation passes a wrapper named `quant_<node>_range` that holds its range.
  The float recipe gives a plain Keras model. All layers compute in float32,
  whatever Keras's global policy is.

  `keras.models.load_model` reads it, saved as a `.keras` or `.h5` file or as a
  SavedModel, where `ghn_tf.predictor` or this module was imported.

  Args:
    architecture: the network.
    params: what `calibrate` returned for this recipe.
    recipe: how it is rounded.
    like: the model of Keras 2 that the architecture was read from, if any. What
      it has for training is kept: Dropout and noise, BatchNorm's momentum, and
      the regularizers and constraints of weights. All weights are trainable,
      frozen there or not.

  Raises:
    ValueError: params lack a tensor, the recipe is for other layers, `like` is
      another network, or a wrapper would have the name of another layer.
  """
  training = _Training(architecture, like)
  output_ranges = ranges.output_ranges(architecture)
  found = grids.of(architecture, recipe)
  _check_names(architecture, found, output_ranges, training.names)
  range_layers: dict[int, keras.layers.Layer] = {}
  outputs: list[Any] = []
  for index, node in enumerate(architecture.nodes):
    if node.op is ops.Op.INPUT:
      x = image = keras.Input(
        architecture.input_shape, name=node.name, dtype="float32"
      )
    else:
      inputs = training.dropped(node.name, [outputs[i] for i in node.inputs])
      layer = _layer(architecture, index, recipe, training)
      x = layer(inputs if len(inputs) > 1 else inputs[0])
      _set_weights(layer, node, params)
    output_range, grid = output_ranges[index], found.outputs[index]
    if output_range is not None and grid is not None:
      owner = output_range.owner
      if owner == index:
        range_layers[owner] = tfmot.quantize_output(
          node.name + RANGE_SUFFIX, grid, ranges.bounds(architecture)[owner]
        )
      if output_range.rounds:
        # A pool calls the layer of the node that it averages, and so shares
        # its range, as integer runtimes require. Averages are narrower than
        # what they are of: in training, the owner alone moves the range.
        moves = owner == index and node.op not in ranges.GATES
        x = range_layers[owner](x, training=None if moves else False)
      if owner == index:
        key = ranges.name(node)
        if key not in params:
          raise ValueError(
            f"params lack {key!r}; calibrate with recipe {recipe.name!r}."
          )
        tfmot.set_output_range(range_layers[owner], *params[key])
    outputs.append(x)
  logits = training.dropped("", outputs[-1:])
  with _recursion(3 * len(architecture.nodes)):
    return keras.Model(image, logits[0], name=architecture.name)


@contextlib.contextmanager
def _recursion(depth: int) -> Iterator[None]:
  """Allows calls of that depth: Keras follows a model's layers by recursion."""
  limit = sys.getrecursionlimit()
  sys.setrecursionlimit(limit + depth)
  try:
    yield
  finally:
    sys.setrecursionlimit(limit)
