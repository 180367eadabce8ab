# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The same network for other images or classes."""

from ghn_tf.arch import spec

_KERNELS = (spec.ParamKind.CONV_KERNEL, spec.ParamKind.DENSE_KERNEL)


def with_images(
  architecture: spec.Architecture, shape: tuple[int, int, int]
) -> spec.Architecture:
  """Returns a network that takes images of another shape.

  Raises:
    ValueError: a node does not fit them, or they are less than 1 x 1.
  """
  if shape == architecture.input_shape:
    return architecture
  return spec.Architecture(architecture.name, shape, architecture.nodes)


def check_gray(architecture: spec.Architecture, channels: int) -> None:
  """Raises ValueError where kernels for gray images are no sums of others.

  Args:
    architecture: takes images of one channel.
    channels: of the images whose kernels would be summed over them. What else
      takes such images one channel at a time must have no params for each.
  """
  shape = (*architecture.input_shape[:2], channels)
  others = with_images(architecture, shape).param_specs
  for new, old in zip(architecture.param_specs, others, strict=True):
    if new.shape == old.shape:
      continue
    *front, c_in, c_out = new.shape if len(new.shape) > 1 else (0, 0)
    if new.kind not in _KERNELS or old.shape != (
      *front,
      c_in * channels,
      c_out,
    ):
      node = architecture.nodes[new.node]
      raise ValueError(
        f"Node {node.name!r} ({node.op}) of network {architecture.name!r} has"
        f" the {new.name.rpartition('/')[2]} {list(old.shape)} for images of"
        f" {channels} channels, which cannot be made one for"
        " gray images; let convolutions alone take the image, or give the"
        f" network images of {channels} channels."
      )


def with_classes(
  architecture: spec.Architecture, number: int
) -> spec.Architecture:
  """Returns a network that ends in a dense classifier of other classes."""
  if number == architecture.num_classes:
    return architecture
  *nodes, last = architecture.nodes
  layer = last.layer._replace(filters=number)
  return spec.Architecture(
    architecture.name,
    architecture.input_shape,
    (*nodes, last._replace(layer=layer)),
  )
