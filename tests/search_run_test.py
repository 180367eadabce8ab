# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""A search as a whole, with emulation left out."""

import dataclasses
import itertools
import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import flagsaver
from absl.testing import parameterized
import numpy as np

from ghn_tf.edge import emulation
from ghn_tf.edge import report as report_lib
from ghn_tf.edge import tflite
from ghn_tf.evaluation import pipeline
from ghn_tf.programs import beam
from ghn_tf.search import candidates
from ghn_tf.search import costs
from ghn_tf.search import front
from ghn_tf.search import run
from ghn_tf.search import scoring
from ghn_tf.search import settings as settings_lib
from ghn_tf.spaces import space as space_lib
from ghn_tf.spaces import variations
from tests import small_run

_SPACE = dataclasses.replace(
  space_lib.SPACES["tiny"], input_shape=(16, 16, 3), max_macs=600_000
)
_SETTINGS = settings_lib.Settings(
  limits={"latency_ms": 4.0, "macs": 450_000},
  num_candidates=12,
  num_images=64,
  num_refined=4,
  refined_images=128,
  num_confirmed=3,
  num_probes=3,
  test_images=64,
)


def _latency(architecture) -> float:
  return 1e-5 * costs.counts(architecture)["multiplications"]


def _file(predictor, architecture, dataset, settings):
  """Stands for a file: what tells the architecture's latency."""
  return repr(_latency(architecture)).encode()


def _emulate(content, names, inputs):
  report = report_lib.EdgeReport(
    names[0],
    "estimated",
    "a test",
    latency_ms=float(content),
    arena_bytes=10,
    flash_bytes=20,
  )
  return emulation.Results([report], {})


class _Interpreter:
  tool = "a test"

  def __init__(self, content):
    self._latency = float(content)

  def quantize(self, images):
    return images

  def accuracy(self, images, labels):
    return min(1.0, self._latency / 10)


class SearchTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    checkpoint = small_run.make(folder.name, image_size=16)
    cls.job = pipeline.Job(checkpoint).resolved()
    with flagsaver.flagsaver(workers=1):
      cls.options = beam.options()

  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    for where, name, stand_in in (
      (scoring, "_file", _file),
      (emulation, "emulate", _emulate),
      (tflite, "Interpreter", _Interpreter),
    ):
      patch = mock.patch.object(where, name, stand_in)
      patch.start()
      self.addCleanup(patch.stop)

  def _search(self, folder=None, source=None, **changes):
    settings = dataclasses.replace(_SETTINGS, **changes)
    if source is None:
      source = candidates.FromSpace(_SPACE)
    return run.Search(
      settings, source, self.job, self.options, folder or self.folder
    )

  @parameterized.parameters(*settings_lib.STRATEGIES)
  def test_what_is_found_is_within_the_limits_and_undominated(self, strategy):
    result = self._search(strategy=strategy, population=4).run()
    self.assertLen(result.rows, 12)
    self.assertEqual([row["index"] for row in result.rows], [*range(12)])
    self.assertNotEmpty(result.front)
    within = [r for r in result.confirmed if r["measured"]["latency_ms"] <= 4]
    for row in result.front:
      self.assertLessEqual(row["measured"]["latency_ms"], 4.0)
      self.assertLessEqual(row["measured"]["macs"], 450_000)
      (figure,) = report_lib.from_record(row["report"]).figures
      self.assertEqual(
        (figure.name, figure.value), ("accuracy", row["accuracy"])
      )
      self.assertEqual(figure.note, "top-1, 64 images")
    # Not by the accuracy on test images, which are to tell and not to choose.
    values = [[-r["score"], r["measured"]["latency_ms"]] for r in within]
    expected = [within[i] for i in np.flatnonzero(front.front(values))]
    self.assertCountEqual(
      [row["name"] for row in result.front], [row["name"] for row in expected]
    )
    for row in result.rows:
      if "refused" in row:
        self.assertIn(next(iter(row["refused"])), _SETTINGS.limits)
      else:
        self.assertLessEqual(row["macs"], 450_000)
        self.assertBetween(row["score"], 0, 1)
        self.assertAlmostEqual(
          row["costs"]["latency_ms"],
          _latency(candidates.FromSpace(_SPACE).again(0, row["numbers"])),
          delta=0.5,
        )

  def test_children_are_of_the_space_and_of_the_best_before(self):
    result = self._search(strategy="evolution", population=6).run()
    for row in result.rows[6:]:
      if "score" in row:
        network = candidates.FromSpace(_SPACE).again(0, row["numbers"])
        self.assertEmpty(space_lib.violations(_SPACE, network))

  def test_evolution_draws_no_network_twice(self):
    # So small that its networks are few.
    network = space_lib.sample(_SPACE, 0, 1, name="small")
    grammar = variations.Variations(
      network, ((0.5, 1), (1.0, 2)), ((1.0, 1),), ((0, 1),), ((1, 1), (2, 1))
    )
    source = candidates.FromSpace(
      dataclasses.replace(variations.space(network), grammar=grammar)
    )
    search = self._search(source=source, strategy="evolution", population=4)
    seen: set[str] = set()
    places, failed = search._children([], range(60), seen)
    self.assertLen(places, len(seen))
    self.assertLen([*places, *failed], 60)
    drawn = [source.again(index, numbers) for index, numbers in places]
    self.assertLen({network.fingerprint for network in drawn}, len(places))
    self.assertIn("still one of the networks before", failed[0]["error"])

  @parameterized.parameters(*settings_lib.STRATEGIES)
  def test_a_search_that_was_killed_finds_the_same(self, strategy):
    changes = {"strategy": strategy, "population": 4}
    whole = self._search(self.create_tempdir().full_path, **changes).run()
    drawn: list[object] = []

    def draw(self, element):
      if len(drawn) == 2:
        raise RuntimeError("killed")
      drawn.append(element)
      return record(self, element)

    record = scoring.Draw.record
    with mock.patch.object(settings_lib, "CHUNK", 4):
      with mock.patch.object(scoring.Draw, "record", draw):
        with self.assertRaisesRegex(RuntimeError, "killed"):
          self._search(**changes).run()
      with mock.patch.object(
        scoring.Draw, "record", autospec=True, side_effect=record
      ) as again:
        resumed = self._search(**changes).run()
    self.assertEqual(again.call_count, 1)  # of three parts of four
    self.assertEqual(resumed.rows, whole.rows)
    self.assertEqual(resumed.front, whole.front)

  def test_another_limit_needs_no_other_probes(self):
    job, options = self.job, self.options
    with mock.patch.object(
      emulation, "emulate", side_effect=_emulate
    ) as emulate:
      for number, limit in enumerate((0.1, 4.0)):
        settings = dataclasses.replace(_SETTINGS, limits={"latency_ms": limit})
        search = run.Search(
          *(settings, candidates.FromSpace(_SPACE), job, options),
          *(f"{self.folder}/{limit}", f"{self.folder}/probed"),
        )
        if number:
          found = search.run()
        else:
          with self.assertRaises(ValueError):
            search.run()
          self.assertEqual(emulate.call_count, _SETTINGS.num_probes)
    calls = _SETTINGS.num_probes + len(found.confirmed)
    self.assertEqual(emulate.call_count, calls)

  def test_a_file_that_takes_longer_than_estimated_is_in_no_front(self):
    calls = itertools.count()

    def emulate(content, names, inputs):
      (report,) = _emulate(content, names, inputs).reports
      factor = 1.3 if next(calls) >= _SETTINGS.num_probes else 1
      latency_ms = factor * report.latency_ms
      report = dataclasses.replace(report, latency_ms=latency_ms)
      return emulation.Results([report], {})

    with mock.patch.object(emulation, "emulate", emulate):
      result = self._search(limits={"latency_ms": 3.5}, num_confirmed=6).run()
    beyond = [r for r in result.confirmed if r["measured"]["latency_ms"] > 3.5]
    self.assertNotEmpty(beyond)
    self.assertEqual([r for r in result.confirmed if r["beyond"]], beyond)
    for row in beyond:
      self.assertLessEqual(row["costs"]["latency_ms"], 3.5)
      self.assertNotIn(row["name"], [own["name"] for own in result.front])

  @parameterized.parameters(*settings_lib.STRATEGIES)
  def test_each_step_tells_how_far_it_is(self, strategy):
    with self.assertLogs("absl") as logs:
      result = self._search(strategy=strategy, population=4).run()
    told = [record.getMessage() for record in logs.records]
    for line, begin in zip(
      told,
      (
        *("probes 3/3, ", "Costs are estimated from 3 probes;"),
        *("drawn 12/12, ", "scored anew 4/4, ", "files 3/3, "),
      ),
      strict=True,
    ):
      self.assertStartsWith(line, begin)
    counts = run.counts(result.rows)
    self.assertEndsWith(
      told[2], f"/s, {counts['scored']} scored, {counts['refused']} refused"
    )

  def test_isomorphic_networks_are_confirmed_once(self):
    rows = [{"index": i, "fingerprint": "same", "score": 0.5} for i in range(3)]
    self.assertEqual(run._different(rows), rows[:1])

  def test_limits_that_nothing_meets_are_told(self):
    with self.assertRaisesRegex(
      ValueError, "latency_ms of at most 0.1 refused .* the least of which has"
    ):
      self._search(limits={"latency_ms": 0.1}).run()

  @parameterized.parameters("macs", "parameters", "synflow", "naswot", "random")
  def test_other_scores(self, score):
    places = [(index, None) for index in range(3)]
    settings = dataclasses.replace(_SETTINGS, score=score, limits={})
    task = scoring.Draw(
      self.job, candidates.FromSpace(_SPACE), settings, costs.Model({})
    )
    rows = task.record(places)["rows"]
    self.assertEqual(rows, task.record(places)["rows"])
    self.assertLen({row["score"] for row in rows}, 3)
    if score in ("macs", "parameters"):
      name = {"macs": "macs", "parameters": "num_params"}[score]
      self.assertEqual([r["score"] for r in rows], [r[name] for r in rows])

  def test_a_candidate_that_cannot_be_predicted_is_told(self):
    space = dataclasses.replace(_SPACE, num_classes=7)
    task = scoring.Draw(
      self.job, candidates.FromSpace(space), _SETTINGS, costs.Model({})
    )
    settings = dataclasses.replace(_SETTINGS, limits={})
    task = dataclasses.replace(task, settings=settings)
    (row,) = task.record([(0, None)])["rows"]
    self.assertIn("has 7 classes, but this hypernetwork", row["error"])

  def test_a_fitted_head_scores_by_other_numbers(self):
    rows = {}
    for head in settings_lib.HEADS:
      settings = dataclasses.replace(
        _SETTINGS, head=head, head_images=128, limits={}
      )
      task = scoring.Draw(
        self.job, candidates.FromSpace(_SPACE), settings, costs.Model({})
      )
      rows[head] = task.record([(0, None), (1, None)])["rows"]
    # The hypernetwork has learnt nothing; a classifier learns a little.
    self.assertGreater(
      sum(row["score"] for row in rows["fit"]),
      sum(row["score"] for row in rows["predict"]),
    )

  @parameterized.parameters(*settings_lib.STRATEGIES)
  def test_a_network_of_the_user_is_measured_whatever_it_costs(self, strategy):
    network = space_lib.sample(_SPACE, 0, 1, name="mine")
    limit = 0.5 * _latency(network)
    result = self._search(
      source=candidates.FromNetwork(network),
      strategy=strategy,
      population=8,
      num_candidates=24,
      limits={"latency_ms": limit},
    ).run()
    self.assertGreater(run.counts(result.rows)["refused"], 0)
    (own,) = [row for row in result.confirmed if "is_own" in row]
    self.assertEqual((own["index"], own["name"]), (0, "mine"))
    self.assertAlmostEqual(own["beyond"]["latency_ms"], 2 * limit)
    self.assertNotIn(own, result.front)
    self.assertNotEmpty(result.front)
    for row in result.front:
      self.assertNotEmpty(row["varied"])

  def test_stored_networks_do_not_evolve(self):
    with self.assertRaisesRegex(ValueError, "have no relatives to evolve"):
      self._search(
        source=candidates.FromStore("/nowhere"), strategy="evolution"
      )


if __name__ == "__main__":
  absltest.main()
