# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Ports of this machine for processes that talk to each other."""

import socket


def find(number: int) -> list[int]:
  """Returns ports at which nobody listens now."""
  sockets = [socket.socket() for _ in range(number)]
  for one in sockets:
    one.bind(("localhost", 0))
  ports = [one.getsockname()[1] for one in sockets]
  for one in sockets:
    one.close()
  return ports
