# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import ctypes
import os
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any
from unittest import mock

from absl.testing import absltest
import numpy as np
import psutil

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


def crash_with_a_file(*_: Any) -> Any:
  with tempfile.NamedTemporaryFile() as file:
    os.write(2, file.name.encode())
    ctypes.string_at(0)


def hang_in_another_process(_: Any, arrays: isolated.Arrays) -> Any:
  del arrays
  with subprocess.Popen(["sleep", "600"]) as process:
    os.write(2, f"{process.pid}\n".encode())


def _ends(pid: int) -> bool:
  """Waits for another's process, which takes its time to die."""
  for _ in range(100):
    try:
      # Who was not waited for is a zombie, which is as good as gone.
      if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
        return True
    except psutil.NoSuchProcess:
      return True
    time.sleep(0.1)
  return False


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
    with self.assertRaises(ProcessLookupError):  # it has ended
      os.kill(pid, 0)
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

  def test_a_crash_leaves_no_files(self):
    with isolated.Worker() as worker:
      with self.assertRaisesRegex(ValueError, "SIGSEGV.*it said: /") as e:
        worker.call(_name(crash_with_a_file), None, {})
    self.assertFalse(os.path.exists(str(e.exception).split()[-1]))

  def test_time_and_memory_have_limits(self):
    with isolated.Worker(seconds=2, memory_bytes=1 << 33) as worker:
      with self.assertRaisesRegex(ValueError, "bytes of memory"):
        worker.call(_name(ask_for_memory), None, {})
      with self.assertRaisesRegex(ValueError, "limit of 2 seconds; give it"):
        worker.call(_name(hang), None, {})

  def test_a_stop_ends_a_call_and_what_it_started(self):
    stop = isolated.Stop()
    with isolated.Worker(stop=stop) as worker:
      (_, pid), _ = worker.call(_name(twice), None, {})
      # Where the terminal's Ctrl-C does not come.
      self.assertNotEqual(os.getpgid(pid), os.getpgid(0))
      log, children = worker._log, []

      def end() -> None:
        while not (said := os.pread(log.fileno(), 20, 0)).endswith(b"\n"):
          time.sleep(0.05)
        children.append(int(said))
        stop.set()

      thread = threading.Thread(target=end)
      thread.start()
      with self.assertRaises(isolated.Stopped):
        worker.call(_name(hang_in_another_process), None, {})
      thread.join()
      with self.assertRaises(isolated.Stopped):
        worker.call(_name(twice), None, {})
    self.assertTrue(_ends(pid))
    self.assertTrue(_ends(children[0]))

  def test_a_process_is_waited_for_where_there_is_no_waitid(self):
    with mock.patch.object(os, "waitid"):
      del os.waitid  # as on macOS before Python 3.13; the mock puts it back
      with isolated.Worker() as worker:
        (_, pid), _ = worker.call(_name(twice), None, {})
    self.assertTrue(_ends(pid))

  def test_a_limit_ends_what_the_call_started(self):
    with isolated.Worker(seconds=2) as worker:
      with self.assertRaisesRegex(
        ValueError, "limit of 2 seconds.*it said: "
      ) as e:
        worker.call(_name(hang_in_another_process), None, {})
    self.assertTrue(_ends(int(str(e.exception).split()[-1])))

  def test_noise_does_not_reach_the_caller(self):
    with isolated.Worker() as worker:
      self.assertIsNone(worker.call(_name(write_to_the_terminal), 0, {})[0])


if __name__ == "__main__":
  absltest.main()
