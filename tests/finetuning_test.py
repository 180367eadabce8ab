# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import dataclasses
from typing import Any
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf import data
from ghn_tf import finetuning
from ghn_tf import finetuning_callbacks
from ghn_tf import image_batches
from ghn_tf import predictor as predictor_lib
from ghn_tf.child import accuracy
from ghn_tf.child import random_params
from ghn_tf.edge import tflite


def _learned(done: finetuning.Finetuned) -> list[dict[str, Any]]:
  """Returns how a network learned, but for the time that it took."""
  return [
    {name: value for name, value in row.items() if name != "seconds"}
    for row in done.history
  ]


class FinetuneTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.predictor = predictor_lib.load("quickstart")
    cls.dataset = data.load(data.SAMPLE)
    (cls.network,) = cls.predictor.split("val", 1)

  def _child(self, recipe: str) -> predictor_lib.Child:
    params = random_params.he_normal(self.network)
    return self.predictor.child(self.network, recipe, params=params)

  def _top1(
    self, child: predictor_lib.Child, split: data.Split | None = None
  ) -> float:
    split = split or self.dataset.train
    images = self.predictor.normalize(split.images)
    batches = [(images, split.labels)]
    return accuracy.top1(
      child.architecture, child.params, batches, child.recipe, training=False
    )

  @parameterized.parameters("float", "w4a4")
  def test_random_params_learn_what_they_are_trained_on(self, recipe):
    start = self._child(recipe)
    config = finetuning.Config(epochs=4, batch_size=32)
    done = finetuning.finetune(self.predictor, start, self.dataset, config)
    end = done.child
    self.assertEqual([row["epoch"] for row in done.history], [*range(5)])
    self.assertLess(done.history[-1]["loss"], done.history[1]["loss"])
    # What is told of the last epoch is what comes out, by no other statistics.
    held_out = self.dataset.validation
    self.assertEqual(done.history[-1]["validation"], self._top1(end, held_out))
    self.assertEqual(end.recipe, start.recipe)
    self.assertCountEqual(end.params, start.params)
    # Chance is 10 %; 112 steps are few.
    self.assertLess(self._top1(start), 0.2)
    self.assertGreater(self._top1(end), 0.25)

  def test_what_was_trained_becomes_a_file(self):
    config = finetuning.Config(epochs=1)
    child = finetuning.finetune(
      self.predictor, self._child("w4a8"), self.dataset, config
    ).child
    images = self.predictor.normalize(self.dataset.test.images[:64])
    interpreter = tflite.Interpreter(child.to_tflite())
    codes = interpreter.run(images).astype(float)
    logits = interpreter.output_scale * (codes - interpreter.output_zero_point)
    # A code that is rounded the other way moves some logits by a step or two.
    steps = np.abs(logits - child.apply(images)) / interpreter.output_scale
    self.assertLess(np.median(steps), 1.5)

  def test_it_goes_on_from_the_last_epoch_that_was_finished(self):
    start = self._child("w4a4")
    config = finetuning.Config(epochs=2)
    unbroken = finetuning.finetune(self.predictor, start, self.dataset, config)
    workdir = self.create_tempdir().full_path
    batches = image_batches.augmented
    seen = []

    def until_killed(split, seed, number, size, **options):
      seen.append(number)
      if number == 20:  # of 28, 14 an epoch
        raise RuntimeError("killed")
      return batches(split, seed, number, size, **options)

    with (
      mock.patch.object(image_batches, "augmented", until_killed),
      self.assertRaisesRegex(tf.errors.OpError, "killed"),
    ):
      finetuning.finetune(self.predictor, start, self.dataset, config, workdir)
    with mock.patch.object(image_batches, "augmented", wraps=batches) as again:
      resumed = finetuning.finetune(
        self.predictor, start, self.dataset, config, workdir
      )
    self.assertEqual(again.call_args_list[0].args[2], 14)
    self.assertEqual(_learned(resumed), _learned(unbroken))
    for spec in self.network.param_specs:
      # The same numbers by the same kernels.
      np.testing.assert_array_equal(
        resumed.child.params[spec.name], unbroken.child.params[spec.name]
      )

  def test_what_has_ended_is_not_trained_again_and_is_of_one_training(self):
    start = self.predictor.child(self.network, "float")
    workdir = self.create_tempdir().full_path
    config = finetuning.Config(epochs=1)
    inputs = (self.predictor, start, self.dataset)
    ended = finetuning.finetune(*inputs, config, workdir)
    with mock.patch.object(image_batches, "augmented") as batches:
      again = finetuning.finetune(*inputs, config, workdir)
    batches.assert_not_called()
    self.assertEqual(again.history, ended.history)
    for spec in self.network.param_specs:
      np.testing.assert_array_equal(
        again.child.params[spec.name], ended.child.params[spec.name]
      )
    other = dataclasses.replace(config, learning_rate=0.1)
    with self.assertRaisesRegex(ValueError, "is of another training.* config"):
      finetuning.finetune(*inputs, other, workdir)
    with self.assertRaisesRegex(ValueError, "training .* by head_images"):
      finetuning.finetune(*inputs, config, workdir, origin={"head_images": 500})
    full = self.create_tempdir()
    full.create_file("thesis.tex")
    with self.assertRaisesRegex(ValueError, "holds something else"):
      finetuning.finetune(*inputs, config, full.full_path)

  @parameterized.parameters("BackupAndRestore", "TensorBoard")
  def test_a_full_disk_is_an_error_that_names_the_folder(self, name):
    folder = self.create_tempdir().full_path
    full = tf.errors.ResourceExhaustedError(None, None, "No space left")
    callback = getattr(keras.callbacks, name)
    with (
      mock.patch.object(callback, "on_epoch_end", side_effect=full),
      self.assertRaisesRegex(
        OSError, f"Cannot write '{folder}.*': No space left; free space"
      ),
    ):
      finetuning.finetune(
        self.predictor,
        self._child("float"),
        self.dataset,
        finetuning.Config(epochs=1),
        workdir=folder,
        tensorboard=folder,
      )

  def test_what_gets_worse_ends_with_the_best_also_after_it_was_killed(self):
    child = self.predictor.child(self.network, "float")
    # At this rate it forgets all.
    config = finetuning.Config(
      epochs=4, learning_rate=50.0, clip_norm=1e3, jitter=0, patience=2
    )
    few = dataclasses.replace(
      self.dataset,
      train=data.Split(
        self.dataset.train.images[:128], self.dataset.train.labels[:128]
      ),
    )
    ended = finetuning.finetune(self.predictor, child, few, config)
    workdir = self.create_tempdir().full_path
    with (
      mock.patch.object(
        finetuning_callbacks.History,
        "on_epoch_end",
        side_effect=OSError("killed"),
      ),
      self.assertRaisesRegex(OSError, "killed"),
    ):
      finetuning.finetune(self.predictor, child, few, config, workdir)
    resumed = finetuning.finetune(self.predictor, child, few, config, workdir)
    # Killed once more before what was learned is in a file.
    with mock.patch.object(image_batches, "augmented") as batches:
      again = finetuning.finetune(self.predictor, child, few, config, workdir)
    batches.assert_not_called()
    self.assertEqual(again.history, resumed.history)
    self.assertEqual(_learned(resumed), _learned(ended))
    self.assertEqual([row["epoch"] for row in ended.history], [0, 1, 2])
    for done in (ended, resumed, again):
      for name in (spec.name for spec in self.network.param_specs):
        np.testing.assert_array_equal(
          done.child.params[name], child.params[name]
        )

  def test_copies_of_filters_part(self):
    child = self._child("float")
    params = dict(child.params)
    name = next(n for n in params if n.endswith("/kernel"))
    params[name] = tf.repeat(params[name][..., :1], params[name].shape[-1], -1)
    config = finetuning.Config(epochs=1, jitter=0.02)
    jittered = finetuning._jittered(params, config)[name].numpy()
    kernel = params[name].numpy()
    self.assertFalse((jittered[..., 0] == jittered[..., 1]).any())
    # A standard deviation of fifty times less, of a few hundred values.
    ratio = (jittered - kernel).std() / kernel.std()
    self.assertBetween(ratio, 0.015, 0.025)

  @parameterized.parameters("float", "w4a4")
  def test_kernels_alone_decay_whatever_their_layers_are_named(self, recipe):
    layers = keras.layers
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, 2, name="alpha_conv")(image)
    x = layers.BatchNormalization(name="debias")(x)
    x = layers.PReLU(shared_axes=[1, 2], name="kernel")(x)
    x = layers.Conv2D(4, 3, name="beta_block/conv")(x)
    x = layers.DepthwiseConv2D(3, name="bias")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(10, name="gamma")(x)
    child = self.predictor.child(keras.Model(image, x, name="named"), recipe)
    model = child.to_keras()
    optimizer = finetuning._optimizer(finetuning.Config(), 10)
    optimizer.build(model.trainable_variables)
    decayed = [
      variable.name.removeprefix("quant_")
      for variable in model.trainable_variables
      if optimizer._use_weight_decay(variable)
    ]
    self.assertCountEqual(
      decayed,
      [
        *("alpha_conv/kernel:0", "beta_block/conv/kernel:0"),
        *("bias/depthwise_kernel:0", "gamma/kernel:0"),
      ],
    )

  def test_a_rate_of_almost_nothing_changes_almost_nothing(self):
    start = self.predictor.child(self.network, "float")
    config = finetuning.Config(epochs=1, learning_rate=1e-12, jitter=0)
    end = finetuning.finetune(self.predictor, start, self.dataset, config).child
    for spec in self.network.param_specs:
      np.testing.assert_allclose(
        end.params[spec.name], start.params[spec.name], 1e-6, 1e-7
      )

  @parameterized.parameters(
    ({"epochs": 0}, "epochs must be at least 1, got 0"),
    ({"crop_padding": -1}, "crop_padding must be at least 0, got -1"),
    ({"learning_rate": float("nan")}, "learning_rate must be .* got nan"),
    ({"momentum": 1.0}, "momentum must be at least 0 and below 1, got 1.0"),
  )
  def test_wrong_values_are_named(self, values, message):
    with self.assertRaisesRegex(ValueError, message):
      finetuning.Config(**values)

  def test_images_of_another_kind_are_named(self):
    child = self._child("float")
    config = finetuning.Config(epochs=1)
    split = data.Split(
      np.zeros((64, 8, 8, 3), np.uint8), np.zeros(64, np.int32)
    )
    small = dataclasses.replace(self.dataset, train=split)
    with self.assertRaisesRegex(
      ValueError, r"\(32, 32, 3\), but .*\(8, 8, 3\)"
    ):
      finetuning.finetune(self.predictor, child, small, config)
    few = dataclasses.replace(self.dataset, num_classes=3)
    with self.assertRaisesRegex(ValueError, "classes of 10, but .* 3"):
      finetuning.finetune(self.predictor, child, few, config)
    with self.assertRaisesRegex(ValueError, "900 training images, expected at"):
      finetuning.finetune(
        self.predictor, child, self.dataset, finetuning.Config(batch_size=1000)
      )


if __name__ == "__main__":
  absltest.main()
