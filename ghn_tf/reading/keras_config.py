# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Configurations of Keras models, of version 2 or 3, as neutral records.

Models inside of models are flattened.
"""

import collections
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ghn_tf.arch import bounds
from ghn_tf.reading import keras_calls
from ghn_tf.reading import records

_SEQUENTIAL = "Sequential"
_MODELS = ("Functional", "Model", _SEQUENTIAL)
_ROOTS = ("keras", "tf_keras", "tensorflow")
_OPERATIONS = "keras.src.ops."
_OURS = "ghn_tf.child.keras_layers"
# Models inside of models. Keras itself makes a few.
_MAX_DEPTH = 32

_Outputs = list[records.Output]


class _Layer(NamedTuple):
  """A layer in a model's configuration."""

  name: str
  kind: str
  config: records.Config
  record: Mapping[str, Any]

  @property
  def is_model(self) -> bool:
    return self.kind in _MODELS

  @property
  def is_input(self) -> bool:
    return self.kind == "InputLayer"


def network(record: Any) -> records.Network:
  """Returns the network of a model's configuration.

  Args:
    record: with the model's "class_name" and "config", as Keras writes it.

  Raises:
    records.ReadingError: it is no such record, or its model does not show its
      layers.
  """
  model = _layer(record)
  if not model.is_model:
    raise records.ReadingError(
      f"Model {model.name!r:.60} is subclassed ({model.kind:.60}); only"
      " functional and sequential models show their layers",
      "build it as keras.Model(inputs, outputs)",
    )
  flattener = _Flattener()
  outputs = flattener.model(model, "", [], 0)
  calls = tuple(flattener.calls)
  if not calls:
    raise records.ReadingError(f"Model {model.name!r} has no layers")
  return records.Network(model.name, calls, tuple(outputs))


def _layer(record: Any) -> _Layer:
  record = keras_calls.as_object(record, "A layer")
  config = records.Config(
    keras_calls.as_object(record.get("config"), "A config")
  )
  kind = record.get("class_name")
  if not isinstance(kind, str):
    raise records.ReadingError(
      f"A layer's class_name is {records.show(kind)}, expected a name",
      "save the model again",
    )
  name = record.get("name") or config.get("name") or kind.lower()
  if not isinstance(name, str):
    raise records.ReadingError(
      f"A layer's name is {records.show(name)}, expected a text",
      "save the model again",
    )
  return _Layer(
    name, kind_of(kind, record.get("module"), config), config, record
  )


def kind_of(class_name: str, module: Any, config: Mapping[str, Any]) -> str:
  """Returns the kind of a layer as `records.Call` has it.

  Args:
    class_name: of the layer.
    module: of the class; None where a file does not tell.
    config: of the layer.
  """
  if class_name in ("TFOpLambda", "SlicingOpLambda"):
    return f"tf.{records.show(config.get('function')).strip(chr(39))}"
  if module is None:  # .h5 files do not tell; Keras would take its own
    if not {"trainable", "layers", "batch_shape"} & config.keys():
      # Of operations there is nothing but what they are made with.
      is_layer = class_name in (*_MODELS, "InputLayer")
      return class_name if is_layer else f"ops.{class_name}"
    is_custom = ">" in class_name
  elif not isinstance(module, str):
    is_custom = True
  else:
    if module.startswith(_OPERATIONS):
      return f"ops.{class_name}"
    is_custom = module.split(".")[0] not in _ROOTS and module != _OURS
  return records.CUSTOM + class_name if is_custom else class_name


class _Pending(NamedTuple):
  """A call that waits for what it reads."""

  layer: _Layer
  number: int
  arguments: keras_calls.Arguments


