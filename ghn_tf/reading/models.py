# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Models of Keras 2 or 3 as neutral records, whichever is installed."""

from collections.abc import Iterator
from typing import Any

from ghn_tf.arch import spec
from ghn_tf.reading import keras_config
from ghn_tf.reading import network as reading
from ghn_tf.reading import records

_ROOTS = ("keras", "tf_keras")


def _class(value: Any, *names: str) -> type | None:
  """Returns the first of Keras's classes of these names that a value is of."""
  for kind in type(value).__mro__:
    if kind.__module__.split(".")[0] in _ROOTS and kind.__name__ in names:
      return kind
  return None


def is_model(value: Any) -> bool:
  """Whether it is a model of Keras 2 or 3."""
  return _class(value, "Model") is not None


def read(target: Any) -> reading.Reading:
  """Returns a model, or an architecture, as it is understood.

  Raises:
    ValueError: see `network`.
  """
  if isinstance(target, spec.Architecture):
    return reading.of_architecture(target)
  return reading.read(network(target))


def network(model: Any) -> records.Network:
  """Returns the network of a model.

  Args:
    model: of Keras 2 or 3, functional or sequential.

  Raises:
    records.ReadingError: it is something else, or does not show its layers.
  """
  if not is_model(model):
    raise records.ReadingError(
      f"Expected a Keras model or an Architecture, got {type(model).__name__}"
      f" {model!r:.100}",
      "build a model with tf_keras or keras",
    )
  kind = _class(model, "Functional", "Sequential")
  if kind is None:
    raise records.ReadingError(
      f"Model {model.name!r} is subclassed; only functional and sequential"
      " models show their layers",
      "build it as keras.Model(inputs, outputs)",
    )
  if not all(map(_is_keras, (layer for _, layer in layers(model)))):
    return _unconnected(model)
  config = kind.get_config(model)  # type: ignore[attr-defined]
  return keras_config.network(
    {"class_name": kind.__name__, "module": "keras", "config": config}
  )


def _is_keras(layer: Any) -> bool:
  return _class(layer, type(layer).__name__) is type(layer)


def _unconnected(model: Any) -> records.Network:
  """Returns the layers of a model that has some of a user's own.

  These may have no configuration, and then Keras gives none of the model.
  """
  calls = []
  for name, layer in layers(model):
    kind, config = type(layer).__name__, records.Config()
    if _is_keras(layer):
      config.update(layer.get_config())
      kind = keras_config.kind_of(kind, type(layer).__module__, config)
    else:
      kind = records.CUSTOM + kind
    calls.append(records.Call(name, kind, config))
  return records.Network(model.name, tuple(calls), ())


def layers(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
  """Returns the layers of a model and of those in it, with their names."""
  for layer in model.layers:
    if _class(layer, "Functional", "Sequential"):
      yield from layers(layer, f"{prefix}{layer.name}/")
    else:
      yield prefix + layer.name, layer
