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
    ({"limits": {"latency_ms": 0.0}}, "above 0, .*got 0.0 of latency_ms"),
    ({"limits": {"macs": 5, "flash_bytes": -1}}, "got -1 of flash_bytes"),
  )
  def test_wrong_values(self, changes, message):
    with self.assertRaisesRegex(ValueError, message):
      settings.Settings(**changes)

  def test_only_what_is_asked_for_is_estimated(self):
    found = settings.Settings(
      limits={"flash_bytes": 1, "macs": 2}, objectives=("macs",)
    )
    self.assertEqual(found.estimated, ("flash_bytes",))

  def test_files_are_chosen_by_the_images_of_the_last_score(self):
    for changes, number in (
      ({}, 1000),
      ({"num_refined": 0}, 128),
      ({"refined_images": 64}, 128),
    ):
      self.assertEqual(settings.Settings(**changes).final_images, number)

  def test_no_more_images_are_told_than_there_are(self):
    found = settings.Settings(num_images=128, head="fit", head_images=1024)
    with self.assertLogs(level="WARNING") as logs:
      small = found.within(train=900, validation=100, test=500)
    self.assertLen(logs.output, 4)
    told = "\n".join(logs.output)
    self.assertIn("--num_images is 100 instead of 128", told)
    self.assertEqual(
      (small.num_images, small.refined_images, small.head_images),
      (100, 100, 900),
    )
    self.assertEqual(small.test_images, 500)
    with self.assertNoLogs(level="WARNING"):
      self.assertEqual(found.within(*[10_000] * 3), found)

  @parameterized.parameters(
    ({}, "num_images", "refined_images", "test_images"),
    ({"num_refined": 0}, "num_images", "test_images"),
    (
      {"num_refined": 0, "head": "fit"},
      "num_images",
      "head_images",
      "test_images",
    ),
    ({"score": "macs", "head": "fit"}, "test_images"),
  )
  def test_only_images_that_are_used_are_told(self, changes, *names):
    with self.assertLogs(level="WARNING") as logs:
      settings.Settings(**changes).within(train=9, validation=9, test=9)
    told = [line.partition("--")[2].split()[0] for line in logs.output]
    self.assertCountEqual(told, names)


if __name__ == "__main__":
  absltest.main()
