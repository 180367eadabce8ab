# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.evaluation import settings


class SettingsTest(parameterized.TestCase):
  @parameterized.parameters(
    ({"recipes": ("w9a9",)}, "recipe 'w9a9'"),
    ({"methods": ("learned",)}, "methods must be of predicted, random; got 'l"),
    ({"heads": ("fit",)}, "heads must be of own, fitted; got 'fit'"),
    ({"batch_norms": ()}, "batch_norms must be at least one"),
    ({"recipes": ("w8a8", "w8a8")}, "none of them twice; got 'w8a8,w8a8'"),
  )
  def test_wrong_values_are_named(self, values, message):
    with self.assertRaisesRegex(ValueError, message):
      settings.Settings(**values)


if __name__ == "__main__":
  absltest.main()
