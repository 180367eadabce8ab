# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Training on several devices, and in several real processes."""

import collections
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.ghn import checkpoint
from ghn_tf.training import distribution
from ghn_tf.training import errors
from ghn_tf.training import metrics
from tests import free_ports
from tests import reference_data

_FLAGS = (
  *("--dataset=cifar10_sample", "--image_size=16", "--space=tiny"),
  *("--max_macs=600000", "--ghn=edge", "--hidden_dim=8", "--max_channels=16"),
  *("--max_kernel=5", "--meta_batch_size=3", "--image_batch_size=8"),
  *("--log_every_steps=1", "--checkpoint_every_steps=1", "--schedule=constant"),
  *("--evaluation_architectures=3", "--evaluation_images=20"),
  *("--evaluate_every_steps=4", "--recipe=float"),
)
# ghn_tf.train on two logical CPUs, which prints on what devices the logits and
# gradients of each network were.
_ON_TWO_DEVICES = """
import json
from absl import app
import tensorflow as tf
from ghn_tf import train
from ghn_tf.child import gradients, network

places = set()

def recorded(function):
  def call(architecture, *args, **kwargs):
    result = function(architecture, *args, **kwargs)
    for tensor in tf.nest.flatten(result):
      places.add((architecture.name, tensor.device))
    return result
  return call

def main(argv):
  del argv
  (host,) = tf.config.list_physical_devices("CPU")
  two = [tf.config.LogicalDeviceConfiguration()] * 2
  tf.config.set_logical_device_configuration(host, two)
  network.apply = recorded(network.apply)
  gradients.backward = recorded(gradients.backward)
  status = train.train()
  print(json.dumps(list(places)))
  return status

app.run(main)
"""


def _start(
  workdir: str,
  *flags: str,
  program: tuple[str, str] = ("-m", "ghn_tf.train"),
  **variables: str,
) -> subprocess.Popen[str]:
  return subprocess.Popen(
    [sys.executable, *program, f"--workdir={workdir}", *_FLAGS, *flags],
    cwd=reference_data.ROOT,
    env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **variables},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def _cluster(task_type: str = "worker", index: Any = 0, **cluster: Any) -> str:
  task = {"type": task_type, "index": index}
  return json.dumps({"cluster": cluster, "task": task})


def _start_two(
  workdir: str, steps: int, *flags_of_second: str
) -> list[subprocess.Popen[str]]:
  hosts = [f"localhost:{port}" for port in free_ports.find(2)]
  flags = ["--strategy=multi_worker", f"--steps={steps}"]
  processes = []
  for index in range(2):
    tf_config = _cluster(index=index, worker=hosts)
    processes.append(_start(workdir, *flags, TF_CONFIG=tf_config))
    flags += flags_of_second
  return processes


def _finish(*processes: subprocess.Popen[str]) -> list[str]:
  """What they print, once all have ended without an error."""
  outputs = []
  for process in processes:
    output, errors = process.communicate(timeout=300)
    if process.returncode:
      raise AssertionError(errors)
    outputs.append(output)
  return outputs


