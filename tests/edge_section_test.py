# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import html.parser
import re

from absl.testing import absltest

from ghn_tf.edge import edgetpu
from ghn_tf.edge import model_file
from ghn_tf.edge import report as report_lib
from ghn_tf.report import edge_page
from tests import int8_files


class _Checker(html.parser.HTMLParser):
  """Counts elements, and sees that each is closed and in its place."""

  def __init__(self):
    super().__init__()
    self.open: list[str] = []
    self.tags: list[tuple[str, dict[str, str | None]]] = []

  def handle_starttag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))
    if tag != "meta":
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag, tag


def _report(model: model_file.ModelFile) -> report_lib.EdgeReport:
  return edgetpu.report(model, int8_files.inputs([1, 8, 8, 3]))


class EdgePageTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.model = model_file.read(int8_files.network())
    self.report = _report(self.model)

  def _checked(self, page: str) -> list[tuple[str, dict[str, str | None]]]:
    checker = _Checker()
    checker.feed(page)
    self.assertEmpty(checker.open)
    return checker.tags

  def test_shows_every_operator_on_every_target(self):
    other = dataclasses.replace(self.report, target="other")
    page = edge_page.page("net.tflite", self.model, [self.report, other])
    tags = [tag for tag, _ in self._checked(page)]
    # A box and two bars each; and the tensors that live meanwhile: image and
    # convolution; with the depthwise one; with the sum; and so on.
    self.assertEqual(tags.count("rect"), 5 * (1 + 2) + 2 + 2 + 3 + 2 + 2)
    # The sum reads the convolution past the depthwise one.
    self.assertEqual(tags.count("path"), 1)
    self.assertIn("256", page)  # bytes of image and convolution
    self.assertIn("<td>2,324</td>", page)

  def test_needs_nothing_from_elsewhere(self):
    page = edge_page.page("net.tflite", self.model, [self.report])
    for _, attributes in self._checked(page):
      self.assertEmpty({"src", "href", "onload"} & attributes.keys())
    links = set(re.findall(r"https?://[^\"\s<]+", page))
    self.assertEqual(links, {"http://www.w3.org/2000/svg"})
    self.assertNotIn("url(", page)

  def test_names_of_others_are_text(self):
    evil = '"><script>alert(1)</script>'
    operators = [
      dataclasses.replace(own, tensor=evil, reason=evil, placement=evil)
      for own in self.report.operators
    ]
    figures = [report_lib.Figure(evil, evil, "estimated", evil, evil)]
    report = dataclasses.replace(
      self.report, operators=operators, figures=figures
    )
    tensors = [
      dataclasses.replace(tensor, name=evil) for tensor in self.model.tensors
    ]
    model = dataclasses.replace(self.model, tensors=tuple(tensors))
    page = edge_page.page(evil, model, [report])
    self.assertNotIn("script", {tag for tag, _ in self._checked(page)})


if __name__ == "__main__":
  absltest.main()
