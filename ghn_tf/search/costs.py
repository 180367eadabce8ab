# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a network will cost on a device, estimated from the architecture alone.

Of an architecture is counted what a device would do for it. What a count costs
there is fitted to some networks whose files were emulated: the linear model of
least squared relative errors whose coefficients are not below 0. So it is there
for every target and recipe, and moves with kernels and compilers.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import math

import numpy as np
from scipy import optimize

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.child import ranges
from ghn_tf.edge.cortexm import plan

# Columns that a convolution lays out at a time, of two bytes a code
# (`cortexm.convolutions`); other runtimes have the like.
_LAID_OUT = 6
# The programs for Cortex-M run those of groups as if these saw all channels.
_CONVOLUTIONS = (ops.Op.CONV, ops.Op.GROUPED_CONV)
_POOLS = (ops.Op.MAX_POOL, ops.Op.AVG_POOL)
_GLOBAL_POOLS = (ops.Op.GLOBAL_AVG_POOL, ops.Op.GLOBAL_MAX_POOL)


@dataclasses.dataclass(frozen=True)
class Operators:
  """The operators of a network's file, as an architecture tells them.

  Attributes:
    nodes: of each operator, the last of the nodes that it computes.
    tensors: of each node the operator whose output holds its values.
  """

  nodes: tuple[int, ...]
  tensors: tuple[int, ...]


@functools.lru_cache(maxsize=256)
def operators(architecture: spec.Architecture) -> Operators:
  """Returns which nodes are operators of a file.

  A convolution with what is folded into it is one, and a flatten is none.
  """
  outputs = ranges.output_ranges(architecture)
  nodes: list[int] = []
  tensors = [-1] * len(architecture.nodes)
  waiting: dict[int, list[int]] = {}
  for index, node in enumerate(architecture.nodes):
    within = [index]
    for source in node.inputs:
      within += waiting.pop(source, [])
    readers = architecture.consumers[index]
    if node.op is ops.Op.FLATTEN:
      tensors[index] = tensors[node.inputs[0]]
    elif outputs[index] is None and all(
      architecture.nodes[reader].op is not ops.Op.CONCAT for reader in readers
    ):
      waiting[index] = within
    else:
      for own in within:
        tensors[own] = len(nodes)
      nodes.append(index)
  return Operators(tuple(nodes), tuple(tensors))


def arena_bytes(architecture: spec.Architecture) -> int:
  """Returns the memory that activations in int8 and scratch are planned in."""
  found = operators(architecture)
  last = [0] * len(found.nodes)
  needs = []
  for index, node in enumerate(architecture.nodes):
    for source in node.inputs:
      held = found.tensors[source]
      last[held] = max(last[held], found.tensors[index])
    if node.op in _CONVOLUTIONS:
      place = found.tensors[index]
      scratch = _LAID_OUT * _taps(architecture, index)
      needs.append(plan.Need(scratch, place, place))
  last[-1] = len(found.nodes) - 1
  for place, index in enumerate(found.nodes):
    size = math.prod(architecture.shapes[index])
    needs.append(plan.Need(size, place, max(place, last[place])))
  return plan.plan(needs).num_bytes


def _taps(architecture: spec.Architecture, index: int) -> int:
  node = architecture.nodes[index]
  channels = architecture.shapes[node.inputs[0]][-1]
  return math.prod(node.layer.kernel) * channels


def counts(architecture: spec.Architecture) -> dict[str, int]:
  """Returns how much there is to do and to store for a network."""
  result = dict.fromkeys(
    (
      *("multiplications", "outputs", "laid_out"),
      *("depthwise", "depthwise_outputs", "pooled", "moved"),
    ),
    0,
  )
  found = operators(architecture)
  folded = set(range(len(architecture.nodes))) - {*found.nodes}
  kernels = channels = 0
  for index, node in enumerate(architecture.nodes):
    size = math.prod(architecture.shapes[index])
    if node.op in (*_CONVOLUTIONS, ops.Op.DENSE):
      channels += node.layer.filters
      result["outputs"] += size
      taps = architecture.shapes[node.inputs[0]][-1]
      if node.op in _CONVOLUTIONS:
        taps = _taps(architecture, index)
        if node.layer.kernel != (1, 1):
          result["laid_out"] += size // node.layer.filters * taps
      result["multiplications"] += size * taps
      kernels += node.layer.filters * taps
    elif node.op is ops.Op.DEPTHWISE_CONV:
      result["depthwise_outputs"] += size
      result["depthwise"] += size * math.prod(node.layer.kernel)
      channels += architecture.shapes[index][-1]
      kernels += architecture.shapes[index][-1] * math.prod(node.layer.kernel)
    elif node.op in _POOLS:
      result["pooled"] += size * math.prod(node.layer.kernel)
    elif node.op in _GLOBAL_POOLS:
      result["pooled"] += math.prod(architecture.shapes[node.inputs[0]])
    elif node.op is ops.Op.BATCH_NORM:
      is_alone = not ranges.is_folded(architecture, index)
      result["depthwise"] += size * is_alone
      channels += architecture.shapes[index][-1] * is_alone
    elif node.op in ops.PAIRS or (
      node.op not in (ops.Op.INPUT, ops.Op.FLATTEN)
      and not folded.intersection(node.inputs)
    ):
      result["moved"] += size
  return {
    **result,
    "operators": len(found.nodes),
    "arena": arena_bytes(architecture),
    "kernels": kernels,
    "channels": channels,
    "one": 1,
  }


