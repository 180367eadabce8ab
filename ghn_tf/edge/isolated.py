# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Functions that run in a process of their own, with limits.

For native code that parses files of others: what crashes, hangs or asks for too
much memory there is a ValueError here. It keeps accidents in, no attackers.
"""

from collections.abc import Mapping
import contextlib
import importlib
import io
import json
import os
import pathlib
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from typing import IO, Any

import numpy as np

import ghn_tf

_LENGTH = struct.Struct("<Q")
# Of a call: what starting and compiling take, and one input. The slowest of
# MLPerf Tiny takes a tenth of either on a machine that does other things, too.
_SECONDS, _SECONDS_PER_INPUT = 600, 10
# Of what native code wrote, so much of the end is told.
_TOLD_CHARS = 500
# "module:function" in, JSON and arrays, and the same out.
_SERVE = "from ghn_tf.edge import isolated; isolated.serve()"

Arrays = Mapping[str, np.ndarray]

# Whether this process is one of a worker.
_is_serving = False


def seconds(num_inputs: int) -> float:
  """Returns the time that a call may take which runs a file on inputs."""
  return _SECONDS + _SECONDS_PER_INPUT * num_inputs


class Stopped(Exception):
  """A call was ended by `Stop`."""


class Stop:
  """Ends the calls of workers at once, from another thread or a signal.

  Attributes:
    is_set: whether it has.
  """

  def __init__(self):
    """Lets workers be."""
    self.is_set = False
    # A signal may come while the same thread has it.
    self._lock = threading.RLock()
    self._processes: set[subprocess.Popen] = set()

  def set(self) -> None:
    """Kills all processes; calls raise `Stopped` from now on."""
    with self._lock:
      self.is_set = True
      for process in self._processes:
        _kill(process)

  def start(self, command: list[str], **options: Any) -> subprocess.Popen:
    """Starts a process, as `subprocess.Popen` does.

    Raises:
      Stopped: it is set.
    """
    with self._lock:
      if self.is_set:
        raise Stopped
      # A session of its own does not get the terminal's Ctrl-C, and ends as a
      # whole. One within another one's is a part of that.
      process = subprocess.Popen(
        command, start_new_session=not _is_serving, **options
      )
      self._processes.add(process)
    return process

  def wait(self, process: subprocess.Popen) -> int:
    """Waits until a process ends, ends what it left, and returns its status."""
    if hasattr(os, "waitid"):
      # Until its status is read, nothing else gets its number.
      os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    else:  # on macOS before Python 3.13
      process.wait()
    with self._lock:
      _kill(process)
      self._processes.discard(process)
      return process.wait()


def _kill(process: subprocess.Popen) -> None:
  """Kills a process that was not waited for, and what it has started."""
  # macOS permits nothing to what has ended.
  with contextlib.suppress(ProcessLookupError, PermissionError):
    os.kill(process.pid if _is_serving else -process.pid, signal.SIGKILL)


class Worker:
  """A process, started when it is needed, that ends with the `with` block."""

  def __init__(
    self,
    seconds: float = 120,
    memory_bytes: int = 1 << 32,
    stop: Stop | None = None,
  ):
    """Sets the limits.

    Args:
      seconds: of each call.
      memory_bytes: of address space, and of each file that is written.
      stop: what can end the calls; nothing by default.
    """
    self._seconds, self._memory_bytes = seconds, memory_bytes
    self._stop = stop or Stop()
    self._process: subprocess.Popen | None = None
    self._requests: IO[bytes] = io.BytesIO()
    self._answers: IO[bytes] = io.BytesIO()
    self._log = tempfile.TemporaryFile()
    # Who is killed leaves temporary files.
    self._folder = tempfile.TemporaryDirectory()

  def __enter__(self) -> "Worker":
    return self

  def __exit__(self, *_: object) -> None:
    self._end()
    self._log.close()
    self._folder.cleanup()

  def call(
    self, function: str, values: Any, arrays: Arrays
  ) -> tuple[Any, dict[str, np.ndarray]]:
    """Calls a function of this package in the process.

    Args:
      function: "module:function", which takes values and arrays and returns
        them.
      values: what JSON can say.
      arrays: of numbers.

    Returns:
      What the function returns.

    Raises:
      ValueError: the function raised it, or the process died. The next call
        starts another one.
      Stopped: the process was ended.
      ModuleNotFoundError: a package is missing.
    """
    if self._process is None:
      self._start()
    request = {
      "function": function,
      "values": values,
      "seconds": self._seconds,
      "memory_bytes": self._memory_bytes,
    }
    try:
      _write(self._requests, request, arrays)
      answer, returned = _read(self._answers)
    except (BrokenPipeError, EOFError) as error:
      if self._stop.is_set:
        raise Stopped from error
      raise ValueError(self._death()) from error
    if kind := answer.get("error"):
      errors = {"ModuleNotFoundError": ModuleNotFoundError}
      raise errors.get(kind, ValueError)(answer["message"])
    return answer["values"], returned

  def _start(self) -> None:
    root = str(pathlib.Path(ghn_tf.__path__[0]).parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    self._process = self._stop.start(
      [sys.executable, "-P", "-c", _SERVE],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=self._log,
      env={
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "TMPDIR": self._folder.name,
      },
    )
    if self._process.stdin and self._process.stdout:
      self._requests, self._answers = self._process.stdin, self._process.stdout

  def _end(self) -> int:
    """Ends the process and returns its status."""
    if self._process is None:
      return 0
    for stream in (self._requests, self._answers):
      with contextlib.suppress(BrokenPipeError):
        stream.close()
    status = self._stop.wait(self._process)
    self._process = None
    return status

  def _death(self) -> str:
    status = self._end()
    size = self._log.seek(0, os.SEEK_END)
    self._log.seek(max(0, size - _TOLD_CHARS))
    told = self._log.read().decode(errors="backslashreplace").strip()
    told = f"; it said: {told}" if told else ""
    if status >= 0:
      return f"the process that reads the file ended with status {status}{told}"
    number = signal.Signals(-status)
    limit = {
      signal.SIGALRM: f"{self._seconds:,g} seconds; give it fewer inputs",
      signal.SIGXFSZ: f"{self._memory_bytes:,} bytes in a file that it writes",
    }.get(number)
    if limit:
      return f"the file needs more than the limit of {limit}{told}"
    return f"the process that reads the file died of {number.name}{told}"


def _write(
  stream: IO[bytes], values: Mapping[str, Any], arrays: Arrays
) -> None:
  arrays = {name: np.ascontiguousarray(a) for name, a in arrays.items()}
  described = [[name, a.dtype.str, a.shape] for name, a in arrays.items()]
  header = json.dumps({**values, "arrays": described}).encode()
  stream.write(_LENGTH.pack(len(header)) + header)
  for array in arrays.values():
    stream.write(array.tobytes())
  stream.flush()


def _read(stream: IO[bytes]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
  def exactly(size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
      raise EOFError
    return content

  header = json.loads(exactly(_LENGTH.unpack(exactly(_LENGTH.size))[0]))
  arrays = {}
  for name, dtype, shape in header.pop("arrays"):
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    arrays[name] = np.frombuffer(exactly(size), dtype).reshape(shape)
  return header, arrays


def serve() -> None:
  """Answers calls until there are no more: the other end of a `Worker`."""
  global _is_serving
  _is_serving = True
  # The way to the caller is kept from native code, which writes to 1 and 2.
  requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
  os.dup2(2, 1)
  resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
  while True:
    try:
      request, arrays = _read(requests)
    except EOFError:
      return
    os.ftruncate(2, 0)
    os.lseek(2, 0, os.SEEK_SET)
    # Python's own limit: by its default action, the signal ends the process
    # wherever it is.
    signal.setitimer(signal.ITIMER_REAL, request["seconds"])
    answer, returned = _answer(request, arrays)
    signal.setitimer(signal.ITIMER_REAL, 0)
    _write(answers, answer, returned)


def _answer(request: Mapping[str, Any], arrays: Arrays) -> tuple[dict, Arrays]:
  limit = request["memory_bytes"]
  limited = [resource.RLIMIT_FSIZE]
  if sys.platform != "darwin":  # which refuses it
    limited.append(resource.RLIMIT_AS)
  for what in limited:
    resource.setrlimit(what, (limit, resource.getrlimit(what)[1]))
  module, _, name = request["function"].partition(":")
  try:
    function = getattr(importlib.import_module(module), name)
    values, returned = function(request["values"], arrays)
    return {"values": values}, returned
  except MemoryError:
    message = f"the file needs more than the limit of {limit:,} bytes of memory"
    return {"error": "ValueError", "message": message}, {}
  # Whatever a tool makes of a file that it cannot read: the caller is told.
  except Exception as error:
    kind = type(error).__name__
    told = str(error) if isinstance(error, ValueError) else f"{kind}: {error}"
    if isinstance(error, ModuleNotFoundError):
      told = str(error)
    return {"error": kind, "message": told}, {}
