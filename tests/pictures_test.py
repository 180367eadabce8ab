# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of the pictures: they show everything, and nothing is in the way."""

import functools
import itertools
import pathlib
from typing import Any
from xml.etree import ElementTree

from absl.testing import absltest
from absl.testing import parameterized
from matplotlib import figure as figure_lib
from matplotlib import image
import numpy as np

from ghn_tf.arch import ops
from ghn_tf.arch import serialization
from ghn_tf.arch import spec
from ghn_tf.report import picture_files
from ghn_tf.report import pictures
from ghn_tf.report import statistics
from ghn_tf.spaces import space

_PREDEFINED = pathlib.Path(space.__file__).parent / "predefined"


def _load(name: str) -> spec.Architecture:
  return serialization.from_json((_PREDEFINED / f"{name}.json").read_text())


def _architecture(name: str) -> spec.Architecture:
  """A predefined network, or number `edge-<index>` of the space."""
  if name.startswith("edge-"):
    return space.sample(space.SPACES["edge"], 0, int(name.split("-")[1]))
  return _load(name)


@functools.cache
def _graph(name: str) -> figure_lib.Figure:
  """Its picture, which tests only look at."""
  return pictures.graph(_architecture(name))


_ARCHITECTURES = ("resnet8", "mobilenet_v2", "darts") + tuple(
  f"edge-{index}" for index in range(6)
)


def _patches(figure: figure_lib.Figure, prefix: str) -> dict[str, Any]:
  """The patches whose id has the prefix, by the rest of it."""
  found: dict[str, Any] = {}
  for patch in figure.axes[0].patches:
    name = patch.get_gid() or ""
    if name.startswith(prefix):
      if name.removeprefix(prefix) in found:
        raise ValueError(f"Two patches have the id {name}.")
      found[name.removeprefix(prefix)] = patch
  return found


def _texts(figure: figure_lib.Figure) -> list[str]:
  return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


def _boxes(figure: figure_lib.Figure) -> np.ndarray:
  """Left, right, top and bottom of every node, [N, 4]."""
  found = _patches(figure, "node-")
  boxes = []
  for index in range(len(found)):
    box = found[str(index)]
    x, y = box.get_x(), box.get_y()
    boxes.append((x, x + box.get_width(), y, y + box.get_height()))
  return np.array(boxes)


