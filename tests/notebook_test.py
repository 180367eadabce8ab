# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from xml.etree import ElementTree

from absl.testing import absltest
import numpy as np
import tf_keras as keras

from ghn_tf import predictor
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.quant import recipe
from ghn_tf.reading import models
from ghn_tf.report import notebook
from models import resnet


def _network(name: str) -> spec.Architecture:
  builder = spec.Builder((8, 8, 3))
  conv = builder.add(ops.Op.CONV, builder.input, filters=4, kernel=(3, 3))
  mean = builder.add(ops.Op.GLOBAL_AVG_POOL, conv)
  builder.add(ops.Op.DENSE, mean, filters=10, use_bias=True)
  return builder.build(name)


class ArchitectureTest(absltest.TestCase):
  def test_shows_measures_picture_and_nodes(self):
    network = _network("small")
    shown = notebook.architecture(network)
    self.assertEqual(network._repr_html_(), shown)
    # Well-formed, so that nothing in it ends what is around it.
    root = ElementTree.fromstring(f"<div>{shown}</div>")
    self.assertEqual(root.find("b").text, "small")
    cells = [cell.text for cell in root.iter("td")]
    self.assertContainsSubset(
      ["multiply accumulates", "6,952", "8 x 8 x 4"], cells
    )
    (svg,) = root.iter("{http://www.w3.org/2000/svg}svg")
    groups = {group.get("id") for group in svg.iter()}
    self.assertContainsSubset({f"node-{i}" for i in range(4)}, groups)


class PredictorTest(absltest.TestCase):
  def test_tells_what_it_is_and_what_to_call(self):
    ghn = predictor.load("quickstart")
    shown, text = ghn._repr_html_(), repr(ghn)
    root = ElementTree.fromstring(f"<div>{shown}</div>")
    self.assertEqual(root.find("b").text, "Predictor quickstart")
    cells = [cell.text for cell in root.iter("td")]
    weights = sum(int(np.prod(own.shape)) for own in ghn.ghn.weights)
    for told in (
      *(f"{weights:,}", "images 32 x 32 x 3, 10 classes", "tiny", "float"),
      *("600 steps on cifar10_sample", "check(model)"),
    ):
      self.assertIn(told, cells)
      self.assertIn(told, text)
    self.assertLen(text.splitlines(), 1)
    self.assertLess(len(text), 400)

  def test_of_imported_weights_it_tells_what_is_known(self):
    ghn = predictor.load("quickstart")
    metadata = {**ghn.metadata, "training": {"dataset": "cifar10"}}
    del metadata["ancestors"]
    text = repr(predictor.Predictor(ghn.ghn, metadata))
    self.assertStartsWith(text, "<Predictor without a name; weights: ")
    self.assertNotIn("space", text)

  def test_it_tells_the_runs_before(self):
    self.assertIn(
      "steps on cifar10, after 5 earlier runs;",
      repr(predictor.load("edge_cifar10_any")),
    )


class ReadingTest(absltest.TestCase):
  def test_shows_what_became_of_the_layers(self):
    reading = models.read(resnet.resnet8())
    nodes = len(reading.architecture.nodes)
    verdict = f"{len(reading.findings)} layers, understood as .architecture of"
    self.assertEqual(
      repr(reading), f"<Reading of resnet8: {verdict} {nodes} nodes>"
    )
    root = ElementTree.fromstring(f"<div>{reading._repr_html_()}</div>")
    self.assertStartsWith(root.find("div").text, verdict)
    rows = [[cell.text for cell in row] for row in root.iter("tr")][1:]
    self.assertLen(rows, len(reading.findings))
    self.assertIn(["stem_conv", "Conv2D", "read"], [row[:3] for row in rows])

  def test_shows_what_is_refused_and_why(self):
    model = keras.Sequential(
      [
        keras.Input((8, 8, 3)),
        keras.layers.Permute((2, 1, 3)),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(10, name="a>b"),
      ]
    )
    reading = models.read(model)
    self.assertIn("1 of 4 layers refused. Layer 'permute", repr(reading))
    shown = reading._repr_html_()
    self.assertIn(">a&gt;b</td>", shown)
    self.assertIn(">refused</td>", shown)


class CheckTest(absltest.TestCase):
  def test_shows_verdict_measures_and_layers(self):
    model = resnet.resnet8()
    check = predictor.load("quickstart").check(model)
    root = ElementTree.fromstring(f"<div>{check._repr_html_()}</div>")
    self.assertEqual(root.find("b").text, "resnet8")
    self.assertEndsWith(root.find("div").text, "resnet8 can be predicted.")
    figures, layers = (
      [[cell.text for cell in row] for row in table]
      for table in root.iter("table")
    )
    self.assertEqual(figures[0][:3], ["measure", "network", "training"])
    by_name = {name: value for name, value, *_ in figures}
    number = models.read(model).architecture.num_params
    self.assertEqual(by_name["parameters"], f"{number:,}")
    self.assertLen(layers, 1 + len(check.findings))
    self.assertIn(["stem_conv", "Conv2D", "read"], [row[:3] for row in layers])

  def test_shows_names_as_they_are_and_no_measures_of_what_is_refused(self):
    model = keras.Sequential(
      [keras.Input((8, 8, 3)), keras.layers.Permute((2, 1, 3))], name="a<b"
    )
    shown = predictor.load("quickstart").check(model)._repr_html_()
    self.assertIn("<b>a&lt;b</b>", shown)
    self.assertIn("a&lt;b: 1 of ", shown)
    root = ElementTree.fromstring(f"<div>{shown}</div>")
    self.assertLen([*root.iter("table")], 1)

  def test_is_its_verdict_in_short(self):
    check = predictor.load("quickstart").check(resnet.resnet8())
    number = len(check.findings)
    self.assertStartsWith(repr(check), f"<Check of {number} layers: ")
    self.assertEndsWith(repr(check), "resnet8 can be predicted.>")
    self.assertLess(len(repr(check)), 400)


class ChildTest(absltest.TestCase):
  def test_tells_what_it_is_and_what_to_call(self):
    own = _network("small")
    child = predictor.Child(own, {}, recipe.get("w4a4"))
    shown, text = child._repr_html_(), repr(child)
    root = ElementTree.fromstring(f"<div>{shown}</div>")
    self.assertEqual(root.find("b").text, "Child small")
    cells = [cell.text for cell in root.iter("td")]
    for told in (
      "w4a4",
      "images 8 x 8 x 3, 10 classes",
      "6,952",
      "to_tflite()",
    ):
      self.assertIn(told, cells)
      self.assertIn(told, text)
    self.assertLess(len(text), 400)


if __name__ == "__main__":
  absltest.main()
