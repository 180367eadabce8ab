# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The ways in which a network is measured, known before TensorFlow is there."""

import dataclasses
import re

from ghn_tf.quant import recipe as recipe_lib

# Where parameters come from; "random+5" are random ones after 5 epochs of
# training.
PREDICTED = "predicted"
RANDOM = "random"
_METHOD = re.compile(r"(predicted|random)(?:\+([1-9]\d{0,3}))?")
# Where the classifier comes from: with the other parameters, or it is solved
# for in closed form (`child.head`).
OWN = "own"
FITTED = "fitted"
HEADS = (OWN, FITTED)
# The statistics of BatchNorm, and the ranges of activations: calibrated ones,
# as deployed, or those of each test batch, as GHN-2 is evaluated.
STORED = "stored"
BATCH = "batch"
BATCH_NORMS = (STORED, BATCH)
# By which networks are ranked without training any (`proxies`).
SYNFLOW = "synflow"
NASWOT = "naswot"
SCORES = (SYNFLOW, NASWOT)
# Stands for a recipe: the w8a8 file in the interpreter.
FILE = "tflite_w8a8"


@dataclasses.dataclass(frozen=True)
class Setting:
  """One way to measure a network.

  Attributes:
    recipe: name of how it is rounded, or `FILE`.
    method: `PREDICTED` or `RANDOM`, and after a plus for how many epochs they
      were trained on, in the recipe.
    head: one of `HEADS`.
    batch_norm: one of `BATCH_NORMS`.
  """

  recipe: str
  method: str = PREDICTED
  head: str = OWN
  batch_norm: str = STORED


@dataclasses.dataclass(frozen=True)
class Settings:
  """All ways in which networks are measured: every combination of these.

  Attributes:
    recipes: names; of w8a8 with stored statistics the file is measured too.
    methods: as `Setting` has them.
    heads: of `HEADS`.
    batch_norms: of `BATCH_NORMS`.
    num_images: number of test images; all if None.
    range_rule: how far grids reach; each recipe's own rules if None.
    scores: of `SCORES`, which are taken beside accuracies.
    crop_padding: of the images that networks are trained on with, where a
      method has epochs; that of `finetuning.Config` if None.

  Raises:
    ValueError: on construction, for a value that is none of those, or nothing
      to measure.
  """

  recipes: tuple[str, ...] = ("float", "w8a8")
  methods: tuple[str, ...] = (PREDICTED,)
  heads: tuple[str, ...] = (OWN,)
  batch_norms: tuple[str, ...] = (STORED,)
  num_images: int | None = None
  range_rule: recipe_lib.RangeRule | None = None
  scores: tuple[str, ...] = ()
  crop_padding: int | None = None

  @property
  def head(self) -> str:
    """How `Predictor.child` makes the classifier that all begin with."""
    return "predict" if OWN in self.heads else "fit"

  def __post_init__(self):
    for recipe in self.recipes:
      recipe_lib.get(recipe)
    for method in self.methods:
      parse_method(method)
    for name, choices in (
      ("heads", HEADS),
      ("batch_norms", BATCH_NORMS),
      ("scores", SCORES),
    ):
      for value in getattr(self, name):
        if value not in choices:
          raise ValueError(
            f"{name} must be of {', '.join(choices)}; got {value!r}."
          )
    for name in ("recipes", "methods", "heads", "batch_norms", "scores"):
      values = getattr(self, name)
      is_short = name != "scores" and not values
      if is_short or len(set(values)) < len(values):
        raise ValueError(
          f"{name} must be at least one, none of them twice; got"
          f" {','.join(values)!r}."
        )


def parse_method(method: str) -> tuple[str, int]:
  """Returns where params begin, and for how many epochs they are trained.

  Raises:
    ValueError: it is none.
  """
  match = _METHOD.fullmatch(method)
  if not match:
    raise ValueError(
      f"methods must be {PREDICTED} or {RANDOM}, and may go on with epochs of"
      f" training, as in {RANDOM}+5; got {method!r}."
    )
  start, epochs = match.groups()
  return start, int(epochs or 0)
