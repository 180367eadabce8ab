# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of architectures as JSON."""

import json
import random
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

  def test_names_are_escaped(self):
    nodes = [{**node, "name": f'"\\é{node["name"]}'} for node in _NODES]
    for node in nodes:
      node["inputs"] = [f'"\\é{name}' for name in node["inputs"]]
    architecture = serialization.from_json(_text(nodes, name='a "b"'))
    text = serialization.to_json(architecture)
    self.assertEqual(serialization.from_json(text), architecture)

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
    ("no_shape", _changed(1, shape="8x8"), "'conv' states the shape 8x8"),
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
    ("nan", _changed(2, epsilon=float("nan")), "needs epsilon > 0, got nan"),
  )
  def test_wrong_text(self, text, message):
    with self.assertRaisesRegex(ValueError, message):
      serialization.from_json(text)


if __name__ == "__main__":
  absltest.main()
