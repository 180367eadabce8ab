# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.evaluation import settings


class SettingsTest(parameterized.TestCase):
  @parameterized.parameters(
    ({"recipes": ("w9a9",)}, "recipe 'w9a9'"),
    ({"methods": ("learned",)}, r"as in random\+5; got 'learned'"),
    ({"methods": ("random+0",)}, r"as in random\+5; got 'random\+0'"),
    ({"heads": ("fit",)}, "heads must be of own, fitted; got 'fit'"),
    ({"batch_norms": ()}, "batch_norms must be at least one"),
    ({"recipes": ("w8a8", "w8a8")}, "none of them twice; got 'w8a8,w8a8'"),
  )
  def test_wrong_values_are_named(self, values, message):
    with self.assertRaisesRegex(ValueError, message):
      settings.Settings(**values)

  @parameterized.parameters(
    ("predicted", ("predicted", 0)),
    ("random+12", ("random", 12)),
  )
  def test_methods_tell_start_and_epochs(self, method, expected):
    self.assertEqual(settings.parse_method(method), expected)
    self.assertEqual(settings.Settings(methods=(method,)).methods, (method,))


if __name__ == "__main__":
  absltest.main()
