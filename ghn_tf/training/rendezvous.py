# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Lets processes wait for each other before they depend on each other."""

from collections.abc import Sequence
import contextlib
import ipaddress
import selectors
import socket
import time
from typing import Any

_GO = b"go"
_PAUSE_SECONDS = 0.5  # between two attempts to reach worker 0
# Until who has connected says which worker it is; workers do so at once.
_SILENCE_SECONDS = 5.0
# Connections that have not said so yet. Of a stranger's there may be many, and
# each takes a file descriptor; workers come back.
_MAX_SILENT = 64


def wait(addresses: Sequence[str], index: int, seconds: float) -> None:
  """Returns once all processes have called it.

  The first one listens at its address, the others report to it; when all have,
  it sends them off. Afterwards the address is free again. Whoever reaches that
  address can report: it belongs in a private network.

  Args:
    addresses: "host:port" of each process.
    index: of this one.
    seconds: to wait at most.

  Raises:
    TimeoutError: naming those that did not come.
    OSError: the first one cannot listen at its address, or only where the
      others cannot reach it.
  """
  deadline = time.monotonic() + seconds
  if index == 0:
    with _listen(addresses) as server:
      _gather(server, addresses, deadline)
  else:
    _report(addresses[0], index, deadline)


def _split(address: str) -> tuple[str, int]:
  """Returns the host, of IPv6 without its brackets, and the port."""
  host, _, port = address.rpartition(":")
  return host.removeprefix("[").removesuffix("]"), int(port)


def _listen(addresses: Sequence[str]) -> socket.socket:
  """Listens at the first address, and nowhere else.

  Raises:
    OSError: it is not of this machine, is taken, or is not seen by others.
  """
  host, port = _split(addresses[0])
  try:
    server = _bind(host, port)
  except OSError as error:
    raise OSError(
      f"Worker 0 cannot listen at {addresses[0]!r} ({error.strerror}): in"
      " TF_CONFIG, give it an address of its machine and a free port."
    ) from error
  # As /etc/hosts of some systems has it for their own name.
  others = [_split(address)[0] for address in addresses[1:]]
  if _is_loopback(host) and not all(map(_is_loopback, others)):
    server.close()
    raise OSError(
      f"Worker 0 is {host!r}, on its machine a name of the loopback, which no"
      " other machine can reach: in TF_CONFIG, give it its address in the"
      " network."
    )
  return server


def _bind(host: str, port: int) -> socket.socket:
  """Listens at the first of a host's addresses that can be had."""
  *first, last = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
  for family, _, _, _, place in first:
    with contextlib.suppress(OSError):  # IPv6, where a machine has none
      return socket.create_server(place, family=family)
  return socket.create_server(last[-1], family=last[0])


def _is_loopback(host: str) -> bool:
  """Whether a host is known to be reached from this machine alone."""
  try:
    found = socket.getaddrinfo(host, None)
  except OSError:
    return False
  return all(ipaddress.ip_address(place[0]).is_loopback for *_, place in found)


def _gather(
  server: socket.socket, addresses: Sequence[str], deadline: float
) -> None:
  """Sends all others off once they have reported; strangers delay nobody."""
  others = set(range(1, len(addresses)))
  silent: dict[socket.socket, float] = {}  # until when each may be
  reported: dict[socket.socket, int] = {}
  with selectors.DefaultSelector() as selector:

    def drop(connection: socket.socket) -> None:
      silent.pop(connection, None)
      reported.pop(connection, None)
      selector.unregister(connection)
      connection.close()

    selector.register(server, selectors.EVENT_READ)
    try:
      while True:
        missing = others - set(reported.values())
        now = time.monotonic()
        if missing and now >= deadline:
          raise TimeoutError(
            "These workers did not come:"
            f" {', '.join(addresses[i] for i in sorted(missing))}. Start all"
            " workers at about the same time."
          )
        for connection in [one for one, end in silent.items() if end <= now]:
          drop(connection)
        wait_until = min([deadline, *silent.values()]) if missing else now
        events = selector.select(wait_until - now)
        ready: set[Any] = {key.fileobj for key, _ in events}
        # What has reported says no more: it has ended, and may come again.
        ended = ready & reported.keys()
        if not missing and not ended:
          break
        for connection in ended:
          drop(connection)
        if server in ready:
          with contextlib.suppress(OSError):  # it has gone already
            connection, _ = server.accept()
            if len(silent) == _MAX_SILENT:
              drop(next(iter(silent)))
            silent[connection] = now + _SILENCE_SECONDS
            selector.register(connection, selectors.EVENT_READ)
        for connection in ready & silent.keys():
          index = _read_index(connection)
          for old in [one for one, i in reported.items() if i == index]:
            drop(old)
          if index in others:
            del silent[connection]
            reported[connection] = index
          else:
            drop(connection)
      for connection in reported:
        with contextlib.suppress(OSError):  # TensorFlow will tell who is gone
          connection.sendall(_GO)
    finally:
      for connection in [*silent, *reported]:
        connection.close()


def _read_index(connection: socket.socket) -> int:
  """Returns which worker a connection says it is; 0, or any, of a stranger."""
  try:
    text = connection.recv(16)
  except OSError:
    return 0
  return int(text) if text.isdigit() else 0


def _report(address: str, index: int, deadline: float) -> None:
  """Reports to the first one, and waits for its word."""
  while (left := deadline - time.monotonic()) > 0:
    try:
      with socket.create_connection(_split(address), left) as connection:
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
