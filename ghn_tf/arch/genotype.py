# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Architectures from DARTS genotypes, as GHN-2 builds them.

A genotype (arXiv 1806.09055) describes two cells, `normal` and `reduce`, as
lists of (primitive, index of the state it reads). States 0 and 1 are the
outputs of the two cells before; every further state sums two primitives, and
the states in `normal_concat` or `reduce_concat` leave the cell. GHN-2 (arXiv
2110.13100) stacks such cells behind one of two stems and before one of two
heads.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
from typing import Any

from ghn_tf.arch import layers
from ghn_tf.arch import ops
from ghn_tf.arch import spec

PRIMITIVES = (
  "none",
  "max_pool_3x3",
  "avg_pool_3x3",
  "skip_connect",
  "sep_conv_3x3",
  "sep_conv_5x5",
  "dil_conv_3x3",
  "dil_conv_5x5",
  "conv_1x1",
  "conv_7x1_1x7",
  "conv_3x3",
  "conv_5x5",
  "conv_7x7",
)
# GHN-2's primitives that are not convolutional.
_UNSUPPORTED = ("msa", "cse")
_EPSILON = 1e-5

_RELU = layers.RELU
_NORM = layers.batch_norm(_EPSILON)
# Takes the first row and column away.
_SHIFT = ops.Layer(ops.Op.CROP, margins=(1, 0, 1, 0))


class DisconnectedError(ValueError):
  """The primitives "none" of a genotype leave no path to the logits."""


