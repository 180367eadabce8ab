# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of architectures as JSON."""

import json
import random
import time
from typing import Any

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.arch import serialization
from ghn_tf.spaces import space

_NODES: tuple[dict[str, Any], ...] = (
  {"name": "image", "op": "input", "inputs": []},
  {
    "name": "conv",
    "op": "conv",
    "inputs": ["image"],
    "filters": 4,
    "kernel": [3, 3],
    "shape": [8, 8, 4],
  },
  {"name": "norm", "op": "batch_norm", "inputs": ["conv"], "epsilon": 1},
  {"name": "pool", "op": "global_avg_pool", "inputs": ["norm"]},
)


def _text(nodes=_NODES, **fields) -> str:
  record = {"name": "test", "input_shape": [8, 8, 3], "nodes": nodes, **fields}
  return json.dumps(record)


def _changed(index, **changes) -> str:
  nodes = [dict(node) for node in _NODES]
  nodes[index].update(changes)
  return _text(nodes)


class RoundTripTest(parameterized.TestCase):
  @parameterized.parameters(*space.SPACES)
  def test_returns_the_same_architecture(self, name):
    for index in range(50):
      architecture = space.sample(space.SPACES[name], 11, index)
      text = serialization.to_json(architecture)
      result = serialization.from_json(text)
      self.assertEqual(result, architecture)
      self.assertEqual(result.name, architecture.name)
      self.assertEqual(serialization.to_json(result), text)

  def test_nodes_may_stand_in_any_order(self):
    architecture = space.sample(space.SPACES["edge"], 11, 0)
    record = json.loads(serialization.to_json(architecture))
    random.Random(0).shuffle(record["nodes"])
    result = serialization.from_json(json.dumps(record))
    self.assertEqual(result.fingerprint, architecture.fingerprint)
    self.assertCountEqual(
      [(p.name, p.kind, p.shape) for p in result.param_specs],
      [(p.name, p.kind, p.shape) for p in architecture.param_specs],
    )

  def test_attributes_and_shapes_may_be_left_out(self):
    architecture = serialization.from_json(_text())
    _, conv, norm, _ = architecture.nodes
    self.assertEqual(
      (
        conv.layer.strides,
        conv.layer.dilation,
        conv.layer.padding,
        conv.layer.use_bias,
      ),
      ((1, 1), 1, "same", False),
    )
    # An integer stands for a float.
    self.assertEqual(
      (norm.layer.epsilon, type(norm.layer.epsilon)), (1.0, float)
    )

  def test_a_node_is_a_readable_line(self):
    text = serialization.to_json(serialization.from_json(_text()))
    self.assertIn(
      '  {"name": "pool", "op": "global_avg_pool", "inputs": ["norm"],'
      ' "shape": [4]}\n',
      text,
    )


class ErrorTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ("empty", "", "Not an architecture in JSON"),
    ("truncated", _text()[:-5], "Not an architecture in JSON"),
    ("list", "[]", r"Expected an architecture as a JSON object, got \[\]"),
    ("fields", "{}", r"lacks the fields \['name', 'input_shape', 'nodes'\]"),
    ("number_as_name", _text(name=7), "must be a string, got 7"),
    ("null_as_name", _text(name=None), "must be a string, got None"),
    (
      "unknown_top_level",
      _text(classes=10, Nodes=[]),
      r"has the unknown fields \['Nodes', 'classes'\]; known are \['name', 'in",
    ),
    ("no_nodes", _text([]), "nodes must be a list of nodes"),
    (
      "keras",
      '{"class_name": "Functional", "config": {}}',
      "of a model in JSON, .*; give the model as a .keras file",
    ),
    ("node_field", _text([{"name": "a"}]), r"lacks the fields \['op', 'inputs"),
    ("node", _text(["a"]), "Expected a node as a JSON object, got 'a'"),
    (
      "input_shape",
      _text(input_shape=[8, 8]),
      r"input_shape must be a list of 3 integers, got \[8, 8\]",
    ),
    (
      "float_shape",
      _text(input_shape=[8, 8, 3.0]),
      "input_shape must be a list of 3 integers",
    ),
    ("operation", _changed(1, op="lstm"), "'conv' has the unknown operation"),
    (
      "no_string",
      _changed(1, op=["conv"]),
      r"unknown operation \['conv'\]; known are \['input', 'conv'",
    ),
    (
      "unknown_field",
      _changed(1, groups=2),
      r"'conv' \(conv\) has the unknown fields \['groups'\]",
    ),
    (
      "foreign_field",
      _changed(3, filters=2),
      r"unknown fields \['filters'\]; known are \['inputs', 'name', 'op'",
    ),
    ("name", _changed(1, name=3), "name of a node must be a string, got 3"),
    ("twice", _changed(2, name="conv"), r"have the names \['conv'\]"),
    ("inputs", _changed(1, inputs=[0]), r"list its inputs by name, got \[0\]"),
    (
      "source",
      _changed(1, inputs=["picture"]),
      "'conv' reads 'picture', which does not exist",
    ),
    (
      "cycle",
      _changed(1, inputs=["norm"]),
      r"form a cycle, among \['conv', 'norm', 'pool'\]",
    ),
    ("itself", _changed(2, inputs=["norm"]), "form a cycle"),
    (
      "shape",
      _changed(1, shape=[8, 8, 5]),
      r"'conv' states the shape \[8, 8, 5\], but its inputs give \[8, 8, 4\]",
    ),
    ("no_shape", _changed(1, shape="8x8"), "'conv' states the shape '8x8'"),
    (
      "type",
      _changed(1, filters="4"),
      "filters of node 'conv' must be int, got '4'",
    ),
    ("bool", _changed(1, filters=True), "must be int, got True"),
    (
      "kernel",
      _changed(1, kernel=[3]),
      r"kernel of node 'conv' must be a list of 2 integers, got \[3\]",
    ),
    ("padding", _changed(1, padding="full"), 'expected "same" or "valid"'),
    ("nan", _changed(2, epsilon=float("nan")), "JSON has no number NaN"),
    (
      "infinity",
      _changed(2, epsilon=7.5).replace("7.5", "1e999"),
      "needs epsilon > 0, got inf",
    ),
    ("no_float", _changed(2, epsilon=10**400), "of node 'norm' is too large"),
    (
      "field_twice",
      _text().replace('"filters": 4', '"filters": 4, "filters": 5'),
      "two fields have the name 'filters'",
    ),
    (
      "node_name",
      _text([*_NODES[:3], {**_NODES[3], "name": "слой\n"}]),
      r"nodes named \['слой\\n'\], but Keras names models and layers with A-Z",
    ),
    ("newline", _text(name="a\nb"), r"is named 'a\\nb', but Keras names"),
    ("surrogate", _text(name="\ud800"), r"is named '\\ud800', but Keras"),
  )
  def test_wrong_text(self, text, message):
    with self.assertRaisesRegex(ValueError, message):
      serialization.from_json(text)


