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
import struct
from typing import Any, BinaryIO

from ghn_tf.arch import bounds
from ghn_tf.reading import flatbuffer
from ghn_tf.reading import records

IDENTIFIER = b"TFL3"
_MOST = 4 * bounds.MAX_NODES  # operators; of tensors five times that
_AXES = 8
_FLOAT32, _INT32 = 0, 2
_PADDINGS = ("same", "valid")
_ACTIVATIONS = {0: "linear", 1: "relu", 3: "relu6", 4: "tanh"}
_Config = dict[str, Any]


class _Operator:
  """An operator with what it reads and gives."""

  def __init__(self, graph: "_Graph", table: flatbuffer.Table):
    self.graph = graph
    most = bounds.MAX_INPUTS
    self.code = graph.code(table.scalar(0, "I", 0))
    self.inputs = table.numbers(1, "i", most)
    self.outputs = table.numbers(2, "i", most)
    self._options = table.table(4)

  def option(self, number: int, form: str, default: int = 0) -> int:
    """Returns a number among the operator's options."""
    if self._options is None:
      return default
    return self._options.scalar(number, form, default)

  def shape(self, position: int) -> tuple[int, ...]:
    """Returns the shape of an input."""
    return self.graph.shape(self.input(position))

  def input(self, position: int) -> int:
    """Returns the tensor of an input."""
    if position >= len(self.inputs):
      raise flatbuffer.wrong()
    return self.inputs[position]

  def has_bias(self) -> bool:
    """Whether a third input is there."""
    return len(self.inputs) > 2 and self.inputs[2] >= 0

  def activation(self, number: int) -> str:
    """Returns the name of the activation that is fused."""
    code = self.option(number, "b")
    return _ACTIVATIONS.get(code, f"of TFLite number {code}")

  def window(self, kernel: Sequence[int], size_key: str) -> _Config:
    """Returns what convolutions and pools have in common."""
    padding = self.option(0, "b")
    if padding not in (0, 1):
      raise flatbuffer.wrong()
    return {
      size_key: list(kernel),
      "strides": [self.option(2, "i"), self.option(1, "i")],
      "padding": _PADDINGS[padding],
    }


# Kind and configuration of a layer, and the number of inputs that are data.
_Layer = tuple[str, _Config]


def _conv(operator: _Operator) -> _Layer:
  filters, height, width, c_in = _axes(operator.shape(1), 4)
  channels = operator.shape(0)[-1:]
  return "Conv2D", {
    "filters": filters,
    **operator.window((height, width), "kernel_size"),
    "dilation_rate": [operator.option(5, "i", 1), operator.option(4, "i", 1)],
    "groups": channels[0] // c_in if channels and c_in > 0 else 1,
    "use_bias": operator.has_bias(),
    "activation": operator.activation(3),
  }


def _depthwise_conv(operator: _Operator) -> _Layer:
  _, height, width, filters = _axes(operator.shape(1), 4)
  channels = operator.shape(0)[-1:] or (1,)
  return "DepthwiseConv2D", {
    **operator.window((height, width), "kernel_size"),
    "dilation_rate": [operator.option(6, "i", 1), operator.option(5, "i", 1)],
    "depth_multiplier": filters // max(channels[0], 1),
    "use_bias": operator.has_bias(),
    "activation": operator.activation(4),
  }


def _dense(operator: _Operator) -> _Layer:
  units, _ = _axes(operator.shape(1), 2)
  return "Dense", {
    "units": units,
    "use_bias": operator.has_bias(),
    "activation": operator.activation(0),
  }


def _pool(kind: str) -> Callable[[_Operator], _Layer]:
  return lambda operator: (
    kind,
    {
      **operator.window(
        (operator.option(4, "i"), operator.option(3, "i")), "pool_size"
      ),
      "activation": operator.activation(5),
    },
  )


def _reshape(operator: _Operator) -> _Layer:
  shape = operator.graph.shape(operator.outputs[0])
  return "Reshape", {"target_shape": list(shape[1:])}


def _mean(kind: str) -> Callable[[_Operator], _Layer]:
  return lambda operator: (
    kind,
    {
      "axis": operator.graph.integers(operator.input(1)),
      "keepdims": bool(operator.option(0, "b")),
    },
  )


