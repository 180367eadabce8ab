# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import errno
import math
import os
import tempfile
import threading
import time
from unittest import mock

from absl.testing import absltest
from absl.testing import flagsaver
from absl.testing import parameterized
from apache_beam.io import filesystems
from apache_beam.options import pipeline_options
from apache_beam.runners.portability import prism_runner

from ghn_tf import data
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.evaluation import networks as networks_lib
from ghn_tf.evaluation import pipeline
from ghn_tf.evaluation import settings as settings_lib
from ghn_tf.evaluation import work
from ghn_tf.programs import beam
from tests import small_run


def _network(
  name: str, filters: int, size: int = 16, kernel: int = 3
) -> spec.Architecture:
  builder = spec.Builder((size, size, 3))
  kernels = (kernel, kernel)
  x = builder.add(ops.Op.CONV, builder.input, filters=filters, kernel=kernels)
  x = builder.add(ops.Op.GLOBAL_AVG_POOL, builder.add(ops.Op.RELU, x))
  builder.add(ops.Op.DENSE, x, filters=10)
  return builder.build(name)


# In an order that nothing sorts by; b's kernel is larger than any predicted.
_NETWORKS = (
  _network("c", 4),
  _network("b", 4, kernel=17),
  _network("d", 8),
  _network("a", 6),
)


class RunTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    checkpoint = small_run.make(folder.name, image_size=16)
    settings = settings_lib.Settings(("w8a8",), num_images=70)
    cls.job = pipeline.Job(checkpoint, settings=settings).resolved()

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def _run(self, *options, workers=1, networks=_NETWORKS):
    given = [f"temp_location={self.folder}", *options]
    with flagsaver.flagsaver(workers=workers, runner_option=given):
      options = beam.options()
    records = pipeline.folder(self.job, self.folder)
    return pipeline.run(networks, self.job, options, records)

  def _evaluate(self, name):
    predictor = self.job.predictor
    (network,) = [n for n in _NETWORKS if n.name == name]
    report = networks_lib.evaluate_network(
      predictor, network, self.job.images(network), self.job.settings
    )
    return dataclasses.replace(report, seconds=0)

  def _check(self, results):
    error = results.pop(1)
    self.assertEqual(
      [dataclasses.replace(report, seconds=0) for report in results],
      [self._evaluate(name) for name in ("c", "d", "a")],
    )
    self.assertStartsWith(error, "b: Node 'conv_1' (conv) of architecture 'b'")

  def test_one_process_keeps_the_order_and_what_can_be_measured(self):
    with mock.patch.object(prism_runner.PrismRunner, "run_pipeline") as prism:
      self._check(self._run())
    # That would be a program of another project, downloaded.
    prism.assert_not_called()

  def test_goes_on_with_what_is_missing_or_failed(self):
    first = self._run(networks=_NETWORKS[:2])
    with mock.patch.object(
      networks_lib, "evaluate_network", wraps=networks_lib.evaluate_network
    ) as evaluate:
      results = self._run()
    self.assertEqual(results[:1], first[:1])  # with the same seconds
    self.assertCountEqual(
      [call.args[1].name for call in evaluate.call_args_list], ["b", "d", "a"]
    )
    self._check(results)
    pipeline.remove(pipeline.folder(self.job, self.folder))
    self.assertEmpty(os.listdir(self.folder))

  def test_what_failed_in_one_setting_alone_is_not_done_again(self):
    report = dataclasses.replace(self._evaluate("c"), errors=("w4a4: x",))
    with mock.patch.object(
      networks_lib, "evaluate_network", return_value=report
    ) as evaluate:
      for _ in range(2):
        self.assertEqual(self._run(networks=_NETWORKS[:1]), [report])
    evaluate.assert_called_once()

  def test_what_is_not_finite_is_no_record(self):
    report = dataclasses.replace(
      self._evaluate("c"), scores={settings_lib.SYNFLOW: math.nan}
    )
    with (
      mock.patch.object(networks_lib, "evaluate_network", return_value=report),
      self.assertRaisesRegex(ValueError, "not JSON compliant"),
    ):
      self._run(networks=_NETWORKS[:1])
    records = pipeline.folder(self.job, self.folder)
    self.assertEmpty(os.listdir(records))

  def test_a_full_disk_is_an_error_that_names_the_file_once(self):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with (
      mock.patch.object(filesystems.FileSystems, "create", side_effect=full),
      self.assertNoLogs(level="ERROR"),
      self.assertRaisesRegex(
        ValueError,
        rf"^--runner=.*: OSError: .* '{self.folder}/.*\.json': No space left on"
        r" device; free space or choose another folder .*tell more\.\)$",
      ),
      beam.telling(),
    ):
      self._run(networks=_NETWORKS[:1])

  def test_a_stop_from_the_keyboard_is_one_in_a_pipeline_too(self):
    with (
      mock.patch.object(
        networks_lib, "evaluate_network", side_effect=KeyboardInterrupt
      ),
      self.assertRaises(KeyboardInterrupt),
      beam.telling(),
    ):
      self._run(networks=_NETWORKS[:1])

  def test_records_are_those_of_the_job(self):
    other = dataclasses.replace(
      self.job, settings=dataclasses.replace(self.job.settings, num_images=71)
    )
    folders = {pipeline.folder(job, self.folder) for job in (self.job, other)}
    self.assertLen(folders, 2)

  def test_two_processes_report_the_same(self):
    self._check(self._run(workers=2))

  def test_a_process_measures_one_network_at_a_time(self):
    together = []
    running = threading.Semaphore(0)

    def evaluate(predictor, architecture, *args, **kwargs):
      running.release()
      time.sleep(0.1)  # in which another thread would begin
      together.append(running._value)
      running.acquire()
      raise ValueError("not measured")

    threads = "direct_running_mode=multi_threading", "direct_num_workers=2"
    with mock.patch.object(networks_lib, "evaluate_network", evaluate):
      results = self._run(*threads)
    self.assertEqual(results, [f"{n.name}: not measured" for n in _NETWORKS])
    self.assertEqual(together, [1] * len(_NETWORKS))

  def test_other_errors_end_the_run_and_are_told(self):
    broken = mock.Mock(side_effect=KeyError("a mistake"))
    with mock.patch.object(networks_lib, "evaluate_network", broken):
      with self.assertRaisesRegex(KeyError, "a mistake"):
        self._run(networks=_NETWORKS[:1])

  def test_workers_that_write_elsewhere(self):
    with mock.patch.object(work, "_path") as path:
      path.side_effect = lambda *_: f"{self.create_tempdir().full_path}/x"
      with self.assertRaisesRegex(FileNotFoundError, "temp_location, name a"):
        self._run(networks=_NETWORKS[1:2])


