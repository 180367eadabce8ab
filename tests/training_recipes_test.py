# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import collections
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.child import accuracy as accuracy_lib
from ghn_tf.child import grids
from ghn_tf.child import ranges
from ghn_tf.quant import recipe as recipe_lib
from ghn_tf.spaces import space
from ghn_tf.training import config as training_config
from ghn_tf.training import recipes
from ghn_tf.training import state as training_state
from ghn_tf.training import trainer as trainer_lib
from tests import tiny_run

_NAMES = ["float", "w8a8", "w4a8", "w4a4", "w2a2"]


def _recipes(recipe: str = "any", **changes) -> recipes.Recipes:
  config = training_config.TrainConfig(recipe=recipe, **changes)
  return recipes.Recipes(config)


def _names(found) -> list[str]:
  return [recipe.name for recipe in found]


class RecipesTest(parameterized.TestCase):
  def test_of_one_recipe_all_networks_are(self):
    own = _recipes("w4a4", quantization_mode="noise", per_channel=False)
    expected = recipe_lib.get("w4a4", recipe_lib.Mode.NOISE, per_channel=False)
    network = space.sample(space.SPACES["tiny"], 0, 0)
    for number in range(5):
      self.assertEqual(own.draw(network, number), expected)
    self.assertEqual(_names(own.uniform), ["w4a4"])
    self.assertEqual(_names(own.evaluated), ["float", "w4a4"])

  def test_float_is_evaluated_once(self):
    self.assertEqual(_names(_recipes("float").evaluated), ["float"])

  def test_any_evaluates_those_with_a_name(self):
    self.assertEqual(_names(_recipes().uniform), _NAMES)
    self.assertEqual(_names(_recipes().evaluated), _NAMES)

  def test_a_draw_is_a_pure_function_of_seed_and_number(self):
    network = space.sample(space.SPACES["tiny"], 0, 0)
    own = _recipes(quantization_mode="noise")
    drawn = [own.draw(network, number) for number in range(20)]
    again = _recipes(quantization_mode="noise")
    self.assertEqual(again.draw(network, 7), drawn[7])
    self.assertGreater(len(set(drawn)), 10)
    other = _recipes(quantization_mode="noise", seed=1)
    self.assertNotEqual([other.draw(network, n) for n in range(20)], drawn)
    for recipe in drawn:
      if not recipe.is_float:
        self.assertIs(recipe.mode, recipe_lib.Mode.NOISE)

  def test_half_are_uniform_and_the_others_mixed_in_all_degrees(self):
    network = space.sample(space.SPACES["tiny"], 0, 0)
    own, number = _recipes(), 2000
    uniform: collections.Counter[str] = collections.Counter()
    bits = np.zeros((9, 2), int)
    shares = []
    for index in range(number):
      recipe = own.draw(network, index)
      if recipe in own.uniform:
        uniform[recipe.name] += 1
        continue
      kernels, outputs = (
        [grid.num_bits for grid in found if grid is not None]
        for found in grids.of(network, recipe)
      )
      np.add.at(bits[:, 0], kernels, 1)
      np.add.at(bits[:, 1], outputs[1:-1], 1)  # but the image and the logits
      shares.append(np.mean(np.array(kernels) != kernels[0]))
    # 2,000 draws: within four standard deviations of what is expected.
    self.assertBetween(uniform.total(), 910, 1110)  # a few mixed are uniform
    self.assertEqual([*sorted(uniform)], [*sorted(_NAMES)])
    self.assertBetween(min(uniform.values()), 140, 200)
    for column in bits.T:
      self.assertEqual(np.flatnonzero(column).tolist(), [2, 4, 8])
      np.testing.assert_allclose(column[[2, 4, 8]] / column.sum(), 1 / 3, 0.2)
    self.assertGreater(np.mean(np.array(shares) == 0), 0.05)
    self.assertGreater(np.mean(np.array(shares) > 0.5), 0.2)

  @parameterized.parameters("edge", "convnets")
  def test_what_is_drawn_fits_its_network(self, name: str):
    for number in range(60):
      network = space.sample(space.SPACES[name], 1, number)
      recipe = _recipes().draw(network, number)
      outputs = grids.of(network, recipe).outputs
      stores = ranges.stores(network)
      for index, output in enumerate(outputs):
        if output is not None:
          self.assertEqual(output, outputs[stores[index]])


class TrainingTest(absltest.TestCase):
  """A run with all recipes."""

  def setUp(self):
    super().setUp()
    self.enter_context(tiny_run.small_space())
    self.workdir = self.create_tempdir().full_path

  def _trainer(self) -> trainer_lib.Trainer:
    state = training_state.open_run(
      tiny_run.config(recipe="any", learning_rate=1e-2),
      tiny_run.dataset(),
      self.workdir,
    )
    return trainer_lib.Trainer(state)

  def test_goes_on_from_a_checkpoint_bit_for_bit(self):
    trainer = self._trainer()
    for _ in range(2):
      trainer.step()
    training_state.save(trainer.state, self.workdir)
    again = self._trainer()
    for _ in range(2):
      trainer.step()
      again.step()
    self.assertEqual(again.state.step, 4)
    expected = trainer.state.ghn.get_arrays()
    for name, array in again.state.ghn.get_arrays().items():
      np.testing.assert_array_equal(array, expected[name], name)
    self.assertGreater(np.abs(expected["encoder/bits_embedding"]).max(), 0)

  def test_every_child_has_its_recipe_and_its_params(self):
    trainer = self._trainer()
    networks = trainer.meta_batches.batch(1)
    expected = [trainer.recipes.draw(networks[i], 2 + i) for i in range(2)]
    trainer.state.step = 1
    ghn, pool = trainer.state.ghn, trainer.pool
    with (
      mock.patch.object(ghn, "call", wraps=ghn.call) as call,
      mock.patch.object(pool, "run", wraps=pool.run) as run,
    ):
      trainer.step()
    self.assertEqual(run.call_args.kwargs["recipes"], expected)
    self.assertEqual(run.call_args.kwargs["numbers"], [2, 3])
    for told, network, recipe in zip(
      call.call_args.args[1], networks, expected, strict=True
    ):
      np.testing.assert_array_equal(told, grids.bits(network, recipe))

  def test_the_best_is_that_of_the_mean_over_all_recipes(self):
    trainer = self._trainer()
    ghn = trainer.state.averaged_ghn
    values = dict(zip(_NAMES, (0.1, 0.2, 0.3, 0.4, 0.9), strict=True))
    with (
      mock.patch.object(ghn, "call", wraps=ghn.call) as call,
      mock.patch.object(
        accuracy_lib, "top1", lambda a, p, b, recipe: values[recipe.name]
      ),
    ):
      accuracies = trainer.evaluate()
    self.assertEqual(
      accuracies,
      {f"validation/{name}_accuracy": values[name] for name in _NAMES},
    )
    self.assertAlmostEqual(trainer.score(accuracies), 0.38)
    self.assertEqual(trainer.score({}), 0)
    # The hypernetwork is told each of them.
    told = [int(c.args[1][0].max(axis=0)[0]) for c in call.call_args_list]
    self.assertEqual(told, [0, 8, 4, 4, 2])


if __name__ == "__main__":
  absltest.main()
