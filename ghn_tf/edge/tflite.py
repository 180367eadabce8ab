# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Fully integer TFLite files: conversion, inspection and execution."""

from collections.abc import Iterable, Sequence
import importlib
from importlib import metadata
import re
from typing import Any, NamedTuple
import warnings

from absl import logging
import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
import tf_keras as keras

from ghn_tf import image_checks
from ghn_tf.edge import dilations
from ghn_tf.edge import kernel_ranges
from ghn_tf.edge import tidying

# Those for which TFLite and TFLite Micro have kernels with activations of 16
# bits, and which files of ours hold.
_FOR_INT16 = (
  "ADD",
  "AVERAGE_POOL_2D",
  "CONV_2D",
  "DEPTHWISE_CONV_2D",
  "FULLY_CONNECTED",
  "LEAKY_RELU",
  "MAX_POOL_2D",
  "MEAN",
  "MUL",
  "PAD",
  "QUANTIZE",
  "RELU",
  "RESHAPE",
  "STRIDED_SLICE",
  "SUB",
)
_REFUSED_BY_CONVERTER = re.compile(r"error: 'tfl\.(\w+)' op ")
# The successor of tflite-runtime first: it knows newer operator versions.
_RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")


class ConversionError(ValueError):
  """A model that cannot become a fully integer file."""


def convert(model: keras.Model) -> bytes:
  """Returns a quantize-aware model as a fully integer TFLite file.

  The file takes one int8 image and gives int8 logits, or both int16 if the
  model rounds activations to 16 bits. The converter takes all ranges from the
  model's fake quantization, and stores kernels of at most 4 bits as packed
  INT4.

  Args:
    model: with every stored tensor fake-quantized, as `keras_io.to_keras`
      makes it.

  Raises:
    ConversionError: the model has no input shape, rounds nothing, or
      activations to fewer than 8 bits or to 8 and 16; the converter failed, it
      left an operator in float, or made one that no runtime has for 16 bits, or
      a bias does not fit into 32 bits.
  """
  if not model.inputs:
    raise ConversionError(
      f"{model.name!r} has no input shape; convert a model that"
      " keras_io.to_keras or predictor.Predictor.predict built."
    )
  signature = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
  function = tf.function(lambda image: model(image, training=False))
  with dilations.whole(model):
    concrete = function.get_concrete_function(signature)
  roundings = [
    operation
    for operation in concrete.graph.get_operations()
    if operation.type.startswith("FakeQuant")
  ]
  code_type = _code_type(model.name, roundings)
  verbosity = logging.get_verbosity()
  logging.set_verbosity(logging.ERROR)  # deprecations of the converter's own
  try:
    with warnings.catch_warnings(), kernel_ranges.suited(model):
      warnings.simplefilter("ignore")
      content = _convert(concrete, code_type)
  except Exception as error:  # The converter raises bare Exceptions.
    found = _REFUSED_BY_CONVERTER.search(str(error))
    if code_type is tf.int16 and found:
      raise ConversionError(
        _not_for_int16(model.name, found[1].upper(), "TensorFlow's converter")
      ) from error
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
  if code_type is tf.int16:
    for operator in operator_names(content):
      if operator not in _FOR_INT16:
        raise ConversionError(
          _not_for_int16(model.name, operator, "TFLite Micro")
        )
  return tidying.tidied(content)


def _not_for_int16(name: str, operator: str, whose: str) -> str:
  return (
    f"{name!r} needs the operator {operator}, which {whose} does not have for"
    " activations of 16 bits; choose a recipe of 8, such as w8a8."
  )


def _code_type(name: str, roundings: Sequence[tf.Operation]) -> tf.DType:
  """Returns the type in which a file has activations.

  Raises:
    ConversionError: nothing is rounded, activations to fewer than 8 bits, or
      some to 8 and some to 16.
  """
  if not roundings:
    raise ConversionError(
      f"{name!r} rounds nothing, as with the recipe float, so it has no integer"
      " file; build it by keras_io.to_keras or predictor.Predictor.predict with"
      " a recipe that has bits, such as w8a8."
    )
  found = set()
  for rounding in roundings:
    # Kernels, which may have fewer, are those of a narrow range.
    num_bits = rounding.get_attr("num_bits")
    if num_bits > 8 or not rounding.get_attr("narrow_range"):
      found.add(num_bits)
    if num_bits < 8 and not rounding.get_attr("narrow_range"):
      raise ConversionError(
        f"{name!r} rounds activations to {num_bits} bits, but TFLite stores"
        " none of fewer than 8, as Keras models of w8a8 and w4a8 have them."
        " ghn.child(model, recipe).to_tflite() and tools/to_tflite.py put a"
        " grid of fewer bits into int8; they write what was predicted, without"
        " what fine-tuning changed."
      )
  if len(found) > 1:
    raise ConversionError(
      f"{name!r} rounds activations to {sorted(found)} bits; a file has 8 or 16"
      " in all."
    )
  return tf.int16 if found == {16} else tf.int8


