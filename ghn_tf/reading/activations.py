# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Activations, as layers, as functions and by their names in other layers."""

from collections.abc import Mapping
from typing import Any

from ghn_tf.arch import ops
from ghn_tf.reading import records
from ghn_tf.reading import steps

_OTHERS = "use relu, or another activation that integer files have"
_RELU = [steps.elementwise(ops.Op.RELU)]
_RELU6 = [steps.elementwise(ops.Op.RELU6)]
# By Keras's names.
KNOWN: Mapping[str, list[steps.Step]] = {
  "linear": [],
  "relu": _RELU,
  "relu6": _RELU6,
}
PROBABILITIES = ("softmax", "sigmoid", "log_softmax", "log_sigmoid")
_AT_THE_END = (
  "networks end at logits: only behind them is it dropped, so remove it"
)


def read(activation: Any, layer: str) -> list[steps.Step]:
  """Returns what an activation does.

  Args:
    activation: as a configuration has it: a name, an object or None.
    layer: that has it.

  Raises:
    records.ReadingError: it is not supported.
  """
  if activation is None:
    return []
  name = activation
  if isinstance(activation, dict):
    name = _name(activation, layer)
    if isinstance(name, list):
      return name
  if not isinstance(name, str):
    raise records.ReadingError(
      f"activation {records.show(activation)} is not supported, only"
      f" {sorted(KNOWN)}",
      _OTHERS,
    )
  return of_name(name, layer)


def of_name(name: str, layer: str) -> list[steps.Step]:
  """Returns what the activation of a name does; see `read`."""
  if name in KNOWN:
    return KNOWN[name]
  if name in PROBABILITIES:
    return [steps.probabilities(layer)]
  raise records.ReadingError(
    f"activation {name!r:.60} is not supported, only {sorted(KNOWN)}", _OTHERS
  )


def _name(activation: Mapping[str, Any], layer: str) -> Any:
  """Returns the name in an object, or the steps of a layer in its place."""
  kind, config = activation.get("class_name"), activation.get("config")
  if kind == "function":
    # Of what a user calls relu, too, there is the name alone: it is not taken.
    module = activation.get("module")
    is_known = isinstance(module, str) and module.split(".")[0] in (
      "keras",
      "tensorflow",
      "tf_keras",
    )
    return config if is_known else activation
  if isinstance(config, dict) and isinstance(kind, str):
    config = records.Config(config)
    if kind == "ReLU":
      return relu(config)
    if kind in ("Softmax", "Activation"):
      return read(config.get("activation", "softmax"), layer)
  return activation


def relu(config: records.Config) -> list[steps.Step]:
  """Returns what a ReLU layer does."""
  for key in ("negative_slope", "threshold"):
    value = config.number(key, 0.0) if config.get(key) is not None else 0.0
    if value != 0.0:
      raise records.ReadingError(
        f"{key}={value} is not supported, only 0.0", _OTHERS
      )
  limit = config.get("max_value")
  if limit is None:
    return _RELU
  if records.number(limit, "max_value") != 6.0:
    raise records.ReadingError(
      f"max_value={limit} is not supported, only None and 6.0", _OTHERS
    )
  return _RELU6


def softmax(config: records.Config, layer: str) -> list[steps.Step]:
  """Returns what a Softmax layer does."""
  axes = config.get("axis", -1)
  if not isinstance(axes, int):
    axes = records.integers(axes, "axis", 1)
  return [steps.probabilities(layer, axes)]