# What each cost is made of.
_TERMS: Mapping[str, tuple[str, ...]] = {
  "arena_bytes": ("arena", "operators", "one"),
  "flash_bytes": ("kernels", "channels", "operators", "one"),
  "latency_ms": (
    *("multiplications", "outputs", "laid_out", "depthwise"),
    *("depthwise_outputs", "pooled", "moved", "operators"),
  ),
}


@dataclasses.dataclass(frozen=True)
class Estimate:
  """How one cost follows from counts.

  Attributes:
    coefficients: of each term, at least 0.
    error: the relative error that nine in ten networks keep below, each told
      from the others.
  """

  coefficients: Mapping[str, float]
  error: float


@dataclasses.dataclass(frozen=True)
class Model:
  """How costs follow from an architecture.

  Attributes:
    estimates: by the name of a cost.
    num_networks: that they were fitted to.
  """

  estimates: Mapping[str, Estimate]
  num_networks: int = 0

  @property
  def errors(self) -> dict[str, float]:
    """See `Estimate.error`; by the name of a cost."""
    return {name: own.error for name, own in self.estimates.items()}

  def costs(self, architecture: spec.Architecture) -> dict[str, float]:
    """Returns the estimated costs of a network, and its MACs."""
    result: dict[str, float] = {"macs": architecture.macs}
    if self.estimates:
      found = counts(architecture)
      for name, estimate in self.estimates.items():
        result[name] = sum(
          value * found[term] for term, value in estimate.coefficients.items()
        )
    return result

  def violations(
    self, costs: Mapping[str, float], limits: Mapping[str, float]
  ) -> dict[str, float]:
    """Returns costs that are beyond their limits, whatever the error."""
    return {
      name: costs[name]
      for name, limit in limits.items()
      if costs[name] > limit * (1 + self.errors.get(name, 0.0))
    }


def fit(
  architectures: Sequence[spec.Architecture],
  costs: Sequence[Mapping[str, float]],
) -> Model:
  """Returns the model of networks whose costs are known.

  Args:
    architectures: the networks.
    costs: of each, all with the same names.

  Raises:
    ValueError: there are fewer than three, or one that costs nothing.
  """
  if len(architectures) < 3:
    raise ValueError(
      "Costs are estimated from those of three networks or more, got"
      f" {len(architectures)}; give more probes, or relax the limits."
    )
  rows = [counts(architecture) for architecture in architectures]
  estimates = {}
  for name in costs[0]:
    terms = _TERMS[name]
    values = np.array([own[name] for own in costs], np.float64)
    if values.min() <= 0:
      raise ValueError(f"A network has {name} {values.min()}, expected more.")
    table = np.array([[row[term] for term in terms] for row in rows])
    relative = table / values[:, np.newaxis]
    errors = []
    for left_out in range(len(values)):
      others = np.arange(len(values)) != left_out
      told = relative[left_out] @ _solve(relative[others])
      errors.append(abs(told - 1))
    coefficients = dict(zip(terms, _solve(relative).tolist(), strict=True))
    estimates[name] = Estimate(coefficients, float(np.quantile(errors, 0.9)))
  return Model(estimates, len(rows))


def _solve(relative: np.ndarray) -> np.ndarray:
  """Returns coefficients of at least 0 with which rows are nearest to 1."""
  sizes = np.maximum(relative.max(axis=0), 1e-300)
  solution, _ = optimize.nnls(relative / sizes, np.ones(len(relative)))
  return solution / sizes
