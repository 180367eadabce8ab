# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from unittest import mock

from absl.testing import absltest

from ghn_tf import data
from ghn_tf import finetuning
from ghn_tf import predictor as predictor_lib
from ghn_tf.child import accuracy
from ghn_tf.child import random_params
from ghn_tf.evaluation import network_report
from ghn_tf.evaluation import networks
from ghn_tf.evaluation import proxies
from ghn_tf.evaluation import settings as settings_lib
from ghn_tf.quant import recipe as recipe_lib

_Setting = settings_lib.Setting


class EvaluateNetworkTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.predictor = predictor_lib.load("quickstart")
    cls.dataset = data.load(data.SAMPLE)
    (cls.network,) = cls.predictor.split("val", 1)

  def _evaluate(self, **settings) -> network_report.NetworkReport:
    return networks.evaluate_network(
      self.predictor,
      self.network,
      self.dataset,
      settings_lib.Settings(num_images=128, **settings),
    )

  def test_every_combination_is_measured_and_the_file(self):
    report = self._evaluate(
      recipes=("w8a8", "w4a4"),
      heads=settings_lib.HEADS,
      batch_norms=settings_lib.BATCH_NORMS,
    )
    self.assertLen(report.accuracy, 2 * 2 * 2 + 2)
    self.assertGreater(report.tflite_bytes or 0, 1000)
    for head in settings_lib.HEADS:
      # The integer file computes what its twin does, up to rare roundings.
      twin = report.accuracy[_Setting("w8a8", head=head)]
      in_file = report.accuracy[_Setting(settings_lib.FILE, head=head)]
      self.assertAlmostEqual(in_file, twin, delta=3 / 128)

  def test_random_params_know_nothing_until_a_classifier_is_fitted(self):
    report = self._evaluate(
      recipes=("float",),
      methods=(settings_lib.PREDICTED, settings_lib.RANDOM),
      heads=settings_lib.HEADS,
    )
    random, fitted = (
      report.accuracy[_Setting("float", settings_lib.RANDOM, head)]
      for head in settings_lib.HEADS
    )
    predicted = report.accuracy[_Setting("float")]
    self.assertLess(random, 0.2)
    self.assertGreater(fitted, random)
    self.assertGreater(predicted, random)
    self.assertIsNone(report.tflite_bytes)

  def test_params_are_trained_on_for_the_epochs_of_a_method(self):
    def finetune(predictor, child, dataset, config):
      self.assertIs(predictor, self.predictor)
      self.assertIs(dataset, self.dataset)
      trained.append((child.recipe.name, config.epochs, config.crop_padding))
      return finetuning.Finetuned(child, (), {})

    trained: list[tuple[str, int, int]] = []
    with (
      mock.patch.object(finetuning, "finetune", finetune),
      mock.patch.object(accuracy, "top1", return_value=0.5),
    ):
      report = self._evaluate(
        recipes=("float", "w2a2"),
        methods=("predicted", "random+5"),
        crop_padding=1,
      )
    self.assertEqual(trained, [("float", 5, 1), ("w2a2", 5, 1)])
    self.assertIn(_Setting("w2a2", "random+5"), report.accuracy)

  def test_training_that_diverges_hides_no_other_recipe_or_method(self):
    def finetune(predictor, child, dataset, config):
      if child.recipe.name in diverging:
        raise ValueError("the range of node 'a' is [nan nan]")
      return finetuning.Finetuned(child, (), {})

    diverging = {"w4a4"}
    settings = {
      "recipes": ("w4a4", "w2a2"),
      "methods": ("random+5", "random"),
      "heads": settings_lib.HEADS,
    }
    with (
      mock.patch.object(finetuning, "finetune", finetune),
      mock.patch.object(accuracy, "top1", return_value=0.5),
    ):
      report = self._evaluate(**settings)
      self.assertEqual(
        [*report.accuracy],
        [
          _Setting(recipe, method, head)
          for recipe, method in (
            *(("w2a2", "random+5"), ("w4a4", "random"), ("w2a2", "random")),
          )
          for head in settings_lib.HEADS
        ],
      )
      self.assertEqual(
        report.errors,
        ("w4a4, random+5: the range of node 'a' is [nan nan]",),
      )
      diverging.add("w2a2")
      with self.assertRaisesRegex(ValueError, "^the range of node"):
        self._evaluate(**{**settings, "methods": ("random+5",)})

  def test_a_score_that_fails_hides_no_accuracy_and_no_other_score(self):
    def score(name, architecture, images):
      if name == settings_lib.NASWOT:
        raise ValueError("it has no ReLU")
      return 7.0

    with (
      mock.patch.object(proxies, "score", score),
      mock.patch.object(accuracy, "top1", return_value=0.5),
    ):
      report = self._evaluate(
        recipes=("float",),
        scores=(settings_lib.NASWOT, settings_lib.SYNFLOW),
      )
    self.assertEqual(report.accuracy, {_Setting("float"): 0.5})
    self.assertEqual(report.scores, {settings_lib.SYNFLOW: 7.0})
    self.assertEqual(report.errors, ("naswot: it has no ReLU",))

  def test_the_range_rule_is_that_of_every_recipe(self):
    rule = recipe_lib.RangeRule.MAX
    with mock.patch.object(accuracy, "top1", return_value=0.5) as top1:
      self._evaluate(recipes=("w4a4", "w2a2"), range_rule=rule)
    self.assertEqual(
      [call.args[3] for call in top1.call_args_list],
      [recipe_lib.get(n, range_rule=rule) for n in ("w4a4", "w2a2")],
    )

  def test_random_params_are_a_function_of_name_shape_and_seed(self):
    params = random_params.he_normal(self.network)
    again = random_params.he_normal(self.network)
    other = random_params.he_normal(self.network, seed=1)
    kernels = [s.name for s in self.network.param_specs if len(s.shape) > 1]
    for name in kernels:
      self.assertTrue((params[name].numpy() == again[name].numpy()).all())
      self.assertFalse((params[name].numpy() == other[name].numpy()).any())


if __name__ == "__main__":
  absltest.main()
