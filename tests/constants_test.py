# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The properties of constants that are made once."""

from absl.testing import absltest
import tensorflow as tf

from ghn_tf import constants


class ConstantTest(absltest.TestCase):
  def test_is_the_same_tensor_in_and_out_of_a_trace(self):
    @tf.function(autograph=False)
    def traced():
      return constants.constant((7, 3)) + 0

    self.assertEqual(traced().numpy().tolist(), [7, 3])
    self.assertEqual(constants.constant((7, 3)).numpy().tolist(), [7, 3])
    self.assertIs(constants.constant((7, 3)), constants.constant((7, 3)))


if __name__ == "__main__":
  absltest.main()
