# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import os

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.ghn import config as ghn_config
from ghn_tf.training import config as training_config
from tests import small_collection


class TrainConfigTest(parameterized.TestCase):
  @parameterized.parameters(
    ({"steps": 0}, "steps must be >= 1, got 0"),
    ({"learning_rate": float("nan")}, "learning_rate must be >= 0, got nan"),
    ({"label_smoothing": 1.5}, "label_smoothing must be <= 1, got 1.5"),
    ({"recipe": "w3a3"}, "recipe must be one of .*'w4a4'.*, got 'w3a3'"),
    ({"ghn": "ghn9"}, "ghn must be one of .*'ghn2'.*, got 'ghn9'"),
    ({"max_macs": 0}, "max_macs must be >= 1, got 0"),
    ({"steps": None}, "steps needs a value, got None"),
    ({"architectures": 5}, "architectures must be of type str, got 5"),
    ({"steps": 4.0}, "steps must be of type int, got 4.0"),
    ({"learning_rate": True}, "learning_rate must be of type float, got True"),
  )
  def test_refuses_values_out_of_bounds(self, changes, message):
    with self.assertRaisesRegex(ValueError, message):
      training_config.TrainConfig(**changes)

  def test_every_field_has_a_meaning(self):
    for field in dataclasses.fields(training_config.TrainConfig):
      self.assertNotEmpty(field.metadata["help"], field.name)

  def test_sizes_of_the_hypernetwork_can_be_changed_one_by_one(self):
    config = training_config.TrainConfig(ghn="ghn2", hidden_dim=16)
    self.assertEqual(
      config.ghn_config(num_classes=100),
      dataclasses.replace(
        ghn_config.CONFIGS["ghn2"], hidden_dim=16, num_classes=100
      ),
    )

  @parameterized.parameters(
    ({"recipe": "any"}, True),
    ({"recipe": "any", "bits": False}, False),
    ({"recipe": "w4a4"}, False),
    ({"recipe": "w4a4", "bits": True}, True),
  )
  def test_who_is_trained_in_any_recipe_is_told_bits(self, changes, expected):
    config = training_config.TrainConfig(**changes)
    self.assertEqual(config.ghn_config(num_classes=10).bits, expected)

  def test_the_source_has_the_images_classes_and_limits(self):
    config = training_config.TrainConfig(space="tiny", max_macs=500_000)
    source = config.source((28, 28, 1), 47)
    for architecture in (*source.first("val", 3), source.train(0, seed=0)):
      self.assertEqual(architecture.input_shape, (28, 28, 1))
      self.assertEqual(architecture.num_classes, 47)
      self.assertLessEqual(architecture.macs, 500_000)

  def test_stored_architectures_must_fit_the_images(self):
    config = training_config.TrainConfig(architectures=small_collection.make())
    source = config.source((32, 32, 3), 10)
    self.assertStartsWith(source.train(0, seed=0).name, "small-train-")
    with self.assertRaisesRegex(
      ValueError, r"take images of shape \[32, 32, 3\] .* has \[28, 28, 1\]"
    ):
      config.source((28, 28, 1), 10)

  @parameterized.parameters(
    ("data", os.path.abspath("data")), ("/data", "/data"), ("~/data", "~/data")
  )
  def test_stored_architectures_are_found_from_any_folder(self, given, kept):
    config = training_config.TrainConfig(architectures=given)
    self.assertEqual(config.architectures, kept)

  def test_stored_architectures_cannot_be_limited(self):
    with self.assertRaisesRegex(
      ValueError, r"\['max_macs'\] limit what is drawn, not what is stored"
    ):
      training_config.TrainConfig(architectures="/data", max_macs=10)

  def test_a_resumed_run_may_log_and_save_at_other_times(self):
    config = training_config.TrainConfig()
    other = training_config.TrainConfig(
      log_every_steps=1, checkpoint_every_steps=7, parallel_children=1
    )
    self.assertEqual(config.decisive_fields(), other.decisive_fields())

  @parameterized.parameters(("constant", True), ("cosine", False))
  def test_only_a_constant_rate_lets_a_run_go_on_for_longer(
    self, schedule, equal
  ):
    fields = [
      training_config.TrainConfig(
        schedule=schedule, steps=steps
      ).decisive_fields()
      for steps in (100, 200)
    ]
    self.assertEqual(fields[0] == fields[1], equal)


class LearningRateTest(parameterized.TestCase):
  @parameterized.parameters(
    ("constant", 0, 0, 0.1),
    ("constant", 0, 11, 0.1),
    # Of 12 steps, 8 are two thirds and 10 are five sixths.
    ("multistep", 0, 7, 0.1),
    ("multistep", 0, 8, 0.01),
    ("multistep", 0, 9, 0.01),
    ("multistep", 0, 10, 0.001),
    # cos(0) = 1, cos(pi / 2) = 0, cos(pi * 2 / 3) = -1/2.
    ("cosine", 0, 0, 0.1),
    ("cosine", 0, 6, 0.05),
    ("cosine", 0, 8, 0.025),
    # Four steps of warm-up, then half a wave over the remaining eight.
    ("cosine", 4, 0, 0.025),
    ("cosine", 4, 3, 0.1),
    ("cosine", 4, 4, 0.1),
    ("cosine", 4, 8, 0.05),
    ("constant", 4, 1, 0.05),
  )
  def test_follows_the_schedule(self, schedule, warmup_steps, step, expected):
    config = training_config.TrainConfig(
      steps=12,
      learning_rate=0.1,
      schedule=schedule,
      warmup_steps=warmup_steps,
    )
    self.assertAlmostEqual(config.learning_rate_at(step), expected)


if __name__ == "__main__":
  absltest.main()
