# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Fully integer TFLite files: conversion, inspection and execution."""

from collections.abc import Sequence
import copy
import importlib
from typing import Any
import warnings

from absl import logging
import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils
import tf_keras as keras

from ghn_tf import image_checks
from ghn_tf.edge import kernel_ranges

# The successor of tflite-runtime first: it knows newer operator versions.
_RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")


class ConversionError(ValueError):
  """A model that cannot become a fully integer file."""


def convert(model: keras.Model) -> bytes:
  """Returns a quantize-aware model as a fully integer TFLite file.

  The file takes one int8 image and gives int8 logits; the converter takes all
  ranges from the model's fake quantization, and stores kernels of at most
  4 bits as packed INT4.

  Args:
    model: with every stored tensor fake-quantized, as `keras_io.to_keras`
      makes it.

  Raises:
    ConversionError: the model has no input shape, rounds nothing, or
      activations to fewer than 8 bits; the converter failed, it left an
      operator in float, or a bias does not fit into 32 bits.
  """
  if not model.inputs:
    raise ConversionError(
      f"{model.name!r} has no input shape; convert a model that"
      " keras_io.to_keras or predictor.Predictor.predict built."
    )
  # Only a static batch of 1 lets the converter fuse dilated convolutions.
  signature = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
  function = tf.function(lambda image: model(image, training=False))
  concrete = function.get_concrete_function(signature)
  roundings = [
    operation
    for operation in concrete.graph.get_operations()
    if operation.type.startswith("FakeQuant")
  ]
  _check_roundings(model.name, roundings)
  verbosity = logging.get_verbosity()
  logging.set_verbosity(logging.ERROR)  # deprecations of the converter's own
  try:
    with warnings.catch_warnings(), kernel_ranges.suited(model):
      warnings.simplefilter("ignore")
      content = _convert(concrete)
  except Exception as error:  # The converter raises bare Exceptions.
    reason = str(error).strip().splitlines() or [type(error).__name__]
    raise ConversionError(
      f"TensorFlow cannot convert {model.name!r}: {reason[0]:.300}"
    ) from error
  finally:
    logging.set_verbosity(verbosity)
  if operators := float_operators(content):
    raise ConversionError(
      f"The file of {model.name!r} is not fully integer; in float are"
      f" {operators}. Every tensor needs a range: was the model built by"
      " keras_io.to_keras?"
    )
  if names := _cut_off_biases(content):
    raise ConversionError(
      f"The file of {model.name!r} would cut off biases beyond 32 bits, in"
      f" {names}. Their kernels are of nearly 0, and have no range before them"
      " by which to widen theirs: was the model built by keras_io.to_keras?"
    )
  return _tidied(content)


def _check_roundings(name: str, roundings: Sequence[tf.Operation]) -> None:
  """Raises ConversionError for none, or activations of fewer than 8 bits."""
  if not roundings:
    raise ConversionError(
      f"{name!r} rounds nothing, as with the recipe float, so it has no integer"
      " file; build it by keras_io.to_keras or predictor.Predictor.predict with"
      " a recipe that has bits, such as w8a8."
    )
  for rounding in roundings:
    # Kernels, which may have fewer, are those of a narrow range.
    num_bits = rounding.get_attr("num_bits")
    if num_bits < 8 and not rounding.get_attr("narrow_range"):
      raise ConversionError(
        f"{name!r} rounds activations to {num_bits} bits, but TFLite stores"
        " none of fewer than 8, as Keras models of w8a8 and w4a8 have them."
        " ghn.child(model, recipe).to_tflite() and tools/to_tflite.py put a"
        " grid of fewer bits into int8; they write what was predicted, without"
        " what fine-tuning changed."
      )


def _convert(concrete: Any) -> bytes:
  converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
  converter.optimizations = [tf.lite.Optimize.DEFAULT]
  converter.inference_input_type = tf.int8
  converter.inference_output_type = tf.int8
  return converter.convert()


def _tidied(content: bytes) -> bytes:
  """Returns a file as every runtime takes it, where the converter's is not."""
  model = flatbuffer_utils.read_model_from_bytearray(content)
  for graph in model.subgraphs:
    _rescale_before_relu6(model, graph)
  _drop_unused_codes(model)
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
    if _operator_name(model, operator) != "RELU6":
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


def _cut_off_biases(content: bytes) -> list[str]:
  """Returns the names of the tensors of which int32 cuts something off."""
  model, graph = _main_graph(content)
  found = []
  for tensor in graph.tensors:
    data = model.buffers[tensor.buffer].data
    if tensor.type == schema.TensorType.INT32 and data is not None:
      if np.abs(data.view("<i4").astype(np.int64)).max() >= 2**31 - 1:
        found.append(tensor.name.decode())
  return found


