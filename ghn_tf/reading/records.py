# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""A model before it is understood: its layers' kinds, configurations, calls."""

from collections.abc import Iterator, Mapping
import reprlib
from typing import Any, NamedTuple

_SHORT = reprlib.Repr()
_SHORT.maxstring = 60
_SHORT.maxother = 60
# Of a layer that is no layer of Keras, with the class's name behind it.
CUSTOM = "custom "
# Ends the kind of an operator of TFLite that is no layer of Keras.
OF_TFLITE = " of TFLite"
# Of what no layer of Keras can have.
_BUILD = "correct it where the model is built"


class ReadingError(ValueError):
  """Why something of a model is not understood, and what to do about it.

  Attributes:
    remedy: what to do; no sentence of its own, may be empty.
  """

  def __init__(self, reason: str, remedy: str = ""):
    super().__init__(f"{reason}; {remedy}" if remedy else reason)
    self.reason = reason
    self.remedy = remedy


def show(value: Any) -> str:
  """Returns a value for a message, whatever its length."""
  return _SHORT.repr(value)


class Output(NamedTuple):
  """What a call gives, where another call reads it.

  Attributes:
    call: index of the call in its network.
  """

  call: int


class Config(dict[str, Any]):
  """A layer's configuration, with values of the types that are expected.

  What a configuration lacks, as of an older version, has Keras's default.
  """

  def integer(self, key: str, default: int | None = None) -> int:
    """Returns an integer.

    Raises:
      ReadingError: it is none, or is missing without a default.
    """
    value = self.get(key, default)
    if isinstance(value, float) and value.is_integer():
      value = int(value)
    if type(value) is not int:
      raise ReadingError(f"{key}={show(value)} is not an integer", _BUILD)
    return value

  def number(self, key: str, default: float) -> float:
    """Returns a number.

    Raises:
      ReadingError: it is none.
    """
    return number(self.get(key, default), key)

  def flag(self, key: str, default: bool) -> bool:
    """Returns a truth value.

    Raises:
      ReadingError: it is none.
    """
    value = self.get(key, default)
    if not isinstance(value, bool):
      raise ReadingError(
        f"{key}={show(value)} is neither true nor false", _BUILD
      )
    return value

  def text(self, key: str, default: str | None = None) -> str:
    """Returns a string.

    Raises:
      ReadingError: it is none, or is missing without a default.
    """
    value = self.get(key, default)
    if not isinstance(value, str):
      raise ReadingError(f"{key}={show(value)} is not a text", _BUILD)
    return value

  def integers(
    self, key: str, length: int, default: int | None = None
  ) -> tuple[int, ...]:
    """Returns so many integers; a single one stands for all.

    Raises:
      ReadingError: they are none, or others in number.
    """
    return integers(self.get(key, default), key, length)


def number(value: Any, what: str) -> float:
  """Returns a number that may be written in several ways.

  Raises:
    ReadingError: it is none.
  """
  if isinstance(value, bool) or not isinstance(value, int | float):
    raise ReadingError(f"{what}={show(value)} is not a number", _BUILD)
  try:
    return float(value)
  except OverflowError:
    raise ReadingError(f"{what}={show(value)} is too large", _BUILD) from None


def integers(value: Any, what: str, length: int) -> tuple[int, ...]:
  """Returns so many integers; a single one stands for all.

  Raises:
    ReadingError: they are none, or others in number.
  """
  if type(value) is int:
    value = (value,) * length
  if (
    not isinstance(value, list | tuple)
    or len(value) != length
    or not all(type(v) is int for v in value)
  ):
    raise ReadingError(
      f"{what}={show(value)}, expected {length} integers", _BUILD
    )
  return tuple(value)


class Call(NamedTuple):
  """One call of a layer.

  Attributes:
    name: of the layer; of one in an inner model the names of both, joined by
      "/".
    kind: the class's name; "ops.<class>" of an operation of Keras 3,
      "tf.<function>" of one of TensorFlow, and `CUSTOM` before all that is not
      Keras's.
    config: the layer's.
    arguments: of the call; what is read is an `Output`.
    options: keyword arguments.
    number: how often the layer was called before.
  """

  name: str
  kind: str
  config: Config
  arguments: tuple[Any, ...] = ()
  options: Mapping[str, Any] = {}
  number: int = 0

  def inputs(self) -> Iterator[Output]:
    """Returns all that the call reads, in order."""
    return outputs((self.arguments, tuple(self.options.values())))


def outputs(value: Any) -> Iterator[Output]:
  """Returns the outputs in a structure of lists and objects, in order."""
  if isinstance(value, Output):
    yield value
  elif isinstance(value, list | tuple):
    for inner in value:
      yield from outputs(inner)
  elif isinstance(value, dict):
    for inner in value.values():
      yield from outputs(inner)


class Network(NamedTuple):
  """A model's calls, each after those that it reads.

  Attributes:
    name: the model's.
    calls: inputs are calls too, of the kind InputLayer.
    outputs: what the model gives; none where its layers' connections are not
      known.
  """

  name: str
  calls: tuple[Call, ...]
  outputs: tuple[Output, ...]
