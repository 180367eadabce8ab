# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized
from ai_edge_litert import interpreter as litert
import numpy as np

from ghn_tf.edge import tflite
from tests import drawings


class TidiedTest(parameterized.TestCase):
  @parameterized.parameters(
    # The codes end at 6, and beyond.
    (drawings.relu6, ["RELU"]),
    (drawings.relu6_concat, ["RELU", "RELU6"]),
  )
  def test_only_a_relu_rescales_what_a_relu6_reads(self, draw, expected):
    content = tflite.convert(drawings.model(drawings.network(draw), "w8a8")[0])
    names = tflite.operator_names(content)
    self.assertEqual([n for n in names if n.startswith("RELU")], expected)

  @parameterized.parameters(drawings.conv_bn_relu, drawings.relu6)
  def test_a_file_lists_the_operators_that_it_has(self, draw):
    content = tflite.convert(drawings.model(drawings.network(draw), "w8a8")[0])
    model, _ = tflite._main_graph(content)
    names = {v: k for k, v in vars(tflite.schema.BuiltinOperator).items()}
    self.assertCountEqual(
      [names[code.builtinCode] for code in model.operatorCodes],
      set(tflite.operator_names(content)),
    )

  def test_image_and_logits_go_by_their_names(self):
    content = tflite.convert(
      drawings.model(drawings.network(drawings.conv_bn_relu), "w8a8")[0]
    )
    interpreter = litert.Interpreter(model_content=content)
    (image,) = interpreter.get_input_details()
    codes = np.ones(image["shape"], np.int8)
    found = interpreter.get_signature_runner()(image=codes)
    interpreter.allocate_tensors()
    interpreter.set_tensor(image["index"], codes)
    interpreter.invoke()
    (logits,) = interpreter.get_output_details()
    self.assertEqual((image["name"], logits["name"]), ("image", "logits"))
    np.testing.assert_array_equal(
      found["logits"], interpreter.get_tensor(logits["index"])
    )


if __name__ == "__main__":
  absltest.main()