def _operator_name(model: Any, operator: Any) -> str:
  code = model.operatorCodes[operator.opcodeIndex].builtinCode
  names = {v: k for k, v in vars(schema.BuiltinOperator).items()}
  return names[code]


def _main_graph(content: bytes) -> tuple[Any, Any]:
  model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
  return model, model.subgraphs[0]


def operator_names(content: bytes) -> list[str]:
  """Returns the operators of a file in the order in which they run."""
  model, graph = _main_graph(content)
  return [_operator_name(model, operator) for operator in graph.operators]


def float_operators(content: bytes) -> list[str]:
  """Returns "OPERATOR (tensor)" for every operator that touches a float."""
  model, graph = _main_graph(content)
  floats = (
    schema.TensorType.FLOAT16,
    schema.TensorType.FLOAT32,
    schema.TensorType.FLOAT64,
  )
  found = []
  for operator in graph.operators:
    indices = [*operator.inputs, *operator.outputs]
    tensors = [graph.tensors[i] for i in indices if i >= 0]
    names = [t.name.decode() for t in tensors if t.type in floats]
    if names:
      found.append(f"{_operator_name(model, operator)} ({names[0]})")
  return found


def _interpreter_class() -> Any:
  for name in _RUNTIMES:
    try:
      return importlib.import_module(name).Interpreter
    except ModuleNotFoundError:
      continue
  raise ModuleNotFoundError(
    "No TFLite interpreter; install one: pip install ai-edge-litert (or"
    " tflite-runtime for Python < 3.12)."
  )


class Interpreter:
  """Runs an integer file in the interpreter, image by image.

  Attributes:
    input_scale, input_zero_point: real = scale * (code - zero_point).
    output_scale, output_zero_point: the same for the logits.
  """

  def __init__(self, content: bytes, interpreter_class: Any = None):
    """Loads a file.

    Args:
      content: the bytes of a `.tflite` file with one input and one output.
      interpreter_class: an `Interpreter` with TFLite's Python interface; that
        of ai-edge-litert or else tflite-runtime by default.

    Raises:
      ValueError: the file is damaged or its input or output is not int8.
    """
    make = interpreter_class or _interpreter_class()
    self._interpreter = make(model_content=content, num_threads=1)
    self._interpreter.allocate_tensors()
    (self._input,) = self._interpreter.get_input_details()
    (self._output,) = self._interpreter.get_output_details()
    for detail in (self._input, self._output):
      if detail["dtype"] != np.int8:
        raise ValueError(
          f"Tensor {detail['name']!r} is {detail['dtype'].__name__}, expected"
          " int8: not a fully integer file."
        )
    self.input_scale, self.input_zero_point = self._input["quantization"]
    self.output_scale, self.output_zero_point = self._output["quantization"]

  def quantize(self, images: np.ndarray) -> np.ndarray:
    """Returns normalized images as the int8 codes that the file takes.

    Args:
      images: [B, H, W, C], as `predictor.Predictor.normalize` returns them.

    Raises:
      ValueError: images of another shape, none, or pixels.
    """
    images = np.asarray(images)
    image_checks.check_normalized("The file", images, self._input["shape"][1:])
    # Rounds halves up, as fake quantization does.
    codes = np.floor(images / self.input_scale + 0.5) + self.input_zero_point
    return np.clip(codes, -128, 127).astype(np.int8)

  def run(self, images: np.ndarray) -> np.ndarray:
    """Returns int8 logits [B, classes] of images as `quantize` takes them."""
    results = []
    for codes in self.quantize(images):
      self._interpreter.set_tensor(self._input["index"], codes[np.newaxis])
      self._interpreter.invoke()
      results.append(self._interpreter.get_tensor(self._output["index"])[0])
    return np.stack(results)

  def accuracy(self, images: np.ndarray, labels: np.ndarray) -> float:
    """Returns the share of images whose greatest logit is their label's.

    Args:
      images: as `quantize` takes them.
      labels: [B], integers from 0 to classes - 1.

    Raises:
      ValueError: images or labels of another kind.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != (len(images),):
      raise ValueError(
        f"Expected an integer as the label of each of {len(images)} images,"
        f" got {labels.dtype} of shape {list(labels.shape)}."
      )
    classes = self._output["shape"][-1]
    if (wrong := labels[(labels < 0) | (labels >= classes)]).size:
      raise ValueError(
        f"The file has {classes} classes, so labels must be from 0 to"
        f" {classes - 1}; {wrong.size} of {labels.size} are not, such as"
        f" {wrong[0]}."
      )
    return float(np.mean(self.run(images).argmax(axis=-1) == labels))
