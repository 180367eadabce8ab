# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import pathlib
import tempfile
import threading
import time
from unittest import mock

from absl.testing import absltest
from absl.testing import flagsaver
import apache_beam
from apache_beam.options import pipeline_options
from apache_beam.runners.portability import prism_runner

from ghn_tf import data
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.evaluation import networks as networks_lib
from ghn_tf.evaluation import pipeline
from ghn_tf.programs import beam
from ghn_tf.quant import recipe as recipe_lib
from tests import small_run


def _network(name: str, filters: int, size: int = 16) -> spec.Architecture:
  builder = spec.Builder((size, size, 3))
  x = builder.add(ops.Op.CONV, builder.input, filters=filters, kernel=(3, 3))
  x = builder.add(ops.Op.GLOBAL_AVG_POOL, builder.add(ops.Op.RELU, x))
  builder.add(ops.Op.DENSE, x, filters=10)
  return builder.build(name)


# In an order that nothing sorts by; b is not of the hypernetwork's image size.
_NETWORKS = (
  _network("c", 4),
  _network("b", 4, size=32),
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
    cls.job = pipeline.Job(checkpoint, num_images=70)

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def _run(self, *options, workers=1, networks=_NETWORKS):
    given = [f"temp_location={self.folder}", *options]
    with flagsaver.flagsaver(workers=workers, runner_option=given):
      return pipeline.run(networks, self.job, beam.options())

  def _evaluate(self, name):
    predictor, dataset = self.job.load()
    (network,) = [n for n in _NETWORKS if n.name == name]
    report = networks_lib.evaluate_network(
      predictor, network, dataset, self.job.recipes, num_images=70
    )
    return dataclasses.replace(report, seconds=0)

  def _check(self, reports, errors):
    self.assertEqual(
      [dataclasses.replace(report, seconds=0) for report in reports],
      [self._evaluate(name) for name in ("c", "d", "a")],
    )
    (error,) = errors
    self.assertStartsWith(error, "b: Network 'b' takes images of shape [32,")

  def test_one_process_keeps_the_order_and_what_can_be_measured(self):
    with mock.patch.object(prism_runner.PrismRunner, "run_pipeline") as prism:
      self._check(*self._run())
    # That would be a program of another project, downloaded.
    prism.assert_not_called()
    self.assertEmpty(list(pathlib.Path(self.folder).iterdir()))

  def test_two_processes_report_the_same(self):
    self._check(*self._run(workers=2))

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
      reports, errors = self._run(*threads)
    self.assertEmpty(reports)
    self.assertEqual(errors, [f"{n.name}: not measured" for n in _NETWORKS])
    self.assertEqual(together, [1] * len(_NETWORKS))

  def test_the_range_rule_is_that_of_every_recipe(self):
    job = dataclasses.replace(
      self.job,
      recipes=("w2a2", "w8a8"),
      range_rule=recipe_lib.RangeRule.MAX,
    )
    predictor, dataset = job.load()
    with mock.patch.object(predictor, "child") as child:
      child.side_effect = [mock.Mock(), ValueError("enough")]
      with self.assertRaisesRegex(ValueError, "enough"):
        networks_lib.evaluate_network(
          predictor,
          _NETWORKS[0],
          dataset,
          job.recipes,
          num_images=1,
          range_rule=job.range_rule,
        )
    for name, call in zip(job.recipes, child.call_args_list, strict=True):
      self.assertEqual(
        call.args[1], recipe_lib.get(name, range_rule=job.range_rule)
      )

  def test_other_errors_end_the_run_and_are_told(self):
    broken = mock.Mock(side_effect=KeyError("a mistake"))
    with mock.patch.object(networks_lib, "evaluate_network", broken):
      with self.assertRaisesRegex(KeyError, "a mistake"):
        self._run(networks=_NETWORKS[:1])

  def test_workers_that_write_elsewhere(self):
    nowhere = mock.Mock(return_value=apache_beam.Map(str))
    with mock.patch.object(apache_beam.io, "WriteToText", nowhere):
      with self.assertRaisesRegex(FileNotFoundError, "temp_location, name a"):
        self._run(networks=_NETWORKS[1:2])


class JobTest(absltest.TestCase):
  def test_a_process_loads_it_once(self):
    job = pipeline.Job("quickstart", recipes=("float", "w8a8"))
    other = pipeline.Job("quickstart", num_images=3)
    self.assertEqual(other.resolved().dataset, data.SAMPLE)
    for mine, others in zip(job.load(), other.resolved().load(), strict=True):
      self.assertIs(mine, others)


class OptionsTest(absltest.TestCase):
  def test_those_of_the_user_count(self):
    with flagsaver.flagsaver(
      workers=2, runner_option=["direct_num_workers=3", "temp_location=/x"]
    ):
      options = beam.options()
    direct = options.view_as(pipeline_options.DirectOptions)
    self.assertEqual(direct.direct_num_workers, 3)
    cloud = options.view_as(pipeline_options.GoogleCloudOptions)
    self.assertEqual(cloud.temp_location, "/x")


if __name__ == "__main__":
  absltest.main()
