# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Lets processes wait for each other before they depend on each other."""

from collections.abc import Sequence
import contextlib
import select
import socket
import time

_GO = b"go"
# Between two attempts to reach worker 0, and for each message.
_PAUSE_SECONDS = 0.5
_MESSAGE_SECONDS = 5.0


def wait(addresses: Sequence[str], index: int, seconds: float) -> None:
  """Returns once all processes have called it.

  The first one listens at its address, the others report to it; when all have,
  it sends them off. Afterwards the address is free again.

  Args:
    addresses: "host:port" of each process.
    index: of this one.
    seconds: to wait at most.

  Raises:
    TimeoutError: naming those that did not come.
    OSError: the first one cannot listen at its port.
  """
  deadline = time.monotonic() + seconds
  if index == 0:
    _gather(addresses, deadline)
  else:
    _report(addresses[0], index, deadline)


def _gather(addresses: Sequence[str], deadline: float) -> None:
  """Sends all others off once they have reported."""
  port = int(addresses[0].rpartition(":")[2])
  missing = set(range(1, len(addresses)))
  with contextlib.ExitStack() as stack:
    server = stack.enter_context(socket.create_server(("", port)))
    connections: dict[int, socket.socket] = {}
    while missing:
      server.settimeout(max(0.001, deadline - time.monotonic()))
      try:
        connection, _ = server.accept()
      except TimeoutError as error:
        raise TimeoutError(
          "These workers did not come:"
          f" {', '.join(addresses[i] for i in sorted(missing))}. Start all"
          " workers at about the same time."
        ) from error
      stack.enter_context(connection)
      connection.settimeout(_MESSAGE_SECONDS)
      with contextlib.suppress(OSError, ValueError):  # not one of ours
        connections[int(connection.recv(16))] = connection
      # Without those that have ended since; they may be started again. Of one
      # that is there nothing can be read yet.
      gone, _, _ = select.select(connections.values(), [], [], 0)
      there = {i for i, one in connections.items() if one not in gone}
      missing = set(range(1, len(addresses))) - there
    for connection in connections.values():
      with contextlib.suppress(OSError):  # TensorFlow will tell who is gone
        connection.sendall(_GO)


def _report(address: str, index: int, deadline: float) -> None:
  """Reports to the first one, and waits for its word."""
  host, _, port = address.rpartition(":")
  while (left := deadline - time.monotonic()) > 0:
    try:
      with socket.create_connection((host, int(port)), left) as connection:
        connection.settimeout(left)
        connection.sendall(str(index).encode())
        if connection.recv(len(_GO)) == _GO:
          return
    except OSError:  # it does not listen yet
      pass
    time.sleep(_PAUSE_SECONDS)
  raise TimeoutError(
    f"Worker 0 at {address} did not send this one, worker {index}, off. Start"
    " all workers at about the same time, where they can reach that address."
  )
