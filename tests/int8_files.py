# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Integer `.tflite` files of a few operators, made without a converter."""

from collections.abc import Sequence
import functools
from typing import Any

from ai_edge_litert import schema_py_generated as schema
import flatbuffers
import numpy as np

Grid = tuple[Any, Any]


class Builder:
  """Makes a file, operator by operator."""

  def __init__(self):
    self.model = schema.ModelT()
    self.model.version = 3
    self.model.operatorCodes = []
    self.model.buffers = [schema.BufferT()]
    self.graph = schema.SubGraphT()
    self.graph.tensors, self.graph.operators = [], []
    self.graph.inputs, self.graph.outputs = [], []
    self.model.subgraphs = [self.graph]

  def tensor(
    self,
    shape: Sequence[int],
    grid: Grid | None = (0.5, 0),
    data: Any = None,
    dtype: str = "INT8",
    axis: int = 0,
  ) -> int:
    """Adds a tensor, a constant if it has data, and returns its index."""
    tensor = schema.TensorT()
    tensor.shape = [*shape]
    tensor.type = getattr(schema.TensorType, dtype)
    tensor.buffer = 0
    tensor.name = f"t{len(self.graph.tensors)}"
    if grid is not None:
      scales, zeros = (np.atleast_1d(values).tolist() for values in grid)
      tensor.quantization = schema.QuantizationParametersT()
      tensor.quantization.scale = scales
      tensor.quantization.zeroPoint = zeros
      tensor.quantization.quantizedDimension = axis
    if data is not None:
      buffer = schema.BufferT()
      buffer.data = np.frombuffer(np.asarray(data).tobytes(), np.uint8)
      tensor.buffer = len(self.model.buffers)
      self.model.buffers.append(buffer)
    self.graph.tensors.append(tensor)
    return len(self.graph.tensors) - 1

  def operator(
    self, name: str, inputs: Sequence[int], output: int, **options: Any
  ) -> int:
    """Adds an operator and returns its output.

    Args:
      name: of the operator.
      inputs: tensors.
      output: a tensor.
      **options: `kind`, the name of the table, and its fields.
    """
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = 3 if "CONV" in name else 2
    operator = schema.OperatorT()
    operator.opcodeIndex = len(self.model.operatorCodes)
    operator.inputs, operator.outputs = [*inputs], [output]
    if kind := options.pop("kind", None):
      operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
      operator.builtinOptions = getattr(schema, f"{kind}T")()
      for field, value in options.items():
        setattr(operator.builtinOptions, field, value)
    self.model.operatorCodes.append(code)
    self.graph.operators.append(operator)
    return output

  def build(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
    """Returns the file."""
    self.graph.inputs, self.graph.outputs = [*inputs], [*outputs]
    builder = flatbuffers.Builder()
    builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


@functools.cache
def network(seed: int = 0) -> bytes:
  """Returns a residual network of every operator that ours have.

  [1, 8, 8, 3] -> conv 3x3, 4 filters, stride 2 (1,728 MACs) -> depthwise 3x3
  (576) -> added to what it read -> mean -> dense, 5 classes (20).
  """
  rng = np.random.default_rng(seed)
  b = Builder()

  def codes(*shape: int) -> np.ndarray:
    return rng.integers(-127, 128, shape).astype(np.int8)

  def bias(size: int) -> np.ndarray:
    return rng.integers(-500, 500, size).astype(np.int32)

  def scales(size: int) -> Grid:
    return rng.uniform(0.002, 0.008, size).astype(np.float32), [0] * size

  def stored_bias(size: int, kernel: Grid, scale: float) -> int:
    grid = (np.float32(scale) * np.float32(kernel[0]), kernel[1])
    return b.tensor([size], grid, bias(size), "INT32")

  image = b.tensor([1, 8, 8, 3], (0.03, 5))
  grid = scales(4)
  kernel = b.tensor([4, 3, 3, 3], grid, codes(4, 3, 3, 3))
  conv = b.operator(
    "CONV_2D",
    [image, kernel, stored_bias(4, grid, 0.03)],
    b.tensor([1, 4, 4, 4], (0.02, -128)),
    kind="Conv2DOptions",
    strideW=2,
    strideH=2,
    fusedActivationFunction=1,
    dilationWFactor=1,
    dilationHFactor=1,
  )
  grid = scales(4)
  kernel = b.tensor([1, 3, 3, 4], grid, codes(1, 3, 3, 4), axis=3)
  depthwise = b.operator(
    "DEPTHWISE_CONV_2D",
    [conv, kernel, stored_bias(4, grid, 0.02)],
    b.tensor([1, 4, 4, 4], (0.05, 10)),
    kind="DepthwiseConv2DOptions",
    strideW=1,
    strideH=1,
    depthMultiplier=1,
    dilationWFactor=1,
    dilationHFactor=1,
  )
  added = b.operator(
    "ADD",
    [conv, depthwise],
    b.tensor([1, 4, 4, 4], (0.06, -3)),
    kind="AddOptions",
  )
  axes = b.tensor([2], None, np.array([1, 2], np.int32), "INT32")
  mean = b.operator(
    "MEAN", [added, axes], b.tensor([1, 4], (0.03, 1)), kind="ReducerOptions"
  )
  kernel = b.tensor([5, 4], (0.004, 0), codes(5, 4))
  logits = b.operator(
    "FULLY_CONNECTED",
    [mean, kernel, stored_bias(5, (0.004, 0), 0.03)],
    b.tensor([1, 5], (0.05, -7)),
    kind="FullyConnectedOptions",
  )
  return b.build([image], [logits])


def relu6_with_two_scales() -> bytes:
  """Returns a RELU6 that also rescales, as TFLite does and Micro does not."""
  b = Builder()
  image = b.tensor([1, 4, 4, 1], (0.1, 0))
  output = b.operator("RELU6", [image], b.tensor([1, 4, 4, 1], (0.05, -60)))
  return b.build([image], [output])


def inputs(content_shape: Sequence[int], number: int = 4) -> np.ndarray:
  """Returns int8 codes [number, ...] of an input of a shape with its batch."""
  rng = np.random.default_rng(1)
  shape = (number, *content_shape[1:])
  return rng.integers(-128, 128, shape, dtype=np.int8)
