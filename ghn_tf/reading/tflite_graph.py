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
from ghn_tf.reading import tflite_patterns

_CHARACTERS = 100  # of names
_FLOATS = ("FLOAT32", "FLOAT16", "BFLOAT16")
_Config = dict[str, Any]

# Kind and configuration of a layer, and what makes them of an operator.
_Layer = tuple[str, _Config]
_Reader = Callable[[tflite_operators.Operator], _Layer]


def _conv(operator: tflite_operators.Operator) -> _Layer:
  filters, height, width, c_in = _axes(operator.shape(1), 4)
  channels = operator.shape(0)[-1:]
  groups = channels[0] // c_in if channels and c_in > 0 else 1
  return _convolution(
    "Conv", operator, (height, width), filters=filters, groups=groups
  )


def _depthwise_conv(operator: tflite_operators.Operator) -> _Layer:
  _, height, width, filters = _axes(operator.shape(1), 4)
  channels = operator.shape(0)[-1:] or (1,)
  return _convolution(
    "DepthwiseConv",
    operator,
    (height, width),
    depth_multiplier=filters // max(channels[0], 1),
  )


def _convolution(
  kind: str,
  operator: tflite_operators.Operator,
  kernel: tuple[int, int],
  **config: Any,
) -> _Layer:
  """Returns a convolution; of one dimension if what it reads is of one."""
  dimensions = 1 if len(operator.shape(0)) == 3 else 2
  places = {
    **operator.window(kernel, "kernel_size"),
    "dilation_rate": operator.dilation(),
  }
  return f"{kind}{dimensions}D", {
    **{
      key: value if key == "padding" else value[-dimensions:]
      for key, value in places.items()
    },
    **config,
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
  if len(margins) not in (6, 8) or any((*margins[:2], *margins[-2:])):
    return f"PAD of other axes than height and width{records.OF_TFLITE}", {}
  return _margins("ZeroPadding", "padding", margins[2:-2])


def _margins(kind: str, key: str, sizes: Sequence[int]) -> _Layer:
  """Returns padding or cropping by the sizes at both ends of each axis."""
  if len(sizes) == 2:
    return f"{kind}1D", {key: sizes}
  return f"{kind}2D", {key: [sizes[:2], sizes[2:]]}


def _cast(operator: tflite_operators.Operator) -> _Layer:
  kind = operator.graph.type(operator.output())
  if kind not in _FLOATS:
    return f"CAST to {kind}{records.OF_TFLITE}", {}
  return "ops.Cast", {}


def _strided_slice(operator: tflite_operators.Operator) -> _Layer:
  """Returns a crop, or a slice as it is written with colons."""
  graph, options = operator.graph, operator.options
  sizes = operator.shape(0)
  begin, end, strides = (
    graph.integers(operator.input(position)) for position in (1, 2, 3)
  )
  masks = ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
  if (
    not len(begin) == len(end) == len(strides) == len(sizes)
    or any(options[mask] for mask in masks)
    or 0 in strides
    or min(sizes, default=0) < 0
  ):
    return operator.name + records.OF_TFLITE, {}
  ends = [
    slice(
      None if options["begin_mask"] >> axis & 1 else begin[axis],
      None if options["end_mask"] >> axis & 1 else end[axis],
      strides[axis],
    )
    for axis in range(len(sizes))
  ]
  cut = []
  for size, part in zip(sizes, ends, strict=True):
    first, last, _ = part.indices(size)
    cut += [first, size - last]
  if {*strides} == {1} and len(sizes) in (3, 4) and not any(cut[:2] + cut[-2:]):
    return _margins("Cropping", "cropping", cut[2:-2])
  return "ops.GetItem", {
    "slice_spec": [
      {"start": part.start, "stop": part.stop, "step": part.step}
      for part in ends
    ]
  }


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
  "CAST": _cast,
  "CONV_2D": _conv,
  "DEPTHWISE_CONV_2D": _depthwise_conv,
  "DEQUANTIZE": _plain("Activation", activation="linear"),
  "EXPAND_DIMS": _reshape,
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
  "STRIDED_SLICE": _strided_slice,
  tflite_patterns.HARD_SIGMOID: _plain("Activation", activation="hard_sigmoid"),
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
  for operator in tflite_patterns.fused(graph, _reaching(graph)):
    arguments = _arguments(operator, made)
    output = operator.output()
    kind, config = _layer(operator, calls, arguments)
    own = f"{graph.name(output)}_{next(names)}"
    activation = config.get("activation", "linear")
    fused = "use_bias" not in config and kind != "Activation"
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
    channels = graph.shape(operator.output())[-1:]
    if constants and channels == (min(sizes),) > (1,):
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
