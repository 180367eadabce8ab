# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from xml.etree import ElementTree

from absl.testing import absltest

from ghn_tf import predictor
from ghn_tf.arch import ops
from ghn_tf.arch import spec
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


class CheckTest(absltest.TestCase):
  def test_is_shown_as_its_table(self):
    ghn = predictor.load("quickstart")
    shown = ghn.check(resnet.resnet8())._repr_html_()
    self.assertRegex(shown, r"^<pre>layer +kind +verdict")


if __name__ == "__main__":
  absltest.main()
