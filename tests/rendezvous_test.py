# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from concurrent import futures
import socket
import time

from absl.testing import absltest

from ghn_tf.training import rendezvous
from tests import free_ports


class RendezvousTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.addresses = [f"localhost:{port}" for port in free_ports.find(3)]
    self.pool = self.enter_context(futures.ThreadPoolExecutor(4))

  def _wait(self, index: int, seconds: float = 30) -> futures.Future[None]:
    return self.pool.submit(rendezvous.wait, self.addresses, index, seconds)

  def test_nobody_goes_before_the_last_has_come(self):
    early = [self._wait(2), self._wait(0)]
    done, _ = futures.wait(early, timeout=1)
    self.assertEmpty(done)
    for future in (self._wait(1), *early):
      future.result()
    # The address is free for what comes next.
    port = int(self.addresses[0].rpartition(":")[2])
    socket.create_server(("", port)).close()

  def test_a_missing_worker_is_named(self):
    zero, one = self._wait(0, seconds=2), self._wait(1, seconds=2)
    with self.assertRaisesRegex(
      TimeoutError, f"did not come: {self.addresses[2]}. Start all"
    ):
      zero.result()
    with self.assertRaisesRegex(
      TimeoutError, f"Worker 0 at {self.addresses[0]} did not send"
    ):
      one.result()

  def test_without_worker_0_it_ends_too(self):
    start = time.monotonic()
    with self.assertRaisesRegex(TimeoutError, "worker 1, off"):
      rendezvous.wait(self.addresses, 1, 1)
    self.assertLess(time.monotonic() - start, 10)

  def test_strangers_and_restarted_workers_are_no_others(self):
    zero = self._wait(0)
    host, _, port = self.addresses[0].rpartition(":")
    while True:
      try:
        stranger = socket.create_connection((host, int(port)))
        break
      except ConnectionRefusedError:
        time.sleep(0.01)
    stranger.sendall(b"GET /")
    killed = socket.create_connection((host, int(port)))
    killed.sendall(b"1")
    killed.close()
    done, _ = futures.wait([zero], timeout=1)
    self.assertEmpty(done)
    for future in (self._wait(1), self._wait(2), zero):
      future.result()
    stranger.close()


if __name__ == "__main__":
  absltest.main()
