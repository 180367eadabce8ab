# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Our kernels beside those of TFLite Micro, tensor by tensor."""

from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.edge import integer_kernels
from ghn_tf.edge import model_file
from ghn_tf.edge import rounding
from ghn_tf.edge import tflm
from tests import int8_files
from tests import micro


def _operator(name: str, sizes, grid, **options) -> bytes:
  """A file of one operator of one input."""
  b = int8_files.Builder()
  image = b.tensor([1, 7, 6, 4], (0.05, 3))
  return b.build(
    [image], [b.operator(name, [image], b.tensor(sizes, grid), **options)]
  )


def _pool(name: str) -> bytes:
  return _operator(
    name,
    [1, 4, 3, 4],
    (0.05, 3),
    kind="Pool2DOptions",
    strideW=2,
    strideH=2,
    filterWidth=3,
    filterHeight=3,
    fusedActivationFunction=1,
  )


def _with_constant(name: str, constant, grid, sizes, **options) -> bytes:
  b = int8_files.Builder()
  image = b.tensor([1, 7, 6, 4], (0.05, 3))
  other = b.tensor(constant.shape, grid, constant, str(constant.dtype).upper())
  output = b.tensor(sizes, (0.05, 3))
  return b.build([image], [b.operator(name, [image, other], output, **options)])


def _convolution(name: str, shape, channels, **options) -> bytes:
  rng = np.random.default_rng(4)
  b = int8_files.Builder()
  image = b.tensor([1, 7, 6, 4], (0.05, 3))
  codes = rng.integers(-127, 128, shape).astype(np.int8)
  axis = 0 if name == "CONV_2D" else 3
  grid = (rng.uniform(0.001, 0.01, channels), [0] * channels)
  kernel = b.tensor(shape, grid, codes, axis=axis)
  kind = "Conv2DOptions" if axis == 0 else "DepthwiseConv2DOptions"
  output = b.tensor([1, 2, 3, channels], (0.02, -11))
  b.operator(
    name,
    [image, kernel],
    output,
    kind=kind,
    padding=1,
    strideW=1,
    strideH=2,
    dilationWFactor=3,
    dilationHFactor=2,
    fusedActivationFunction=3,
    **options,
  )
  return b.build([image], [output])


def _weighted_channels() -> bytes:
  """A file of channels times their greatest values, which have no window."""
  b = int8_files.Builder()
  image = b.tensor([1, 7, 6, 4], (0.05, 3))
  axes = b.tensor([2], None, np.array([1, 2], np.int32), "INT32")
  greatest = b.tensor([1, 4], (0.05, 3))
  b.operator("REDUCE_MAX", [image, axes], greatest, kind="ReducerOptions")
  output = b.tensor([1, 7, 6, 4], (0.2, -9))
  b.operator("MUL", [image, greatest], output, kind="MulOptions")
  return b.build([image], [output])


_CODES = np.random.default_rng(5).integers(-128, 128, (1, 7, 6, 4))
_CASES = {
  "average": _pool("AVERAGE_POOL_2D"),
  "concatenation": _with_constant(
    "CONCATENATION",
    _CODES.astype(np.int8),
    (0.05, 3),
    [1, 7, 6, 8],
    kind="ConcatenationOptions",
    axis=-1,
  ),
  "dilated": _convolution("CONV_2D", (5, 3, 2, 4), 5),
  "hard_swish": _operator("HARD_SWISH", [1, 7, 6, 4], (0.03, -20)),
  "leaky": _operator(
    "LEAKY_RELU", [1, 7, 6, 4], (0.03, -20), kind="LeakyReluOptions", alpha=0.3
  ),
  "maximum": _pool("MAX_POOL_2D"),
  "multiplier": _convolution(
    "DEPTHWISE_CONV_2D", (1, 3, 2, 8), 8, depthMultiplier=2
  ),
  "network": int8_files.network(7),
  "pad": _with_constant(
    "PAD",
    np.array([[0, 0], [1, 2], [0, 3], [0, 0]], np.int32),
    None,
    [1, 10, 9, 4],
  ),
  "product": _with_constant(
    "MUL",
    _CODES[:, :1, :1].astype(np.int8),
    (0.02, -9),
    [1, 7, 6, 4],
    kind="MulOptions",
  ),
  "quantize": _operator("QUANTIZE", [1, 7, 6, 4], (0.03, -20)),
  "relu": _operator("RELU", [1, 7, 6, 4], (0.03, -20)),
  "relu6": _operator("RELU6", [1, 7, 6, 4], (0.05, 3)),
  "sigmoid": _operator("LOGISTIC", [1, 7, 6, 4], (1 / 256, -128)),
  "reshape": _operator("RESHAPE", [1, 168], (0.05, 3)),
  "weighted_channels": _weighted_channels(),
  "difference": _with_constant(
    "SUB",
    _CODES.astype(np.int8),
    (0.02, -9),
    [1, 7, 6, 4],
    kind="SubOptions",
    fusedActivationFunction=3,
  ),
}


@absltest.skipUnless(micro.IS_INSTALLED, micro.MISSING)
class IntegerKernelsTest(parameterized.TestCase):
  @parameterized.parameters(*_CASES)
  def test_rounded_twice_they_give_the_codes_of_tflite_micro(self, case):
    content = _CASES[case]
    model = model_file.read(content)
    inputs = int8_files.inputs(model.tensors[model.inputs[0]].shape)
    made = integer_kernels.run(
      model, inputs, [rounding.DOUBLE] * len(model.operators)
    )
    micro_interpreter = tflm.Interpreter(content, model, keep_tensors=True)
    for image, codes in enumerate(inputs):
      for index, expected in micro_interpreter.tensors(codes).items():
        np.testing.assert_array_equal(made[index][image], expected[0])

  def test_softmax_is_a_step_away_at_most(self):
    b = int8_files.Builder()
    image = b.tensor([1, 9], (0.1, 3))
    output = b.tensor([1, 9], (1 / 256, -128))
    b.operator("SOFTMAX", [image], output, kind="SoftmaxOptions", beta=1.0)
    content = b.build([image], [output])
    model = model_file.read(content)
    inputs = int8_files.inputs([1, 9], 20)
    made = integer_kernels.run(model, inputs, [rounding.DOUBLE])[output]
    expected = tflm.Interpreter(content, model).run(inputs)
    steps = np.abs(made.astype(int) - expected)
    # Its exponential has 26 bits in TFLite, more in NumPy.
    self.assertLessEqual(steps.max(), 1)

  def test_many_images_are_done_in_parts(self):
    model = model_file.read(int8_files.network())
    inputs = int8_files.inputs([1, 8, 8, 3], 5)
    variants = [rounding.SINGLE] * 5
    (output,) = model.outputs
    together = integer_kernels.run(model, inputs, variants)[output]
    with mock.patch.object(integer_kernels, "_CHUNK_VALUES", 1):
      apart = integer_kernels.run(model, inputs, variants)[output]
    np.testing.assert_array_equal(together, apart)

  def test_what_is_not_emulated_is_named(self):
    content = _operator("CEIL", [1, 7, 6, 4], (0.05, 3))
    with self.assertRaisesRegex(ValueError, "Operator 0 .CEIL. is not emulat"):
      integer_kernels.run(
        model_file.read(content),
        int8_files.inputs([1, 7, 6, 4]),
        [rounding.DOUBLE],
      )


if __name__ == "__main__":
  absltest.main()
