# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Embeddings to parameters: GHN-2's decoders (arXiv 2110.13100, section 4).

A kernel network decodes an embedding to a kernel of up to max_kernel x
max_kernel taps and max_channels x max_channels channels, and a vector network
to a scale and an offset of max_channels elements. What is smaller takes the
first taps and channels, and hardly more is computed; what has more channels
repeats them. The classifier's kernel and bias have a layer more, which maps
max_channels outputs to the classes. At the end all are normalized,

  kernel -> kernel * sqrt(beta / fan_in)
  gamma  -> 2 * sigmoid(gamma / 2)                    in (0, 2)
  offset -> tanh(offset / 5)                          in (-1, 1)

with beta = 2 where a ReLU is expected to follow, else 1.
"""

from collections.abc import Callable, Iterator, Sequence
import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf import graph as graph_lib
from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.ghn import initializers

_KERNEL_OPS = (ops.Op.CONV, ops.Op.DEPTHWISE_CONV)


def kernel_scale(kh: int, kw: int, c_in: int) -> float:
  """Returns sqrt(beta / fan_in) of a kernel; c_in is 1 if it is depthwise.

  As the public GHN-2, beta is 1 for a depthwise kernel, which a pointwise one
  follows, and for the first of a pair like 1x7 and 7x1.
  """
  beta = 1 if c_in == 1 or kh < kw else 2
  return math.sqrt(beta / (c_in * kh * kw))


@dataclasses.dataclass(frozen=True, slots=True)
class _Request:
  """A parameter to predict, and what its network has to give for it.

  Attributes:
    owner: position of its architecture.
    param: the parameter.
    node: the graph node that it is predicted from.
    network: which of the four decodes it.
    size: kh, kw, c_in and c_out to decode, at least those of a kernel.
    shape: kh, kw, c_in and c_out of a kernel, or the length of a vector.
  """

  owner: int
  param: spec.ParamSpec
  node: int
  network: str
  size: tuple[int, ...]
  shape: tuple[int, ...]

  @property
  def group(self) -> tuple[str, tuple[int, ...]]:
    """Requests of one group are decoded together."""
    return self.network, self.size

  @property
  def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Requests of one group and with equal shapes are cut out together."""
    return self.shape, self.param.shape


