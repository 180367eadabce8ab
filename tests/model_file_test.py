# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
from typing import Any
import unittest

from absl.testing import absltest
from absl.testing import parameterized
from ai_edge_litert import schema_py_generated as schema
import numpy as np

from ghn_tf import tflite_schema
from ghn_tf.edge import model_file
from tests import int8_files


def _mlperf_tiny() -> pathlib.Path:
  """The folder of MLPerf Tiny's files; skips where there is none."""
  folder = os.environ.get("GHN_TF_REFERENCE_DATA", "")
  found = pathlib.Path(folder) / "mlperf_tiny"
  if not folder or not found.is_dir():
    raise unittest.SkipTest("GHN_TF_REFERENCE_DATA has no mlperf_tiny")
  return found


def _names(kind: Any) -> list[str]:
  values = {v: k for k, v in vars(kind).items() if isinstance(v, int)}
  return [values[code] for code in range(len(values))]


class SchemaTest(absltest.TestCase):
  def test_names_are_those_of_the_schema(self):
    self.assertEqual(tflite_schema.OPERATORS, _names(schema.BuiltinOperator))
    self.assertEqual(tflite_schema.TENSOR_TYPES, _names(schema.TensorType))
    self.assertEqual([*tflite_schema.PADDINGS], _names(schema.Padding))
    self.assertEqual(
      [*tflite_schema.ACTIVATIONS], _names(schema.ActivationFunctionType)
    )


class ReadTest(parameterized.TestCase):
  def test_says_what_the_builder_wrote(self):
    model = model_file.read(int8_files.network())
    self.assertEqual(
      [operator.name for operator in model.operators],
      ["CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MEAN", "FULLY_CONNECTED"],
    )
    # 4 x 4 outputs of 4 channels and 27 taps, of 9 taps; 5 sums of 4.
    self.assertEqual(
      [operator.macs for operator in model.operators],
      [16 * 4 * 27, 16 * 4 * 9, 0, 0, 5 * 4],
    )
    conv = model.operators[0]
    self.assertEqual(
      conv.options,
      {
        "padding": "SAME",
        "stride_w": 2,
        "stride_h": 2,
        "activation": "RELU",
        "dilation_w": 1,
        "dilation_h": 1,
      },
    )
    image, kernel, bias = model.operands(conv).inputs
    self.assertEqual(image.grid, (np.float32(0.03), 5))
    self.assertIsNone(image.data)
    self.assertEqual((kernel.axis, len(kernel.scales)), (0, 4))
    self.assertEqual(bias.data.dtype, np.int32)
    with self.assertRaisesRegex(ValueError, "has 4 scales; expected one"):
      _ = kernel.grid

  def test_lifetimes_are_from_the_maker_to_the_last_reader(self):
    model = model_file.read(int8_files.network())
    conv, depthwise = (model.operators[i].outputs[0] for i in (0, 1))
    self.assertEqual(model.lifetimes[model.inputs[0]], (0, 0))
    self.assertEqual(model.lifetimes[conv], (0, 2))
    self.assertEqual(model.lifetimes[depthwise], (1, 2))
    self.assertEqual(model.lifetimes[model.outputs[0]], (4, 4))
    self.assertLen(model.lifetimes, 6)  # no constants

  @parameterized.parameters(
    # The first element stands in the lowest bits.
    ("INT4", [0x1F, 0x78, 0x0A], [-1, 1, -8, 7, -6]),
    ("INT2", [0b10_01_11_00, 0b01], [0, -1, 1, -2, 1]),
  )
  def test_few_bits_are_unpacked(self, dtype, packed, values):
    b = int8_files.Builder()
    image = b.tensor([1, 5])
    kernel = b.tensor([1, 5], data=np.uint8(packed), dtype=dtype)
    output = b.operator("FULLY_CONNECTED", [image, kernel], b.tensor([1, 1]))
    model = model_file.read(b.build([image], [output]))
    tensor = model.tensors[kernel]
    self.assertEqual(tensor.data.tolist(), [values])
    self.assertEqual(tensor.num_bytes, len(packed))

  @parameterized.parameters(
    ("pretrainedResnet_quant.tflite", 12_501_632),
    ("vww_96_int8.tflite", 7_489_664),
  )
  def test_reads_mlperf_tiny(self, name, macs):
    content = (_mlperf_tiny() / name).read_bytes()
    self.assertEqual(model_file.read(content).macs, macs)

  def test_float_is_refused(self):
    path = _mlperf_tiny() / "pretrainedResnet.tflite"
    with self.assertRaisesRegex(ValueError, "'input_1'.*is FLOAT32"):
      model_file.read(path.read_bytes())


def _changed(change: Any) -> bytes:
  """The network, changed before it is written."""
  model = schema.ModelT.InitFromObj(
    schema.Model.GetRootAsModel(int8_files.network(), 0)
  )
  change(model, model.subgraphs[0])
  builder = int8_files.Builder()
  builder.model, builder.graph = model, model.subgraphs[0]
  return builder.build(builder.graph.inputs, builder.graph.outputs)