class JobTest(absltest.TestCase):
  def test_a_process_loads_it_once(self):
    job = pipeline.Job("quickstart")
    other = pipeline.Job(
      "quickstart", settings=settings_lib.Settings(("w2a2",))
    )
    self.assertEqual(other.resolved().dataset, data.SAMPLE)
    self.assertIs(job.predictor, other.predictor)
    small, large = _network("small", 4), _network("large", 8)
    self.assertIs(job.images(small), other.resolved().images(large))

  def test_images_of_a_size_are_loaded_once(self):
    # Nor those of a network after those that tell how many classes there are.
    job = pipeline.Job("quickstart", data_dir=self.create_tempdir().full_path)
    with mock.patch.object(data, "load", wraps=data.load) as load:
      found = job.images_of_size((12, 12))
      images = job.images(_network("small", 4, 12))
    load.assert_called_once()
    self.assertEqual(found.num_classes, 10)
    self.assertEqual(images.image_shape, (12, 12, 3))

  def test_a_run_that_goes_on_is_named_by_its_newest_checkpoint(self):
    folder = self.create_tempdir().full_path
    path = small_run.make(folder, image_size=16)
    job = pipeline.Job(folder).resolved()
    self.assertEqual(job.checkpoint, path)
    self.assertEqual(job.resolved(), job)

  def test_images_are_of_the_size_of_each_network(self):
    job = pipeline.Job("quickstart")
    for size in (16, 32, 16):
      dataset = job.images(_network("small", 4, size))
      self.assertEqual(dataset.image_shape, (size, size, 3))


class OptionsTest(parameterized.TestCase):
  def test_those_of_the_user_count(self):
    with flagsaver.flagsaver(
      workers=2, runner_option=["direct_num_workers=3", "temp_location=/x"]
    ):
      options = beam.options()
    direct = options.view_as(pipeline_options.DirectOptions)
    self.assertEqual(direct.direct_num_workers, 3)
    cloud = options.view_as(pipeline_options.GoogleCloudOptions)
    self.assertEqual(cloud.temp_location, "/x")

  @parameterized.parameters(
    ("direct_num_worker=3", "direct_num_worker: DirectRunner has no such opt"),
    ("no_such_switch", "no_such_switch: DirectRunner has no such option"),
    ("direct_num_workers=x", "argument --direct_num_workers: invalid int"),
  )
  def test_one_that_would_be_left_out_is_an_error(self, option, message):
    with flagsaver.flagsaver(runner_option=[option]):
      with self.assertRaisesRegex(ValueError, f"--runner_option.*{message}"):
        beam.options()


if __name__ == "__main__":
  absltest.main()
