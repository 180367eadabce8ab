# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests that weights of the public GHN-2 predict what it does."""

import json
import pathlib

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.arch import genotype
from ghn_tf.arch import spec
from ghn_tf.ghn import ghn2_weights
from ghn_tf.ghn import model
from tests import reference_data


def _whole() -> pathlib.Path:
  return reference_data.path(reference_data.WHOLE_GHN2)


class ReferenceTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.named_parameters(
    ("part", lambda: reference_data.GHN2), ("whole", _whole)
  )
  def test_every_tensor_is_that_of_the_public_ghn2(self, path):
    with np.load(path()) as reference:
      arrays = dict(reference)
    network = json.loads(str(arrays["nodes_json"]))
    config, weights = ghn2_weights.convert(reference_data.weights(arrays))
    ghn = model.GHN(config)
    ghn.set_arrays(weights)
    architecture = genotype.from_genotype(
      network["genotype"], **network["args"]
    )
    (params,) = ghn([architecture])
    predicted = set()
    for param in architecture.param_specs:
      name, _, role = param.name.rpartition("/")
      name += ".weight" if role in ("kernel", "gamma") else ".bias"
      expected = arrays[f"param/{name}"]
      actual = _pytorch_order(param, params[param.name].numpy())
      self.assertEqual(actual.shape, expected.shape, name)
      kept = ~np.isnan(expected)
      self.assertTrue(kept.any(), name)
      # Relative to the tensor's largest absolute value: what float32 sums in
      # another order may differ by.
      scale = np.abs(expected[kept]).max()
      self.assertAllClose(actual[kept], expected[kept], 0, 1e-5 * scale, name)
      predicted.add(f"param/{name}")
    self.assertEqual(
      predicted, {name for name in arrays if name.startswith("param/")}
    )

  def test_the_part_is_one_of_the_whole(self):
    with np.load(_whole()) as whole, np.load(reference_data.GHN2) as part:
      self.assertEqual(part.files, whole.files)
      for name in whole.files:
        array, expected = part[name], whole[name]
        # What was left out of the part is NaN there.
        if array.dtype.kind == "f":
          expected = np.where(np.isnan(array), np.nan, expected)
        np.testing.assert_array_equal(array, expected, name)


def _pytorch_order(param: spec.ParamSpec, value: np.ndarray) -> np.ndarray:
  if param.kind is spec.ParamKind.DEPTHWISE_KERNEL:
    return value.transpose(2, 3, 0, 1)
  order = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[value.ndim]
  return value.transpose(order)


if __name__ == "__main__":
  absltest.main()
