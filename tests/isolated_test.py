# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import ctypes
import os
import sys
import time
from typing import Any

from absl.testing import absltest
import numpy as np

from ghn_tf.edge import isolated


def twice(values: Any, arrays: isolated.Arrays) -> Any:
  return [values, os.getpid()], {name: 2 * a for name, a in arrays.items()}


def refuse(values: Any, _: isolated.Arrays) -> Any:
  raise ValueError(values)


def crash(*_) -> Any:
  os.write(2, b"what native code says")
  ctypes.string_at(0)


def hang(*_) -> Any:
  while True:
    time.sleep(1)


def ask_for_memory(*_) -> Any:
  return bytearray(1 << 40), {}


def miss_a_module(*_) -> Any:
  raise ModuleNotFoundError("install it")


def write_to_the_terminal(*_) -> Any:
  os.write(1, b"\xff" * 99)
  print("noise", file=sys.stdout, flush=True)
  return None, {}


def _name(function: Any) -> str:
  return f"tests.isolated_test:{function.__name__}"


class WorkerTest(absltest.TestCase):
  def test_values_and_arrays_go_there_and_back(self):
    arrays: isolated.Arrays
    arrays = {"a": np.arange(6, dtype=np.int16).reshape(2, 3), "b": np.ones(())}
    with isolated.Worker() as worker:
      (values, pid), returned = worker.call(_name(twice), {"é": [1]}, arrays)
      (_, again), _ = worker.call(_name(twice), None, {})
    self.assertEqual(values, {"é": [1]})
    self.assertEqual(pid, again)
    self.assertNotEqual(pid, os.getpid())
    for name, array in arrays.items():
      np.testing.assert_array_equal(returned[name], 2 * array)
      self.assertEqual(returned[name].dtype, array.dtype)

  def test_errors_come_back(self):
    with isolated.Worker() as worker:
      with self.assertRaisesRegex(ValueError, "^wrong$"):
        worker.call(_name(refuse), "wrong", {})
      with self.assertRaisesRegex(ModuleNotFoundError, "^install it$"):
        worker.call(_name(miss_a_module), None, {})

  def test_a_crash_is_an_error_with_what_was_said_before(self):
    with isolated.Worker() as worker:
      with self.assertRaisesRegex(ValueError, "SIGSEGV.*what native code says"):
        worker.call(_name(crash), None, {})
      worker.call(_name(twice), None, {})

  def test_time_and_memory_have_limits(self):
    with isolated.Worker(seconds=2, memory_bytes=1 << 33) as worker:
      with self.assertRaisesRegex(ValueError, "bytes of memory"):
        worker.call(_name(ask_for_memory), None, {})
      with self.assertRaisesRegex(ValueError, "limit of time"):
        worker.call(_name(hang), None, {})

  def test_noise_does_not_reach_the_caller(self):
    with isolated.Worker() as worker:
      self.assertIsNone(worker.call(_name(write_to_the_terminal), 0, {})[0])


if __name__ == "__main__":
  absltest.main()
