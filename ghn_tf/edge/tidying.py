# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Files of TensorFlow's converter as every runtime takes them."""

import copy
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

# Operators whose third input is a bias, and their first versions that read one
# of 64 bits. The converter asks for later ones, which read it with 32 as well.
_WITH_BIAS = {"CONV_2D": 4, "DEPTHWISE_CONV_2D": 5, "FULLY_CONNECTED": 7}
# By which TFLite's signature runner takes and gives them.
_IMAGE, _LOGITS = "image", "logits"


def tidied(content: bytes) -> bytes:
  """Returns a file as every runtime takes it, where the converter's is not."""
  model = flatbuffer_utils.read_model_from_bytearray(content)
  for graph in model.subgraphs:
    _rescale_before_relu6(model, graph)
    _widen_biases(model, graph)
  _drop_unused_codes(model)
  _name_ends(model)
  return flatbuffer_utils.convert_object_to_bytearray(model)


def _rescale_before_relu6(model: Any, graph: Any) -> None:
  """Brings what a RELU6 reads to the scale of its output by a RELU.

  TFLite Micro's RELU6 clamps codes and leaves them in the scale of its input;
  its RELU rescales, as both do in TFLite. Where the codes of the output end at
  6, the RELU is all there is to do.
  """
  operators = []
  for operator in graph.operators:
    operators.append(operator)
    if operator_name(model, operator) != "RELU6":
      continue
    output = graph.tensors[operator.outputs[0]]
    scale, zero_point = grid = _grid(output)
    if grid == _grid(graph.tensors[operator.inputs[0]]):
      continue
    relu = copy.copy(operator)
    relu.opcodeIndex = _relu_code(model)
    operators[-1] = relu
    if np.round(6 / scale) + zero_point < 127:
      relu.outputs = operator.inputs = [len(graph.tensors)]
      rescaled = copy.copy(output)
      rescaled.name += b";rescaled"
      rescaled.buffer = 0  # by convention an empty one
      graph.tensors.append(rescaled)
      operators.append(operator)
  graph.operators = operators


def _grid(tensor: Any) -> tuple[float, int]:
  """Returns the scale and the zero point of an activation."""
  (scale,), (zero_point,) = (
    tensor.quantization.scale,
    tensor.quantization.zeroPoint,
  )
  return scale, zero_point


def _relu_code(model: Any) -> int:
  """Returns the index of the operator code for RELU, if need be a new one."""
  relu = schema.BuiltinOperator.RELU
  for index, code in enumerate(model.operatorCodes):
    if code.builtinCode == relu:
      return index
  code = schema.OperatorCodeT()
  code.builtinCode = code.deprecatedBuiltinCode = relu
  code.version = 2  # the first for int8
  model.operatorCodes.append(code)
  return len(model.operatorCodes) - 1


def _widen_biases(model: Any, graph: Any) -> None:
  """Gives biases the 64 bits that they have beside activations of 16.

  The converter leaves them 32, and TFLite would read beyond their end.
  """
  for operator in graph.operators:
    name = operator_name(model, operator)
    if name not in _WITH_BIAS:
      continue
    source, _, index = operator.inputs
    if graph.tensors[source].type != schema.TensorType.INT16:
      continue
    model.operatorCodes[operator.opcodeIndex].version = _WITH_BIAS[name]
    bias = graph.tensors[index]
    if index < 0 or bias.type == schema.TensorType.INT64:  # none, or shared
      continue
    buffer = model.buffers[bias.buffer]
    if [tensor.buffer for tensor in graph.tensors].count(bias.buffer) > 1:
      buffer = schema.BufferT()
      buffer.data = model.buffers[bias.buffer].data
      bias.buffer = len(model.buffers)
      model.buffers.append(buffer)
    buffer.data = buffer.data.view("<i4").astype("<i8").view(np.uint8)
    bias.type = schema.TensorType.INT64


def _drop_unused_codes(model: Any) -> None:
  """Drops the operator codes that no operator has.

  The converter leaves those of the float interface that it had at first. A
  runtime that has the operators of the list, and no more, would have to have
  them.
  """
  operators = [o for graph in model.subgraphs for o in graph.operators]
  used = sorted({operator.opcodeIndex for operator in operators})
  for operator in operators:
    operator.opcodeIndex = used.index(operator.opcodeIndex)
  model.operatorCodes = [model.operatorCodes[index] for index in used]


def _name_ends(model: Any) -> None:
  """Names image and logits, and gives the file a signature of these names.

  The converter names a tensor after all that it fused, and what it converts
  from a function gets no signature.
  """
  (graph,) = model.subgraphs
  signature = schema.SignatureDefT()
  signature.signatureKey = "serving_default"
  signature.inputs = _named(graph, _IMAGE, graph.inputs)
  signature.outputs = _named(graph, _LOGITS, graph.outputs)
  model.signatureDefs = [signature]


def _named(graph: Any, name: str, indices: Any) -> list[Any]:
  """Returns the entry of a signature for the one tensor, which it names."""
  (index,) = indices
  graph.tensors[index].name = name.encode()
  entry = schema.TensorMapT()
  entry.name, entry.tensorIndex = name.encode(), index
  return [entry]


def operator_name(model: Any, operator: Any) -> str:
  """Returns the name of an operator as the schema has it."""
  code = model.operatorCodes[operator.opcodeIndex].builtinCode
  names = {v: k for k, v in vars(schema.BuiltinOperator).items()}
  return names[code]
