# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import re
from typing import Any

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf.child import random_params
from ghn_tf.ghn import graph
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.report import kernels
from ghn_tf.report import network_graph
from ghn_tf.report import page
from ghn_tf.report import parts
from tests import pages
from tests import report_inputs


def _kernels(recipe: str, **values: Any) -> dict[str, kernels.Kernel]:
  network = report_inputs.architecture()
  params = random_params.he_normal(network)
  for name, value in values.items():
    shape = params[f"{name}/kernel"].shape
    params[f"{name}/kernel"] = tf.constant(value, tf.float32, shape)
  found = kernels.read(network, params, recipe_lib.get(recipe))
  return {own.name: own for own in found}


class KernelsTest(parameterized.TestCase):
  def test_values_and_codes_of_a_dense_kernel(self):
    # Of 8 bits, the greatest value has code 127.
    own = _kernels("w8a8", logits=[127, 1.4, -1.6, 0, 0, -127])["logits"]
    self.assertEqual(float(own.rounded.step), 1)
    np.testing.assert_array_equal(
      own.rounded.values.ravel(), [127, 1, -2, 0, 0, -127]
    )
    *_, row = kernels.table([own]).rows
    name, operation, shape, size, bits, greatest, clipped, zeros, ratio = row
    self.assertEqual((name, operation, shape), ("logits", "dense", "2x3"))
    self.assertEqual((size, bits, greatest, clipped), (6, 8, 127, 0))
    self.assertAlmostEqual(zeros, 100 * 2 / 6)
    signal = 2 * 127**2 + 1.4**2 + 1.6**2
    # float32 has 7 digits.
    self.assertAlmostEqual(ratio, 10 * np.log10(signal / 0.32), places=4)

  def test_channels_have_steps_of_their_own(self):
    values = np.zeros((3, 3, 2, 1))
    values[0, 0, :, 0] = 127, 254
    own = _kernels("w8a8", deep=values)["deep"]
    np.testing.assert_array_equal(own.rounded.step.ravel(), [1, 2])
    chart: Any = kernels.histograms([own]).options["deep"][0]
    bars, _ = chart.traces
    # In steps of their own, both are 127.
    np.testing.assert_array_equal(bars["x"], [0, 127])
    np.testing.assert_allclose(bars["y"], [100 * 16 / 18, 100 * 2 / 18])

  def test_shares_sum_to_all(self):
    for recipe in ("w8a8", "w4a4", "w2a2"):
      for own in _kernels(recipe).values():
        chart: Any = kernels.histograms([own]).options[own.name][0]
        bars, line = chart.traces
        self.assertAlmostEqual(sum(bars["y"]), 100)
        width = line["x"][1] - line["x"][0]
        self.assertAlmostEqual(sum(line["y"]) * width, 100)

  def test_clipped_values_are_counted(self):
    own = _kernels("w2a2", logits=[1, 1, 1, 1, 1, 9])["logits"]
    # The range ends at 86 / 14 (`range_rules`): one of six is beyond.
    self.assertAlmostEqual(float(own.rounded.step), 86 / 14, places=5)
    (row,) = kernels.table([own]).rows
    self.assertAlmostEqual(row[6], 100 / 6)

  def test_in_float_nothing_is_rounded(self):
    own = _kernels("float")["conv"]
    self.assertIsNone(own.rounded)
    chart: Any = kernels.histograms([own]).options["conv"][0]
    (line,) = chart.traces
    self.assertAlmostEqual(sum(line["y"]), 100)
    self.assertEqual(kernels.table([own]).rows[0][4], None)

  def test_filters_are_pictures_with_0_in_the_middle(self):
    values = np.zeros((3, 3, 3, 2))
    values[0, 0, :, 0] = 2, -2, 1
    found = _kernels("w8a8", conv=values)
    network = report_inputs.architecture()
    (drawing,) = kernels.first_layer(network, [*found.values()])
    self.assertEqual(drawing.content.count("<svg"), 2)
    colors = re.findall('fill="(.*?)"', drawing.content)
    self.assertLen(colors, 2 * 2 * 9)
    # 255, 0, and round(127.5 + 127.5 / 2); rounded, 1 of 2 is 64 of 127 steps.
    self.assertEqual(colors[0], "#ff00bf")
    self.assertEqual(colors[9], "#ff00c0")
    self.assertEqual({*colors[1:9], *colors[10:]}, {"#808080"})


