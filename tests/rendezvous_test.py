# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from concurrent import futures
import contextlib
import socket
import time

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.training import rendezvous
from tests import free_ports


class RendezvousTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.addresses = [f"localhost:{port}" for port in free_ports.find(3)]
    self.pool = self.enter_context(futures.ThreadPoolExecutor(4))

  def _wait(self, index: int, seconds: float = 30) -> futures.Future[None]:
    return self.pool.submit(rendezvous.wait, self.addresses, index, seconds)

  def _place(self) -> tuple[str, int]:
    host, _, port = self.addresses[0].rpartition(":")
    return host, int(port)

  def _connect(self) -> socket.socket:
    """Connects to worker 0, as soon as it listens."""
    while True:
      try:
        connection = socket.create_connection(self._place())
        self.addCleanup(connection.close)
        return connection
      except ConnectionRefusedError:
        time.sleep(0.01)

  def test_nobody_goes_before_the_last_has_come(self):
    early = [self._wait(2), self._wait(0)]
    done, _ = futures.wait(early, timeout=1)
    self.assertEmpty(done)
    for future in (self._wait(1), *early):
      future.result()
    # The address is free for what comes next.
    socket.create_server(self._place()).close()

  def test_a_missing_worker_is_named(self):
    message = f"did not come: {self.addresses[2]}. Start all"
    # Of a busy machine nobody knows how long worker 1 takes to come.
    for seconds in (1, 4, 16, 64):
      # Worker 1 stays longer: if it left first, it would be missing, too.
      zero, one = self._wait(0, seconds), self._wait(1, seconds + 2)
      told = str(zero.exception())
      self.assertIsInstance(zero.exception(), TimeoutError)
      with self.assertRaisesRegex(
        TimeoutError, f"Worker 0 at {self.addresses[0]} did not send"
      ):
        one.result()
      if message in told:
        break
    self.assertIn(message, told)

  def test_without_worker_0_it_ends_too(self):
    with self.assertRaisesRegex(TimeoutError, "worker 1, off"):
      rendezvous.wait(self.addresses, 1, 1)

  def test_strangers_and_restarted_workers_are_no_others(self):
    zero = self._wait(0)
    self._connect().sendall(b"GET /")
    killed = self._connect()
    killed.sendall(b"1")
    killed.close()
    done, _ = futures.wait([zero], timeout=1)
    self.assertEmpty(done)
    for future in (self._wait(1), self._wait(2), zero):
      future.result()

  def test_silent_strangers_delay_nobody(self):
    # One after the other they would take 5 seconds each, more than all have.
    zero = self._wait(0)
    for _ in range(100):  # more than are kept
      self._connect()
    for future in (self._wait(1), self._wait(2), zero):
      future.result()

  def test_strangers_do_not_move_the_end(self):
    zero = self._wait(0, seconds=1)
    while not zero.done():  # for ever, if each gave it more time
      with contextlib.suppress(OSError):
        socket.create_connection(self._place(), 1).close()
    with self.assertRaisesRegex(TimeoutError, "did not come"):
      zero.result()

  def test_it_listens_at_its_address_alone(self):
    self.addresses[0] = self.addresses[0].replace("localhost", "127.0.0.1")
    zero = self._wait(0)
    self._connect()
    with self.assertRaises(ConnectionRefusedError):
      socket.create_connection(("127.0.0.2", self._place()[1]), 1)
    for future in (self._wait(1), self._wait(2), zero):
      future.result()

  @parameterized.parameters(
    # An address for documentation, which no machine has (RFC 5737).
    ("192.0.2.1:4000", "cannot listen at '192.0.2.1:4000'"),
    ("localhost:4000", "'localhost', on its machine a name of the loopback"),
  )
  def test_an_address_that_is_none_is_named(self, address, message):
    with self.assertRaisesRegex(OSError, f"{message}.* in TF_CONFIG, give it"):
      rendezvous.wait([address, "192.0.2.2:4000"], 0, 1)

  def test_a_port_that_is_taken_is_named(self):
    with (
      socket.create_server(self._place()),
      self.assertRaisesRegex(OSError, "in use.* and a free port"),
    ):
      rendezvous.wait(self.addresses, 0, 1)


if __name__ == "__main__":
  absltest.main()
