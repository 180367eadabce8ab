# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Architectures as JSON text, both ways."""

import collections
from collections.abc import Mapping, Sequence
import heapq
import json
import reprlib
from typing import Any

from ghn_tf import strict_json
from ghn_tf.arch import bounds
from ghn_tf.arch import ops
from ghn_tf.arch import spec

# Of an architecture's text, which is read as a whole: 1,024 for each node,
# where those of our own take less than 200.
MAX_CHARACTERS = 1024 * bounds.MAX_NODES

# Wrong values in messages, whatever their length and depth.
_SHORT = reprlib.Repr()
_SHORT.maxdict = _SHORT.maxlist = 10
_SHORT.maxlong = _SHORT.maxstring = 100
_show = _SHORT.repr


def to_json(architecture: spec.Architecture) -> str:
  """Returns the architecture as JSON text, one node a line.

  Inputs are given by name, and `shape` repeats what follows from the rest,
  so that a reader sees it and `from_json` can check it.
  """
  lines = []
  for node, shape in zip(architecture.nodes, architecture.shapes, strict=True):
    record: dict[str, Any] = {"name": node.name, "op": node.op.value}
    record["inputs"] = [architecture.nodes[i].name for i in node.inputs]
    for name in ops.ATTRIBUTES[node.op]:
      record[name] = getattr(node.layer, name)
    record["shape"] = shape
    lines.append("  " + json.dumps(record))
  head = (
    f'{{"name": {json.dumps(architecture.name)},\n'
    f' "input_shape": {json.dumps(architecture.input_shape)},\n'
    ' "nodes": [\n'
  )
  return head + ",\n".join(lines) + "\n]}\n"


def from_json(text: str) -> spec.Architecture:
  """Reads what `to_json` wrote; nodes may stand in any order.

  Raises:
    ValueError: not JSON or too long, a missing, repeated or unknown field or
      operation, a cycle, or a shape that does not follow from the nodes.
  """
  if not isinstance(text, str):
    raise ValueError(
      f"Not an architecture: expected JSON as a string, got {_show(text)}."
    )
  if len(text) > MAX_CHARACTERS:
    raise ValueError(
      f"Not an architecture: it has more than {MAX_CHARACTERS:,} characters,"
      f" and {bounds.MAX_NODES:,} nodes need less; is it another file?"
    )
  try:
    record = strict_json.loads(text)
  except ValueError as error:
    raise ValueError(f"Not an architecture in JSON: {error}") from error
  known = ("name", "input_shape", "nodes")
  if isinstance(record, dict) and {"class_name", "config"} <= record.keys():
    raise ValueError(
      "This is what Keras writes of a model in JSON, not an architecture; give"
      " the model as a .keras file, by model.save."
    )
  name, input_shape, nodes = _fields(record, "an architecture", known)
  if unknown := sorted(record.keys() - set(known)):
    raise ValueError(
      f"The architecture has the unknown fields {_show(unknown)}; known are"
      f" {list(known)}."
    )
  if not isinstance(name, str):
    raise ValueError(
      f"The name of an architecture must be a string, got {_show(name)}."
    )
  if not isinstance(nodes, list) or not nodes:
    raise ValueError(f"nodes must be a list of nodes, got {_show(nodes)}.")
  height, width, channels = _integers(input_shape, "input_shape", 3)
  records = [_check_record(node) for node in nodes]
  bounds.check_size(len(records), sum(len(r["inputs"]) for r in records))
  ordered = _topological(records)
  position = {node["name"]: i for i, node in enumerate(ordered)}
  architecture = spec.Architecture(
    name,
    (height, width, channels),
    tuple(_node_from_record(node, position) for node in ordered),
  )
  for node, shape in zip(ordered, architecture.shapes, strict=True):
    if "shape" in node and node["shape"] != list(shape):
      raise ValueError(
        f"Node {node['name']!r} states the shape {_show(node['shape'])}, but"
        f" its inputs give {list(shape)}; correct one of them."
      )
  return architecture


