# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Every kernel gives what TFLite Micro's gives, code by code."""

import os

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import pytest

from ghn_tf.edge import tflm
from ghn_tf.edge.cortexm import cores
from ghn_tf.edge.cortexm import emulator
from ghn_tf.edge.cortexm import program
from ghn_tf.edge.cortexm import toolchain
from tests import micro
from tests import random_operators

_OPERATORS = 44
_IMAGES = 2


class KernelsTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    if not micro.IS_INSTALLED:
      self.skipTest(micro.MISSING)
    if not toolchain.is_installed():
      self.skipTest(toolchain.MISSING)
    if not emulator.is_installed():
      self.skipTest(emulator.MISSING)

  def _check(self, seed: int, core: str) -> None:
    content = random_operators.Operators(seed).build(_OPERATORS)
    chip = program.Chip(content, core)
    interpreter = tflm.Interpreter(content, chip.file, keep_tensors=True)
    shape = chip.file.tensors[chip.file.inputs[0]].shape
    rng = np.random.default_rng(seed)
    for _ in range(_IMAGES):
      codes = rng.integers(-128, 128, shape[1:]).astype(np.int8)
      expected = interpreter.tensors(codes)
      outputs = chip.outputs(codes)
      for operator, actual in zip(chip.file.operators, outputs, strict=True):
        np.testing.assert_array_equal(
          actual,
          expected[operator.outputs[0]],
          f"Operator {operator.index}, {operator.name}, of seed {seed}",
        )
      last = chip.file.operators[-1].outputs[0]
      np.testing.assert_array_equal(
        chip.logits(codes[np.newaxis])[0], expected[last].reshape(-1)
      )

  @parameterized.parameters((0, "cortex_m4"), (1, "cortex_m3"))
  def test_every_code_is_that_of_tflite_micro(self, seed: int, core: str):
    self._check(seed, core)

  @pytest.mark.large
  def test_every_code_of_many_networks_is_that_of_tflite_micro(self):
    for seed in range(2, 2 + int(os.environ.get("GHN_TF_NETWORKS", "100"))):
      with self.subTest(seed=seed):
        self._check(seed, sorted(cores.CORES)[seed % len(cores.CORES)])


if __name__ == "__main__":
  absltest.main()
