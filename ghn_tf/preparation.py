# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The steps from a hypernetwork to params that are ready to run.

Images are pixels here, and `normalize` makes of them what a network takes.
"""

from collections.abc import Callable, Iterator, Sequence
import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from ghn_tf import data
from ghn_tf import image_checks
from ghn_tf.arch import spec
from ghn_tf.arch import variants
from ghn_tf.child import calibrate as calibrate_lib
from ghn_tf.child import gray
from ghn_tf.child import grids
from ghn_tf.child import head
from ghn_tf.child import network
from ghn_tf.child import sizes
from ghn_tf.ghn import model as ghn_model
from ghn_tf.quant import recipe as recipe_lib

Normalize = Callable[[np.ndarray], np.ndarray]


def fitting(
  dataset: data.Dataset, channels: int, num_classes: int
) -> data.Dataset:
  """Returns images for a network; gray ones with as many channels as it takes.

  Args:
    dataset: of its own channels and classes.
    channels: that the network takes.
    num_classes: that it tells apart.

  Raises:
    ValueError: other classes, or other channels of images that are not gray.
  """
  if dataset.num_classes != num_classes:
    raise ValueError(
      f"Data set {dataset.name!r} has {dataset.num_classes} classes, but the"
      f" network has {num_classes}; end it in {dataset.num_classes} values, one"
      " for each class, or give other images."
    )
  own = dataset.image_shape[2]
  if own not in (1, channels):
    raise ValueError(
      f"Data set {dataset.name!r} has images of {own} channels, but the network"
      f" takes {channels}; give images of {channels}, or build the network for"
      f" {own}."
    )
  if own == channels:
    return dataset
  return dataclasses.replace(
    dataset,
    **{
      name: dataclasses.replace(split, images=split.images.repeat(channels, -1))
      for name in data.SPLITS
      for split in [getattr(dataset, name)]
    },
  )


def of_training(
  architecture: spec.Architecture, num_classes: int
) -> spec.Architecture:
  """Returns a network with a classifier, if it has one, of these classes."""
  if architecture.classifier is None:
    return architecture
  return variants.with_classes(architecture, num_classes)


def predict(
  ghn: ghn_model.GHN,
  architectures: Sequence[spec.Architecture],
  recipe: recipe_lib.Recipe,
  channels: int,
) -> list[network.Params]:
  """Returns the params that a hypernetwork predicts for networks, at once.

  It predicts for images and classes like those of its training; a classifier of
  other classes has zeros, and kernels for gray images are summed.

  Args:
    ghn: the hypernetwork.
    architectures: the networks.
    recipe: how they will be rounded.
    channels: of the images of training.

  Raises:
    ValueError: one cannot be predicted, or is for gray images and has more than
      kernels that depend on their channels.
  """
  known = [
    variants.with_images(own, (*own.input_shape[:2], channels))
    for own in architectures
  ]
  trained = [of_training(own, ghn.config.num_classes) for own in known]
  bits = [grids.bits(own, recipe) for own in trained]
  results: list[network.Params] = []
  for index, predicted in enumerate(ghn(trained, bits)):
    architecture, params = architectures[index], dict(predicted)
    if trained[index] is not known[index]:
      params |= {
        param.name: tf.zeros(param.shape)
        for param in architecture.param_specs
        if param.node == architecture.classifier
      }
    results.append(gray.sum_channels(architecture, params, channels))
  return results


def calibrate(
  architecture: spec.Architecture,
  params: network.Params,
  images: np.ndarray,
  recipe: recipe_lib.Recipe,
  normalize: Normalize,
) -> network.Params:
  """Returns params with statistics and ranges; see `child.calibrate`.

  Raises:
    ValueError: fewer images than a batch, or what that raises for.
  """
  # Of ResNet-8's 38 %, with 32 images up to 3 points are lost, with one 25.
  if len(images) < sizes.BATCH_SIZE:
    raise ValueError(
      f"Calibration needs {sizes.BATCH_SIZE} images or more, better"
      f" {sizes.CALIBRATION_IMAGES}, got {len(images)}; statistics of so few"
      " are far from those of training."
    )
  unlabelled = np.zeros(len(images), np.int32)
  normalized = (x for x, _ in batches(images, unlabelled, normalize))
  return calibrate_lib.calibrate(
    architecture, params, map(tf.constant, normalized), recipe=recipe
  )


def fit_head(
  architecture: spec.Architecture,
  params: network.Params,
  images: np.ndarray,
  labels: np.ndarray,
  recipe: recipe_lib.Recipe,
  normalize: Normalize,
  *,
  training: bool = False,
) -> network.Params:
  """Returns params with a classifier fitted to labelled images; see `head.fit`.

  Raises:
    ValueError: images of another shape, labels that are no classes of the
      network, or what `head.fit` raises for.
  """
  check_shape(architecture, images, "images to fit the classifier to have")
  number = architecture.num_classes
  if (wrong := (labels < 0) | (labels >= number)).any():
    raise ValueError(
      f"Network {architecture.name!r} has {number} classes, but the labels of"
      f" {np.count_nonzero(wrong):,} images are not from 0 to {number - 1},"
      f" such as {labels[wrong][0]}; end it in one value for each class."
    )
  return head.fit(
    architecture,
    params,
    batches(images, labels, normalize),
    recipe,
    training=training,
  )


def chosen(
  train: data.Split,
  *,
  is_fitted: bool,
  calibration_images: int = sizes.CALIBRATION_IMAGES,
  head_images: int = sizes.HEAD_IMAGES,
) -> dict[str, Any]:
  """Returns the images that `Predictor.child` takes, by its arguments.

  Args:
    train: to choose from, the first.
    is_fitted: whether the classifier is fitted, to labelled ones.
    calibration_images: number of those to calibrate on.
    head_images: number of those to fit to.
  """
  result = {"calibration_images": train.images[:calibration_images]}
  if is_fitted:
    result["images"] = train.images[:head_images]
    result["labels"] = train.labels[:head_images]
  return result


def labelled(images: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
  """Returns pixels and their labels as arrays.

  Raises:
    ValueError: either is missing or of another kind, or they are not as many.
  """
  if images is None or labels is None:
    raise ValueError(
      "To fit a classifier, give images, uint8 [n, H, W, C], and their labels,"
      " integers [n]."
    )
  images, labels = image_checks.pixels(images), np.asarray(labels)
  if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
    raise ValueError(
      f"labels must be integers of shape [{len(images)}], one for each image;"
      f" got {labels.dtype} of shape {list(labels.shape)}."
    )
  return images, labels


def check_shape(
  architecture: spec.Architecture, images: np.ndarray, whose: str
) -> None:
  """Raises ValueError for images of another shape than a network's."""
  if images.shape[1:] != architecture.input_shape:
    raise ValueError(
      f"Network {architecture.name!r} takes images of shape"
      f" {list(architecture.input_shape)}; the {whose} the shape"
      f" {list(images.shape[1:])}. Give images of its shape."
    )


def batches(
  images: np.ndarray, labels: np.ndarray, normalize: Normalize
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Yields normalized images and labels, `sizes.BATCH_SIZE` at a time."""
  for part in sizes.batches(len(images)):
    yield normalize(images[part]), labels[part]
