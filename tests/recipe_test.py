# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import re

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.quant import recipe as recipe_lib

# Of at most 8 bits.
_INTEGER = [
  name
  for name, recipe in recipe_lib.RECIPES.items()
  if not recipe.is_float and not recipe.is_wide
]
_WEIGHTS = recipe_lib.TensorQuantization(8, symmetric=True, per_channel=True)


class RecipesTest(parameterized.TestCase):
  def test_names(self):
    self.assertEqual(
      list(recipe_lib.RECIPES),
      ["float", "w8a16", "w8a8", "w4a8", "w4a4", "w2a2"],
    )

  @parameterized.parameters(*_INTEGER)
  def test_a_name_tells_the_bits(self, name: str):
    recipe = recipe_lib.get(name)
    self.assertEqual(recipe.name, name)
    match = re.fullmatch(r"w(\d)a(\d)", name)
    self.assertEqual(
      [int(bits) for bits in match.groups()],
      [recipe.weights.num_bits, recipe.activations.num_bits],
    )

  @parameterized.parameters(*_INTEGER)
  def test_grids_are_those_of_integer_runtimes(self, name: str):
    recipe = recipe_lib.get(name)
    self.assertFalse(recipe.is_float)
    self.assertTrue(recipe.weights.symmetric)
    self.assertTrue(recipe.weights.per_channel)
    self.assertFalse(recipe.activations.symmetric)
    self.assertFalse(recipe.activations.per_channel)

  @parameterized.parameters(*_INTEGER)
  def test_what_has_fewer_than_8_bits_is_clipped(self, name: str):
    recipe = recipe_lib.get(name)
    for grid in (recipe.weights, recipe.activations, recipe_lib.INTERFACE):
      self.assertEqual(
        grid.range_rule is recipe_lib.RangeRule.LEAST_SQUARES, grid.num_bits < 8
      )

  def test_16_bits_are_symmetric_and_reach_to_the_greatest(self):
    recipe = recipe_lib.get("w8a16")
    self.assertTrue(recipe.is_wide)
    self.assertEqual(recipe.weights, recipe_lib.get("w8a8").weights)
    self.assertEqual(
      recipe.activations,
      recipe_lib.TensorQuantization(16, symmetric=True, per_channel=False),
    )

  def test_float_rounds_nothing(self):
    recipe = recipe_lib.get("float")
    self.assertTrue(recipe.is_float)
    self.assertIsNone(recipe.weights)
    self.assertIsNone(recipe.activations)

  def test_equal_recipes_are_one_key(self):
    self.assertEqual(
      hash(recipe_lib.get("w4a4")),
      hash(recipe_lib.get("w4a4", recipe_lib.Mode.SIM, per_channel=True)),
    )


class GetTest(parameterized.TestCase):
  @parameterized.parameters(*_INTEGER)
  def test_variations_change_what_they_name_and_nothing_else(self, name: str):
    recipe = recipe_lib.get(name)
    per_tensor = recipe_lib.get(name, per_channel=False)
    self.assertFalse(per_tensor.weights.per_channel)
    self.assertEqual(
      recipe,
      dataclasses.replace(
        per_tensor,
        weights=dataclasses.replace(per_tensor.weights, per_channel=True),
      ),
    )
    noise = recipe_lib.get(name, recipe_lib.Mode("noise"))
    self.assertIs(noise.mode, recipe_lib.Mode.NOISE)
    self.assertEqual(
      recipe, dataclasses.replace(noise, mode=recipe_lib.Mode.SIM)
    )

  @parameterized.product(name=_INTEGER, range_rule=tuple(recipe_lib.RangeRule))
  def test_a_range_rule_is_for_kernels_and_activations(self, name, range_rule):
    recipe, varied = (
      recipe_lib.get(name, range_rule=rule) for rule in (None, range_rule)
    )
    for own, other in (
      (recipe.weights, varied.weights),
      (recipe.activations, varied.activations),
    ):
      self.assertIs(other.range_rule, range_rule)
      self.assertEqual(
        dataclasses.replace(other, range_rule=own.range_rule), own
      )

  def test_float_has_no_variations(self):
    self.assertEqual(
      recipe_lib.get("float", recipe_lib.Mode.NOISE, per_channel=False),
      recipe_lib.get("float"),
    )

  @parameterized.parameters(
    "w16a8", "w4a16", "w3a3", "w4a9", "w4a1", "W4A4", "", None, 4
  )
  def test_an_unknown_name_is_an_error_that_lists_the_known(self, name):
    with self.assertRaisesRegex(
      ValueError,
      f"{name!r}; expected one of float, w8a16, w8a8, w4a8, .*stem=",
    ):
      recipe_lib.get(name)

  @parameterized.product(weights=(2, 4, 8), activations=tuple(range(2, 9)))
  def test_what_a_file_holds_has_a_name(self, weights, activations):
    recipe = recipe_lib.get(f"w{weights}a{activations}")
    self.assertEqual(recipe.weights.num_bits, weights)
    self.assertEqual(recipe.activations.num_bits, activations)