def _pad(operator: _Operator) -> _Layer:
  margins = operator.graph.integers(operator.input(1))
  if len(margins) != 8 or any((*margins[:2], *margins[6:])):
    return "PAD of other axes than height and width", {}
  return "ZeroPadding2D", {"padding": [margins[2:4], margins[4:6]]}


def _binary(kind: str) -> Callable[[_Operator], _Layer]:
  return lambda operator: (kind, {"activation": operator.activation(0)})


def _plain(kind: str, **config: Any) -> Callable[[_Operator], _Layer]:
  return lambda operator: (kind, dict(config))


def _concatenation(operator: _Operator) -> _Layer:
  return "Concatenate", {
    "axis": operator.option(0, "i"),
    "activation": operator.activation(1),
  }


def _axes(shape: tuple[int, ...], number: int) -> tuple[int, ...]:
  if len(shape) != number:
    raise records.ReadingError(
      f"its weights have the shape {list(shape)}, expected {number} sizes",
      "write the file again",
    )
  return shape


# By the numbers of BuiltinOperator.
_LAYERS: Mapping[int, Callable[[_Operator], _Layer]] = {
  0: _binary("ops.Add"),
  1: _pool("AveragePooling2D"),
  2: _concatenation,
  3: _conv,
  4: _depthwise_conv,
  6: _plain("Activation", activation="linear"),  # DEQUANTIZE
  9: _dense,
  14: _plain("Activation", activation="sigmoid"),
  17: _pool("MaxPooling2D"),
  18: _binary("ops.Multiply"),
  19: _plain("Activation", activation="relu"),
  21: _plain("Activation", activation="relu6"),
  22: _reshape,
  25: _plain("Softmax"),
  28: _plain("Activation", activation="tanh"),
  34: _pad,
  40: _mean("ops.Mean"),
  82: _mean("ops.Max"),
  98: lambda operator: ("LeakyReLU", {"alpha": operator.option(0, "f")}),
  117: _plain("Activation", activation="hard_swish"),
  41: _binary("ops.Subtract"),
  43: _reshape,  # SQUEEZE
  114: _plain("Activation", activation="linear"),  # QUANTIZE
}
# Those that read several tensors of data.
_ADD, _MULTIPLY, _SUBTRACT = 0, 18, 41
_BINARY = (_ADD, _MULTIPLY, _SUBTRACT)
_SEVERAL = (*_BINARY, 2)


class _Graph:
  """The first subgraph of a model."""

  def __init__(self, model: flatbuffer.Table):
    self._codes = [
      (
        max(code.scalar(0, "b", 0), code.scalar(3, "i", 0)),
        code.data(1, 60).decode(errors="replace"),
      )
      for code in model.tables(1, _MOST)
    ]
    graphs = model.tables(2, _MOST)
    if not graphs:
      raise flatbuffer.wrong()
    self._buffers = model.tables(4, 10 * _MOST)
    graph = graphs[0]
    self._tensors = graph.tables(0, 5 * _MOST)
    self.inputs = graph.numbers(1, "i", bounds.MAX_INPUTS)
    self.outputs = graph.numbers(2, "i", bounds.MAX_INPUTS)
    self.operators = [_Operator(self, o) for o in graph.tables(3, _MOST)]

  def code(self, index: int) -> int:
    """Returns an operator's number; -1 - index of one that is custom."""
    if index >= len(self._codes):
      raise flatbuffer.wrong()
    number, custom = self._codes[index]
    return -1 - index if custom else number

  def kind(self, code: int) -> str:
    """Returns the kind of an operator that is not known here."""
    if code < 0:
      return records.CUSTOM + self._codes[-1 - code][1]
    return f"operator {code} of TFLite"

  def tensor(self, index: int) -> flatbuffer.Table:
    """Returns a tensor."""
    if not 0 <= index < len(self._tensors):
      raise flatbuffer.wrong()
    return self._tensors[index]

  def shape(self, index: int) -> tuple[int, ...]:
    """Returns the shape of a tensor."""
    return self.tensor(index).numbers(0, "i", _AXES)

  def name(self, index: int) -> str:
    """Returns the name of a tensor, of several that were fused the first."""
    name = self.tensor(index).data(3, 120).decode(errors="replace")
    return name.partition(";")[0] or f"tensor_{index}"

  def constant(self, index: int) -> bytes:
    """Returns the first bytes of a tensor's data; none of a computed one."""
    buffer = self.tensor(index).scalar(2, "I", 0)
    if buffer >= len(self._buffers):
      raise flatbuffer.wrong()
    return self._buffers[buffer].data(0, 4 * _AXES)

  def integers(self, index: int) -> list[int]:
    """Returns the few integers of a constant."""
    data = self.constant(index)
    if self.tensor(index).scalar(1, "b", 0) != _INT32 or len(data) % 4:
      raise flatbuffer.wrong()
    return [*struct.unpack(f"<{len(data) // 4}i", data)]

  def number(self, index: int) -> float | None:
    """Returns a constant that is a single number, or None."""
    data = self.constant(index)
    if math.prod(self.shape(index)) != 1 or not data:
      return None
    tensor = self.tensor(index)
    if tensor.scalar(1, "b", 0) == _FLOAT32 and len(data) == 4:
      return struct.unpack("<f", data)[0]
    return None


