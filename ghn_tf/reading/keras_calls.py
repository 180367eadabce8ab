# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a call reads, in the configurations of Keras 2 and of Keras 3."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ghn_tf.reading import records

# A layer's name, and the number of its call.
Key = tuple[str, int]
# Of lists and objects in the arguments of a call.
_MAX_DEPTH = 32
_Made = Mapping[Key, list[records.Output]]


def as_object(value: Any, what: str) -> dict[str, Any]:
  """Returns an object of a configuration; raises ReadingError otherwise."""
  if not isinstance(value, dict):
    raise records.ReadingError(
      f"{what} is {records.show(value)}, expected an object",
      "save the model again",
    )
  return value


def as_list(value: Any, what: str) -> Sequence[Any]:
  """Returns a list of a configuration; raises ReadingError otherwise."""
  if not isinstance(value, list | tuple):
    raise records.ReadingError(
      f"{what} is {records.show(value)}, expected a list",
      "save the model again",
    )
  return value


def _check_depth(value: Any) -> None:
  """Raises ReadingError of lists in lists deeper than any call has them."""
  level = [value]
  for _ in range(_MAX_DEPTH):
    if not level:
      return
    level = [
      inner
      for outer in level
      if isinstance(outer, list | tuple | dict)
      for inner in (outer.values() if isinstance(outer, dict) else outer)
    ]
  raise records.ReadingError(
    f"A call's arguments are nested more than {_MAX_DEPTH} deep",
    "save the model again",
  )


def keys(value: Any, known: Mapping[str, Any]) -> dict[Key, int]:
  """Returns the calls that input_layers or output_layers name, in order.

  They come with the position of what they give.
  """
  _check_depth(value)
  found: dict[Key, int] = {}

  def collect(value: Any) -> None:
    if (key := _key(value, known)) is not None:
      found.setdefault(key[0], key[1])
    elif isinstance(value, dict):
      for inner in value.values():
        collect(inner)
    else:
      for inner in as_list(value, "A model's inputs or outputs"):
        collect(inner)

  collect(value)
  return found


def _key(value: Any, known: Mapping[str, Any]) -> tuple[Key, int] | None:
  """Returns the call and the position in [layer, call, position], or None."""
  if (
    isinstance(value, list | tuple)
    and len(value) >= 3
    and isinstance(value[0], str)
    and value[0] in known
    and type(value[1]) is int
    and type(value[2]) is int
    and value[2] >= 0
  ):
    return (value[0], value[1]), value[2]
  return None


class Arguments(NamedTuple):
  """The arguments of a call whose outputs are not made yet."""

  keys: tuple[Key, ...]
  fill: Callable[[_Made], tuple[tuple[Any, ...], dict]]


class _Reference(NamedTuple):
  """An output by names, before it is made."""

  key: Key
  position: int


def arguments(data: Any, known: Mapping[str, Any]) -> Arguments:
  """Returns what an entry of inbound_nodes tells of a call."""
  _check_depth(data)
  if isinstance(data, dict) and "args" in data:
    positional = _references(data["args"], known)
    options = _references(data.get("kwargs", {}), known)
  else:
    positional, options = _of_keras_2(data, known)
  positional = tuple(as_list(positional, "A call's arguments"))
  options = as_object(options, "A call's options")
  keys: list[Key] = []

  def fill(value: Any, made: _Made | None) -> Any:
    if isinstance(value, _Reference):
      if made is None:
        keys.append(value.key)
        return value
      found = made[value.key]
      return found[min(value.position, len(found) - 1)]
    if isinstance(value, list | tuple):
      return type(value)(fill(inner, made) for inner in value)
    if isinstance(value, dict):
      return {name: fill(inner, made) for name, inner in value.items()}
    return value

  fill((positional, options), None)
  return Arguments(
    tuple(keys), lambda made: (fill(positional, made), fill(options, made))
  )


def _references(value: Any, known: Mapping[str, Any]) -> Any:
  """Returns arguments of Keras 3 with references in place of its tensors."""
  if isinstance(value, dict):
    config = value.get("config")
    if value.get("class_name") == "__keras_tensor__":
      history = config.get("keras_history") if isinstance(config, dict) else 0
      if (key := _key(history, known)) is None:
        raise records.ReadingError(
          f"A call reads {records.show(history)}, which is no layer's output",
          "save the model again",
        )
      return _Reference(*key)
    return {name: _references(inner, known) for name, inner in value.items()}
  if isinstance(value, list | tuple):
    return [_references(inner, known) for inner in value]
  return value


def _of_keras_2(data: Any, known: Mapping[str, Any]) -> tuple[Any, Any]:
  """Returns positional and keyword arguments as Keras 2 writes them.

  It gives each tensor the keyword arguments of the call that reads it.
  """
  options: dict[str, Any] = {}

  def convert(value: Any) -> Any:
    if isinstance(value, list | tuple) and value and isinstance(value[0], str):
      if len(value) > 3 and isinstance(value[3], dict):
        options.update(value[3])
      if value[0] == "_CONSTANT_VALUE" and len(value) > 2:
        return value[2]
      if (key := _key(value, known)) is None:
        raise records.ReadingError(
          f"A call reads {records.show(value)}, which is no layer's output",
          "save the model again",
        )
      return _Reference(*key)
    if isinstance(value, dict):
      return [convert(inner) for inner in value.values()]
    return [convert(inner) for inner in as_list(value, "A call")]

  tensors = convert(data)
  if isinstance(tensors, list) and len(tensors) > 1:
    tensors = [tensors]
  positional = tensors if isinstance(tensors, list) else [tensors]
  return positional, {
    name: _option(value, known) for name, value in options.items()
  }


def _option(value: Any, known: Mapping[str, Any]) -> Any:
  """Returns a keyword argument with references in place of tensors."""
  if (key := _key(value, known)) is not None:
    return _Reference(*key)
  if isinstance(value, list | tuple):
    return [_option(inner, known) for inner in value]
  return value
