# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs of several real processes on the loopback."""

import json
import os
import socket
import subprocess
import sys
import time

from absl.testing import absltest
import numpy as np
import tensorflow as tf

from ghn_tf import distribution
from ghn_tf import metrics
from ghn_tf import training_state
from tests import reference_data

_FLAGS = (
  *("--dataset=cifar10_sample", "--max_macs=1100000", "--ghn=edge"),
  *("--hidden_dim=8", "--meta_batch_size=3", "--image_batch_size=8"),
  *("--log_every_steps=1", "--checkpoint_every_steps=1", "--schedule=constant"),
  *("--evaluation_architectures=3", "--evaluation_images=20"),
  *("--evaluate_every_steps=4", "--recipe=float"),
)


def _free_ports(number: int) -> list[int]:
  sockets = [socket.socket() for _ in range(number)]
  for one in sockets:
    one.bind(("localhost", 0))
  ports = [one.getsockname()[1] for one in sockets]
  for one in sockets:
    one.close()
  return ports


def _start(
  workdir: str, steps: int, cluster: list[str] | None = None, index: int = 0
) -> subprocess.Popen[str]:
  env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
  strategy = "none"
  if cluster is not None:
    task = {"type": "worker", "index": index}
    env["TF_CONFIG"] = json.dumps(
      {"cluster": {"worker": cluster}, "task": task}
    )
    strategy = "multi_worker"
  command = [sys.executable, "-m", "ghn_tf.train", f"--workdir={workdir}"]
  command += [*_FLAGS, f"--steps={steps}", f"--strategy={strategy}"]
  return subprocess.Popen(
    command, cwd=reference_data.ROOT, env=env, stderr=subprocess.PIPE, text=True
  )


def _start_two(workdir: str, steps: int) -> list[subprocess.Popen[str]]:
  cluster = [f"localhost:{port}" for port in _free_ports(2)]
  return [_start(workdir, steps, cluster, index) for index in range(2)]


class MultiWorkerTest(absltest.TestCase):
  def _finish(self, *processes: subprocess.Popen[str]) -> None:
    for process in processes:
      _, errors = process.communicate(timeout=300)
      self.assertEqual(process.returncode, 0, errors)

  def test_two_workers_do_what_one_does_and_go_on_after_a_kill(self):
    alone, together = (self.create_tempdir().full_path for _ in range(2))
    self._finish(_start(alone, steps=4), *_start_two(together, steps=2))
    # A worker is killed while they go on.
    workers = _start_two(together, steps=1000)
    while len(metrics.read(together)) < 3:
      for worker in workers:
        self.assertIsNone(worker.poll(), "It ended too early.")
      time.sleep(0.01)
    workers[1].kill()
    workers[1].communicate()
    _, errors = workers[0].communicate(timeout=300)
    self.assertEqual(workers[0].returncode, 1, errors)
    self.assertIn("A worker is gone", errors)
    # They go on, for as many steps as the last checkpoint lacks.
    newest = training_state.checkpoint_paths(together)[0]
    done = int(os.path.basename(newest)[11:19])
    steps = max(4, done)
    self._finish(*_start_two(together, steps=steps))
    ours, theirs = metrics.read(together)[:4], metrics.read(alone)
    self.assertEqual([record["step"] for record in ours], [1, 2, 3, 4])
    # Float32 sums over networks in another order, whose differences grow from
    # step to step.
    for record, expected in zip(ours, theirs, strict=True):
      np.testing.assert_allclose(record["loss"], expected["loss"], rtol=1e-4)
    name = "gradient_norm"
    np.testing.assert_allclose(ours[0][name], theirs[0][name], rtol=1e-5)


class DistributionTest(tf.test.TestCase):
  def test_one_process_has_all(self):
    workers = distribution.create("none")
    self.assertEqual(list(workers.share(3)), [0, 1, 2])
    self.assertTrue(workers.is_chief)
    self.assertAllEqual(workers.sum([tf.constant(3.0)]), [3.0])
    self.assertTrue(workers.any(True))
    self.assertFalse(workers.any(False))

  def test_shares_are_disjoint_and_whole(self):
    workers = distribution.Distribution()
    workers.num_workers = 3
    shares: list[int] = []
    for workers.index in range(3):
      shares += workers.share(8)
    self.assertEqual(sorted(shares), list(range(8)))

  def test_mirrored_names_the_devices(self):
    devices = distribution.create("mirrored").devices
    self.assertNotEmpty(devices)

  def test_a_missing_or_wrong_cluster_is_an_error(self):
    for value in ("", "{", '{"cluster": {}}'):
      os.environ["TF_CONFIG"] = value
      self.addCleanup(os.environ.pop, "TF_CONFIG", None)
      with self.assertRaisesRegex(ValueError, "needs the environment variable"):
        distribution.create("multi_worker")

  def test_an_unknown_strategy_is_an_error(self):
    with self.assertRaisesRegex(ValueError, "one of .*'mirrored'.*got 'best'"):
      distribution.create("best")


if __name__ == "__main__":
  absltest.main()