def _chain(number: int) -> list[dict[str, Any]]:
  """The image and so many ReLUs, one after the other, and their mean."""
  nodes = [{"name": "node0", "op": "input", "inputs": []}]
  for i in range(1, number + 2):
    op = "relu" if i <= number else "global_avg_pool"
    nodes.append({"name": f"node{i}", "op": op, "inputs": [f"node{i - 1}"]})
  return nodes


class BoundsTest(parameterized.TestCase):
  """Short texts must not cost much; each of these took minutes or memory."""

  @parameterized.named_parameters(
    (
      "filters",
      _changed(1, filters=10**9),
      r"'conv' \(conv\) would give the shape \[8, 8, 1000000000\], which has"
      " more than 16,777,216 values; use smaller images or windows, or fewer",
    ),
    (
      "image",
      _text(input_shape=[10**600, 8, 3]),
      r"'image' \(input\) would give the shape",
    ),
    (
      "window",
      _changed(1, kernel=[10**9, 1]),
      "'conv' .* kernel, strides and dilation from 1 to 32,768",
    ),
    (
      "dilation",  # which needs an image of its size, whatever the kernel's
      _changed(1, dilation=30_000, kernel=[1, 1]),
      r"would pad its input to the shape \[30000, 30000, 3\]",
    ),
    (
      "weights",
      _text(
        [
          *_NODES[:1],
          {"name": "a", "op": "conv", "inputs": ["image"], "filters": 200_000},
          {"name": "b", "op": "global_avg_pool", "inputs": ["a"]},
          {"name": "c", "op": "dense", "inputs": ["b"], "filters": 200_000},
        ]
      ),
      "40,000,600,000 parameters are too many: a network may have 268,435,456;"
      " make it smaller",
    ),
    (
      "nodes",
      _text(_chain(4_999)),
      "5,001 nodes are too many: a network may have 5,000; make it smaller",
    ),
    (
      "inputs",
      _text(
        [
          _NODES[0],
          {"name": "concat", "op": "concat", "inputs": ["image"] * 65_537},
        ]
      ),
      "65,537 inputs of nodes are too many: a network may have 65,536",
    ),
    (
      "characters",
      " " * 5_120_001,
      "more than 5,120,000 characters, and 5,000 nodes need less",
    ),
    ("depth", "[" * 1_000_000, "nested too deeply"),
    # Within the depth of the parser, which was beyond that of repr.
    (
      "deep_value",
      _text(name=7).replace("7", "[" * 900 + "]" * 900),
      "a string",
    ),
    ("long_value", _text(name=[7] * 10**5), r"got \[7, 7, 7, 7, .*\.\.\.\]\.$"),
  )
  def test_what_is_too_large_is_an_error(self, text, message):
    with self.assertRaisesRegex(ValueError, message):
      serialization.from_json(text)

  @parameterized.parameters(None, ({"nodes": []},), b"{}")
  def test_what_is_no_string_is_an_error(self, text):
    with self.assertRaises(ValueError) as caught:
      serialization.from_json(text)
    self.assertEndsWith(
      str(caught.exception), f"expected JSON as a string, got {text!r}."
    )

  def test_doubling_is_an_error(self):
    nodes = list(_NODES[:1])
    for i in range(40):
      source = nodes[-1]["name"]
      nodes.append({"name": f"c{i}", "op": "concat", "inputs": [source] * 2})
    with self.assertRaisesRegex(ValueError, r"'c16' .* \[8, 8, 393216\]"):
      serialization.from_json(_text(nodes))

  def test_the_longest_network_is_read_in_any_order(self):
    nodes = _chain(4_998)
    architecture = serialization.from_json(_text(nodes))
    self.assertLen(architecture.nodes, 5_000)
    # Each pass over the rest found one node: 12 million looks, in 6 seconds.
    start = time.process_time()
    reverse = serialization.from_json(_text(nodes[::-1]))
    self.assertEqual(reverse, architecture)
    self.assertLess(time.process_time() - start, 2)


if __name__ == "__main__":
  absltest.main()