def network(file: BinaryIO, name: str) -> records.Network:
  """Returns the network of a .tflite file.

  Args:
    file: to read.
    name: of the network.

  Raises:
    records.ReadingError: it is damaged.
  """
  with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
    graph = _Graph(flatbuffer.Table.root(content))
    return records.Network(name, *_calls(graph))


def _calls(
  graph: _Graph,
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
    if len(operator.outputs) < 1:
      raise flatbuffer.wrong()
    output = operator.outputs[0]
    kind, config = _layer(operator, calls, arguments)
    own = f"{graph.name(output)[:100]}_{next(names)}"
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
  if not graph.outputs or any(index not in made for index in graph.outputs):
    raise flatbuffer.wrong()
  return tuple(calls), tuple(made[index] for index in graph.outputs)


def _layer(
  operator: _Operator,
  calls: Sequence[records.Call],
  arguments: tuple[Any, ...],
) -> _Layer:
  """Returns kind and configuration of an operator that reads arguments.

  A factor and an addend for each channel are a BatchNorm that stood alone.
  """
  graph = operator.graph
  if operator.code in (_ADD, _MULTIPLY):
    (output, *_), constants = _split(arguments)
    sizes = [math.prod(graph.shape(index)) for index in operator.inputs]
    if constants and min(sizes) == graph.shape(operator.outputs[0])[-1] > 1:
      activation = operator.activation(0)
      if operator.code == _MULTIPLY:
        return "BatchNormalization", {"activation": activation}
      if calls[output.call].kind == "BatchNormalization":
        return "Activation", {"activation": activation}
  if operator.code in _LAYERS:
    return _LAYERS[operator.code](operator)
  return graph.kind(operator.code), {}


def _split(arguments: tuple[Any, ...]) -> tuple[list[records.Output], list]:
  """Returns what is computed among arguments, and the rest."""
  computed = [a for a in arguments if isinstance(a, records.Output)]
  rest = [a for a in arguments if not isinstance(a, records.Output)]
  if not computed:
    raise flatbuffer.wrong()
  return computed, rest


def _data(operator: _Operator) -> tuple[int, ...]:
  """Returns the inputs that are no weights, axes or sizes."""
  several = operator.code in _SEVERAL or operator.code not in _LAYERS
  inputs = operator.inputs if several else operator.inputs[:1]
  return tuple(index for index in inputs if index >= 0)


def _reaching(graph: _Graph) -> list[_Operator]:
  """Returns the operators that lead to the outputs, in order."""
  wanted = {*graph.outputs}
  found = []
  for operator in reversed(graph.operators):
    if not wanted.isdisjoint(operator.outputs):
      found.append(operator)
      wanted.update(_data(operator))
  return found[::-1]


def _arguments(
  operator: _Operator, made: Mapping[int, records.Output]
) -> tuple[Any, ...]:
  """Returns what an operator reads: outputs, and numbers."""
  graph = operator.graph
  inputs = [
    made[index] if index in made else graph.number(index)
    for index in _data(operator)
  ]
  return tuple(inputs) if operator.code in _BINARY else (inputs,)
