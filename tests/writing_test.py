# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
import tensorflow as tf

from ghn_tf.training import writing

# As TensorFlow 2.21 says it.
_FULL = (
  "{{function_node __wrapped__SaveV2_device_/job:localhost}} /w/ckpt-2_temp/a;"
  " No space left on device [Op:SaveV2]\n\tFailed to flush 9 events"
)


class TellingTest(absltest.TestCase):
  def test_what_happens_to_files_is_a_line_that_says_what_to_do(self):
    for kind, advice in (
      (tf.errors.ResourceExhaustedError, "free space or choose another folder"),
      (tf.errors.PermissionDeniedError, "choose another folder"),
    ):
      with self.assertRaises(OSError) as caught, writing.telling("/w"):
        raise kind(None, None, _FULL)
      self.assertEqual(
        str(caught.exception),
        "Cannot write '/w': /w/ckpt-2_temp/a; No space left on device; "
        + advice,
      )

  def test_all_else_is_left_as_it_is(self):
    with self.assertRaises(KeyError), writing.telling("/w"):
      raise KeyError


if __name__ == "__main__":
  absltest.main()
