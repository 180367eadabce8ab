# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Embeddings to parameters: GHN-2's decoder (arXiv 2110.13100, section 4).

The kernel part decodes an embedding to a kernel of up to max_kernel x
max_kernel taps and max_channels x max_channels channels, and the vector part
to a scale and an offset of max_channels elements. What is smaller takes the
first taps and channels, and hardly more is computed; what has more channels
repeats them. The classifier's kernel and bias have a layer more, which maps
max_channels outputs to the classes. At the end all are normalized,

  kernel -> kernel * sqrt(beta / fan_in)
  gamma  -> 2 * sigmoid(gamma / 2)                    in (0, 2)
  offset -> tanh(offset / 5)                          in (-1, 1)

with beta = 2 where a ReLU is expected to follow, else 1. The slopes of a PReLU
are not decoded, as training has none: they are those with which it begins.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf.arch import ops
from ghn_tf.arch import spec
from ghn_tf.ghn import cutting
from ghn_tf.ghn import initializers
from ghn_tf.ghn import layout as layout_lib


class Decoder(keras.layers.Layer):
  """Embeddings to the parameters of the architectures they come from.

  Args:
    dim: D, width of the embeddings.
    max_channels: channels a kernel is decoded with; more are repeated.
    max_kernel: largest kernel height or width.
    num_classes: units of a dense classifier.
    tap_features: width of the first layer of the kernel part.
    kernel_features: width of its second layer.
    vector_features: width of the first layer of the vector part.
    bounded_kernels: whether kernels are divided by sqrt(1 + mean square), so
      that none has a larger scale than the normalization below says.
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
    bounded_kernels: bool,
    rng: np.random.Generator,
  ):
    super().__init__(name="decoder", dtype="float32")
    self._max_kernel = max_kernel
    self._num_classes = num_classes
    self._bounded_kernels = bounded_kernels
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
    self._layout = layout_lib.Layout(max_channels, num_classes)
    indices = tf.TensorSpec([None], tf.int32)
    # All in one call, of one trace that serves all shapes.
    self.decode = tf.function(
      self._decode,
      input_signature=[
        tf.TensorSpec([None, dim], tf.float32),  # embeddings
        tf.TensorSpec([2], tf.int32),  # box
        *(indices, indices, indices),  # of kernels: nodes, taps, counts
        tf.TensorSpec([None, 2], tf.int32),  # extents
        tf.TensorSpec([None], tf.float32),  # scales
        indices,  # of vectors: nodes
        tf.TensorSpec([None], tf.bool),  # is_gamma
        indices,  # of class_biases: nodes
      ],
      autograph=False,
    )

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
    layout = self._layout
    requests = layout.requests(architectures)
    params: list[dict[str, tf.Tensor]] = [
      dict.fromkeys(param.name for param in architecture.param_specs)
      for architecture in architectures
    ]
    decoded = self.decode(embeddings, *layout.arguments(requests))
    groups = layout_lib.split(requests, lambda r: r.group)
    values = cutting.cut(
      [decoded[layout.position(group[0])] for group in groups],
      [
        [
          layout.piece(alike[0], len(alike))
          for alike in layout_lib.split(group, lambda r: r.alike)
        ]
        for group in groups
      ],
    )
    for request, value in zip(requests, values, strict=True):
      params[request.owner][request.param.name] = value
    for own, architecture in zip(params, architectures, strict=True):
      for param in architecture.param_specs:
        if param.kind is spec.ParamKind.ALPHA:
          own[param.name] = tf.fill(param.shape, spec.FIRST_ALPHA)
    return params

  def check(self, architecture: spec.Architecture) -> None:
    """Raises ValueError for a kernel or classifier that cannot be predicted."""
    for node in architecture.nodes:
      is_convolution = node.op in ops.CONVOLUTIONS
      if is_convolution and max(node.layer.kernel) > self._max_kernel:
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
    kernel, bias = (
      self.arrays[f"{name}_{part}"] for part in ("kernel", "bias")
    )
    return tf.nn.bias_add(tf.matmul(inputs, kernel), bias)

  def _hidden(
    self, embeddings: tf.Tensor, box: tf.Tensor, taps: tf.Tensor
  ) -> tf.Tensor:
    """Returns what each tap of each kernel is decoded from.

    Args:
      embeddings: of n kernels, [n, D].
      box: height and width of the largest kernel.
      taps: [T], which taps of the n boxes are wanted, in row-major order.

    Returns:
      [T, kernel_features].
    """
    height, width = tf.unstack(box)
    kernel = self.arrays["kernel/taps_kernel"][:, :height, :width]
    bias = self.arrays["kernel/taps_bias"][:height, :width]
    dim, features = kernel.shape[0], kernel.shape[-1]
    boxes = tf.matmul(embeddings, tf.reshape(kernel, [dim, -1]))
    boxes = tf.nn.relu(tf.nn.bias_add(boxes, tf.reshape(bias, [-1])))
    wanted = tf.gather(tf.reshape(boxes, [-1, features]), taps)
    return tf.nn.relu(self._linear("kernel/hidden", wanted))

  def _output_layers(self) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Returns kernel and bias of the last layer for each size of channels."""
    kernel = self.arrays["kernel/output_kernel"].read_value()
    bias = self.arrays["kernel/output_bias"].read_value()
    columns = {
      size: (kernel[..., :size], bias[:, :size])
      for size in self._layout.sizes_out
    }
    layers = []
    for c_in, c_out in self._layout.channels:
      kernel, bias = columns[c_out]
      kernel = tf.reshape(kernel[:, :c_in], [kernel.shape[0], c_in * c_out])
      layers.append((kernel, tf.reshape(bias[:c_in], [-1])))
    return layers

  def _decode(
    self,
    embeddings: tf.Tensor,
    box: tf.Tensor,
    kernel_nodes: tf.Tensor,
    taps: tf.Tensor,
    counts: tf.Tensor,
    extents: tf.Tensor,
    scales: tf.Tensor,
    vector_nodes: tf.Tensor,
    is_gamma: tf.Tensor,
    class_bias_nodes: tf.Tensor,
  ) -> list[tf.Tensor]:
    """Decodes all that is wanted of the nodes of a graph.

    Args:
      embeddings: [N, D].
      box: height and width of the largest kernel.
      kernel_nodes: the node of each kernel, in the order of what is returned.
      taps: [T], see `_hidden`.
      counts: number of taps of each size of channels, and of class kernels.
      extents: [T, 2], how many of the decoded c_in and c_out each tap needs.
      scales: [T], factor of each tap.
      vector_nodes: the node of each vector.
      is_gamma: whether it is a scale.
      class_bias_nodes: the node of each class bias.

    Returns:
      For each size of channels kernels [taps, c_in, c_out]; class kernels
      [taps, max_channels, classes]; vectors [n, max_channels]; class biases
      [n, classes].
    """
    hidden = self._hidden(tf.gather(embeddings, kernel_nodes), box, taps)
    layers = self._output_layers()
    sizes = [*self._layout.channels, self._layout.channels[-1]]
    decoded: list[tf.Tensor] = []
    numbers = taps // tf.reduce_prod(box)  # of the kernel of each tap
    num_kernels = tf.size(kernel_nodes)
    for (kernel, bias), rows, number, extent, scale, channels in zip(
      [*layers, layers[-1]],
      *(
        tf.split(values, counts, num=len(sizes))
        for values in (hidden, numbers, extents, scales)
      ),
      sizes,
      strict=True,
    ):
      kernels = tf.nn.bias_add(tf.matmul(rows, kernel), bias)
      is_class_kernel = len(decoded) == len(layers)
      if is_class_kernel:
        kernels = tf.reshape(tf.nn.relu(kernels), [-1, channels[1]])
        kernels = self._linear("kernel/classes", kernels)
        channels = channels[0], self._num_classes
      kernels = tf.reshape(kernels, [-1, *channels])
      if self._bounded_kernels and not is_class_kernel:
        kernels = _bounded(kernels, number, extent, num_kernels)
      decoded.append(kernels * scale[:, None, None])
    vectors = self._vectors(tf.gather(embeddings, vector_nodes), is_gamma)
    biases = self._class_biases(tf.gather(embeddings, class_bias_nodes))
    return [*decoded, vectors, biases]

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


def _bounded(
  kernels: tf.Tensor,
  number: tf.Tensor,
  extent: tf.Tensor,
  num_kernels: tf.Tensor,
) -> tf.Tensor:
  """Returns kernels / sqrt(1 + the mean square of each), [T, c_in, c_out].

  Args:
    kernels: one tap a row.
    number: [T], of the kernel that a tap belongs to.
    extent: [T, 2], how many of c_in and c_out count.
    num_kernels: number of all kernels; some may have no taps here.
  """
  c_in, c_out = kernels.shape[1:]
  counts = tf.logical_and(
    (tf.range(c_in) < extent[:, :1])[:, :, None],
    (tf.range(c_out) < extent[:, 1:])[:, None, :],
  )
  squares = tf.reduce_sum(
    tf.square(kernels) * tf.cast(counts, tf.float32), [1, 2]
  )
  sizes = tf.cast(tf.reduce_prod(extent, axis=1), tf.float32)
  total, size = (
    tf.math.unsorted_segment_sum(values, number, num_kernels)
    for values in (squares, sizes)
  )
  mean = tf.gather(tf.math.divide_no_nan(total, size), number)
  return kernels * tf.math.rsqrt(1 + mean)[:, None, None]
