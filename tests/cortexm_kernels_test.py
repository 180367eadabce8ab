# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Every kernel gives what TFLite Micro's gives, code by code."""

import os

from absl.testing import absltest
from absl.testing import parameterized
from ai_edge_litert import interpreter as litert
import numpy as np
import pytest

from ghn_tf.edge import tflm
from ghn_tf.edge.cortexm import cores
from ghn_tf.edge.cortexm import emulator
from ghn_tf.edge.cortexm import program
from ghn_tf.edge.cortexm import qemu
from ghn_tf.edge.cortexm import toolchain
from tests import int8_files
from tests import micro
from tests import random_blocks
from tests import random_operators

_OPERATORS = 44
_IMAGES = 2


def _networks() -> int:
  return int(os.environ.get("GHN_TF_NETWORKS", "100"))


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

  @parameterized.parameters(*range(4))
  def test_blocks_are_those_of_tflite(self, seed: int):
    # Micro fills the margins of SPACE_TO_BATCH_ND with what its memory holds.
    # Convolutions of TFLite's reference kernels are Micro's.
    content = random_blocks.Operators(seed).build_one("blocks")
    chip = program.Chip(content, ("cortex_m4", "cortex_m3")[seed % 2])
    interpreter = litert.Interpreter(
      model_content=content,
      experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF,
      experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    source = chip.file.inputs[0]
    codes = int8_files.inputs(chip.file.tensors[source].shape, 1)
    interpreter.set_tensor(source, codes)
    interpreter.invoke()
    for operator, actual in zip(
      chip.file.operators, chip.outputs(codes[0]), strict=True
    ):
      np.testing.assert_array_equal(
        actual, interpreter.get_tensor(operator.outputs[0]), operator.name
      )

  @parameterized.parameters("conv", "depthwise")
  def test_vectors_give_the_same(self, kind: str):
    self._check_vectors(kind, 0)

  @pytest.mark.large
  def test_vectors_give_the_same_everywhere(self):
    for kind in ("conv", "depthwise", "dense", "binary", "pool", "reduce"):
      for seed in range(1, 1 + _networks() // 10):
        with self.subTest(kind=kind, seed=seed):
          self._check_vectors(kind, seed)

  def _check_vectors(self, kind: str, seed: int) -> None:
    if not qemu.is_installed():
      self.skipTest(qemu.MISSING)
    content = random_operators.Operators(seed).build_one(kind)
    chip = program.Chip(content, "cortex_m55")
    shape = chip.file.tensors[chip.file.inputs[0]].shape
    codes = int8_files.inputs(shape)
    expected = tflm.Interpreter(content, chip.file).run(codes)
    np.testing.assert_array_equal(
      chip.logits(codes), expected.reshape(len(codes), -1)
    )

  @parameterized.parameters((0, "cortex_m4"), (1, "cortex_m3"))
  def test_every_code_is_that_of_tflite_micro(self, seed: int, core: str):
    self._check(seed, core)

  @pytest.mark.large
  def test_every_code_of_many_networks_is_that_of_tflite_micro(self):
    names = sorted(n for n, c in cores.CORES.items() if not c.has_vectors)
    for seed in range(2, 2 + _networks()):
      with self.subTest(seed=seed):
        self._check(seed, names[seed % len(names)])


if __name__ == "__main__":
  absltest.main()