def _set(*path: Any, to: Any) -> Any:
  """Returns a change of the graph: attributes and indices, and the value."""

  def change(_, graph):
    *way, last = path
    for operator in graph.operators:  # else arrays that nobody may write
      operator.inputs = [*operator.inputs]
    place = graph
    for step in way:
      place = place[step] if isinstance(step, int) else getattr(place, step)
    if isinstance(last, int):
      place[last] = to
    else:
      setattr(place, last, to)

  return change


def _no_graph(model, _):
  model.subgraphs.append(model.subgraphs[0])


def _version(model, _):
  model.version = 4


def _operator(model, _):
  model.operatorCodes[0].builtinCode = 999


class HostileTest(parameterized.TestCase):
  @parameterized.parameters(
    (_no_graph, "has 2 subgraphs, expected 1"),
    (_version, "version 4, expected 3"),
    (_operator, "operator code 0 is 999, expected 0 to 209"),
    (_set("tensors", 3, "shape", to=[1, -1, 4, 4]), "dynamic or empty shape"),
    (_set("tensors", 3, "shape", to=[1, 0, 4, 4]), "dynamic or empty shape"),
    (
      _set("tensors", 3, "shapeSignature", to=[-1, -1, 4, 4]),
      "dynamic or empty shape",
    ),
    (
      _set("tensors", 3, "shape", to=[1, 4, 4, 5]),
      "operator 0 .CONV_2D. makes",
    ),
    (_set("tensors", 3, "shape", to=[2**20] * 4), "more than 2,147,483,647"),
    (_set("tensors", 3, "type", to=0), "is FLOAT32, so it is not fully"),
    (_set("tensors", 3, "isVariable", to=True), "is a variable"),
    (_set("tensors", 1, "shape", to=[4, 3, 3, 2]), "needs 72 bytes.*has 108"),
    (_set("tensors", 1, "buffer", to=99), "buffer 99 of"),
    (
      _set("tensors", 1, "quantization", "scale", to=[1.0, 2.0]),
      "2 scales and 4 zero points",
    ),
    (
      _set("tensors", 3, "quantization", "scale", to=[float("nan")]),
      "scale nan; it must be positive",
    ),
    (
      _set("tensors", 3, "quantization", "zeroPoint", to=[128]),
      "zero point 128, expected -128 to 127",
    ),
    (
      _set("tensors", 1, "quantization", "quantizedDimension", to=3),
      "4 scales, expected 1 or 3",
    ),
    (_set("operators", 0, "inputs", to=[0, 1, 99]), "tensor 99 of 13"),
    (_set("operators", 1, "inputs", 0, to=6), "nothing before it makes"),
    (_set("operators", 1, "outputs", to=[3]), "which is there already"),
    (_set("operators", 0, "opcodeIndex", to=77), "has code 77 of 5"),
    (
      _set("operators", 0, "builtinOptions", "strideW", to=0),
      "windows that do not fit",
    ),
    (
      _set("operators", 0, "builtinOptions", "padding", to=7),
      "padding of operator 0.*is 7, expected 0 to 1",
    ),
    (_set("operators", 0, "builtinOptionsType", to=8), "options of code 8"),
    (_set("inputs", to=[99]), "the graph has tensor 99"),
    (_set("outputs", to=[]), "at least one each"),
    (_set("inputs", to=[1]), "an input of the graph, is a constant"),
  )
  def test_the_error_names_what_is_wrong(self, change, message):
    with self.assertRaisesRegex(ValueError, f"can be emulated: .*{message}"):
      model_file.read(_changed(change))

  def test_every_truncation_is_an_error(self):
    content = int8_files.network()
    for end in range(len(content)):
      # The last bytes of a file may be alignment, or of a string.
      try:
        model_file.read(content[:end])
      except ValueError:
        continue
      self.assertGreater(end, len(content) - 8)

  def test_offsets_to_one_place_do_not_multiply(self):
    # The buffers become a vector of offsets, all to one table without fields.
    content = bytearray(int8_files.network())
    start, number = len(content), 50_000
    table = start + 4 + 4 * number
    offsets = table - (start + 4 + 4 * np.arange(number))
    content += np.uint32(number).tobytes() + offsets.astype("<u4").tobytes()
    content += np.int32(-4).tobytes() + np.uint16([4, 4]).tobytes()
    root = int.from_bytes(content[:4], "little")
    vtable = root - int.from_bytes(content[root : root + 4], "little")
    slot = vtable + 4 + 2 * 4
    field = root + int.from_bytes(content[slot : slot + 2], "little")
    content[field : field + 4] = (start - field).to_bytes(4, "little")
    with self.assertRaisesRegex(ValueError, "offsets point at the same places"):
      model_file.read(bytes(content))


if __name__ == "__main__":
  absltest.main()
