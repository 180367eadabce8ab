# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a decoder is asked for: where each parameter is in what it decodes."""

from collections.abc import Callable, Iterator, Sequence
import dataclasses
import enum
import functools
import itertools
import math
from typing import Any

import numpy as np

from ghn_tf.arch import spec
from ghn_tf.ghn import cutting
from ghn_tf.ghn import graph as graph_lib


def kernel_scale(param: spec.ParamSpec) -> float:
  """Returns sqrt(beta / fan_in) of a kernel.

  As the public GHN-2, beta is 1 for a convolution of one channel, such as a
  depthwise one, which a pointwise one follows, and for the first of a pair like
  1x7 and 7x1. Else, and for every dense kernel, it is 2.
  """
  _, c_in, kh, kw = graph_lib.shape_of(param)
  is_dense = param.kind is spec.ParamKind.DENSE_KERNEL
  beta = 1 if not is_dense and (c_in == 1 or kh < kw) else 2
  return math.sqrt(beta / (c_in * kh * kw))


class Part(enum.IntEnum):
  """The parts of the decoder, in the order of the decoded tensors."""

  KERNEL = 0  # as many tensors as there are sizes of channels
  CLASS_KERNEL = 1
  VECTOR = 2
  CLASS_BIAS = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
  """A parameter to predict, and what a part of the decoder has to give for it.

  Attributes:
    owner: position of its architecture.
    param: the parameter.
    node: the graph node that it is predicted from.
    part: of the decoder.
    channels: c_in and c_out to decode, at least those of a kernel.
    shape: kh, kw, c_in and c_out of a kernel, or the length of a vector.
  """

  owner: int
  param: spec.ParamSpec
  node: int
  part: Part
  channels: tuple[int, ...]
  shape: tuple[int, ...]

  @property
  def group(self) -> tuple[Part, tuple[int, ...]]:
    """Requests of one group are in one decoded tensor."""
    return self.part, self.channels

  @property
  def alike(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Requests of one group and equal in this are cut out together."""
    return self.shape, self.param.shape

  @property
  def num_taps(self) -> int:
    """Number of taps of a kernel, each decoded by itself."""
    return self.shape[0] * self.shape[1]


class Layout:
  """The tensors that a decoder gives for many parameters at once.

  One of kernels for each size of `channels`, then class kernels, vectors and
  class biases.

  Attributes:
    sizes_in: numbers of input channels that kernels are decoded with; few, so
      that few tensors are decoded, and little in vain.
    sizes_out: the same of output channels.
    channels: all pairs of them.
  """

  def __init__(self, max_channels: int, num_classes: int):
    """Returns a layout.

    Args:
      max_channels: channels a kernel is decoded with; more are repeated.
      num_classes: units of a dense classifier.
    """
    self._max_channels = max_channels
    self._num_classes = num_classes
    half = max(1, max_channels // 2)
    self.sizes_in = sorted({1, half, max_channels})
    self.sizes_out = sorted({half, max_channels})
    self.channels: list[tuple[int, ...]] = [
      *itertools.product(self.sizes_in, self.sizes_out)
    ]

  def requests(
    self, architectures: Sequence[spec.Architecture]
  ) -> list[Request]:
    """Returns one for each decoded parameter, sorted by group and likeness."""
    return sorted(
      self._requests(architectures), key=lambda r: (*r.group, *r.alike)
    )

  def _requests(
    self, architectures: Sequence[spec.Architecture]
  ) -> Iterator[Request]:
    all_nodes = graph_lib.param_nodes(architectures)
    for owner, (architecture, nodes) in enumerate(
      zip(architectures, all_nodes, strict=True)
    ):
      for param, node in zip(architecture.param_specs, nodes, strict=True):
        if param.kind is spec.ParamKind.ALPHA:
          continue  # it is not decoded
        is_classifier = param.node == architecture.classifier
        yield Request(owner, param, node, *self._part(param, is_classifier))

  def _part(
    self, param: spec.ParamSpec, is_classifier: bool
  ) -> tuple[Part, tuple[int, ...], tuple[int, ...]]:
    """Returns part, channels and shape of a request."""
    c_out, c_in, kh, kw = graph_lib.shape_of(param)
    if len(param.shape) == 1:
      part = Part.CLASS_BIAS if is_classifier else Part.VECTOR
      return part, (), (c_out,)
    shape = (kh, kw, c_in, c_out)
    if is_classifier:
      return Part.CLASS_KERNEL, (), shape
    channels = (
      _at_least(c_in, self.sizes_in),
      _at_least(c_out, self.sizes_out),
    )
    return Part.KERNEL, channels, shape

  def position(self, request: Request) -> int:
    """Returns which of the decoded tensors has a request."""
    if request.part is Part.KERNEL:
      return self.channels.index(request.channels)
    return len(self.channels) - 1 + request.part

  def piece(self, request: Request, rows: int) -> cutting.Piece:
    """Returns what is cut out for requests like this one."""
    match request.part:
      case Part.KERNEL:
        size = (*request.shape[:2], *request.channels)
      case Part.CLASS_KERNEL:
        size = (1, 1, self._max_channels, self._num_classes)
      case Part.VECTOR:
        size = (self._max_channels,)
      case Part.CLASS_BIAS:
        size = (self._num_classes,)
    return cutting.Piece(rows, size, *request.alike)

  def arguments(self, requests: Sequence[Request]) -> list[np.ndarray]:
    """Returns the arguments of `Decoder.decode` after the embeddings.

    Args:
      requests: as `requests` returns them.
    """
    of = {part: [r for r in requests if r.part is part] for part in Part}
    kernels = [*of[Part.KERNEL], *of[Part.CLASS_KERNEL]]
    shapes = np.array([r.shape[:2] for r in kernels] or [(1, 1)])
    box = np.max(shapes, axis=0)
    taps = [np.zeros(0)]
    counts = [0] * (len(self.channels) + 1)
    for number, request in enumerate(kernels):
      taps.append(_taps(request.shape[:2], tuple(box)) + number * np.prod(box))
      counts[self.position(request)] += request.num_taps
    extents = [np.minimum(r.shape[2:], self._max_channels) for r in kernels]
    scales = [kernel_scale(r.param) for r in kernels]
    vectors = of[Part.VECTOR]
    is_gamma = [r.param.kind is spec.ParamKind.GAMMA for r in vectors]

    def nodes(requests: Sequence[Request]) -> np.ndarray:
      return np.array([r.node for r in requests], np.int32)

    return [
      box.astype(np.int32),
      nodes(kernels),
      np.concatenate(taps).astype(np.int32),
      np.array(counts, np.int32),
      np.repeat(
        np.array(extents, np.int32).reshape(-1, 2),
        [r.num_taps for r in kernels],
        axis=0,
      ),
      np.repeat(scales, [r.num_taps for r in kernels]).astype(np.float32),
      nodes(vectors),
      np.array(is_gamma, bool),
      nodes(of[Part.CLASS_BIAS]),
    ]


def _at_least(wanted: int, sizes: Sequence[int]) -> int:
  """Returns the least size that is enough, or else the largest."""
  return next((size for size in sizes if size >= wanted), sizes[-1])


@functools.lru_cache
def _taps(kernel: tuple[int, int], box: tuple[int, int]) -> np.ndarray:
  """Returns which elements of a row-major box a kernel has, [kh * kw]."""
  rows, columns = np.indices(kernel)
  return (rows * box[1] + columns).ravel()


def split(
  requests: Sequence[Request], key: Callable[[Request], Any]
) -> list[list[Request]]:
  """Splits sorted requests where a key changes."""
  return [list(group) for _, group in itertools.groupby(requests, key)]