def _fields(record: Any, what: str, names: Sequence[str]) -> list[Any]:
  if not isinstance(record, dict):
    raise ValueError(f"Expected {what} as a JSON object, got {_show(record)}.")
  missing = [name for name in names if name not in record]
  if missing:
    raise ValueError(f"{what} lacks the fields {missing}: {_show(record)}")
  return [record[name] for name in names]


def _integers(value: Any, what: str, length: int) -> tuple[int, ...]:
  if (
    not isinstance(value, list)
    or len(value) != length
    or not all(type(v) is int for v in value)
  ):
    raise ValueError(
      f"{what} must be a list of {length} integers, got {_show(value)}."
    )
  return tuple(value)


def _check_record(record: Any) -> dict[str, Any]:
  """Raises ValueError unless a JSON node has known fields and operation."""
  name, op, inputs = _fields(record, "a node", ("name", "op", "inputs"))
  if not isinstance(name, str):
    raise ValueError(f"The name of a node must be a string, got {_show(name)}.")
  if op not in list(ops.Op):
    raise ValueError(
      f"Node {_show(name)} has the unknown operation {_show(op)}; known are"
      f" {[o.value for o in ops.Op]}."
    )
  known = {"name", "op", "inputs", "shape", *ops.ATTRIBUTES[ops.Op(op)]}
  if unknown := sorted(set(record) - known):
    raise ValueError(
      f"Node {_show(name)} ({op}) has the unknown fields {_show(unknown)};"
      f" known are {sorted(known)}."
    )
  if not isinstance(inputs, list) or not all(
    isinstance(i, str) for i in inputs
  ):
    raise ValueError(
      f"Node {_show(name)} must list its inputs by name, got {_show(inputs)}."
    )
  return record


def _topological(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
  """Orders JSON nodes, each after its inputs; keeps an order that is right."""
  position = {record["name"]: i for i, record in enumerate(records)}
  if len(position) < len(records):
    names = collections.Counter(record["name"] for record in records)
    twice = sorted(name for name, number in names.items() if number > 1)
    raise ValueError(
      f"Several nodes have the names {_show(twice)}; make them unique."
    )
  readers: list[list[int]] = [[] for _ in records]
  missing = [len(record["inputs"]) for record in records]
  for i, record in enumerate(records):
    for source in record["inputs"]:
      if source not in position:
        raise ValueError(
          f"Node {_show(record['name'])} reads {_show(source)}, which does not"
          " exist."
        )
      readers[position[source]].append(i)
  ordered: list[dict[str, Any]] = []
  ready = [i for i, number in enumerate(missing) if not number]  # a heap
  while ready:
    i = heapq.heappop(ready)
    ordered.append(records[i])
    for reader in readers[i]:
      missing[reader] -= 1
      if not missing[reader]:
        heapq.heappush(ready, reader)
  if len(ordered) < len(records):
    rest = [
      r["name"] for r, number in zip(records, missing, strict=True) if number
    ]
    raise ValueError(
      f"The nodes form a cycle, among {_show(rest)}; a network has none."
    )
  return ordered


def _node_from_record(
  record: Mapping[str, Any], position: Mapping[str, int]
) -> ops.Node:
  """Builds a node from a JSON object that `_check_record` has passed."""
  values: dict[str, Any] = {}
  for name in ops.ATTRIBUTES[ops.Op(record["op"])]:
    if name not in record:
      continue
    value, default = record[name], ops.DEFAULTS[name]
    what = f"{name} of node {_show(record['name'])}"
    if isinstance(default, tuple):
      value = _integers(value, what, len(default))
    elif isinstance(default, float) and type(value) is int:
      try:
        value = float(value)
      except OverflowError as error:
        raise ValueError(f"{what} is too large: {_show(value)}.") from error
    elif type(value) is not type(default):
      raise ValueError(
        f"{what} must be {type(default).__name__}, got {_show(value)}."
      )
    values[name] = value
  inputs = tuple(position[source] for source in record["inputs"])
  layer = ops.Layer(ops.Op(record["op"]), **values)
  return ops.Node(record["name"], layer, inputs)
