# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Activations, as layers, as functions and by their names in other layers."""

from collections.abc import Mapping, Sequence
from typing import Any

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.reading import assembly
from ghn_tf.reading import gates
from ghn_tf.reading import records
from ghn_tf.reading import steps

_OTHERS = "use relu, hard_swish, or another one that integer files have"
_RELU = [steps.elementwise(ops.Op.RELU)]
_RELU6 = [gates.relu6()]
_SWISH = [gates.gated(ops.Op.SIGMOID)]
_HARD_SWISH = [gates.gated(ops.Op.HARD_SIGMOID, slope=gates.SIXTH)]
# Of Keras 2; that of Keras 3 is a sixth, as in MobileNetV3.
_HARD_SIGMOID_SLOPE = 0.2
# By Keras's names.
KNOWN: Mapping[str, list[steps.Step]] = {
  "linear": [],
  "relu": _RELU,
  "relu6": _RELU6,
  "leaky_relu": [steps.elementwise(ops.Op.LEAKY_RELU, slope=0.2)],
  "sigmoid": [steps.elementwise(ops.Op.SIGMOID)],
  "hard_sigmoid": [
    steps.elementwise(ops.Op.HARD_SIGMOID, slope=_HARD_SIGMOID_SLOPE)
  ],
  "swish": _SWISH,
  "silu": _SWISH,
  "hard_swish": _HARD_SWISH,
  "hard_silu": _HARD_SWISH,
}
PROBABILITIES = ("softmax", "log_softmax")
# What TensorFlow calls its own, where Keras 3 tells no module.
_OF_TENSORFLOW = {"softmax_v2": "softmax", "log_softmax_v2": "log_softmax"}


def read(call: records.Call) -> list[steps.Step]:
  """Returns what the activation of a layer does.

  Raises:
    records.ReadingError: it is not supported.
  """
  activation = call.config.get("activation")
  found = _read(activation, call.name)
  kind = activation.get("class_name") if isinstance(activation, dict) else None
  if call.number and kind == "PReLU":
    raise records.ReadingError(
      "its calls would share slopes", "give each call a layer of its own"
    )
  policy = call.config.get("dtype")
  is_keras_3 = (
    isinstance(policy, dict) and policy.get("class_name") == "DTypePolicy"
  )
  if found is KNOWN["hard_sigmoid"] and is_keras_3:
    return [steps.elementwise(ops.Op.HARD_SIGMOID, slope=gates.SIXTH)]
  return found


def _read(activation: Any, layer: str) -> list[steps.Step]:
  """Returns what an activation does.

  Args:
    activation: as a configuration has it: a name, an object or None.
    layer: that has it.
  """
  if activation is None:
    return []
  name = activation
  if isinstance(activation, dict):
    name = _name(activation, layer)
    if isinstance(name, list):
      return name
  if not isinstance(name, str):
    raise _refused(activation)
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


def _refused(activation: Any) -> records.ReadingError:
  """Returns why an activation that has no name of Keras is not supported."""
  told, remedy = records.show(activation), _OTHERS
  if isinstance(activation, dict):
    told = records.show(activation.get("class_name"))
    if told == "'function'":
      told = (
        f"{records.show(activation.get('config'))}, not a function of Keras,"
      )
      remedy = "give one by its name, as activation='relu'"
  return records.ReadingError(
    f"activation {told} is not supported, only {sorted(KNOWN)}", remedy
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
    if not is_known and isinstance(config, str):
      return _OF_TENSORFLOW.get(config, activation)
    return config if is_known else activation
  if isinstance(config, dict) and isinstance(kind, str):
    config = records.Config(config)
    if kind == "ReLU":
      return relu(config)
    if kind == "LeakyReLU":
      return [_leaky_of(config, 0.3)]
    if kind == "PReLU":
      return prelu(config)
    if kind in ("Softmax", "Activation"):
      return _read(config.get("activation", "softmax"), layer)
  return activation


def relu(config: records.Config) -> list[steps.Step]:
  """Returns what a ReLU layer does."""
  slope, threshold = (
    records.number(config.get(key) or 0.0, key)
    for key in ("negative_slope", "threshold")
  )
  limit = config.get("max_value")
  if threshold:
    raise records.ReadingError(
      f"threshold={threshold} is not supported, only 0.0", _OTHERS
    )
  if limit is None:
    return [_leaky(slope)] if slope else _RELU
  if slope:
    raise records.ReadingError(
      f"negative_slope={slope} is not supported with a max_value", _OTHERS
    )
  if records.number(limit, "max_value") != 6.0:
    raise records.ReadingError(
      f"max_value={limit} is not supported, only None and 6.0", _OTHERS
    )
  return _RELU6


def _leaky(slope: float) -> steps.Step:
  # Keras 2 and files hold 0.1 in float32, which tells 7 digits: it is what
  # Keras 3 calls 0.1.
  return steps.elementwise(ops.Op.LEAKY_RELU, slope=float(f"{slope:.7g}"))


def leaky_relu(call: records.Call) -> list[steps.Step]:
  """Reads LeakyReLU, as a layer or as a function."""
  default = 0.3 if call.kind == "LeakyReLU" else 0.2
  return [_leaky_of({**call.config, **call.options}, default)]


def _leaky_of(options: Mapping[str, Any], slope: Any) -> steps.Step:
  """Returns a LeakyReLU by what it is made with, or of this slope."""
  for key in ("alpha", "negative_slope"):
    slope = options.get(key, slope)
  return _leaky(records.number(slope, "negative_slope"))


def softmax(config: records.Config, layer: str) -> list[steps.Step]:
  """Returns what a Softmax layer does."""
  axes = config.get("axis", -1)
  if not isinstance(axes, int):
    axes = records.integers(axes, "axis", 1)
  return [steps.probabilities(layer, axes)]


def prelu(config: records.Config) -> list[steps.Step]:
  """Returns what a PReLU layer does."""
  shared = config.get("shared_axes") or ()
  length = len(shared) if isinstance(shared, list | tuple) else 1
  return [_prelu(records.integers(shared, "shared_axes", length))]


def _prelu(shared: Sequence[int]) -> steps.Step:
  """Returns a PReLU whose slopes are shared along axes; 0 is the batch."""

  def place(a: assembly.Assembly, values: steps.Values) -> assembly.Value:
    value = steps.only(values)
    *positions, last = range(1, len(value.shape) + 1)
    remedy = f"use PReLU(shared_axes={positions or None})"
    sizes = dict(enumerate(value.shape, 1))
    if any(sizes[axis] != 1 and axis not in shared for axis in positions):
      raise records.ReadingError(
        "has slopes for every position, which make a file larger than kernels"
        " do",
        remedy,
      )
    if last in shared and sizes[last] != 1:
      raise records.ReadingError("has one slope for all channels", remedy)
    a.note(f"its slopes are {spec.FIRST_ALPHA}, which training may change")
    return a.add(ops.Op.PRELU, [value])._replace(shape=value.shape)

  return steps.Step(place)
