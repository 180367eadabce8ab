# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of DARTS genotypes as GHN-2's networks."""

import json
from typing import Any

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.arch import genotype
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from tests import reference_data

# GHN-2's node types; other operations are not nodes of its graphs.
_NODE_TYPES = {
  ops.Op.INPUT: "input",
  ops.Op.CONV: "conv",
  ops.Op.DENSE: "conv",
  ops.Op.BATCH_NORM: "bn",
  ops.Op.MAX_POOL: "max_pool",
  ops.Op.AVG_POOL: "avg_pool",
  ops.Op.GLOBAL_AVG_POOL: "glob_avg",
  ops.Op.ADD: "sum",
  ops.Op.CONCAT: "concat",
}
_PLAIN: dict[str, Any] = {
  "normal": [("conv_3x3", 0), ("skip_connect", 1)],
  "normal_concat": [2],
  "reduce": [("max_pool_3x3", 0), ("conv_3x3", 1)],
  "reduce_concat": [2],
}


def _load_reference():
  """Returns (json, arrays) of the network the public GHN-2 was run on."""
  with np.load(reference_data.GHN2) as file:
    arrays = dict(file)
  return json.loads(str(arrays["nodes_json"])), arrays


def _pytorch_shape(param: spec.ParamSpec) -> tuple[int, ...]:
  order = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[len(param.shape)]
  if param.kind is spec.ParamKind.DEPTHWISE_KERNEL:
    order = (2, 3, 0, 1)
  return tuple(param.shape[axis] for axis in order)


def _pytorch_name(param: spec.ParamSpec) -> str:
  node, _, role = param.name.rpartition("/")
  return node + (".weight" if role in ("kernel", "gamma") else ".bias")


def _identities(types, names, sources):
  """Labels each node by its parameter, else by its type and its inputs.

  Names of parameters are unique, so that by induction every label is.
  """
  labels: list[Any] = []
  for kind, name, inputs in zip(types, names, sources, strict=True):
    labels.append(name or (kind, frozenset(labels[i] for i in inputs)))
  if len(set(labels)) != len(labels):
    raise AssertionError("Two nodes have the same label.")
  return labels


def _edges_of(architecture: spec.Architecture):
  """Edges between identified nodes, as GHN-2's graph would have them."""
  types, names, sources = [], [], []

  def add(kind, name, inputs):
    types.append(kind)
    names.append(name)
    sources.append(tuple(sorted(set(inputs))))
    return len(types) - 1

  graph_node: dict[
    int, int
  ] = {}  # by index in the architecture, of what it passes on
  for index, node in enumerate(architecture.nodes):
    inputs = {graph_node[i] for i in node.inputs}
    kind = _NODE_TYPES.get(node.op)
    if node.op is ops.Op.DEPTHWISE_CONV:
      kind = "dil_conv" if node.layer.dilation > 1 else "sep_conv"
    if kind is None or (kind in ("sum", "concat") and len(inputs) == 1):
      (graph_node[index],) = inputs
      continue
    has_weight = kind == "bn" or kind.endswith("conv")
    name = f"{node.name}.weight" if has_weight else None
    graph_node[index] = add(kind, name, inputs)
    if node.layer.use_bias:
      weight = graph_node[index]
      graph_node[index] = add("bias", f"{node.name}.bias", {weight})
  labels = _identities(types, names, sources)
  edges = {
    (labels[u], labels[v]) for v, inputs in enumerate(sources) for u in inputs
  }
  return dict(zip(labels, types, strict=True)), edges