class GraphTest(parameterized.TestCase):
  @parameterized.parameters(*_ARCHITECTURES)
  def test_every_node_and_edge_is_drawn_once(self, name: str):
    architecture = _architecture(name)
    figure = _graph(name)
    self.assertCountEqual(
      _patches(figure, "node-"), map(str, range(len(architecture.nodes)))
    )
    self.assertCountEqual(
      _patches(figure, "edge-"),
      {
        f"{source}-{target}"
        for target, node in enumerate(architecture.nodes)
        for source in node.inputs
      },
    )

  @parameterized.parameters(*_ARCHITECTURES)
  def test_nodes_stand_below_their_inputs_and_apart(self, name: str):
    architecture = _architecture(name)
    boxes = _boxes(_graph(name))
    for target, node in enumerate(architecture.nodes):
      for source in node.inputs:
        self.assertLess(boxes[source, 3], boxes[target, 2])
    left, right, top, bottom = boxes.T
    is_overlap = ((left[:, None] < right) & (left < right[:, None])) & (
      (top[:, None] < bottom) & (top < bottom[:, None])
    )
    np.testing.assert_array_equal(is_overlap, np.eye(len(boxes), dtype=bool))

  @parameterized.parameters(*_ARCHITECTURES)
  def test_edges_end_at_their_node_and_pass_beside_all_others(self, name: str):
    figure = _graph(name)
    boxes = _boxes(figure)
    left, right, top, bottom = boxes.T
    for edge, patch in _patches(figure, "edge-").items():
      source, target = map(int, edge.split("-"))
      times = np.linspace(0, 1, 21)
      pieces = [p(times) for p, _ in patch.get_path().iter_bezier()]
      x, y = np.concatenate(pieces).T
      middle = (left[target] + right[target]) / 2
      np.testing.assert_allclose((x[-1], y[-1]), (middle, top[target]))
      is_inside = (left < x[:, None]) & (x[:, None] < right)
      is_inside &= (top < y[:, None]) & (y[:, None] < bottom)
      hit = set(np.flatnonzero(is_inside.any(0)))
      self.assertLessEqual(hit, {source, target}, edge)

  def test_all_is_inside_the_figure(self):
    for name in _ARCHITECTURES:
      figure = _graph(name)
      boxes = _boxes(figure)
      width, height = figure.get_size_inches()
      self.assertGreater(boxes.min(), 0)
      self.assertLess(boxes[:, 1].max(), width)
      self.assertLess(boxes[:, 3].max(), height)

  @parameterized.parameters("resnet8", "edge-0", "edge-1", "edge-2")
  def test_labels_fit_their_nodes(self, name: str):
    architecture = _architecture(name)
    figure = _graph(name)
    boxes = _boxes(figure)
    to_inches = figure.axes[0].transData.inverted()
    # A label and a note for every node, after the title.
    labels = figure.axes[0].texts[1::2]
    for box, label in zip(boxes, labels, strict=True):
      (left, _), (right, _) = to_inches.transform(label.get_window_extent())
      self.assertBetween(left, box[0], right)
      self.assertLess(right, box[1])
    self.assertLen(labels, len(architecture.nodes))

  @parameterized.parameters("ds_cnn", "resnet8", "mobilenet_v2", "darts")
  def test_a_longest_path_is_straight(self, name: str):
    boxes = _boxes(_graph(name))
    rows = len(set(boxes[:, 2]))
    _, counts = np.unique(boxes[:, 0], return_counts=True)
    self.assertEqual(counts.max(), rows)

  @parameterized.parameters("mobilenet_v2", "darts", "edge-5")
  def test_edges_of_a_tensor_share_their_line(self, name: str):
    # Each piece is drawn by one of them, so that none looks bolder.
    pieces = []
    for patch in _patches(_graph(name), "edge-").values():
      curves = [p for p, _ in patch.get_path().iter_bezier() if p.degree == 3]
      pieces += [tuple(map(tuple, curve.control_points)) for curve in curves]
    self.assertLen(set(pieces), len(pieces))

  def test_labels_tell_the_layer_and_where_the_shape_changes(self):
    builder = spec.Builder((8, 8, 3))
    x = builder.add(
      ops.Op.CONV, builder.input, filters=16, kernel=(3, 3), strides=(2, 2)
    )
    x = builder.add(ops.Op.BATCH_NORM, x)
    x = builder.add(ops.Op.DEPTHWISE_CONV, x, kernel=(5, 5), dilation=2)
    x = builder.add(
      ops.Op.MAX_POOL, x, kernel=(1, 2), strides=(1, 2), padding="valid"
    )
    x = builder.add(ops.Op.GLOBAL_AVG_POOL, x)
    builder.add(ops.Op.DENSE, x, filters=10)
    title, *texts = _texts(pictures.graph(builder.build("example")))
    self.assertIn("example\n7 nodes", title)
    self.assertEqual(
      texts,
      ["image", "8x8x3", "conv 3x3 /2 16", "4x4x16", "norm"]
      + ["depthwise 5x5 d2", "max pool 1x2 /1x2", "4x2x16"]
      + ["global avg pool", "16", "dense 10", "10"],
    )

  def test_a_large_network_has_a_legend_instead_of_labels(self):
    architecture = _load("darts")
    figure = pictures.graph(architecture)
    _, *texts = _texts(figure)
    self.assertCountEqual(texts, _patches(figure, "legend-"))
    nodes = _patches(figure, "node-")
    for kind, patch in _patches(figure, "legend-").items():
      colors = [p.get_facecolor() for p in nodes.values()]
      self.assertIn(patch.get_facecolor(), colors, kind)
    self.assertLen({p.get_facecolor() for p in nodes.values()}, len(texts))


def _statistics(num_splits: int, count: int):
  split = statistics.measure(
    space.sample(space.SPACES["edge"], 0, i) for i in range(count)
  )
  return {f"split_{i}": split for i in range(num_splits)}