class _Flattener:
  """Collects the calls of a model and of those in it."""

  def __init__(self) -> None:
    self.calls: list[records.Call] = []
    self._numbers: collections.Counter[str] = collections.Counter()
    self._steps = 0

  def model(
    self, model: _Layer, prefix: str, inputs: _Outputs, depth: int
  ) -> _Outputs:
    """Adds the calls of one call of a model, and returns what it gives.

    Args:
      model: sequential or functional.
      prefix: of its layers' names.
      inputs: what it reads; none of the outermost, which has inputs of its own.
      depth: models around it.
    """
    if depth > _MAX_DEPTH:
      raise records.ReadingError(
        f"{model.name!r:.60} lies in more than {_MAX_DEPTH} models",
        "build it with fewer models inside of models",
      )
    self._count()
    layers = [
      _layer(record)
      for record in keras_calls.as_list(
        model.config.get("layers"), "A model's layers"
      )
    ]
    flatten = self._sequential if model.kind == _SEQUENTIAL else self._graph
    return flatten(model, layers, prefix, inputs, depth)

  def _count(self) -> None:
    """Raises ReadingError where models in models become too many."""
    self._steps += 1
    bounds.check_size(self._steps, 0)

  def _call(
    self,
    layer: _Layer,
    prefix: str,
    depth: int,
    arguments: tuple[Any, ...],
    options: Mapping[str, Any],
  ) -> _Outputs:
    if layer.is_model:
      inputs = [*records.outputs((arguments, *options.values()))]
      return self.model(layer, f"{prefix}{layer.name}/", inputs, depth + 1)
    self._count()
    name = prefix + layer.name
    self.calls.append(
      records.Call(
        name,
        layer.kind,
        layer.config,
        arguments,
        options,
        self._numbers[name],
      )
    )
    self._numbers[name] += 1
    return [records.Output(len(self.calls) - 1)]

  def _sequential(
    self,
    model: _Layer,
    layers: Sequence[_Layer],
    prefix: str,
    inputs: _Outputs,
    depth: int,
  ) -> _Outputs:
    if layers and layers[0].is_input:
      if not inputs:
        inputs = self._call(layers[0], prefix, depth, (), {})
      layers = layers[1:]
    elif not inputs and _begins_with_a_model(model, layers):
      inputs = self._call(layers[0], prefix, depth, (), {})
      layers = layers[1:]
    elif not inputs:
      inputs = self._image_of(model, layers, prefix, depth)
    if len(inputs) != 1:
      raise records.ReadingError(
        f"Model {model.name!r} is sequential, but reads {len(inputs)} tensors",
        "give it one",
      )
    for layer in layers:
      inputs = self._call(layer, prefix, depth, (inputs[0],), {})
    return inputs

  def _image_of(
    self, model: _Layer, layers: Sequence[_Layer], prefix: str, depth: int
  ) -> _Outputs:
    """Returns the image of a sequential model that has no layer for it."""
    shape = model.config.get("build_input_shape")
    if shape is None and layers:
      shape = layers[0].config.get("batch_input_shape")
    if shape is None:
      raise records.ReadingError(
        f"Model {model.name!r} has no input shape",
        "begin it with keras.Input(shape)",
      )
    config = records.Config(batch_input_shape=shape)
    image = _Layer("input", "InputLayer", config, {})
    return self._call(image, prefix, depth, (), {})

  def _graph(
    self,
    model: _Layer,
    layers: Sequence[_Layer],
    prefix: str,
    inputs: _Outputs,
    depth: int,
  ) -> _Outputs:
    """Calls the layers of a functional model, each after what it reads."""
    by_name = {layer.name: layer for layer in layers}
    own = [
      key[0]
      for key in keras_calls.keys(model.config.get("input_layers"), by_name)
    ]
    if inputs and len(inputs) != len(own):
      raise records.ReadingError(
        f"Model {model.name!r} has {len(own)} inputs, but reads {len(inputs)}",
        "save it again",
      )
    given = dict(zip(own, inputs, strict=False))
    made: dict[tuple[str, int], _Outputs] = {}
    waiting: dict[tuple[str, int], list[_Pending]] = {}
    queue: collections.deque[_Pending] = collections.deque()
    for layer in layers:
      if layer.name in given:
        made[layer.name, 0] = [given[layer.name]]
        continue
      name = f"The inbound_nodes of {layer.name!r:.60}"
      calls = keras_calls.as_list(layer.record.get("inbound_nodes", []), name)
      if not calls and layer.is_input:
        calls = [[]]
      for number, data in enumerate(calls):
        told = keras_calls.arguments(data, by_name)
        queue.append(_Pending(layer, number, told))
    outputs = keras_calls.keys(model.config.get("output_layers"), by_name)
    queue = _renumbered(queue, outputs)
    while queue:
      pending = queue.popleft()
      missing = [key for key in pending.arguments.keys if key not in made]
      if missing:
        waiting.setdefault(missing[0], []).append(pending)
        continue
      arguments, options = pending.arguments.fill(made)
      key = pending.layer.name, pending.number
      made[key] = self._call(pending.layer, prefix, depth, arguments, options)
      # Before those behind it, as if it had stood where they do.
      queue.extendleft(reversed(waiting.pop(key, [])))
    lost = [key for key in (*waiting, *outputs) if key not in made]
    if lost:
      raise records.ReadingError(
        f"Model {model.name!r} reads a call {lost[0]!r:.90} that does not exist"
        " or reads itself",
        "save the model again",
      )
    return [
      made[key][min(index, len(made[key]) - 1)]
      for key, index in outputs.items()
    ]


def _begins_with_a_model(model: _Layer, layers: Sequence[_Layer]) -> bool:
  """Whether the image of a sequential model is that of a model in it.

  So Keras 2 writes a base with a classifier behind it.
  """
  shape = model.config.get("build_input_shape")
  return shape is None and bool(layers) and layers[0].is_model


def _renumbered(
  calls: Iterable[_Pending], outputs: Iterable[tuple[str, int]]
) -> collections.deque[_Pending]:
  """Returns calls with the numbers by which others name them.

  Keras counts the call by which an inner model was made, in some versions and
  of some models.
  """
  calls = list(calls)
  counts = collections.Counter(call.layer.name for call in calls)
  named = [*outputs, *(key for call in calls for key in call.arguments.keys)]
  beyond = {name for name, number in named if number >= counts[name]}
  return collections.deque(
    call._replace(number=call.number + 1)
    if call.layer.is_model and call.layer.name in beyond
    else call
    for call in calls
  )