class LayersTest(parameterized.TestCase):
  def test_each_has_the_recipe_of_its_name(self):
    name = "w4a4+stem=w8a8+a/b.c-1=w2a8"
    recipe = recipe_lib.get(name)
    self.assertEqual(recipe.name, name)
    self.assertEqual(
      recipe.layers,
      (
        ("stem", recipe_lib.get("w8a8")),
        ("a/b.c-1", recipe_lib.get("w2a8")),
      ),
    )
    self.assertEqual(
      dataclasses.replace(recipe, name="w4a4", layers=()),
      recipe_lib.get("w4a4"),
    )

  def test_have_the_variations(self):
    noise, rule = recipe_lib.Mode.NOISE, recipe_lib.RangeRule.MAX
    recipe = recipe_lib.get("w4a4+stem=w2a2", noise, False, rule)
    ((_, stem),) = recipe.layers
    self.assertIs(recipe.mode, noise)
    self.assertEqual(stem, recipe_lib.get("w2a2", noise, False, rule))

  def test_equal_recipes_are_one_key(self):
    one, other = (recipe_lib.get("w4a4+stem=w2a2") for _ in range(2))
    self.assertEqual(hash(one), hash(other))
    self.assertEqual(one, other)

  @parameterized.parameters(
    ("w4a4+", "goes on with '', expected <layer>=<recipe>"),
    ("w4a4+stem", "goes on with 'stem', expected <layer>=<recipe>"),
    ("w4a4+stem=w3a3", "Unknown recipe 'w3a3'"),
    ("w4a4+stem=", "Unknown recipe ''"),
    ("stem=w4a4", "Unknown recipe 'stem=w4a4'"),
    ("w4a4+a=w8a8+b=w8a8+a=w2a2", "names layer 'a' twice"),
    ("w4a4+stem=float", r"'w4a4\+stem=float' leaves a part .* in float"),
    ("float+stem=w8a8", r"'float\+stem=w8a8' leaves a part .* in float"),
    ("w8a8+stem=w8a16", "16 bits in a part of the network; .*layers or none"),
    ("w8a16+stem=w8a8", "16 bits in a part of the network; .*layers or none"),
  )
  def test_wrong_ones_are_errors(self, name, message):
    with self.assertRaisesRegex(ValueError, message):
      recipe_lib.get(name)


class ValidationTest(parameterized.TestCase):
  @parameterized.parameters(1, 9, 15, 17)
  def test_bits_out_of_range_are_an_error(self, num_bits: int):
    with self.assertRaisesRegex(ValueError, f"2 to 8 or 16, got {num_bits}"):
      dataclasses.replace(_WEIGHTS, num_bits=num_bits)

  def test_16_bits_on_another_grid_are_an_error(self):
    grid = recipe_lib.get("w8a16").activations
    with self.assertRaisesRegex(ValueError, "must be symmetric"):
      dataclasses.replace(grid, symmetric=False)
    rule = recipe_lib.RangeRule.LEAST_SQUARES
    with self.assertRaisesRegex(ValueError, "least_squares is for at most 8"):
      recipe_lib.get("w8a16", range_rule=rule)

  @parameterized.parameters((_WEIGHTS, None), (None, _WEIGHTS))
  def test_half_a_recipe_is_an_error(self, weights, activations):
    with self.assertRaisesRegex(ValueError, "'half' must quantize both"):
      recipe_lib.Recipe("half", weights, activations)


if __name__ == "__main__":
  absltest.main()
