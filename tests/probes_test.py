# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from collections.abc import Mapping

from absl.testing import absltest

from ghn_tf.search import candidates
from ghn_tf.search import costs
from ghn_tf.search import probes
from ghn_tf.search import settings as settings_lib
from ghn_tf.spaces import space as space_lib

_SOURCE = candidates.FromSpace(space_lib.SPACES["tiny"])


class ProbesTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.asked: list[int] = []

  def _model(
    self, is_even: bool, limits: Mapping[str, float] | None = None
  ) -> costs.Model:
    """Returns what three probes tell, or as many as it takes.

    Args:
      is_even: whether flash follows from counts; otherwise every second network
        has three times as much.
      limits: of the search.
    """

    def emulate(elements):
      self.asked.append(len(elements))
      result = []
      for index, numbers in elements.values():
        counts = costs.counts(_SOURCE.again(index, numbers))
        flash = counts["kernels"] * (1 if is_even or index % 2 else 3)
        result.append({"costs": {"macs": 1, "flash_bytes": flash}})
      return result

    settings = settings_lib.Settings(
      objectives=("flash_bytes",),
      limits=limits or {},
      num_probes=3,
      num_candidates=100,
    )
    return probes.model(settings, _SOURCE, emulate)

  def test_what_follows_from_few_needs_no_more(self):
    with self.assertLogs("absl") as logs:
      model = self._model(is_even=True)
    self.assertEqual(self.asked, [3])
    self.assertEqual(model.num_networks, 3)
    self.assertLess(model.errors["flash_bytes"], 0.3)
    (line,) = [record.getMessage() for record in logs.records]
    self.assertStartsWith(line, "Costs are estimated from 3 probes;")

  def test_there_are_more_while_they_tell_too_little_and_a_warning_at_last(
    self,
  ):
    with self.assertLogs("absl") as logs:
      model = self._model(is_even=False)
    self.assertEqual(self.asked, [3, 6, 12])
    self.assertEqual(model.num_networks, 12)
    *told, _, record = logs.records
    for line, number in zip(told, (6, 12), strict=True):
      self.assertEndsWith(line.getMessage(), f" %. There will be {number}.")
    error = 100 * model.errors["flash_bytes"]
    self.assertIn(
      f"flash_bytes may be off by {error:.0f} %", record.getMessage()
    )
    self.assertIn("give more --num_probes than 3", record.getMessage())
    self.assertIn("taken for cheaper or dearer", record.getMessage())

  def test_what_a_limit_suffers_is_told_where_there_is_one(self):
    with self.assertLogs("absl", level="WARNING") as logs:
      self._model(is_even=False, limits={"flash_bytes": 10_000})
    (record,) = logs.records
    self.assertIn("beyond its limit are scored in vain", record.getMessage())

  def test_what_cannot_be_drawn_is_no_probe(self):
    drawn: list[int] = []

    class Source(candidates.FromSpace):
      def draw(self, index, parent=None, others=()):
        drawn.append(index)
        if index == 1:
          raise ValueError("too deep")
        return super().draw(index, parent, others)

    def emulate(elements):
      self.assertEqual([*elements], ["0", "2", "3"])
      return [{"costs": {"flash_bytes": 9}} for _ in elements]

    settings = settings_lib.Settings(objectives=("flash_bytes",), num_probes=3)
    probes.model(settings, Source(_SOURCE.space), emulate)
    self.assertEqual(drawn, [0, 1, 2, 3])

  def test_nothing_is_emulated_for_what_the_architecture_tells(self):
    settings = settings_lib.Settings(objectives=("macs",))
    self.assertEqual(
      probes.model(settings, _SOURCE, self.fail), costs.Model({})
    )


if __name__ == "__main__":
  absltest.main()