class GraphTest(absltest.TestCase):
  def test_edges_are_those_that_the_hypernetwork_reads(self):
    drawn = network_graph.draw(report_inputs.architecture(), 50)
    edges = {tuple(own) for own in drawn.virtual["edges"].tolist()}
    # Image 0, conv 1, depthwise 2, sum 3, mean 4, dense 5, bias 6; the sum is
    # one behind the conv by the shortcut.
    encoded = graph.encode([report_inputs.architecture()])
    self.assertLen(edges, encoded.edge_sets["flow"].sizes.numpy()[0])
    self.assertContainsSubset({(1, 3, 1), (0, 3, 2), (0, 6, 5)}, edges)
    self.assertEqual(drawn.virtual["longest"], 5)
    self.assertLen(drawn.virtual["ends"], 7)
    self.assertEqual(drawn.svg.count('class="node"'), 7)
    # Six of a chain, and the shortcut.
    self.assertEqual(drawn.svg.count("<path"), 7)

  def test_nodes_tell_what_is_predicted_from_them(self):
    svg = network_graph.draw(report_inputs.architecture(), 1).svg
    self.assertIn("conv 3x3 2: predicts conv/kernel 3x3x3x2<", svg)
    self.assertIn("bias 3: predicts logits/bias 3<", svg)

  def test_the_legend_has_the_colours_that_are_there_and_no_others(self):
    text = network_graph.draw(report_inputs.architecture(), 50).html()
    for color in network_graph._COLORS.values():
      self.assertIn(color, network_graph._MEANINGS)
      own = f'class="box" style="background:var(--{color})"'
      node = (
        f'class="kind" width="5" height="20" rx="2" style="fill:var(--{color})'
      )
      self.assertEqual(own in text, node in text, color)
    self.assertIn("></i>depthwise, dilated</span>", text)
    self.assertNotIn("></i>concatenation</span>", text)

  def test_too_many_edges_are_left_out_from_the_longest_on(self):
    edges = np.array([[0, 1, 1], [1, 2, 1], [0, 2, 2], [0, 3, 3]])
    with absltest.mock.patch.object(network_graph, "_MAX_EDGES", 3):
      kept, longest = network_graph._kept(edges)
    self.assertEqual((len(kept), longest), (3, 2))


class NetworkSectionTest(absltest.TestCase):
  def test_ranges_are_those_of_params_and_values_those_of_images(self):
    chart: Any = report_inputs.network("w8a8").parts[-1]
    self.assertIsInstance(chart, parts.Chart)
    stored, seen = chart.traces
    self.assertEqual(stored["y"][0], "input")
    # The greatest values of the only batch are the ends of the range.
    for low, width, least, spread in zip(
      stored["base"], stored["x"], seen["base"], seen["x"], strict=True
    ):
      self.assertAlmostEqual(low, min(least, 0), places=5)
      self.assertAlmostEqual(low + width, least + spread, places=4)
    self.assertAlmostEqual(
      seen["base"][0], report_inputs.IMAGES.min(), places=5
    )
    self.assertIn("8 bits", stored["text"][0])
    self.assertIn("0.00 % of the values are beyond", stored["text"][0])

  def test_in_float_there_are_no_ranges(self):
    titles = {
      getattr(own, "title", "") for own in report_inputs.network("float").parts
    }
    self.assertIn("Kernels", titles)
    self.assertNoCommonElements(titles, {"Ranges of activations"})
    self.assertLen(
      report_inputs.network("w4a4").parts,
      len(report_inputs.network("float").parts) + 1,
    )

  def test_a_note_is_text(self):
    found = report_inputs.network("w4a4")
    self.assertEqual(found.heading, "Network: net, w4a4")
    self.assertEqual(found.title, "Network net, w4a4, predicted by <ghn>")
    self.assertIn("A <b>note.", found.text)
    text = page.render("title", [found])
    self.assertNotIn("b", [tag for tag, _ in pages.tags(text)])


if __name__ == "__main__":
  absltest.main()
