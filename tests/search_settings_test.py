# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.search import settings


class SettingsTest(parameterized.TestCase):
  @parameterized.parameters(
    ({"recipe": "float"}, "float rounds nothing"),
    ({"recipe": "w3a8"}, "Unknown recipe 'w3a8'"),
    ({"strategy": "grid"}, "strategy must be one of random, evolution"),
    ({"score": "tau"}, "score must be one of hypernetwork, .*got 'tau'"),
    ({"limits": {"watts": 1}}, "limits must be of macs, .*got 'watts'"),
    ({"objectives": ("macs", "macs")}, "none of them twice; got 'macs,macs'"),
    ({"objectives": ()}, "at least one"),
  )
  def test_wrong_values(self, changes, message):
    with self.assertRaisesRegex(ValueError, message):
      settings.Settings(**changes)

  def test_only_what_is_asked_for_is_estimated(self):
    found = settings.Settings(
      limits={"flash_bytes": 1, "macs": 2}, objectives=("macs",)
    )
    self.assertEqual(found.estimated, ("flash_bytes",))


if __name__ == "__main__":
  absltest.main()