class DistributionsTest(parameterized.TestCase):
  @parameterized.product(num_splits=(1, 9), count=(1, 30))
  def test_every_split_has_its_row_in_every_panel(self, num_splits, count):
    found = _statistics(num_splits, count)
    figure = pictures.distributions(found, "A title")
    self.assertEqual(figure.get_suptitle(), "A title")
    *sizes, shares = figure.axes
    self.assertLen(sizes, 4)
    for panel in sizes:
      if count == 1:  # each architecture by itself
        rows = [np.asarray(line.get_ydata())[0] for line in panel.lines]
        self.assertCountEqual(rows, range(num_splits))
      else:
        self.assertLen(panel.collections, num_splits)
    for panel, suffix in ((sizes[0], f" ({count})"), (shares, "")):
      labels = [label.get_text() for label in panel.get_yticklabels()]
      self.assertEqual(labels, [f"{name}{suffix}" for name in found])
      self.assertGreater(*panel.get_ylim())  # from top to bottom
    self.assertEqual(
      [panel.get_xscale() for panel in sizes],
      ["linear", "linear", "log", "log"],
    )

  def test_shares_are_those_of_the_operations_and_fill_the_row(self):
    found = _statistics(2, 5)
    shares = pictures.distributions(found, "").axes[-1]
    _, names = shares.get_legend_handles_labels()
    containers: list[Any] = list(shares.containers)
    bars = {
      name: [bar.get_width() for bar in container]
      for name, container in zip(names, containers, strict=True)
    }
    np.testing.assert_allclose(np.sum(list(bars.values()), 0), 100)
    means = found["split_0"].operations
    activations = means[ops.Op.RELU] + means.get(ops.Op.RELU6, 0)
    np.testing.assert_allclose(
      bars["activation"],
      100 * activations / (sum(means.values()) - means[ops.Op.INPUT]),
    )
    for left, right in itertools.pairwise(containers):
      np.testing.assert_allclose(
        [bar.get_x() + bar.get_width() for bar in left],
        [bar.get_x() for bar in right],
      )

  def test_two_numbers_at_least_on_an_axis_of_powers(self):
    equal = np.full(30, 25)
    split = statistics.Statistics(equal, equal, equal, equal, {ops.Op.ADD: 1})
    figure = pictures.distributions({"equal": split}, "")
    low, high = figure.axes[2].get_xlim()
    self.assertLessEqual(low, 10)
    self.assertGreaterEqual(high, 100)

  def test_a_network_without_kernels_can_be_drawn(self):
    builder = spec.Builder((8, 8, 3))
    builder.add(ops.Op.FLATTEN, builder.input)
    split = statistics.measure([builder.build("none")] * 30)
    figure = pictures.distributions({"none": split}, "")
    low, high = figure.axes[2].get_xlim()
    self.assertBetween(1, low, high)

  def test_no_splits_raise(self):
    with self.assertRaisesRegex(ValueError, "at least one"):
      pictures.distributions({}, "")


class SaveTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir())
    self.figure = pictures.graph(_load("resnet8"))

  def test_png_has_the_pixels_of_the_figure(self):
    path = self.folder / "new" / "resnet8.png"
    picture_files.save(self.figure, path)
    pixels = image.imread(path)
    width, height = self.figure.get_size_inches()
    self.assertAlmostEqual(
      pixels.shape[0] / pixels.shape[1],
      height / width,
      delta=0.01,  # whole pixels
    )
    self.assertGreater(pixels.std(), 0)

  def test_svg_keeps_nodes_and_edges_by_name(self):
    path = self.folder / "resnet8.svg"
    picture_files.save(self.figure, path)
    ids = {e.get("id") for e in ElementTree.parse(path).iter()}
    self.assertContainsSubset({"node-0", "node-28", "edge-0-1"}, ids)

  @parameterized.parameters(".png", ".svg")
  def test_equal_figures_give_equal_files(self, suffix: str):
    paths = [self.folder / f"{i}{suffix}" for i in range(2)]
    for path in paths:
      picture_files.save(pictures.graph(_load("resnet8")), path)
    self.assertEqual(*(path.read_bytes() for path in paths))

  @parameterized.parameters("graph.pdf", "graph", "graph.PNG")
  def test_another_suffix_raises_and_writes_nothing(self, name: str):
    with self.assertRaisesRegex(ValueError, r'expected "\.png" or "\.svg"'):
      picture_files.save(self.figure, self.folder / name)
    self.assertEmpty(list(self.folder.iterdir()))


if __name__ == "__main__":
  absltest.main()
