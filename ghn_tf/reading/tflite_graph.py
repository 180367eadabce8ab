# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The graph of a .tflite file, float or integer, as neutral records.

Each operator becomes the layer of Keras that it was, in the same words; its
weights are not read. A BatchNorm that the converter has folded is gone.
(TensorFlow's schema.fbs, version 3.)
"""

from collections.abc import Callable, Mapping, Sequence
import itertools
import math
import mmap
from typing import Any, BinaryIO

from ghn_tf import flatbuffer
from ghn_tf import tflite_schema
from ghn_tf.reading import records
from ghn_tf.reading import tflite_operators

_CHARACTERS = 100  # of names
_Config = dict[str, Any]

# Kind and configuration of a layer, and what makes them of an operator.
_Layer = tuple[str, _Config]
_Reader = Callable[[tflite_operators.Operator], _Layer]


def _conv(operator: tflite_operators.Operator) -> _Layer:
  filters, height, width, c_in = _axes(operator.shape(1), 4)
  channels = operator.shape(0)[-1:]
  return "Conv2D", {
    "filters": filters,
    **operator.window((height, width), "kernel_size"),
    "dilation_rate": operator.dilation(),
    "groups": channels[0] // c_in if channels and c_in > 0 else 1,
    "use_bias": operator.has_bias(),
    "activation": operator.activation(),
  }


def _depthwise_conv(operator: tflite_operators.Operator) -> _Layer:
  _, height, width, filters = _axes(operator.shape(1), 4)
  channels = operator.shape(0)[-1:] or (1,)
  return "DepthwiseConv2D", {
    **operator.window((height, width), "kernel_size"),
    "dilation_rate": operator.dilation(),
    "depth_multiplier": filters // max(channels[0], 1),
    "use_bias": operator.has_bias(),
    "activation": operator.activation(),
  }


def _dense(operator: tflite_operators.Operator) -> _Layer:
  units, _ = _axes(operator.shape(1), 2)
  return "Dense", {
    "units": units,
    "use_bias": operator.has_bias(),
    "activation": operator.activation(),
  }


def _pool(kind: str) -> _Reader:
  return lambda operator: (
    kind,
    {
      **operator.window(
        (operator.options["filter_h"], operator.options["filter_w"]),
        "pool_size",
      ),
      "activation": operator.activation(),
    },
  )


def _reshape(operator: tflite_operators.Operator) -> _Layer:
  shape = operator.graph.shape(operator.output())
  return "Reshape", {"target_shape": list(shape[1:])}


def _mean(kind: str) -> _Reader:
  return lambda operator: (
    kind,
    {
      "axis": operator.graph.integers(operator.input(1)),
      "keepdims": operator.options["keep_dims"],
    },
  )


def _pad(operator: tflite_operators.Operator) -> _Layer:
  margins = operator.graph.integers(operator.input(1))
  if len(margins) != 8 or any((*margins[:2], *margins[6:])):
    return "PAD of other axes than height and width", {}
  return "ZeroPadding2D", {"padding": [margins[2:4], margins[4:6]]}


def _binary(kind: str) -> _Reader:
  return lambda operator: (kind, {"activation": operator.activation()})


def _prelu(operator: tflite_operators.Operator) -> _Layer:
  rank = len(operator.graph.shape(operator.output())) - 1  # without the batch
  slopes = ((1,) * rank + operator.shape(1))[-rank:]
  shared = [axis for axis, size in enumerate(slopes, 1) if size == 1]
  return "PReLU", {"shared_axes": shared}


def _plain(kind: str, **config: Any) -> _Reader:
  return lambda operator: (kind, dict(config))


def _concatenation(operator: tflite_operators.Operator) -> _Layer:
  return "Concatenate", {
    "axis": operator.options["axis"],
    "activation": operator.activation(),
  }


def _axes(shape: tuple[int, ...], number: int) -> tuple[int, ...]:
  if len(shape) != number:
    raise records.ReadingError(
      f"its weights have the shape {list(shape)}, expected {number} sizes",
      "write the file again",
    )
  return shape


_LAYERS: Mapping[str, _Reader] = {
  "ADD": _binary("ops.Add"),
  "AVERAGE_POOL_2D": _pool("AveragePooling2D"),
  "CONCATENATION": _concatenation,
  "CONV_2D": _conv,
  "DEPTHWISE_CONV_2D": _depthwise_conv,
  "DEQUANTIZE": _plain("Activation", activation="linear"),
  "FULLY_CONNECTED": _dense,
  "LOGISTIC": _plain("Activation", activation="sigmoid"),
  "MAX_POOL_2D": _pool("MaxPooling2D"),
  "MUL": _binary("ops.Multiply"),
  "PRELU": _prelu,
  "RELU": _plain("Activation", activation="relu"),
  "RELU6": _plain("Activation", activation="relu6"),
  "RESHAPE": _reshape,
  "SOFTMAX": _plain("Softmax"),
  "TANH": _plain("Activation", activation="tanh"),
  "PAD": _pad,
  "MEAN": _mean("ops.Mean"),
  "REDUCE_MAX": _mean("ops.Max"),
  "LEAKY_RELU": lambda operator: ("LeakyReLU", dict(operator.options)),
  "HARD_SWISH": _plain("Activation", activation="hard_swish"),
  "MAXIMUM": _plain("ops.Maximum"),
  "MINIMUM": _plain("ops.Minimum"),
  "SUB": _binary("ops.Subtract"),
  "SQUEEZE": _reshape,
  "QUANTIZE": _plain("Activation", activation="linear"),
}
# Those that read several tensors of data.
_ADD, _MULTIPLY = "ADD", "MUL"
_BINARY = (_ADD, _MULTIPLY, "MAXIMUM", "MINIMUM", "SUB")
_SEVERAL = (*_BINARY, "CONCATENATION")


def network(file: BinaryIO, name: str) -> records.Network:
  """Returns the network of a .tflite file.

  Args:
    file: to read.
    name: of the network.

  Raises:
    records.ReadingError: it is damaged.
  """
  # As a map, so that weights are not read; it ends with the last view of it.
  content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
  try:
    graph = tflite_operators.Graph(flatbuffer.Reader(content).root("the model"))
    return records.Network(name, *_calls(graph))
  except flatbuffer.DamagedError as error:
    raise records.ReadingError(
      f"it is damaged: {error}", "write the file again"
    ) from error


def _calls(
  graph: tflite_operators.Graph,
) -> tuple[tuple[records.Call, ...], tuple[records.Output, ...]]:
  """Returns the calls of what reaches the outputs, and the outputs."""
  made: dict[int, records.Output] = {}
  calls: list[records.Call] = []
  for index in graph.inputs:
    shape = graph.shape(index)
    image = records.Config(batch_shape=[None, *shape[1:]])
    made[index] = records.Output(len(calls))
    calls.append(records.Call(graph.name(index), "InputLayer", image))
  names = itertools.count()
  for operator in _reaching(graph):
    arguments = _arguments(operator, made)
    output = operator.output()
    kind, config = _layer(operator, calls, arguments)
    own = f"{graph.name(output)}_{next(names)}"
    activation = config.get("activation", "linear")
    fused = kind not in ("Conv2D", "DepthwiseConv2D", "Dense", "Activation")
    calls.append(records.Call(own, kind, records.Config(config), arguments))
    if fused and activation != "linear":
      calls.append(
        records.Call(
          f"{own}_activation",
          "Activation",
          records.Config(activation=activation),
          (records.Output(len(calls) - 1),),
        )
      )
    for index in operator.outputs:
      made[index] = records.Output(len(calls) - 1)
  missing = [index for index in graph.outputs if index not in made]
  if missing or not graph.outputs:
    raise flatbuffer.DamagedError(
      f"of the outputs {[*graph.outputs]!s:.80} nothing makes {missing!s:.80}"
    )
  return tuple(calls), tuple(made[index] for index in graph.outputs)


def _layer(
  operator: tflite_operators.Operator,
  calls: Sequence[records.Call],
  arguments: tuple[Any, ...],
) -> _Layer:
  """Returns kind and configuration of an operator that reads arguments.

  A factor and an addend for each channel are a BatchNorm that stood alone.
  """
  graph = operator.graph
  if operator.name in (_ADD, _MULTIPLY):
    (output, *_), constants = _split(operator, arguments)
    sizes = [math.prod(graph.shape(index)) for index in operator.inputs]
    if constants and min(sizes) == graph.shape(operator.output())[-1] > 1:
      activation = operator.activation()
      if operator.name == _MULTIPLY:
        return "BatchNormalization", {"activation": activation}
      if calls[output.call].kind == "BatchNormalization":
        return "Activation", {"activation": activation}
    if operator.name == _MULTIPLY and not constants:
      # Of one image, so that [1, C] fits as [C] does in the layer.
      return "Multiply", {"activation": operator.activation()}
  if operator.name in _LAYERS:
    return _LAYERS[operator.name](operator)
  _, custom, name = operator.name.partition(f"{tflite_schema.CUSTOM}:")
  if custom:
    return records.CUSTOM + name[:_CHARACTERS], {}
  return operator.name + records.OF_TFLITE, {}


def _split(
  operator: tflite_operators.Operator, arguments: tuple[Any, ...]
) -> tuple[list[records.Output], list]:
  """Returns what is computed among arguments, and the rest."""
  computed = [a for a in arguments if isinstance(a, records.Output)]
  rest = [a for a in arguments if not isinstance(a, records.Output)]
  if not computed:
    raise flatbuffer.DamagedError(f"{operator.what} reads only constants")
  return computed, rest


def _data(operator: tflite_operators.Operator) -> tuple[int, ...]:
  """Returns the inputs that are no weights, axes or sizes."""
  several = operator.name in _SEVERAL or operator.name not in _LAYERS
  inputs = operator.inputs if several else operator.inputs[:1]
  return tuple(index for index in inputs if index >= 0)


def _reaching(graph: tflite_operators.Graph) -> list[tflite_operators.Operator]:
  """Returns the operators that lead to the outputs, in order."""
  wanted = {*graph.outputs}
  found = []
  for operator in reversed(graph.operators):
    if not wanted.isdisjoint(operator.outputs):
      found.append(operator)
      wanted.update(_data(operator))
  return found[::-1]


def _arguments(
  operator: tflite_operators.Operator, made: Mapping[int, records.Output]
) -> tuple[Any, ...]:
  """Returns what an operator reads: outputs, and numbers."""
  graph = operator.graph
  inputs = [
    made[index] if index in made else graph.number(index)
    for index in _data(operator)
  ]
  return tuple(inputs) if operator.name in _BINARY else (inputs,)
