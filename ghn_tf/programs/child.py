# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The flags of programs that take one network, and the child that they ask for.

It is a target, whose params are predicted, or a model that was saved with
params of its own.
"""

from typing import Any

from absl import flags
from absl import logging

from ghn_tf import data
from ghn_tf import targets
from ghn_tf.arch import spec
from ghn_tf.child import sizes
from ghn_tf.programs import images
from ghn_tf.programs import program
from ghn_tf.quant import recipe as recipe_lib

flags.adopt_module_key_flags(images)

HEAD = flags.DEFINE_enum(
  "head",
  None,
  ["predict", "fit"],
  "Where the classifier comes from: predict, as the other parameters; fit,"
  " solved for in closed form with labelled training images. By default predict"
  " where the classes are as many as the hypernetwork's, else fit.",
)
HEAD_IMAGES = flags.DEFINE_integer(
  "head_images",
  sizes.HEAD_IMAGES,
  "Number of training images to fit a classifier to.",
  lower_bound=2,
)
CALIBRATION_IMAGES = flags.DEFINE_integer(
  "calibration_images",
  sizes.CALIBRATION_IMAGES,
  "Number of training images to calibrate on.",
  lower_bound=sizes.BATCH_SIZE,
)


def load(flag: str) -> Any:
  """Returns the parts of the model that a flag names, `keras_trained.Trained`.

  Raises:
    ValueError: it is no model with params of its own.
  """
  from ghn_tf.child import keras_trained

  return keras_trained.load(flags.FLAGS[flag].value)


def target(name: str) -> tuple[spec.Architecture, list[str]]:
  """Returns the network of --target, for images of --image_size.

  Args:
    name: of the target.

  Returns:
    The network, and what it leaves out of the user's model, which the log
    tells too.

  Raises:
    ValueError: it is none, or does not take such images.
  """
  with program.importing():
    found = targets.understood(name)
  for change in found.changes:
    logging.info("%s: %s", found.architecture.name, change)
  return images.resized(found.architecture), [*found.changes]


def head(predictor: Any, architecture: spec.Architecture) -> str:
  """Returns where the classifier of a target comes from, as --head says.

  Args:
    predictor: the `predictor.Predictor`.
    architecture: of the target.
  """
  if HEAD.value:
    return HEAD.value
  number = predictor.ghn.config.num_classes
  if architecture.num_classes == number:
    return "predict"
  logging.info(
    "%s has %d classes, the hypernetwork %d: its classifier is fitted"
    " (--head=fit).",
    *(architecture.name, architecture.num_classes, number),
  )
  return "fit"


def make(
  predictor: Any,
  architecture: spec.Architecture,
  recipe: recipe_lib.Recipe,
  train: data.Split,
  head: str = "predict",
  params: Any = None,
) -> Any:
  """Returns a network with calibrated params, a `predictor.Child`.

  Args:
    predictor: the `predictor.Predictor`.
    architecture: the network.
    recipe: how it is rounded.
    train: images to calibrate on, and to fit a classifier to.
    head: where the classifier comes from.
    params: to calibrate in place of predicted ones.

  Raises:
    ValueError: see `Predictor.child`.
  """
  from ghn_tf import preparation

  images_of_training = preparation.chosen(
    train,
    is_fitted=head == "fit",
    calibration_images=CALIBRATION_IMAGES.value,
    head_images=HEAD_IMAGES.value,
  )
  return predictor.child(
    architecture, recipe, params=params, head=head, **images_of_training
  )