class TrainingTest(absltest.TestCase):
  """Runs that have to do what one process on one device does."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    alone, cls.mirrored = (
      cls.enterClassContext(tempfile.TemporaryDirectory()) for _ in range(2)
    )
    program = ("-c", _ON_TWO_DEVICES)
    _, cls.mirrored_output = _finish(
      _start(alone, "--steps=4"),
      _start(cls.mirrored, "--steps=4", "--strategy=mirrored", program=program),
    )
    cls.alone = metrics.read(alone)

  def test_two_devices_do_what_one_does(self):
    ours = metrics.read(self.mirrored)
    self.assertLen(ours, 4)
    # To the last bit: every network is computed by the same kernels, and the
    # gradients are added in the same order.
    names = ["step", "loss", "accuracy", "gradient_norm"]
    for record, expected in zip(ours, self.alone, strict=True):
      for name in names:
        self.assertEqual(record[name], expected[name], name)
    name = "validation/float_accuracy"
    self.assertEqual(ours[-1][name], self.alone[-1][name])

  def test_each_network_is_on_one_device_and_they_take_turns(self):
    places = collections.defaultdict(set)
    for name, device in json.loads(self.mirrored_output.splitlines()[-1]):
      places[name].add(device.rsplit("/", 1)[1])
    # Three networks a step.
    for index in range(12):
      expected = {"device:CPU:1" if index % 3 == 1 else "device:CPU:0"}
      self.assertEqual(places[f"tiny-train-{index}"], expected)
    evaluated = [
      device
      for name, (device,) in places.items()
      if name.startswith("tiny-val-")
    ]
    self.assertCountEqual(
      evaluated, ["device:CPU:0", "device:CPU:1", "device:CPU:0"]
    )

  def test_two_workers_do_what_one_does_and_go_on_after_a_kill(self):
    together = self.create_tempdir().full_path
    workers = _start_two(together, steps=1000)
    while len(metrics.read(together)) < 2:
      for worker in workers:
        self.assertIsNone(worker.poll(), "It ended too early.")
      time.sleep(0.01)
    workers[1].kill()
    workers[1].communicate()
    _, errors = workers[0].communicate(timeout=300)
    self.assertEqual(workers[0].returncode, 1, errors)
    self.assertIn("A worker is gone", errors)
    # They go on from the last checkpoint.
    newest = checkpoint.run_paths(together)[0]
    done = int(os.path.basename(newest)[11:19])
    self.assertGreaterEqual(done, 1)
    _finish(*_start_two(together, steps=max(4, done + 1)))
    ours = metrics.read(together)[:4]
    self.assertEqual([record["step"] for record in ours], [1, 2, 3, 4])
    # Float32 sums over networks in another order, whose differences grow from
    # step to step.
    for record, expected in zip(ours, self.alone, strict=True):
      np.testing.assert_allclose(record["loss"], expected["loss"], rtol=1e-4)
    name = "gradient_norm"
    np.testing.assert_allclose(ours[0][name], self.alone[0][name], rtol=1e-5)

  def test_a_signal_to_one_worker_saves_and_ends_both(self):
    workdir = self.create_tempdir().full_path
    workers = _start_two(workdir, steps=1000)
    while not metrics.read(workdir):
      for worker in workers:
        self.assertIsNone(worker.poll(), "It ended too early.")
      time.sleep(0.01)
    workers[0].terminate()
    for worker in workers:
      _, errors = worker.communicate(timeout=300)
      self.assertEqual(worker.returncode, 128 + signal.SIGTERM, errors)
      self.assertNotIn("Traceback", errors)
    # Every step is recorded, so the last one recorded is the one saved.
    step = metrics.read(workdir)[-1]["step"]
    newest = checkpoint.run_paths(workdir)[0]
    self.assertEndsWith(newest, f"checkpoint-{step:08d}.npz")

  def test_workers_with_other_flags_do_not_begin(self):
    workdir = os.path.join(self.create_tempdir().full_path, "run")
    for worker in _start_two(workdir, 1000, "--learning_rate=0.5"):
      _, errors = worker.communicate(timeout=300)
      self.assertEqual(worker.returncode, 1, errors)
      # The other may end before this one has the sums.
      self.assertRegex(
        errors, "error: (The workers differ in their flags|A worker is gone)"
      )
    self.assertFalse(os.path.exists(workdir))


class DistributionTest(tf.test.TestCase, parameterized.TestCase):
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

  def test_mirrored_has_all_gpus_or_else_all_cpus(self):
    listed = tf.config.list_logical_devices
    expected = [device.name for device in listed("GPU") or listed("CPU")]
    devices = distribution.create("mirrored").devices
    self.assertLen(devices, len(expected))
    for device, name in zip(devices, expected, strict=True):
      self.assertEndsWith(device, name)

  def _set_cluster(self, value: str) -> None:
    os.environ["TF_CONFIG"] = value
    self.addCleanup(os.environ.pop, "TF_CONFIG", None)

  @parameterized.parameters(
    "",
    "{",
    "[]",
    '{"cluster": {}}',
    '{"cluster": {"worker": ["a:1"]}}',
    '{"cluster": {"worker": ["a:1"]}, "task": null}',
    _cluster(worker="a:1"),
    _cluster(worker=["a"]),
    _cluster(worker=[1]),
    *(_cluster(worker=[f"a:{port}"]) for port in (0, 65536, 99999, "١")),
    _cluster(index=True, worker=["a:1", "b:1"]),
    _cluster(index=1.0, worker=["a:1", "b:1"]),
    _cluster(index="0", worker=["a:1"]),
    _cluster(index=1, worker=["a:1"]),
    _cluster(index=-1, worker=["a:1"]),
    _cluster("chief", worker=["a:1"]),
    _cluster("chief", chief=["a:1"]),
    _cluster(chief=["a:1"], worker=["b:1"]),
  )
  def test_a_missing_or_wrong_cluster_is_an_error(self, value):
    self._set_cluster(value)
    with self.assertRaisesRegex(ValueError, "needs the environment variable"):
      distribution.create("multi_worker")

  def test_workers_that_do_not_come_are_an_error(self):
    hosts = [f"localhost:{port}" for port in free_ports.find(2)]
    self._set_cluster(_cluster(worker=hosts))
    with (
      mock.patch.object(distribution, "_PATIENCE_SECONDS", 1),
      self.assertLogs("absl", "INFO") as logs,
      self.assertRaisesRegex(errors.LostWorkerError, hosts[1]),
    ):
      distribution.create("multi_worker")
    self.assertIn(
      f"Worker 0 of 2 waits for the others of {hosts[0]}", *logs.output
    )

  def test_a_signal_before_training_ends_a_worker(self):
    # In a process of its own, since TensorFlow can join one cluster only.
    hosts = [f"localhost:{port}" for port in free_ports.find(1)]
    program = (
      "import os, signal; from ghn_tf.training import distribution;"
      " distribution.create('multi_worker');"
      " os.kill(os.getpid(), signal.SIGTERM); print('Still there')"
    )
    tf_config = _cluster(worker=hosts)
    process = subprocess.run(
      [sys.executable, "-c", program],
      cwd=reference_data.ROOT,
      env={**os.environ, "TF_CONFIG": tf_config},
      capture_output=True,
      check=False,
      text=True,
    )
    self.assertEqual(process.returncode, -signal.SIGTERM, process.stderr)

  def test_mirrored_names_a_configuration_that_is_none(self):
    self._set_cluster("{")
    with self.assertRaisesRegex(ValueError, "TF_CONFIG, '{'; unset it"):
      distribution.create("mirrored")

  def test_an_unknown_strategy_is_an_error(self):
    with self.assertRaisesRegex(ValueError, "one of .*'mirrored'.*got 'best'"):
      distribution.create("best")


if __name__ == "__main__":
  absltest.main()
