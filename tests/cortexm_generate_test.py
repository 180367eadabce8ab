# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Files that no program can be made of are refused, each with the reason."""

from collections.abc import Callable
import os
from typing import Any

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.edge import model_file
from ghn_tf.edge.cortexm import cores
from ghn_tf.edge.cortexm import generate
from ghn_tf.edge.cortexm import program
from tests import int8_files
from tests import random_blocks

_KINDS = (
  "conv depthwise dense pool reduce binary unary softmax pad concatenate crop"
  " blocks"
).split()
_FILES = int(os.environ.get("GHN_TF_FILES", "300"))


def _without_operator(name: str, grid: Any = (0.5, 0)) -> bytes:
  b = int8_files.Builder()
  image = b.tensor([1, 4, 4, 1])
  made = b.operator(name, [image], b.tensor([1, 4, 4, 1], grid))
  return b.build([image], [made])


def _dense(scale: float = 0.1, zero: int = 0, dtype: str = "INT8") -> bytes:
  b = int8_files.Builder()
  image = b.tensor([1, 4])
  data = np.ones((2, 4), np.int8)
  kernel = b.tensor([2, 4], (scale, zero), data, dtype)
  options: dict[str, Any] = {"kind": "FullyConnectedOptions"}
  made = b.operator(
    "FULLY_CONNECTED", [image, kernel], b.tensor([1, 2]), **options
  )
  return b.build([image], [made])


def _large(*shape: int) -> bytes:
  b = int8_files.Builder()
  image = b.tensor([1, *shape])
  made = b.operator("QUANTIZE", [image], b.tensor([1, *shape]))
  return b.build([image], [made])


def _blocks(height: int, width: int) -> bytes:
  b = int8_files.Builder()
  image = b.tensor([1, height, width, 1])
  constants = [
    b.tensor(np.shape(values), None, np.array(values, np.int32), "INT32")
    for values in ([height, width], [[0, 0], [0, 0]])
  ]
  parts = b.tensor([height * width, 1, 1, 1])
  made = b.operator("SPACE_TO_BATCH_ND", [image, *constants], parts)
  return b.build([image], [made])


class RefusalTest(parameterized.TestCase):
  @parameterized.parameters(
    (lambda: _without_operator("TANH"), "Operator 0 .TANH. has no kernel"),
    (lambda: _without_operator("QUANTIZE", None), "has 0 scales"),
    (lambda: _dense(zero=3), "kernel with a zero point"),
    (lambda: _dense(scale=1e38), "multiplies by"),
    (lambda: _dense(dtype="UINT8"), "kernel that is no constant of at most 8"),
    (lambda: _large(2000, 1001, 3), "bytes of memory, but"),
    (lambda: _blocks(9, 9), "SPACE_TO_BATCH_ND. has a batch of 81; 64 is"),
  )
  def test_names_the_reason(self, make: Callable[[], bytes], message: str):
    with self.assertRaisesRegex(ValueError, message):
      program.Chip(make())

  def test_nothing_else_is_raised_for_damaged_files(self):
    rng = np.random.default_rng(0)
    number = 0
    for seed in range(_FILES):
      content = _damaged(seed, rng)
      try:
        file = model_file.read(content)
      except ValueError:
        continue
      for core in ("cortex_m4", "cortex_m55"):
        number += 1
        try:
          generate.generate(file, cores.find(core))
        except ValueError:
          pass
    self.assertGreater(number, _FILES / 2)


def _damaged(seed: int, rng: np.random.Generator) -> bytes:
  """Returns a file of few operators, in which one thing is otherwise."""
  operators = random_blocks.Operators(seed)
  return operators.build_one(
    _KINDS[seed % len(_KINDS)], lambda graph: _damage(graph, rng)
  )


def _damage(graph: Any, rng: np.random.Generator) -> None:
  operator = graph.operators[rng.integers(len(graph.operators))]
  tensor = graph.tensors[rng.integers(len(graph.tensors))]
  number = int(rng.choice([0, 1, 2, 3, 100]))
  match rng.integers(7):
    case 0:
      operator.inputs[0] = int(rng.integers(-1, len(graph.tensors)))
    case 1 if operator.builtinOptions:
      fields = vars(operator.builtinOptions)
      for name, value in fields.items():
        if type(value) is int and rng.integers(2):
          fields[name] = number
    case 2:
      tensor.type = int(rng.choice([2, 3, 4, 6, 7, 9, 17]))
    case 3 if tensor.quantization:
      tensor.quantization.scale = [float(rng.choice([1e-30, 1, 1e30, 3e38]))]
    case 4:
      tensor.quantization = None
    case 5:
      tensor.buffer = 0
    case _:
      operator.inputs = operator.inputs[: rng.integers(len(operator.inputs))]


if __name__ == "__main__":
  absltest.main()