def _convert(concrete: Any, code_type: tf.DType) -> bytes:
  converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
  converter.optimizations = [tf.lite.Optimize.DEFAULT]
  converter.inference_input_type = code_type
  converter.inference_output_type = code_type
  return converter.convert()


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


def _main_graph(content: bytes) -> tuple[Any, Any]:
  model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
  return model, model.subgraphs[0]


def operator_names(content: bytes) -> list[str]:
  """Returns the operators of a file in the order in which they run."""
  model, graph = _main_graph(content)
  return [
    tidying.operator_name(model, operator) for operator in graph.operators
  ]


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
      found.append(f"{tidying.operator_name(model, operator)} ({names[0]})")
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


class Comparison(NamedTuple):
  """How a file compares with the network that it holds.

  Attributes:
    accuracy: the share of images whose greatest logit is their label's.
    max_lsb: the greatest difference of a logit, in steps of the output.
    mean_lsb: the mean one.
  """

  accuracy: float
  max_lsb: int
  mean_lsb: float


class Interpreter:
  """Runs an integer file in the interpreter, image by image.

  Attributes:
    input_scale, input_zero_point: real = scale * (code - zero_point).
    output_scale, output_zero_point: the same for the logits.
    code_type: of the codes of both, int8 or int16.
    code_limits: the least and the greatest of them.
  """

  def __init__(self, content: bytes, interpreter_class: Any = None):
    """Loads a file.

    Args:
      content: the bytes of a `.tflite` file with one input and one output.
      interpreter_class: an `Interpreter` with TFLite's Python interface; that
        of ai-edge-litert or else tflite-runtime by default.

    Raises:
      ValueError: the file is damaged, or its input or output is neither int8
        nor int16.
    """
    make = interpreter_class or _interpreter_class()
    self._interpreter = make(model_content=content, num_threads=1)
    self._interpreter.allocate_tensors()
    (self._input,) = self._interpreter.get_input_details()
    (self._output,) = self._interpreter.get_output_details()
    for detail in (self._input, self._output):
      if detail["dtype"] not in (np.int8, np.int16):
        raise ValueError(
          f"Tensor {detail['name']!r} is {detail['dtype'].__name__}, expected"
          " int8 or int16: not a fully integer file."
        )
    self.code_type = np.dtype(self._input["dtype"])
    limits = np.iinfo(self.code_type)
    self.code_limits = int(limits.min), int(limits.max)
    self.input_scale, self.input_zero_point = self._input["quantization"]
    self.output_scale, self.output_zero_point = self._output["quantization"]

  @property
  def tool(self) -> str:
    """Name and version of the interpreter."""
    package = type(self._interpreter).__module__.partition(".")[0]
    distribution = package.replace("_", "-")
    return f"{distribution} {metadata.version(distribution)}"

  def quantize(self, images: np.ndarray) -> np.ndarray:
    """Returns normalized images as the codes that the file takes.

    Args:
      images: [B, H, W, C], as `predictor.Predictor.normalize` returns them.

    Raises:
      ValueError: images of another shape, none, or pixels.
    """
    images = np.asarray(images)
    image_checks.check_normalized("The file", images, self._input["shape"][1:])
    # Rounds halves up, as fake quantization does.
    codes = np.floor(images / self.input_scale + 0.5) + self.input_zero_point
    return np.clip(codes, *self.code_limits).astype(self.code_type)

  def run(self, images: np.ndarray) -> np.ndarray:
    """Returns codes of logits [B, classes] of images as `quantize` takes."""
    results = []
    for codes in self.quantize(images):
      self._interpreter.set_tensor(self._input["index"], codes[np.newaxis])
      self._interpreter.invoke()
      results.append(self._interpreter.get_tensor(self._output["index"])[0])
    return np.stack(results)

  def compare(
    self, batches: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]
  ) -> Comparison:
    """Returns how well the file does, and how far it is from given logits.

    Args:
      batches: images [B, H, W, C] and labels [B] as `accuracy` takes them, and
        logits [B, classes], which are rounded to the codes of the file.

    Raises:
      ValueError: there are no images, or images or labels of another kind.
    """
    differences, right = [], []
    for images, labels, logits in batches:
      steps = np.floor(np.asarray(logits) / self.output_scale + 0.5)
      expected = np.clip(steps + self.output_zero_point, *self.code_limits)
      self._check_labels(images, labels)
      codes = self.run(images)
      differences.append(np.abs(codes - expected))
      right.append(codes.argmax(axis=-1) == labels)
    if not right:
      raise ValueError("Expected at least one image to compare logits of.")
    found = np.concatenate(differences)
    return Comparison(
      float(np.mean(np.concatenate(right))),
      int(found.max()),
      float(found.mean()),
    )

  def accuracy(self, images: np.ndarray, labels: np.ndarray) -> float:
    """Returns the share of images whose greatest logit is their label's.

    Args:
      images: as `quantize` takes them.
      labels: [B], integers from 0 to classes - 1.

    Raises:
      ValueError: images or labels of another kind.
    """
    self._check_labels(images, labels)
    return float(np.mean(self.run(images).argmax(axis=-1) == labels))

  def _check_labels(self, images: np.ndarray, labels: np.ndarray) -> None:
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
