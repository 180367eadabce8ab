# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Calls of kernels with their arguments, and how C has them."""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Any

import numpy as np

_TYPES = {"int8": "int8_t", "int16": "int16_t", "int32": "int32_t"}


@dataclasses.dataclass(frozen=True)
class Place:
  """A tensor of the file, by its index, or from some byte of it on."""

  index: int
  offset: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Constant:
  """Values in flash: int8, int16 or int32."""

  values: np.ndarray


@dataclasses.dataclass(frozen=True)
class Scratch:
  """Memory that an operator needs for itself while it runs.

  Attributes:
    type: in C, of a pointer to it.
  """

  type: str


@dataclasses.dataclass(frozen=True)
class Call:
  """One call of a kernel.

  Attributes:
    kernel: the name of its function.
    struct: the name of its argument's type.
    fields: of it: integers, lists of them, mappings for structs in it, or
      tensors, constants and scratch memory.
    scratch_bytes: how much of that.
  """

  kernel: str
  struct: str
  fields: Mapping[str, Any]
  scratch_bytes: int = 0


def initializer(value: Any, resolve: Callable[[Any], str]) -> str:
  """Returns a value as C initializes it.

  Args:
    value: of a field.
    resolve: gives the expressions of tensors, constants and scratch memory.
  """
  if isinstance(value, Mapping):
    parts = (f".{k} = {initializer(v, resolve)}" for k, v in value.items())
    return "{" + ", ".join(parts) + "}"
  if isinstance(value, (list, tuple)):
    return "{" + ", ".join(initializer(v, resolve) for v in value) + "}"
  if isinstance(value, (bool, int, np.integer)):
    return _number(int(value))
  return resolve(value)


def _number(value: int) -> str:
  # There is no literal for the least int32.
  return "INT32_MIN" if value == -(2**31) else str(value)


def definition(name: str, values: np.ndarray) -> str:
  """Returns the definition of a constant array."""
  numbers = [*map(_number, values.reshape(-1).tolist())]
  lines = [
    "  " + ", ".join(numbers[i : i + 16]) for i in range(0, len(numbers), 16)
  ]
  body = ",\n".join(lines)
  return (
    f"static const {_TYPES[values.dtype.name]} {name}[{len(numbers)}]"
    f" __attribute__((aligned(4))) = {{\n{body}}};\n"
  )
