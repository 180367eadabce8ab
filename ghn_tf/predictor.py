# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""From a trained hypernetwork to networks that are ready to run.

from ghn_tf import predictor

ghn = predictor.load("edge_cifar10_any")
network = ghn.predict(model, recipe="w4a4")  # model: a keras.Model of yours
"""

import dataclasses
import functools
import os
from typing import Any

from absl import logging
import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf import checking
from ghn_tf import data
from ghn_tf import image_checks
from ghn_tf import preparation
from ghn_tf.arch import classifiers
from ghn_tf.arch import spec
from ghn_tf.child import grids
from ghn_tf.child import int8_grid
from ghn_tf.child import keras_io
from ghn_tf.child import network
from ghn_tf.child import sizes
from ghn_tf.edge import tflite
from ghn_tf.ghn import checkpoint
from ghn_tf.ghn import model as ghn_model
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.reading import models
from ghn_tf.spaces import extent
from ghn_tf.training import description
from ghn_tf.training import drawn
from ghn_tf.training import metadata as training_metadata

# Where the classifier comes from.
PREDICT = "predict"  # with the other params, from the hypernetwork
FIT = "fit"  # from labelled images


@dataclasses.dataclass(frozen=True, repr=False)
class Child(description.DescribedChild):
  """A network with predicted, calibrated params, ready for every use.

  Attributes:
    architecture: what the network is.
    params: predicted tensors, BatchNorm statistics and activation ranges.
    recipe: how it is rounded.
    model: the model of Keras 2 that the architecture was read from, if any.
  """

  architecture: spec.Architecture
  params: network.Params
  recipe: recipe_lib.Recipe
  model: keras.Model | None = None

  def apply(self, images: tf.Tensor) -> tf.Tensor:
    """Returns logits [B, classes] of normalized images, stored statistics.

    Args:
      images: [B, H, W, C] as `Predictor.normalize` returns them.

    Raises:
      ValueError: images of another shape, none, or pixels.
    """
    return network.apply(
      *(self.architecture, self.params, images),
      recipe=self.recipe,
      training=False,
    )

  def to_keras(self) -> keras.Model:
    """Returns the network as a Keras model, quantize-aware by TFMOT.

    What `model` has for training, such as Dropout, is kept.
    """
    return keras_io.to_keras(
      self.architecture, self.params, self.recipe, self.model
    )

  def to_tflite(self) -> bytes:
    """Returns the network as a fully integer TFLite file.

    Activations of fewer than 8 bits are stored as `child.int8_grid` says.

    Raises:
      ValueError: the recipe is float, or the network cannot be converted.
    """
    params, recipe = int8_grid.on_int8(
      self.architecture, self.params, self.recipe
    )
    return tflite.convert(keras_io.to_keras(self.architecture, params, recipe))


class Predictor(description.Described):
  """A trained hypernetwork with what it needs to serve networks.

  Attributes:
    ghn: the hypernetwork.
    metadata: what the checkpoint says of its training.
    name: of the checkpoint; empty if it is of none.
  """

  def __init__(
    self, ghn: ghn_model.GHN, metadata: checkpoint.Metadata, name: str = ""
  ):
    self.ghn, self.metadata, self.name = ghn, metadata, name

  def own_dataset(
    self, data_dir: str | None = None, *, download: bool = False
  ) -> str:
    """Returns the name of the data set that the GHN trained on.

    Where that is CIFAR-10, and could not be loaded, it is the embedded sample.

    Args:
      data_dir: folder of TensorFlow Datasets; its own default if None.
      download: whether a set that is not in data_dir may be downloaded.
    """
    name = self.metadata["training"]["dataset"]
    if name == "cifar10" and not download:
      return name if data.is_at_hand(name, data_dir) else data.SAMPLE
    return name

  def load_data(
    self,
    name: str | None = None,
    data_dir: str | None = None,
    *,
    download: bool = False,
    shape: tuple[int, int, int] | None = None,
    num_classes: int | None = None,
  ) -> data.Dataset:
    """Returns a data set with images for a network.

    Args:
      name: of the data set, as `data.load` takes it; `own_dataset` if None.
      data_dir: folder of TensorFlow Datasets; its own default if None.
      download: whether a set that is not in data_dir may be downloaded.
      shape: of the images that it takes, to whose size they are resized and to
        whose channels gray ones are repeated; as in training if None.
      num_classes: its classes; as in training if None.

    Raises:
      FileNotFoundError: the set is not in data_dir.
      ValueError: it cannot be loaded, or has other classes or channels.
    """
    if shape is None:
      shape = tuple(self.metadata["images"]["shape"])
      # Imported weights do not tell whether their images had been resized.
      size = self.metadata["training"].get("image_size", shape[0])
    else:
      size = shape[:2]
    name = name or self.own_dataset(data_dir, download=download)
    dataset = data.load(name, data_dir, image_size=size, download=download)
    return preparation.fitting(
      dataset, shape[2], num_classes or self.ghn.config.num_classes
    )

  def normalize(self, images: Any) -> np.ndarray:
    """Returns images as the float32 images that the GHN trained on.

    Args:
      images: uint8 [n, H, W, C], or a list of n images of one shape.

    Raises:
      ValueError: images of another type, or of other channels than the GHN's,
        if these are not gray.
    """
    images = image_checks.pixels(images)
    return data.normalize(images, *self.statistics(images.shape[-1]))

  def statistics(self, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and standard deviation that images are normalized by.

    Those of gray images are the roots of the mean squares, and the means, of
    those of all channels that the GHN trained on.

    Args:
      channels: C, of the images.

    Returns:
      Mean and standard deviation of pixels in [0, 1], [C] each.
    """
    statistics = self.metadata["images"]
    mean, std = np.array(statistics["mean"]), np.array(statistics["std"])
    if channels == 1:
      mean, std = mean.mean(keepdims=True), (std**2).mean(keepdims=True) ** 0.5
    return mean, std

  def check_network(
    self, architecture: spec.Architecture, head: str = PREDICT
  ) -> None:
    """Raises ValueError for a network that the GHN does not fit.

    Args:
      architecture: the network.
      head: "predict" if its classes must be the GHN's; "fit" if not, but a
        classifier must be one that can be fitted.
    """
    checking.check_classes(architecture)
    if head == FIT:
      classifiers.check(architecture)
    expected = self.ghn.config.num_classes
    if head != FIT and architecture.num_classes != expected:
      raise ValueError(
        f"Network {architecture.name!r} has {architecture.num_classes} classes,"
        f" but this hypernetwork was trained for {expected}; have the head"
        ' fitted to labelled images, head="fit" (--head=fit), or choose others.'
      )
    checking.check_channels(architecture, self.channels)

  @property
  def channels(self) -> int:
    """Of the images of training."""
    return self.metadata["images"]["shape"][2]

  def child(
    self,
    target: Any,
    recipe: str | recipe_lib.Recipe = "w8a8",
    *,
    calibration_images: Any = None,
    params: network.Params | None = None,
    head: str = PREDICT,
    images: Any = None,
    labels: Any = None,
  ) -> Child:
    """Returns a target with predicted, calibrated params.

    The kernels of a target for gray images are those for the images of
    training, summed over their channels.

    Args:
      target: a model of Keras 2 or 3 (docs/models.md), or an architecture.
      recipe: how it will be rounded, or the name of that, which may give
        layers bits of their own: "w4a4+stem=w8a8+logits=w8a8".
      calibration_images: some hundreds of those that the network will meet,
        as `normalize` takes them; by default, for a hypernetwork that was
        trained on CIFAR-10, of the embedded sample, resized.
      params: to calibrate in place of predicted ones; of any classes.
      head: "predict" for the predicted classifier; "fit" for the one, of any
        classes, that suits labelled images best, in closed form (`child.head`).
      images: to fit the classifier to, some thousands, as `normalize` takes
        them; the first of them calibrate if no others are given.
      labels: their classes, integers [n].

    Raises:
      ValueError: an unsupported target, another number of classes or channels
        than the hypernetwork's, a recipe for other layers, calibration images
        of another kind or too few, or none where there is no default; images
        or labels that do not fit, or where nothing is fitted.
    """
    if head == FIT:
      images, labels = preparation.labelled(images, labels)
      if calibration_images is None:
        calibration_images = images[: sizes.CALIBRATION_IMAGES]
    elif head != PREDICT or images is not None or labels is not None:
      raise ValueError(
        f"Expected head={PREDICT!r}, which takes no labelled images, or"
        f" head={FIT!r}; got head={head!r}."
      )
    read = models.read(target)
    architecture = read.architecture
    for change in read.changes:
      logging.info("%s: %s", architecture.name, change)
    if params is None or head == FIT:  # other classifiers are of any classes
      self.check_network(architecture, head)
    if not isinstance(recipe, recipe_lib.Recipe):
      recipe = recipe_lib.get(recipe)
    grids.of(architecture, recipe)  # which checks the recipe
    whose = "calibration_images have"
    if calibration_images is None:
      calibration_images = self._default_images(architecture.input_shape[:2])
      whose = f"images of {data.SAMPLE}, taken by default, have"
    calibration_images = image_checks.pixels(calibration_images)
    preparation.check_shape(architecture, calibration_images, whose)
    if params is None:
      (params,) = preparation.predict(
        self.ghn, [architecture], recipe, self.channels
      )
    params = preparation.calibrate(
      architecture, params, calibration_images, recipe, self.normalize
    )
    if head == FIT:
      params = preparation.fit_head(
        architecture, params, images, labels, recipe, self.normalize
      )
    like = target if isinstance(target, keras.Model) else None
    return Child(architecture, params, recipe, like)

  def predict(
    self,
    target: Any,
    recipe: str | recipe_lib.Recipe = "w8a8",
    *,
    calibration_images: Any = None,
    head: str = PREDICT,
    images: Any = None,
    labels: Any = None,
  ) -> keras.Model:
    """Returns a target as a quantize-aware Keras model; see `child`.

    A line of the log tells where it lies `outside` of training.
    `keras_io.to_keras` says how it is saved and loaded.
    """
    child = self.child(
      *(target, recipe),
      calibration_images=calibration_images,
      head=head,
      images=images,
      labels=labels,
    )
    if outside := self.outside(child.architecture):
      logging.warning(extent.tell(child.architecture.name, outside))
    return child.to_keras()

  def check(self, target: Any) -> checking.Check:
    """Returns what becomes of all layers of a target, and its figures.

    As text it is a table; `is_ok` tells whether it can be predicted, for other
    classes than those of training with head="fit".

    Raises:
      ValueError: the target is no network, or does not show its layers.
    """
    read, classes = models.read(target), self.ghn.config.num_classes
    return checking.check(
      *(read, self._drawn.extent, self.channels, classes),
      lambda own: self.ghn.check(preparation.of_training(own, classes)),
    )

  @functools.cached_property
  def _drawn(self) -> drawn.Drawn:
    return drawn.Drawn(self.metadata, self.ghn.config.num_classes)

  def outside(self, architecture: spec.Architecture) -> extent.Outside | None:
    """Returns in which measures a network is unlike those of the last run.

    None where the checkpoint does not tell them.
    """
    return self._drawn.outside(architecture)

  def split(
    self, name: str, number: int, space: str | None = None
  ) -> tuple[spec.Architecture, ...]:
    """Returns the first architectures of an evaluation split.

    None of them is isomorphic to one that the space gives to training.

    Args:
      name: of `spaces.splits.EVALUATION_SPLITS`.
      number: of architectures; `predefined` may have fewer.
      space: of `spaces.space.SPACES`; what the last run drew from if None.

    Raises:
      ValueError: there is no such space or split, it has fewer, the number is
        none of architectures, or the checkpoint does not tell what its training
        drew from.
    """
    return self._drawn.split(name, number, space)

  def is_unseen(self, architecture: spec.Architecture) -> bool:
    """Returns whether training is known never to have drawn an isomorphic one.

    See `training.drawn.Drawn.is_unseen`.
    """
    return self._drawn.is_unseen(architecture)

  def _default_images(self, size: tuple[int, int]) -> np.ndarray:
    dataset = self.metadata["training"]["dataset"]
    if dataset not in ("cifar10", data.SAMPLE):
      raise ValueError(
        f"A hypernetwork trained on {dataset!r} needs calibration_images:"
        " some hundreds of its uint8 training images."
      )
    sample = self.load_data(data.SAMPLE, shape=(*size, self.channels))
    return sample.train.images[: sizes.CALIBRATION_IMAGES]


def load(source: str | os.PathLike[str]) -> Predictor:
  """Returns the predictor of a checkpoint.

  Args:
    source: a checkpoint file, the workdir of a run (its newest readable
      checkpoint), or the name of a pretrained hypernetwork.

  Raises:
    CheckpointError: there is none, or it is damaged or of a later version.
  """
  path, arrays, metadata = checkpoint.find(source)
  training_metadata.check(path, metadata)
  ghn = ghn_model.from_arrays(path, arrays, metadata)
  return Predictor(ghn, metadata, os.fspath(source))