class ReferenceTest(absltest.TestCase):
  """Against the graph and parameters of the public implementation."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.info, cls.arrays = _load_reference()
    cls.architecture = genotype.from_genotype(
      cls.info["genotype"], **cls.info["args"]
    )

  def test_has_the_parameters_of_the_reference(self):
    expected = {
      name.removeprefix("param/"): array.shape
      for name, array in self.arrays.items()
      if name.startswith("param/")
    }
    actual = {
      _pytorch_name(param): _pytorch_shape(param)
      for param in self.architecture.param_specs
    }
    self.assertEqual(actual, expected)

  def test_has_the_nodes_and_edges_of_the_reference(self):
    node_types = [
      self.info["node_types"][i] for i in self.arrays["node_type"].tolist()
    ]
    names = [None] * len(node_types)
    for index, name, *_ in self.info["nodes"]:
      names[index] = name if "." in name else None  # pools have no parameter
    sources: list[list[int]] = [[] for _ in node_types]
    for source, target, distance in self.arrays["edges"].tolist():
      if distance == 1:
        sources[target].append(source)
    labels = _identities(node_types, names, sources)
    edges = {
      (labels[u], labels[v]) for v, inputs in enumerate(sources) for u in inputs
    }
    types, actual_edges = _edges_of(self.architecture)
    self.assertEqual(types, dict(zip(labels, node_types, strict=True)))
    self.assertEqual(actual_edges, edges)


class FromGenotypeTest(parameterized.TestCase):
  def _shape(self, architecture, name):
    names = [node.name for node in architecture.nodes]
    return architecture.shapes[names.index(name)]

  def test_simple_stem_has_thrice_the_channels_for_preprocessing(self):
    with_preprocessing = genotype.from_genotype(_PLAIN, C=8)
    without = genotype.from_genotype(_PLAIN, C=8, C_mult=1, preproc=False)
    self.assertEqual(self._shape(with_preprocessing, "stem.0"), (32, 32, 24))
    self.assertEqual(self._shape(without, "stem.0"), (32, 32, 8))

  @parameterized.named_parameters(
    ("simple", {"stem_type": 0}, 8),
    ("pooled", {"stem_type": 0, "stem_pool": True}, 4),
    ("imagenet_style", {"stem_type": 1}, 4),
    (
      "imagenet",
      {
        "stem_type": 1,
        "is_imagenet_input": True,
        "input_shape": (224, 224, 3),
      },
      7,
    ),
    (
      "imagenet_simple",
      {
        "stem_type": 0,
        "stem_pool": True,
        "is_imagenet_input": True,
        "input_shape": (224, 224, 3),
      },
      7,
    ),
  )
  def test_flatten_sees_the_size_of_ghn2(self, arguments, size):
    architecture = genotype.from_genotype(
      _PLAIN, C=8, glob_avg=False, **arguments
    )
    # Two reductions, each of twice the channels: 4 * C.
    self.assertEqual(self._shape(architecture, "flatten"), (size * size * 32,))

  def test_hidden_dense_layers(self):
    architecture = genotype.from_genotype(_PLAIN, C=8, fc_layers=3, fc_dim=24)
    tail = [(n.name, n.op, n.layer.filters) for n in architecture.nodes[-6:]]
    self.assertEqual(
      tail,
      [
        ("global_pooling", ops.Op.GLOBAL_AVG_POOL, 0),
        ("classifier.0", ops.Op.DENSE, 24),
        ("classifier.1", ops.Op.RELU, 0),
        ("classifier.3", ops.Op.DENSE, 24),
        ("classifier.4", ops.Op.RELU, 0),
        ("classifier.6", ops.Op.DENSE, 10),
      ],
    )

  def test_without_norm_only_the_classifier_has_a_bias(self):
    architecture = genotype.from_genotype(_PLAIN, norm=None)
    kinds = {param.kind for param in architecture.param_specs}
    self.assertEqual(
      kinds,
      {
        spec.ParamKind.CONV_KERNEL,
        spec.ParamKind.DENSE_KERNEL,
        spec.ParamKind.BIAS,
      },
    )
    self.assertEqual(
      [n.name for n in architecture.nodes if n.layer.use_bias], ["classifier.0"]
    )
    with_norm = genotype.from_genotype(_PLAIN)
    kernels = [
      [p.name for p in a.param_specs if p.name.endswith("/kernel")]
      for a in (architecture, with_norm)
    ]
    self.assertEqual(*kernels)

  @parameterized.product(
    primitive=genotype.PRIMITIVES[1:], size=(32, 15), stem_type=(0, 1)
  )
  def test_every_primitive_halves_in_a_reduction(
    self, primitive, size, stem_type
  ):
    cell = [(primitive, 0), (primitive, 1)]
    architecture = genotype.from_genotype(
      {**_PLAIN, "normal": cell, "reduce": cell},
      C=8,
      stem_type=stem_type,
      input_shape=(size, size, 3),
    )
    # Three cells of four halve nothing; each of two reductions rounds up.
    halvings = 2 + stem_type
    expected = -(-size // 2**halvings)
    self.assertEqual(
      self._shape(architecture, "cells.3.sum2")[:2], (expected, expected)
    )

  def test_strided_dilated_convolution_strides_its_pointwise_half(self):
    cell = [("dil_conv_3x3", 0), ("none", 1)]
    architecture = genotype.from_genotype(
      {**_PLAIN, "reduce": cell}, C=8, n_cells=2
    )
    nodes = {node.name: node for node in architecture.nodes}
    depthwise = nodes["cells.1._ops.0.op.1"].layer
    self.assertEqual((depthwise.dilation, depthwise.strides), (2, (1, 1)))
    self.assertEqual(nodes["cells.1._ops.0.op.2"].layer.strides, (2, 2))

  def test_none_vanishes_with_all_that_reads_nothing_else(self):
    cell = [("none", 0), ("none", 1), ("conv_3x3", 2), ("conv_1x1", 1)]
    architecture = genotype.from_genotype(
      {**_PLAIN, "normal": cell, "normal_concat": [2, 3]}, n_cells=1
    )
    names = [node.name for node in architecture.nodes]
    self.assertEqual(
      names,
      [
        "input",
        "stem.0",
        "stem.1",
        "cells.0.preprocess1.op.0",
        "cells.0.preprocess1.op.1",
        "cells.0.preprocess1.op.2",
        "cells.0._ops.3.op.0",
        "cells.0._ops.3.op.1",
        "cells.0._ops.3.op.2",
        "global_pooling",
        "classifier.0",
      ],
    )

  def test_odd_sizes_are_padded_before_the_shifted_branch(self):
    cell = [("skip_connect", 0), ("skip_connect", 1)]
    architecture = genotype.from_genotype(
      {**_PLAIN, "reduce": cell}, C=8, n_cells=2, input_shape=(7, 6, 3)
    )
    path = "cells.1._ops.0"
    # 7 x 6: one row is added below, then the first row and column are cut.
    self.assertEqual(self._shape(architecture, f"{path}.pad"), (8, 6, 16))
    self.assertEqual(self._shape(architecture, f"{path}.crop"), (7, 5, 16))
    self.assertEqual(self._shape(architecture, f"{path}.conv_1"), (4, 3, 8))
    self.assertEqual(self._shape(architecture, f"{path}.conv_2"), (4, 3, 8))

  @parameterized.named_parameters(
    ("msa", {"normal": [("msa", 0), ("none", 1)]}, "'msa' .* not supported"),
    ("cse", {"reduce": [("cse", 0), ("none", 1)]}, "'cse' .* not supported"),
    ("unknown", {"normal": [("conv_9x9", 0), ("none", 1)]}, "'conv_9x9'"),
    ("odd", {"normal": [("conv_3x3", 0)]}, "got 1 primitives"),
    ("pairs", {"normal": ["conv_3x3", "none"]}, "needs pairs"),
    ("state", {"normal": [("conv_3x3", 0), ("none", 2)]}, "expected 0 to 1"),
    ("concat", {"reduce_concat": [3]}, "needs states from 2 to 2"),
  )
  def test_wrong_genotype(self, change, message):
    with self.assertRaisesRegex(ValueError, message):
      genotype.from_genotype({**_PLAIN, **change})

  def test_disconnected_genotype(self):
    cell = [("none", 0), ("none", 1)]
    with self.assertRaisesRegex(
      genotype.DisconnectedError, "'nets-7' is disconnected"
    ):
      genotype.from_genotype({**_PLAIN, "normal": cell}, name="nets-7")

  def test_missing_cell(self):
    with self.assertRaisesRegex(ValueError, "lacks 'reduce'"):
      genotype.from_genotype(
        {"normal": [], "normal_concat": []}
        | {key: value for key, value in _PLAIN.items() if key != "reduce"}
      )

  @parameterized.named_parameters(
    ("odd_channels", {"C": 15}, "C must be even"),
    ("no_cells", {"n_cells": 0}, "n_cells must be at least 1, got 0"),
    ("fc_dim", {"fc_layers": 2, "fc_dim": 0}, "fc_dim must be at least 1"),
    ("stem", {"stem_type": 2}, "stem_type must be 0 or 1, got 2"),
    ("norm", {"norm": "ln"}, "norm must be \"bnorm\" or None, got 'ln'"),
    ("preproc", {"preproc": False}, "preproc=False needs C_mult=1"),
  )
  def test_wrong_argument(self, arguments, message):
    with self.assertRaisesRegex(ValueError, message):
      genotype.from_genotype(_PLAIN, **arguments)


if __name__ == "__main__":
  absltest.main()