class Decoder(keras.layers.Layer):
  """Embeddings to the parameters of the architectures they come from.

  Args:
    dim: D, width of the embeddings.
    max_channels: channels a kernel is decoded with; more are repeated.
    max_kernel: largest kernel height or width.
    num_classes: units of a dense classifier.
    tap_features: width of the first layer of the kernel network.
    kernel_features: width of its second layer.
    vector_features: width of the first layer of the vector network.
    rng: source of the initial values.
  """

  def __init__(
    self,
    *,
    dim: int,
    max_channels: int,
    max_kernel: int,
    num_classes: int,
    tap_features: int,
    kernel_features: int,
    vector_features: int,
    rng: np.random.Generator,
  ):
    super().__init__(name="decoder")
    self._max_channels = max_channels
    self._max_kernel = max_kernel
    self._num_classes = num_classes
    taps = (max_kernel, max_kernel, tap_features)
    channels = (max_channels, max_channels)
    values = {}
    for name, fan_in, shape in (
      ("kernel/taps", dim, taps),
      ("kernel/hidden", tap_features, (kernel_features,)),
      ("kernel/output", kernel_features, channels),
      ("kernel/classes", max_channels, (num_classes,)),
      ("vector/hidden", dim, (vector_features,)),
      ("vector/output", vector_features, (2, max_channels)),
      ("vector/classes", max_channels, (num_classes,)),
    ):
      values[f"{name}_kernel"] = initializers.uniform(
        rng, fan_in, (fan_in, *shape)
      )
      values[f"{name}_bias"] = initializers.uniform(rng, fan_in, shape)
    self.arrays = initializers.variables(values)
    embeddings = tf.TensorSpec([None, dim], tf.float32)
    size = tf.TensorSpec([4], tf.int32)
    scale = tf.TensorSpec([None], tf.float32)

    def compiled(function, *signature):
      # Relaxed, so that one trace serves all shapes.
      return tf.function(function, input_signature=signature, autograph=False)

    self.kernels = compiled(self._kernels, embeddings, size, scale)
    self.class_kernels = compiled(self._class_kernels, embeddings, size, scale)
    self.vectors = compiled(
      self._vectors, embeddings, tf.TensorSpec([None], tf.bool)
    )
    self.class_biases = compiled(self._class_biases, embeddings)

  def call(
    self,
    embeddings: tf.Tensor,
    architectures: Sequence[spec.Architecture],
  ) -> list[dict[str, tf.Tensor]]:
    """Returns the parameters of each architecture by name, in Keras order.

    Args:
      embeddings: of the graph that `graph.encode` makes, [N, D].
      architectures: A of them, which `check` lets pass.
    """
    requests = sorted(
      self._requests(architectures), key=lambda r: (*r.group, *r.shapes)
    )
    params: list[dict[str, tf.Tensor]] = [
      dict.fromkeys(param.name for param in architecture.param_specs)
      for architecture in architectures
    ]
    for group in _split(requests, lambda r: r.group):
      selected = tf.gather(embeddings, [request.node for request in group])
      alike = _split(group, lambda r: r.shapes)
      parts = tf.split(self._decode(group, selected), [*map(len, alike)])
      for same, values in zip(alike, parts, strict=True):
        values = _fit(values, *same[0].shapes)
        for request, value in zip(same, tf.unstack(values), strict=True):
          params[request.owner][request.param.name] = value
    return params

  def _requests(
    self, architectures: Sequence[spec.Architecture]
  ) -> Iterator[_Request]:
    all_nodes = graph_lib.param_nodes(architectures)
    for owner, (architecture, nodes) in enumerate(
      zip(architectures, all_nodes, strict=True)
    ):
      for param, node in zip(architecture.param_specs, nodes, strict=True):
        is_classifier = param.node == architecture.classifier
        yield _Request(owner, param, node, *self._network(param, is_classifier))

  def _network(
    self, param: spec.ParamSpec, is_classifier: bool
  ) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    """Returns network, size and shape of a request."""
    c_out, c_in, kh, kw = graph_lib.shape_of(param)
    if len(param.shape) == 1:
      return ("class_bias" if is_classifier else "vector"), (), (c_out,)
    shape = (kh, kw, c_in, c_out)
    if is_classifier:
      size = (1, 1, self._rounded(c_in), self._max_channels)
      return "class_kernel", size, shape
    return "kernel", (kh, kw, self._rounded(c_in), self._rounded(c_out)), shape

  def _rounded(self, channels: int) -> int:
    """Returns 1, half or all channels: few groups, and little in vain."""
    if channels == 1:
      return 1
    half = self._max_channels // 2
    return half if channels <= half else self._max_channels

  def _decode(
    self, group: Sequence[_Request], embeddings: tf.Tensor
  ) -> tf.Tensor:
    """Calls the network of a group; values [n, *size] or [n, C]."""
    network, size = group[0].group
    if network == "vector":
      gammas = [r.param.kind is spec.ParamKind.GAMMA for r in group]
      return self.vectors(embeddings, gammas)
    if network == "class_bias":
      return self.class_biases(embeddings)
    scales = [kernel_scale(*r.shape[:3]) for r in group]
    if network == "class_kernel":
      return self.class_kernels(embeddings, size, scales)
    return self.kernels(embeddings, size, scales)

  def check(self, architecture: spec.Architecture) -> None:
    """Raises ValueError for a kernel or classifier that cannot be predicted."""
    for node in architecture.nodes:
      if node.op in _KERNEL_OPS and max(node.layer.kernel) > self._max_kernel:
        raise ValueError(
          f"Node {node.name!r} ({node.op}) of architecture"
          f" {architecture.name!r} has the kernel {node.layer.kernel}; this GHN"
          f" predicts up to {(self._max_kernel,) * 2}. Use a smaller one, or"
          " a GHN with a larger max_kernel."
        )
    if architecture.classifier is None:
      return
    if architecture.num_classes != self._num_classes:
      raise ValueError(
        f"Architecture {architecture.name!r} ends in a classifier of"
        f" {architecture.num_classes} classes; this GHN predicts classifiers of"
        f" {self._num_classes}. Use a GHN with"
        f" num_classes={architecture.num_classes}."
      )

  def _linear(self, name: str, inputs: tf.Tensor) -> tf.Tensor:
    return (
      tf.matmul(inputs, self.arrays[f"{name}_kernel"])
      + self.arrays[f"{name}_bias"]
    )

  def _first(
    self, name: str, inputs: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor
  ) -> tf.Tensor:
    """Applies a layer of outputs [R, C, ...], but for [:rows, :columns]."""
    kernel = self.arrays[f"{name}_kernel"][:, :rows, :columns]
    bias = self.arrays[f"{name}_bias"][:rows, :columns]
    kernel = tf.reshape(kernel, [inputs.shape[1], -1])
    return tf.matmul(inputs, kernel) + tf.reshape(bias, [-1])

  def _raw_kernels(self, embeddings: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns kernels before normalization, [n, kh, kw, c_in, c_out]."""
    kh, kw, c_in, c_out = tf.unstack(size)
    taps = tf.nn.relu(self._first("kernel/taps", embeddings, kh, kw))
    taps = tf.reshape(taps, [-1, self.arrays["kernel/hidden_kernel"].shape[0]])
    hidden = tf.nn.relu(self._linear("kernel/hidden", taps))
    kernels = self._first("kernel/output", hidden, c_in, c_out)
    return tf.reshape(kernels, tf.concat([[-1], size], 0))

  def _kernels(
    self, embeddings: tf.Tensor, size: tf.Tensor, scale: tf.Tensor
  ) -> tf.Tensor:
    """Returns kernels of [kh, kw, c_in, c_out] = size times scale [n]."""
    kernels = self._raw_kernels(embeddings, size)
    return kernels * tf.reshape(scale, [-1, 1, 1, 1, 1])

  def _class_kernels(
    self, embeddings: tf.Tensor, size: tf.Tensor, scale: tf.Tensor
  ) -> tf.Tensor:
    """Returns kernels of [1, 1, c_in, classes] times scale [n]."""
    kernels = tf.nn.relu(self._raw_kernels(embeddings, size))
    kernels = self._linear("kernel/classes", kernels)
    return kernels * tf.reshape(scale, [-1, 1, 1, 1, 1])

  def _pairs(self, embeddings: tf.Tensor) -> tf.Tensor:
    """Returns a scale and an offset, before normalization, [n, 2, C]."""
    hidden = tf.nn.relu(self._linear("vector/hidden", embeddings))
    kernel = self.arrays["vector/output_kernel"]
    return tf.tensordot(hidden, kernel, 1) + self.arrays["vector/output_bias"]

  def _vectors(self, embeddings: tf.Tensor, is_gamma: tf.Tensor) -> tf.Tensor:
    """Returns a gamma or an offset for each embedding, [n, C]."""
    gamma, offset = tf.unstack(self._pairs(embeddings), axis=1)
    return tf.where(
      is_gamma[:, None], 2 * tf.sigmoid(gamma / 2), tf.tanh(offset / 5)
    )

  def _class_biases(self, embeddings: tf.Tensor) -> tf.Tensor:
    """Returns a bias [classes] for each embedding."""
    offset = tf.nn.relu(self._pairs(embeddings)[:, 1])
    return tf.tanh(self._linear("vector/classes", offset) / 5)


def _split(
  requests: Sequence[_Request], key: Callable[[_Request], Any]
) -> list[list[_Request]]:
  """Splits sorted requests where a key changes."""
  return [list(group) for _, group in itertools.groupby(requests, key)]


def _fit(
  values: tf.Tensor, shape: tuple[int, ...], keras_shape: tuple[int, ...]
) -> tf.Tensor:
  """Repeats or cuts [n, ...] to [n, *shape], in the order of keras_shape."""
  have = values.shape[1:]
  repeats = [-(-size // h) for size, h in zip(shape, have, strict=True)]
  if max(repeats) > 1:
    values = tf.tile(values, [1, *repeats])
  if values.shape[1:] != shape:
    values = tf.slice(values, [0] * values.shape.rank, [-1, *shape])
  # A kernel has an axis of size 1 where Keras has another order or fewer axes.
  if shape != keras_shape:
    values = tf.reshape(values, [-1, *keras_shape])
  return values
