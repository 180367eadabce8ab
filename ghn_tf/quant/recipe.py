# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Quantization recipes: which tensors have how many bits, as plain data.

A recipe's name decodes as w<weight bits>a<activation bits>; "float" rounds
nothing. In every recipe the image and the logits have 8 bits, because they are
the int8 interface of the exported file, and biases stay in the 32 bits of the
accumulator; only with activations of 16 bits, the 16x8 files of TFLite, the
interface has 16 too, and biases have 64. Slopes of a PReLU have 8 bits. All
kernels, first and last included, have the recipe's bits, but for the layers
that its name goes on with: "w4a4+stem=w8a8+logits=w8a4".
"""

import dataclasses
import enum
import functools
import re


class Mode(enum.StrEnum):
  """What stands for rounding while a hypernetwork is trained.

  SIM: round to the grid, straight-through gradient (arXiv 1712.05877).
  NOISE: add uniform noise of one step, U(-step/2, step/2)
    (GHN-QAT, arXiv 2309.13773). Only in training; evaluation rounds.
  """

  SIM = "sim"
  NOISE = "noise"


class RangeRule(enum.StrEnum):
  """How far a grid reaches.

  MAX: to the least and greatest value, so that nothing is clipped.
  LEAST_SQUARES: about as far as gives the least squared error; the few values
    beyond are clipped, and the many within have finer steps. `range_rules` says
    how it is found in one pass.
  """

  MAX = "max"
  LEAST_SQUARES = "least_squares"


@dataclasses.dataclass(frozen=True, slots=True)
class TensorQuantization:
  """The grid of one class of tensors.

  Attributes:
    num_bits: 2 to 8, or 16 for activations. Symmetric grids are narrow:
      2^num_bits - 1 values, so 2 bits are {-1, 0, 1} times the scale.
    symmetric: zero in the middle; otherwise the range is [min, max] with 0
      exactly representable.
    per_channel: one range for each output channel of a convolution kernel.
      A dense kernel has one range in any case: integer runtimes older than
      2024 read only its first scale.
    range_rule: how far the grid reaches.
  """

  num_bits: int
  symmetric: bool
  per_channel: bool
  range_rule: RangeRule = RangeRule.MAX

  def __post_init__(self):
    if not 2 <= self.num_bits <= 8 and self.num_bits != 16:
      raise ValueError(f"num_bits must be 2 to 8 or 16, got {self.num_bits}.")
    if self.num_bits == 16 and not self.symmetric:
      raise ValueError(
        "A grid of 16 bits must be symmetric: integer runtimes have no zero"
        " point for codes of 16 bits."
      )
    if self.num_bits == 16 and self.range_rule is not RangeRule.MAX:
      raise ValueError(
        "A grid of 16 bits reaches to the greatest value, as clipping gains"
        f" nothing there; the rule {self.range_rule.value} is for at most 8."
      )


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
  """How a network is quantized.

  Attributes:
    name: the field's shorthand, such as "w4a8", with those of single layers.
    weights: grid of kernels; None leaves them in float.
    activations: grid of activations; None leaves them in float.
    mode: what stands for rounding in training.
    layers: names of layers that have recipes of their own, and these. What of
      a network has the bits of a named layer is said in `child.grids`.
  """

  name: str
  weights: TensorQuantization | None
  activations: TensorQuantization | None
  mode: Mode = Mode.SIM
  layers: tuple[tuple[str, "Recipe"], ...] = ()

  def __post_init__(self):
    if (self.weights is None) != (self.activations is None):
      raise ValueError(
        f"Recipe {self.name!r} must quantize both weights and activations or"
        " neither: an integer file has no place for one of them in float."
      )
    if any(own.is_float != self.is_float for _, own in self.layers):
      raise ValueError(
        f"Recipe {self.name!r} leaves a part of the network in float, for which"
        " an integer file has no place; give all layers bits, or use the recipe"
        " float for the whole network."
      )
    if any(own.is_wide != self.is_wide for _, own in self.layers):
      raise ValueError(
        f"Recipe {self.name!r} has activations of 16 bits in a part of the"
        " network; an integer file has them in all layers or none."
      )

  @property
  def is_float(self) -> bool:
    """Whether nothing is rounded."""
    return self.weights is None

  @property
  def is_wide(self) -> bool:
    """Whether activations have 16 bits, with the image and the logits."""
    return self.activations is not None and self.activations.num_bits > 8


# The grid of the image and of the logits; with activations of 16 bits, theirs.
INTERFACE = TensorQuantization(8, symmetric=False, per_channel=False)
# That of the slopes of a PReLU, which TFLite's converter decides.
SLOPES = TensorQuantization(8, symmetric=True, per_channel=False)

# Bits that a file holds exactly: kernels are stored with 4 or 8, of which the
# grid of 2 is a part, and every grid of activations is a part of that of 8.
# Runtimes have kernels for activations of 16 bits with weights of 8 alone.
_NAME = re.compile("float|w([248])a([2-8])|w(8)a(16)")


def _best_rule(num_bits: int) -> RangeRule:
  """Returns the rule by which predicted networks classify best.

  docs/quantization.md has what was measured.
  """
  return RangeRule.MAX if num_bits >= 8 else RangeRule.LEAST_SQUARES


def _unknown(name: object) -> ValueError:
  return ValueError(
    f"Unknown recipe {name!r}; expected one of {', '.join(RECIPES)} or another"
    " w<2, 4 or 8>a<2 to 8>, and for single layers more of them, such as"
    " 'w4a4+stem=w8a8+logits=w8a8'."
  )


@functools.lru_cache(maxsize=1024)
def _uniform(
  name: str, mode: Mode, per_channel: bool, range_rule: RangeRule | None
) -> Recipe:
  """Returns a recipe without layers of their own; see `get`."""
  match = _NAME.fullmatch(name)
  if not match:
    raise _unknown(name)
  if name == "float":
    return Recipe(name, None, None)
  weight_bits, activation_bits = map(int, filter(None, match.groups()))
  return Recipe(
    name,
    TensorQuantization(
      weight_bits,
      symmetric=True,
      per_channel=per_channel,
      range_rule=range_rule or _best_rule(weight_bits),
    ),
    TensorQuantization(
      activation_bits,
      symmetric=activation_bits == 16,
      per_channel=False,
      range_rule=range_rule or _best_rule(activation_bits),
    ),
    mode,
  )


def get(
  name: str,
  mode: Mode = Mode.SIM,
  per_channel: bool = True,
  range_rule: RangeRule | None = None,
) -> Recipe:
  """Returns the recipe of a name, with variations.

  Args:
    name: "float", w<2, 4 or 8>a<2 to 8> or "w8a16", and for layers with other
      bits, after a plus each, <layer>=<recipe>.
    mode: what stands for rounding in training.
    per_channel: whether convolution kernels have a range for each output
      channel or one for the tensor.
    range_rule: how far the grids of kernels and activations reach; the
      recipe's own rules if None.

  Raises:
    ValueError: the name is unknown, names a layer twice, or leaves a part of
      the network in float or in 16 bits, or asks for a rule that 16 bits do
      not have.
  """
  if not isinstance(name, str):
    raise _unknown(name)
  base, *rest = name.split("+")
  recipe = _uniform(base, mode, per_channel, range_rule)
  if not rest:
    return recipe
  layers: dict[str, Recipe] = {}
  for part in rest:
    layer, equals, own = part.partition("=")
    if not equals:
      raise ValueError(
        f"Recipe {name!r} goes on with {part!r}, expected <layer>=<recipe>."
      )
    if layer in layers:
      raise ValueError(f"Recipe {name!r} names layer {layer!r} twice.")
    layers[layer] = _uniform(own, mode, per_channel, range_rule)
  return dataclasses.replace(recipe, name=name, layers=tuple(layers.items()))


# By name those that the documents and programs speak of.
RECIPES = {
  recipe.name: recipe
  for recipe in map(get, ("float", "w8a16", "w8a8", "w4a8", "w4a4", "w2a2"))
}
