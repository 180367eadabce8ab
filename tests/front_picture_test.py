# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
import numpy as np

from ghn_tf.report import front


def _names(*places: tuple[float, float]) -> list[str]:
  """The names that a picture shows of a front of networks, each at a place."""
  points = [
    front.Point(f"network-{i}", quality, {"latency_ms": cost})
    for i, (cost, quality) in enumerate(places)
  ]
  figure = front.figure(points, points, points, ["latency_ms"], {})
  (panel,) = figure.axes
  return sorted(text.get_text() for text in panel.texts if text.get_visible())


class FigureTest(absltest.TestCase):
  def test_networks_far_from_each_other_are_named(self):
    names = _names((1, 0.1), (30, 0.4), (60, 0.7))
    self.assertEqual(names, ["network-0", "network-1", "network-2"])

  def test_of_names_that_would_lie_on_each_other_the_best_is_shown(self):
    names = _names((1, 0.1), (60, 0.7), (60.1, 0.701))
    self.assertEqual(names, ["network-0", "network-2"])

  def test_the_network_of_the_user_is_named_though_it_is_not_of_the_front(self):
    points = [
      front.Point(name, quality, {"macs": 1e6 * cost})
      for name, quality, cost in (("fast", 0.5, 1), ("mine", 0.3, 30))
    ]
    figure = front.figure([], points, points[:1], ["macs"], {}, own=points[1:])
    (panel,) = figure.axes
    self.assertCountEqual(
      [text.get_text() for text in panel.texts], ["fast", "mine"]
    )
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    self.assertIn("your network", labels)

  def test_each_network_is_one_point_by_the_words_of_the_page(self):
    points = [front.Point(f"n{i}", i / 10, {"latency_ms": i}) for i in range(6)]
    figure = front.figure(points, points[2:], points[3:], ["latency_ms"], {})
    (panel,) = figure.axes
    found = {own.get_label(): own.get_offsets() for own in panel.collections}
    found |= {own.get_label(): own.get_xydata() for own in panel.lines}
    self.assertEqual(
      {name: [*np.asarray(own)[:, 0]] for name, own in found.items()},
      {
        "estimated, not built": [0, 1],
        "emulated, not in the front": [2],
        "emulated, in the front\n(chosen by the score)": [3, 4, 5],
      },
    )


if __name__ == "__main__":
  absltest.main()
