# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What is searched for and how, known before TensorFlow is there."""

from collections.abc import Mapping
import dataclasses
from typing import Any

from absl import logging

from ghn_tf.quant import recipe as recipe_lib

# How candidates come about.
SAMPLED = "random"
EVOLVED = "evolution"
STRATEGIES = (SAMPLED, EVOLVED)
# By what candidates are compared: accuracy with predicted params, or what
# others rank networks by without training any.
HYPERNETWORK = "hypernetwork"
MACS = "macs"
PARAMETERS = "parameters"
SYNFLOW = "synflow"
NASWOT = "naswot"
RANDOM = "random"
SCORES = (HYPERNETWORK, MACS, PARAMETERS, SYNFLOW, NASWOT, RANDOM)
# What a network costs; all but the first are those of an `EdgeReport`.
COSTS = (MACS, "arena_bytes", "flash_bytes", "latency_ms")
# Where the classifier comes from, as `predictor` has it.
HEADS = ("predict", "fit")
# Candidates that one process draws and scores at a time.
CHUNK = 32


@dataclasses.dataclass(frozen=True)
class Settings:
  """A search; two with the same settings and source find the same.

  Attributes:
    recipe: name of how candidates are rounded.
    target: name of the emulated device.
    limits: by names among `COSTS`, what the networks that are found cost at
      most.
    objectives: those of `COSTS` that are to be low where accuracy is to be
      high.
    num_candidates: how many are drawn.
    strategy: one of `STRATEGIES`.
    population: of evolution: how many are drawn at a time, and how many of the
      best their parents are taken from.
    score: one of `SCORES`.
    head: one of `HEADS`.
    num_images: validation images by which candidates are scored.
    num_refined: so many of the best are scored anew, by `refined_images`.
    refined_images: see there.
    head_images: training images that classifiers are fitted to.
    num_confirmed: so many of the best of these become files and are emulated.
    num_probes: candidates that are emulated first, to estimate what others
      cost.
    test_images: by which the accuracy of files is measured.
    seed: another one gives other candidates.

  Raises:
    ValueError: on construction, for a value that is none of those.
  """

  recipe: str = "w8a8"
  target: str = "cortex_m4"
  limits: Mapping[str, float] = dataclasses.field(default_factory=dict)
  objectives: tuple[str, ...] = ("latency_ms",)
  num_candidates: int = 1000
  strategy: str = SAMPLED
  population: int = 128
  score: str = HYPERNETWORK
  head: str = HEADS[0]
  num_images: int = 128
  num_refined: int = 64
  refined_images: int = 1000
  head_images: int = 1024
  num_confirmed: int = 16
  num_probes: int = 12
  test_images: int = 1000
  seed: int = 0

  def __post_init__(self):
    if recipe_lib.get(self.recipe).is_float:
      raise ValueError(
        "The recipe float rounds nothing, so its networks have no integer files"
        " to search among; choose one with bits, such as w8a8."
      )
    for name, choices in (
      ("strategy", STRATEGIES),
      ("score", SCORES),
      ("head", HEADS),
    ):
      if (value := getattr(self, name)) not in choices:
        raise ValueError(
          f"{name} must be one of {', '.join(choices)}; got {value!r}."
        )
    for name in ("limits", "objectives"):
      for cost in getattr(self, name):
        if cost not in COSTS:
          raise ValueError(
            f"{name} must be of {', '.join(COSTS)}; got {cost!r}."
          )
    for cost, limit in self.limits.items():
      if not limit > 0:
        raise ValueError(
          f"A limit must be above 0, as every network costs something; got"
          f" {limit} of {cost}."
        )
    different = {*self.objectives}
    if not different or len(different) < len(self.objectives):
      raise ValueError(
        "objectives must be at least one, none of them twice; got"
        f" {','.join(self.objectives)!r}."
      )

  def within(self, train: int, validation: int, test: int) -> "Settings":
    """Returns these with no more images than a data set's parts have.

    What is less than was asked for is told in a warning. Numbers that nothing
    goes by stay as they are.
    """
    there = {"test_images": test}
    if self.score == HYPERNETWORK:
      there["num_images"] = validation
      if self.num_refined:
        there["refined_images"] = validation
      if self.head == "fit":
        there["head_images"] = train
    changes: dict[str, Any] = {
      name: number
      for name, number in there.items()
      if number < getattr(self, name)
    }
    for name, number in changes.items():
      logging.warning(
        "--%s is %d instead of %d, as there are no more in the data set.",
        *(name, number, getattr(self, name)),
      )
    return dataclasses.replace(self, **changes)

  def beyond(self, costs: Mapping[str, float]) -> dict[str, float]:
    """Returns those of a network's costs that are beyond their limits."""
    return {n: costs[n] for n, limit in self.limits.items() if costs[n] > limit}

  @property
  def of_files(self) -> "Settings":
    """These as far as files and what is told of their costs depend on them."""
    return Settings(
      recipe=self.recipe,
      target=self.target,
      limits=dict.fromkeys(self.limits, 1.0),
      objectives=self.objectives,
      head=self.head,
    )

  @property
  def final_images(self) -> int:
    """How many validation images the scores of files are of."""
    refined = self.refined_images if self.num_refined else 0
    return max(self.num_images, refined)

  @property
  def estimated(self) -> tuple[str, ...]:
    """The costs that are asked for and that only a device tells."""
    asked = {*self.limits, *self.objectives}
    return tuple(name for name in COSTS[1:] if name in asked)
