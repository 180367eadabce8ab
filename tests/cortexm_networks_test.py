# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Whole networks as programs of Cortex-M, with predicted parameters."""

import functools
import os

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

from ghn_tf import predictor
from ghn_tf.arch import spec
from ghn_tf.child import keras_io
from ghn_tf.edge import tflm
from ghn_tf.edge.cortexm import emulator
from ghn_tf.edge.cortexm import program
from ghn_tf.edge.cortexm import toolchain
from ghn_tf.spaces import space
from models import darts
from models import ds_cnn
from models import mobilenet
from models import resnet
from tests import int8_files
from tests import micro

_MODELS = {
  "resnet8": resnet.resnet8,
  "resnet20": resnet.resnet20,
  "mobilenet_v1": mobilenet.mobilenet_v1,
  "mobilenet_v2": mobilenet.mobilenet_v2,
  "ds_cnn": ds_cnn.ds_cnn,
  "darts": darts.darts,
}
_IMAGES = 3
# int8 weights, and int4.
_RECIPES = ("w8a8", "w4a8")


@functools.cache
def _predictor() -> predictor.Predictor:
  return predictor.load("edge_cifar10")


class NetworksTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    if not micro.IS_INSTALLED:
      self.skipTest(micro.MISSING)
    for tool in (toolchain, emulator):
      if not tool.is_installed():
        self.skipTest(tool.MISSING)

  def _check(self, architecture: spec.Architecture, recipe: str) -> None:
    content = _predictor().child(architecture, recipe).to_tflite()
    chip = program.Chip(content, "cortex_m4")
    shape = chip.file.tensors[chip.file.inputs[0]].shape
    codes = int8_files.inputs(shape, _IMAGES)
    expected = tflm.Interpreter(content, chip.file).run(codes)
    np.testing.assert_array_equal(
      chip.logits(codes), expected.reshape(_IMAGES, -1)
    )

  def test_resnet8(self):
    model = _MODELS["resnet8"]((32, 32, 3), 10)
    self._check(keras_io.from_keras(model), "w8a8")

  @parameterized.product(name=[*_MODELS], recipe=_RECIPES)
  @pytest.mark.large
  def test_models(self, name: str, recipe: str):
    model = _MODELS[name]((32, 32, 3), 10)
    self._check(keras_io.from_keras(model), recipe)

  @pytest.mark.large
  def test_sampled_networks(self):
    chosen = space.SPACES["edge"]
    for index in range(int(os.environ.get("GHN_TF_NETWORKS", "100"))):
      with self.subTest(index=index):
        architecture = space.sample(chosen, 0, index)
        self._check(architecture, _RECIPES[index % len(_RECIPES)])


if __name__ == "__main__":
  absltest.main()