def from_genotype(
  genotype: Mapping[str, Sequence[Any]],
  *,
  C: int = 16,
  num_classes: int = 10,
  n_cells: int = 4,
  C_mult: int = 2,
  ks: int = 3,
  stem_type: int = 0,
  stem_pool: bool = False,
  preproc: bool = True,
  norm: str | None = "bnorm",
  fc_layers: int = 1,
  fc_dim: int = 64,
  glob_avg: bool = True,
  is_imagenet_input: bool = False,
  input_shape: tuple[int, int, int] = (32, 32, 3),
  name: str = "genotype",
) -> spec.Architecture:
  """Returns GHN-2's network of a genotype; the arguments are named as there.

  Nodes are named by GHN-2's module paths, so that `<node>/kernel` and
  `<node>/gamma` are its `<node>.weight`, and `<node>/bias` and `<node>/beta`
  its `<node>.bias`. Three things differ from GHN-2: windows are padded by
  TensorFlow's rule "same"; a state without inputs is left out of a concat
  instead of being filled with zeros; a flattening head reads H, W, C.

  Args:
    genotype: `normal` and `reduce`, lists of (primitive, state) of even
      length, and `normal_concat` and `reduce_concat`, lists of states.
    C: channels of the first cell; even.
    num_classes: number of logits.
    n_cells: number of cells; those at n_cells // 3 and 2 * n_cells // 3, but
      never the first, halve the image.
    C_mult: factor of the channels at each of these two cells.
    ks: kernel size of the first convolution.
    stem_type: 0, one convolution; 1, three of them, the last with stride 2.
    stem_pool: whether a 3x3 max pool of stride 2 ends stem 0.
    preproc: whether 1x1 convolutions adapt what a cell reads. Without them,
      C_mult and the number of states in either concat must be 1.
    norm: "bnorm", or None for no BatchNorm. Convolutions never have a bias.
    fc_layers: number of dense layers.
    fc_dim: units of all dense layers but the last.
    glob_avg: whether the head averages over the image, or else flattens it.
    is_imagenet_input: whether the stem reduces the image by 4 more, and does
      not have thrice the channels where it is of type 0.
    input_shape: image height, width and channels.
    name: of the architecture.

  Raises:
    ValueError: a wrong argument or a primitive that is not convolutional.
    DisconnectedError: the logits do not depend on the image.
  """
  _check_arguments(C, n_cells, C_mult, fc_layers, fc_dim, stem_type, norm)
  normal, reduce = _parse(genotype, "normal"), _parse(genotype, "reduce")
  widths = (C_mult, len(normal.concat), len(reduce.concat))
  if not preproc and widths != (1, 1, 1):
    raise ValueError(
      "preproc=False needs C_mult=1 and one state in each concat, got"
      f" C_mult={C_mult}, {list(normal.concat)} and {list(reduce.concat)}."
    )
  blocks = _Blocks(spec.Builder(input_shape), norm is not None)
  s0: int | None
  s1: int | None
  if stem_type == 0:
    widening = 3 if preproc and not is_imagenet_input else 1
    stride = 4 if is_imagenet_input else 1
    s0 = s1 = blocks.simple_stem(widening * C, ks, stride, stem_pool)
  else:
    s0, s1 = blocks.imagenet_stem(C, ks, 2 if is_imagenet_input else 1)
  halved = stem_type == 1
  for index in range(n_cells):
    path = f"cells.{index}"
    reduces = index > 0 and index in (n_cells // 3, 2 * n_cells // 3)
    C *= C_mult if reduces else 1
    filters = C if preproc else None
    adapted = (
      blocks.preprocess(s0, f"{path}.preprocess0", filters, halved),
      blocks.preprocess(s1, f"{path}.preprocess1", filters, False),
    )
    cell = reduce if reduces else normal
    s0, s1 = s1, blocks.cell(cell, adapted, path, C, reduces)
    halved = reduces
  if s1 is None:
    raise DisconnectedError(
      f"The genotype of {name!r} is disconnected: its 'none' primitives cut"
      f" every path from the image to the logits: {dict(genotype)}"
    )
  blocks.head(s1, [fc_dim] * (fc_layers - 1) + [num_classes], glob_avg)
  return blocks.builder.build(name)


@dataclasses.dataclass(frozen=True)
class _Cell:
  """One checked cell: steps of two (primitive, state) each, and the output."""

  steps: tuple[tuple[tuple[str, int], tuple[str, int]], ...]
  concat: tuple[int, ...]


def _parse(genotype: Mapping[str, Sequence[Any]], kind: str) -> _Cell:
  """Returns the normal or reduction cell of a genotype; checks it."""
  for key in (kind, f"{kind}_concat"):
    if key not in genotype:
      raise ValueError(f"The genotype lacks {key!r}: {dict(genotype)}")
  try:
    genes = [(str(name), int(state)) for name, state in genotype[kind]]
  except (TypeError, ValueError) as error:
    raise ValueError(
      f"{kind!r} of the genotype needs pairs of a primitive and a state, got"
      f" {genotype[kind]!r}."
    ) from error
  if not genes or len(genes) % 2:
    raise ValueError(
      f"{kind!r} of the genotype needs two primitives for each state, got"
      f" {len(genes)} primitives."
    )
  for position, (primitive, state) in enumerate(genes):
    if primitive in _UNSUPPORTED:
      raise ValueError(
        f"Primitive {primitive!r} in {kind!r} of the genotype is not"
        f" convolutional and not supported; supported are {list(PRIMITIVES)}."
      )
    if primitive not in PRIMITIVES:
      raise ValueError(
        f"Primitive {primitive!r} in {kind!r} of the genotype is unknown;"
        f" known are {list(PRIMITIVES)}."
      )
    if not 0 <= state < 2 + position // 2:
      raise ValueError(
        f"Primitive {position} ({primitive!r}) in {kind!r} of the genotype"
        f" reads state {state}, expected 0 to {1 + position // 2}."
      )
  concat = tuple(int(state) for state in genotype[f"{kind}_concat"])
  last = 1 + len(genes) // 2
  if not concat or not all(2 <= state <= last for state in concat):
    raise ValueError(
      f"'{kind}_concat' of the genotype needs states from 2 to {last}, got"
      f" {list(concat)}."
    )
  return _Cell(tuple(zip(genes[::2], genes[1::2], strict=True)), concat)


def _check_arguments(
  C: int,
  n_cells: int,
  C_mult: int,
  fc_layers: int,
  fc_dim: int,
  stem_type: int,
  norm: str | None,
) -> None:
  if C < 2 or C % 2:
    raise ValueError(f"C must be even and at least 2, got {C}.")
  counts = {"n_cells": n_cells, "C_mult": C_mult, "fc_layers": fc_layers}
  if fc_layers > 1:
    counts["fc_dim"] = fc_dim
  for argument, value in counts.items():
    if value < 1:
      raise ValueError(f"{argument} must be at least 1, got {value}.")
  if stem_type not in (0, 1):
    raise ValueError(f"stem_type must be 0 or 1, got {stem_type!r}.")
  if norm not in ("bnorm", None):
    raise ValueError(f'norm must be "bnorm" or None, got {norm!r}.')


@functools.lru_cache(maxsize=4096)
def _block(primitive: str, filters: int, stride: int) -> tuple[ops.Layer, ...]:
  """Returns the layers of a convolutional primitive, pre-activation."""
  if primitive == "conv_7x1_1x7":
    full = layers.conv(filters, 7)
    row = full._replace(kernel=(1, 7), strides=(1, stride))
    column = full._replace(kernel=(7, 1), strides=(stride, 1))
    return _RELU, row, column, _NORM
  kind, _, size = primitive.rpartition("_")
  kernel = int(size[-1])
  if kind == "sep_conv":
    first = (_RELU, *layers.separable(filters, kernel, stride), _NORM)
    return (*first, _RELU, *layers.separable(filters, kernel), _NORM)
  if kind == "dil_conv":
    return _RELU, *layers.separable(filters, kernel, stride, dilation=2), _NORM
  return _RELU, layers.conv(filters, kernel, stride), _NORM


class _Blocks:
  """Adds GHN-2's blocks to a builder, under GHN-2's module paths."""

  def __init__(self, builder: spec.Builder, normalizes: bool):
    self.builder = builder
    self._normalizes = normalizes

  def simple_stem(
    self, filters: int, kernel: int, stride: int, pools: bool
  ) -> int:
    stem = [layers.conv(filters, kernel, stride), _NORM]
    if pools:
      stem.append(layers.pool(ops.Op.MAX_POOL, 3, 2))
    return self._sequence(self.builder.input, "stem", stem)

  def imagenet_stem(
    self, filters: int, kernel: int, stride: int
  ) -> tuple[int, int]:
    first = (layers.conv(filters // 2, kernel, stride), _NORM, _RELU)
    second = (layers.conv(filters, 3, stride), _NORM)
    s0 = self._sequence(self.builder.input, "stem0", (*first, *second))
    third = (_RELU, layers.conv(filters, 3, 2), _NORM)
    return s0, self._sequence(s0, "stem1", third)

  def preprocess(
    self, x: int | None, path: str, filters: int | None, halves: bool
  ) -> int | None:
    """Adapts what a cell reads: its size always, its channels to `filters`."""
    if x is None:
      return None
    if filters is None:
      # A 1x1 window with stride 2 takes every second row and column.
      every_second = layers.pool(ops.Op.MAX_POOL, 1, 2)
      return self.builder.place(every_second, x, name=path) if halves else x
    if halves:
      return self._factorized_reduce(x, path, filters)
    block = (_RELU, layers.conv(filters, 1), _NORM)
    return self._sequence(x, f"{path}.op", block)

  def cell(
    self,
    cell: _Cell,
    inputs: tuple[int | None, int | None],
    path: str,
    filters: int,
    reduces: bool,
  ) -> int | None:
    """Adds a cell that reads states 0 and 1; returns its output, if any."""
    states = list(inputs)
    for step, genes in enumerate(cell.steps):
      addends = []
      for side, (primitive, state) in enumerate(genes):
        x = states[state]
        if x is not None and primitive != "none":
          node = f"{path}._ops.{2 * step + side}"
          stride = 2 if reduces and state < 2 else 1
          addends.append(self._primitive(primitive, x, node, filters, stride))
      states.append(self._join(layers.ADD, addends, f"{path}.sum{step + 2}"))
    outputs = [states[index] for index in cell.concat]
    kept = [x for x in outputs if x is not None]
    return self._join(layers.CONCAT, kept, f"{path}.concat")

  def head(self, x: int, units: Sequence[int], averages: bool) -> None:
    """Adds a pool or flatten and dense layers, the last with `units[-1]`."""
    place = self.builder.place
    if averages:
      x = place(layers.GLOBAL_AVG_POOL, x, name="global_pooling")
    else:
      x = place(layers.FLATTEN, x, name="flatten")
    for layer, count in enumerate(units):
      # GHN-2's classifier repeats dense, ReLU, dropout.
      position = 3 * layer
      if layer:
        x = place(_RELU, x, name=f"classifier.{position - 2}")
      x = place(layers.dense(count), x, name=f"classifier.{position}")

  def _sequence(self, x: int, path: str, block: Sequence[ops.Layer]) -> int:
    """Adds layers `<path>.0`, `<path>.1`, ...; a missing norm keeps its place.

    Args:
      x: the node that the first layer reads.
      path: of the sequence.
      block: the layers.
    """
    for position, layer in enumerate(block):
      if layer is not _NORM or self._normalizes:
        x = self.builder.place(layer, x, name=f"{path}.{position}")
    return x

  def _join(
    self, layer: ops.Layer, inputs: Sequence[int], path: str
  ) -> int | None:
    """Adds a sum or concat; nothing where it would have less than 2 inputs."""
    if len(inputs) < 2:
      return inputs[0] if inputs else None
    return self.builder.place(layer, *inputs, name=path)

  def _primitive(
    self, primitive: str, x: int, path: str, filters: int, stride: int
  ) -> int:
    if primitive == "skip_connect":
      return x if stride == 1 else self._factorized_reduce(x, path, filters)
    if primitive in ("max_pool_3x3", "avg_pool_3x3"):
      pool = layers.pool(ops.Op(primitive[:-4]), 3, stride)
      return self.builder.place(pool, x, name=path)
    return self._sequence(x, f"{path}.op", _block(primitive, filters, stride))

  def _factorized_reduce(self, x: int, path: str, filters: int) -> int:
    """Halves the size by 1x1 convolutions of even and of odd pixels."""
    place = self.builder.place
    x = shifted = place(_RELU, x, name=f"{path}.relu")
    height, width, _ = self.builder.shape(x)
    if height % 2 or width % 2:
      pad = ops.Layer(ops.Op.ZERO_PAD, margins=(0, height % 2, 0, width % 2))
      shifted = place(pad, x, name=f"{path}.pad")
    shifted = place(_SHIFT, shifted, name=f"{path}.crop")
    half = layers.conv(filters // 2, 1, 2)
    even = place(half, x, name=f"{path}.conv_1")
    odd = place(half, shifted, name=f"{path}.conv_2")
    x = place(layers.CONCAT, even, odd, name=f"{path}.concat")
    return place(_NORM, x, name=f"{path}.bn") if self._normalizes else x
