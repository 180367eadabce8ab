# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The same network for other images or classes."""

from ghn_tf.arch import spec


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
