# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Architectures as JSON text, both ways."""

from collections.abc import Mapping, Sequence
import json
from typing import Any

from ghn_tf.arch import ops
from ghn_tf.arch import spec


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
    ValueError: not JSON, a missing or unknown field or operation, a cycle,
      or a shape that does not follow from the nodes.
  """
  try:
    record = json.loads(text)
  except (json.JSONDecodeError, RecursionError) as error:
    raise ValueError(f"Not an architecture in JSON: {error}") from error
  known = ("name", "input_shape", "nodes")
  name, input_shape, nodes = _fields(record, "an architecture", known)
  if unknown := sorted(record.keys() - set(known)):
    raise ValueError(
      f"The architecture has the unknown fields {unknown}; known are"
      f" {list(known)}."
    )
  if not isinstance(name, str):
    raise ValueError(
      f"The name of an architecture must be a string, got {name!r}."
    )
  if not isinstance(nodes, list) or not nodes:
    raise ValueError(f"nodes must be a list of nodes, got {nodes!r}.")
  height, width, channels = _integers(input_shape, "input_shape", 3)
  ordered = _topological([_check_record(node) for node in nodes])
  position = {node["name"]: i for i, node in enumerate(ordered)}
  architecture = spec.Architecture(
    name,
    (height, width, channels),
    tuple(_node_from_record(node, position) for node in ordered),
  )
  for node, shape in zip(ordered, architecture.shapes, strict=True):
    if "shape" in node and node["shape"] != list(shape):
      raise ValueError(
        f"Node {node['name']!r} states the shape {node['shape']}, but its"
        f" inputs give {list(shape)}; correct one of them."
      )
  return architecture


def _fields(record: Any, what: str, names: Sequence[str]) -> list[Any]:
  if not isinstance(record, dict):
    raise ValueError(f"Expected {what} as a JSON object, got {record!r}.")
  missing = [name for name in names if name not in record]
  if missing:
    raise ValueError(f"{what} lacks the fields {missing}: {record!r:.200}")
  return [record[name] for name in names]


def _integers(value: Any, what: str, length: int) -> tuple[int, ...]:
  if (
    not isinstance(value, list)
    or len(value) != length
    or not all(type(v) is int for v in value)
  ):
    raise ValueError(
      f"{what} must be a list of {length} integers, got {value!r}."
    )
  return tuple(value)


def _check_record(record: Any) -> dict[str, Any]:
  """Raises ValueError unless a JSON node has known fields and operation."""
  name, op, inputs = _fields(record, "a node", ("name", "op", "inputs"))
  if not isinstance(name, str):
    raise ValueError(f"The name of a node must be a string, got {name!r}.")
  if op not in list(ops.Op):
    raise ValueError(
      f"Node {name!r} has the unknown operation {op!r}; known are"
      f" {[o.value for o in ops.Op]}."
    )
  known = {"name", "op", "inputs", "shape", *ops.ATTRIBUTES[ops.Op(op)]}
  if unknown := sorted(set(record) - known):
    raise ValueError(
      f"Node {name!r} ({op}) has the unknown fields {unknown}; known are"
      f" {sorted(known)}."
    )
  if not isinstance(inputs, list) or not all(
    isinstance(i, str) for i in inputs
  ):
    raise ValueError(
      f"Node {name!r} must list its inputs by name, got {inputs!r}."
    )
  return record


def _topological(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
  """Orders JSON nodes, each after its inputs; keeps their order else."""
  names = [record["name"] for record in records]
  known = set(names)
  if len(known) < len(names):
    twice = sorted(name for name in known if names.count(name) > 1)
    raise ValueError(f"Several nodes have the names {twice}; make them unique.")
  ordered: list[dict[str, Any]] = []
  done: set[str] = set()
  waiting = list(records)
  for record in records:
    for source in record["inputs"]:
      if source not in known:
        raise ValueError(
          f"Node {record['name']!r} reads {source!r}, which does not exist."
        )
  while waiting:
    rest = []
    for record in waiting:
      if done.issuperset(record["inputs"]):
        ordered.append(record)
        done.add(record["name"])
      else:
        rest.append(record)
    if len(rest) == len(waiting):
      raise ValueError(
        "The nodes form a cycle, among"
        f" {[record['name'] for record in rest]}; a network has none."
      )
    waiting = rest
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
    if isinstance(default, tuple):
      what = f"{name} of node {record['name']!r}"
      value = _integers(value, what, len(default))
    elif isinstance(default, float) and type(value) is int:
      value = float(value)
    elif type(value) is not type(default):
      raise ValueError(
        f"{name} of node {record['name']!r} must be"
        f" {type(default).__name__}, got {value!r}."
      )
    values[name] = value
  inputs = tuple(position[source] for source in record["inputs"])
  layer = ops.Layer(ops.Op(record["op"]), **values)
  return ops.Node(record["name"], layer, inputs)
