# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of what lies outside of the networks of a space."""

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import pytest

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.spaces import exclusion
from ghn_tf.spaces import extent
from ghn_tf.spaces import space as space_lib
from ghn_tf.spaces import splits


def _train(name: str, seed: int, number: int) -> list[spec.Architecture]:
  """Training networks, without leaving out those for evaluation."""
  collection = splits.collection(name)
  nothing = exclusion.Exclusion()
  return [
    collection.draw("train", seed, index, nothing) for index in range(number)
  ]


def _vgg16() -> spec.Architecture:
  """VGG-16 (arXiv 1409.1556, table 1, D) with biases, for CIFAR-10."""
  builder = spec.Builder((32, 32, 3))
  x = builder.input
  for filters, number in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
    for _ in range(number):
      x = builder.add(
        ops.Op.CONV, x, filters=filters, kernel=(3, 3), use_bias=True
      )
      x = builder.add(ops.Op.RELU, x)
    x = builder.add(ops.Op.MAX_POOL, x, kernel=(2, 2), strides=(2, 2))
  x = builder.add(ops.Op.FLATTEN, x)
  for units in (4096, 4096):
    x = builder.add(ops.Op.DENSE, x, filters=units, use_bias=True)
    x = builder.add(ops.Op.RELU, x)
  builder.add(ops.Op.DENSE, x, filters=10, use_bias=True)
  return builder.build("vgg16")


def _sixty_layers(use_batch_norm: bool) -> spec.Architecture:
  builder = spec.Builder((32, 32, 3))
  x = builder.add(ops.Op.CONV, builder.input, filters=16, strides=(2, 2))
  for _ in range(59):
    x = builder.add(ops.Op.CONV, x, filters=16, kernel=(3, 3))
    if use_batch_norm:
      x = builder.add(ops.Op.BATCH_NORM, x)
  x = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
  builder.add(ops.Op.DENSE, x, filters=10)
  return builder.build("sixty")


def _outside(architecture: spec.Architecture, name: str) -> extent.Outside:
  return extent.outside(architecture, splits.collection(name).extent)


class ExtentTest(parameterized.TestCase):
  @parameterized.parameters(("tiny", 100), ("edge", 100), ("convnets", 30))
  def test_networks_of_a_space_are_inside(self, name: str, number: int):
    for architecture in _train(name, 1, number):
      self.assertEqual(_outside(architecture, name), {})

  @parameterized.parameters(*extent.MEASURED)
  @pytest.mark.large
  def test_the_table_is_what_is_measured(self, name: str):
    found = extent.of(_train(name, 0, 10_000))
    expected = extent.MEASURED[name]
    self.assertEqual({key: found[key] for key in expected}, expected)

  def test_every_space_is_measured(self):
    self.assertEqual({*extent.MEASURED}, {*space_lib.SPACES})

  def test_what_lies_outside_is_told_by_measure(self):
    self.assertEqual(
      _outside(_vgg16(), "edge"),
      {
        "parameters": {
          "value": 33_638_218,
          "least": 10_000,
          "greatest": 250_000,
        },
        "multiply_accumulates": {
          "value": 313_196_544 + 18_915_328,  # convolutions, dense layers
          "least": 1_000_000,
          "greatest": 30_000_000,
        },
      },
    )
    self.assertEqual({*_outside(_vgg16(), "convnets")}, {"parameters"})

  @parameterized.parameters(
    (False, {"depth", "layers_without_batch_norm"}), (True, {"depth"})
  )
  def test_depth_without_batch_norm_is_a_measure_of_its_own(
    self, use_batch_norm: bool, expected: set[str]
  ):
    found = _outside(_sixty_layers(use_batch_norm), "edge")
    self.assertEqual({*found} - {"multiply_accumulates", "nodes"}, expected)
    self.assertEqual(found["depth"]["value"], 61)

  def test_limits_of_a_run_and_its_images_count(self):
    collection = splits.collection("edge", (24, 32, 3))
    limited = dataclasses.replace(collection, max_params=20_000)
    self.assertEqual(limited.extent["parameters"], (10_000, 20_000))
    found = extent.outside(_vgg16(), limited.extent)
    self.assertEqual(
      found["image_height"], {"value": 32, "least": 24, "greatest": 24}
    )
    self.assertNotIn("image_width", found)

  def test_a_line_tells_it(self):
    found = {
      "parameters": {"value": 33_638_218, "least": 10_000, "greatest": 250_000},
      "image_height": {"value": 64, "least": 32, "greatest": 32},
    }
    self.assertEqual(
      extent.tell("vgg16", found),
      "Network 'vgg16' lies outside of those that the hypernetwork was trained"
      " on, so it may be far less accurate: parameters 33,638,218"
      " (10,000 to 250,000), image height 64 (32).",
    )

  def test_a_set_without_networks_has_no_extent(self):
    with self.assertRaisesRegex(ValueError, "at least one"):
      extent.of([])


if __name__ == "__main__":
  absltest.main()
