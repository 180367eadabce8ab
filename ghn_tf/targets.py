# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Targets: a user's own networks, by the names that commands take."""

import importlib
import inspect
import os
import pathlib
import sys
from typing import Any

from ghn_tf.arch import serialization
from ghn_tf.arch import spec
from ghn_tf.child import keras_io

# Of the flags that take a target.
HELP = (
  "package.module:function of a function that returns a Keras model, or"
  " path/to/network.json of an architecture"
)


def load(target: str) -> spec.Architecture:
  """Returns the architecture of a target.

  Args:
    target: "package.module:function" of a function without required arguments
      that returns a Keras model, such as "models.resnet:resnet8"; or the path
      of a file, ending in ".json", that `arch.serialization` reads.

  Raises:
    ValueError: naming the target and why it gives no architecture.
  """
  try:
    if target.endswith(".json"):
      text = pathlib.Path(target).read_text(encoding="utf-8")
      return serialization.from_json(text)
    return keras_io.from_keras(_call(target))
  except (OSError, ValueError) as error:
    raise ValueError(f"Target {target!r}: {error}") from error


def check_output(path: str | os.PathLike[str], *targets: str) -> None:
  """Raises ValueError if a file to be written is that of a target."""
  for target in targets:
    if os.path.exists(target) and os.path.exists(path):
      if os.path.samefile(target, path):
        raise ValueError(
          f"{os.fspath(path)!r} is the target {target!r} itself; choose another"
          " --output."
        )


def _call(path: str) -> Any:
  """Returns what the function "package.module:function" returns."""
  module_name, _, function_name = path.partition(":")
  if not module_name or not function_name or module_name.startswith("."):
    raise ValueError(f"expected {HELP}.")
  # As for `python -m`; a program in tools/ has its own folder there instead.
  folder = os.getcwd()
  if folder not in sys.path:
    sys.path.insert(0, folder)
  # Of the user's own code, any exception.
  try:
    module = importlib.import_module(module_name)
  except ModuleNotFoundError as error:
    raise ValueError(
      f"no module named {error.name!r} in {folder} or elsewhere on the Python"
      " path; run from the folder that holds it, or add that to PYTHONPATH."
    ) from error
  except Exception as error:
    raise ValueError(
      f"importing {module_name!r} raised {type(error).__name__}: {error}"
    ) from error
  function = getattr(module, function_name, None)
  if not callable(function):
    raise ValueError(
      f"module {module_name!r} has no function {function_name!r}."
    )
  try:
    inspect.signature(function).bind()
  except TypeError as error:
    raise ValueError(
      f"it cannot be called without arguments ({error}); write a function that"
      " gives them."
    ) from error
  try:
    return function()
  except Exception as error:
    raise ValueError(
      f"{function_name}() raised {type(error).__name__}: {error}"
    ) from error
