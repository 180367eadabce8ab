# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Quantization recipes: which tensors have how many bits, as plain data.

A recipe's name decodes as w<weight bits>a<activation bits>; "float" rounds
nothing. In every recipe the image and the logits have 8 bits, because they are
the int8 interface of the exported file, and biases stay in the 32 bits of the
accumulator. All kernels, first and last included, have the recipe's bits.
"""

import dataclasses
import enum

# Bits of the image and of the logits, whatever the recipe.
INTERFACE_BITS = 8


class Mode(enum.StrEnum):
  """What stands for rounding while a hypernetwork is trained.

  SIM: round to the grid, straight-through gradient (arXiv 1712.05877).
  NOISE: add uniform noise of one step, U(-step/2, step/2)
    (GHN-QAT, arXiv 2309.13773). Only in training; evaluation rounds.
  """

  SIM = "sim"
  NOISE = "noise"


@dataclasses.dataclass(frozen=True, slots=True)
class TensorQuantization:
  """The grid of one class of tensors.

  Attributes:
    num_bits: 2 to 8. Symmetric grids are narrow: 2^num_bits - 1 values,
      so 2 bits are {-1, 0, 1} times the scale.
    symmetric: zero in the middle; otherwise the range is [min, max] with 0
      exactly representable.
    per_channel: one range for each output channel of a convolution kernel.
      A dense kernel has one range in any case: integer runtimes older than
      2024 read only its first scale.
  """

  num_bits: int
  symmetric: bool
  per_channel: bool

  def __post_init__(self):
    if not 2 <= self.num_bits <= 8:
      raise ValueError(f"num_bits must be 2 to 8, got {self.num_bits}.")


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
  """How a network is quantized.

  Attributes:
    name: the field's shorthand, such as "w4a8".
    weights: grid of kernels; None leaves them in float.
    activations: grid of activations; None leaves them in float.
    mode: what stands for rounding in training.
  """

  name: str
  weights: TensorQuantization | None
  activations: TensorQuantization | None
  mode: Mode = Mode.SIM

  def __post_init__(self):
    if (self.weights is None) != (self.activations is None):
      raise ValueError(
        f"Recipe {self.name!r} must quantize both weights and activations or"
        " neither: an integer file has no place for one of them in float."
      )

  @property
  def is_float(self) -> bool:
    """Whether nothing is rounded."""
    return self.weights is None


def _integer(weight_bits: int, activation_bits: int) -> Recipe:
  return Recipe(
    f"w{weight_bits}a{activation_bits}",
    TensorQuantization(weight_bits, symmetric=True, per_channel=True),
    TensorQuantization(activation_bits, symmetric=False, per_channel=False),
  )


RECIPES = {
  recipe.name: recipe
  for recipe in (
    Recipe("float", None, None),
    _integer(8, 8),
    _integer(4, 8),
    _integer(4, 4),
    _integer(2, 2),
  )
}


def get(name: str, mode: Mode = Mode.SIM, per_channel: bool = True) -> Recipe:
  """Returns the recipe of a name, with variations.

  Args:
    name: a key of `RECIPES`.
    mode: what stands for rounding in training.
    per_channel: whether convolution kernels have a range for each output
      channel or one for the tensor.

  Raises:
    ValueError: the name is unknown.
  """
  if name not in RECIPES:
    raise ValueError(
      f"Unknown recipe {name!r}; expected one of {', '.join(RECIPES)}."
    )
  recipe = RECIPES[name]
  if recipe.weights is None:
    return recipe
  weights = dataclasses.replace(recipe.weights, per_channel=per_channel)
  return dataclasses.replace(recipe, weights=weights, mode=mode)
