# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Predictions for bits per layer, and by a hypernetwork that is told them."""

import dataclasses

from absl.testing import absltest
import numpy as np
import tensorflow as tf

from ghn_tf import data
from ghn_tf import predictor as predictor_lib
from ghn_tf.child import grids
from ghn_tf.child import keras_io
from ghn_tf.ghn import model as ghn_model
from ghn_tf.quant import recipe as recipe_lib
from models import resnet
from tests import small_run


class PredictorTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    path = small_run.make(self.create_tempdir().full_path)
    self.predictor = predictor_lib.load(path)
    self.images = data.load(data.SAMPLE).test.images[:64]

  def test_layers_have_bits_of_their_own(self):
    network, images = resnet.resnet8(), self.images
    recipe = "w4a4+stem=w8a8"
    with self.assertRaisesRegex(ValueError, "'stem' of network 'resnet8', wh"):
      self.predictor.child(network, recipe, calibration_images=images)
    stem = next(layer for layer in network.layers if layer.weights).name
    recipe = f"w4a4+{stem}=w8a8"
    child = self.predictor.child(network, recipe, calibration_images=images)
    self.assertEqual(child.recipe, recipe_lib.get(recipe))

  def test_a_hypernetwork_that_is_told_bits_predicts_for_each_recipe(self):
    config = dataclasses.replace(self.predictor.ghn.config, bits=True)
    ghn = ghn_model.GHN(config)
    arrays = ghn.get_arrays()
    arrays["encoder/bits_embedding"][:] = np.arange(8)[:, np.newaxis]
    ghn.set_arrays(arrays)
    predictor = predictor_lib.Predictor(ghn, self.predictor.metadata)
    network = keras_io.from_keras(resnet.resnet8())
    name = network.param_specs[0].name
    kernels = []
    for recipe in ("w8a8", "w2a2"):
      child = predictor.child(network, recipe, calibration_images=self.images)
      bits = grids.bits(network, recipe_lib.get(recipe))
      (expected,) = ghn([network], [bits])
      self.assertAllEqual(child.params[name], expected[name])
      kernels.append(expected[name])
    self.assertNotAllClose(*kernels)


if __name__ == "__main__":
  absltest.main()
