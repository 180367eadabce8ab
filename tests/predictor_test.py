# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import os
import tempfile
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf
import tf_keras as keras

from ghn_tf import data
from ghn_tf import predictor as predictor_lib
from ghn_tf.child import keras_io
from ghn_tf.training import meta_batch
from models import mobilenet
from models import resnet
from tests import small_collection
from tests import small_run


class PredictorTest(tf.test.TestCase, parameterized.TestCase):
  workdir: str
  predictor: predictor_lib.Predictor

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    cls.workdir = folder.name
    cls.path = small_run.make(cls.workdir)
    cls.predictor = predictor_lib.load(cls.workdir)
    cls.images = data.load(data.SAMPLE).test.images[:64]

  def test_workdir_and_file_give_the_same_hypernetwork(self):
    other = predictor_lib.load(self.path)
    for name, array in self.predictor.ghn.get_arrays().items():
      self.assertAllEqual(array, other.ghn.get_arrays()[name])

  def test_images_are_normalized_as_in_training(self):
    expected = data.load(data.SAMPLE).normalize(self.images)
    self.assertAllEqual(self.predictor.normalize(self.images), expected)

  @parameterized.named_parameters(
    ("scaled", lambda x: x / 255, r"float64 of 0 to 1\. If .* np.round\(255"),
    ("none", lambda x: None, r"got object\."),
    ("single", lambda x: x[0], r"\[number, height, .*got \[32, 32, 3\]"),
    ("sizes", lambda x: [x[0], x[1, 1:]], "must all have one shape"),
    ("pairs", lambda x: x[..., :2], "have 2 channels, but .* had 3"),
  )
  def test_images_of_another_kind_say_what_is_expected(self, change, message):
    images = change(self.images)
    with self.assertRaisesRegex(ValueError, message):
      self.predictor.normalize(images)
    if images is not None:  # which are those taken by default
      with self.assertRaisesRegex(ValueError, "mages .*must|takes images of"):
        self.predictor.child(resnet.resnet8(), calibration_images=images)

  def test_a_list_of_images_is_taken(self):
    expected = self.predictor.normalize(self.images)
    for images in ([*self.images], tf.constant(self.images)):
      self.assertAllEqual(self.predictor.normalize(images), expected)
    child = self.predictor.child(
      resnet.resnet8(), calibration_images=[*self.images]
    )
    self.assertEqual(child.recipe.name, "w8a8")

  @parameterized.parameters(0, 1, 63)
  def test_too_few_images_do_not_calibrate(self, number: int):
    with self.assertRaisesRegex(ValueError, f"needs 64 .*, got {number};"):
      self.predictor.child(
        resnet.resnet8(), calibration_images=self.images[:number]
      )

  def test_number_of_channels_must_be_the_hypernetworks(self):
    pairs = resnet.resnet8(input_shape=(32, 32, 2))
    for images in (None, self.images, self.images[..., :2]):
      with self.assertRaisesRegex(
        ValueError, "Network 'resnet8' .* 2 channels, but training has .* of 3"
      ):
        self.predictor.child(pairs, calibration_images=images)
    split = data.Split(self.images[..., :2], np.zeros(64, np.int32))
    dataset = data.Dataset("pairs", split, split, split, 10)
    with mock.patch.object(data, "load", return_value=dataset):
      with self.assertRaisesRegex(ValueError, "Data set 'pairs' .* 2 channels"):
        self.predictor.load_data("pairs")

  @parameterized.parameters((None, "NoneType None"), ("x", "str 'x'"))
  def test_what_is_no_network_says_what_is_expected(self, target, message):
    with self.assertRaisesRegex(
      ValueError, f"a Keras model or an Architecture, got {message};"
    ):
      self.predictor.predict(target)

  @parameterized.parameters("float", "w8a8", "w4a4")
  def test_keras_model_computes_what_the_child_does(self, recipe: str):
    model = resnet.resnet8()
    child = self.predictor.child(model, recipe, calibration_images=self.images)
    network = child.to_keras()
    images = self.predictor.normalize(self.images)
    expected = child.apply(tf.constant(images))
    # Float32 sums in another order; relative to the largest logit.
    self.assertAllClose(
      network(images, training=False),
      expected,
      atol=1e-4 * float(np.abs(expected).max()),
    )
    self.assertEqual(network.output_shape, model.output_shape)

  def test_predict_is_the_keras_model_of_the_child(self):
    model = resnet.resnet8()
    network = self.predictor.predict(model, "w8a8")
    child = self.predictor.child(model, "w8a8")
    self.assertIs(child.model, model)
    images = self.predictor.normalize(self.images[:8])
    self.assertAllEqual(
      network(images, training=False),
      child.to_keras()(images, training=False),
    )

  def test_all_is_float32_whatever_the_policy_for_other_models(self):
    images = self.predictor.normalize(self.images[:8])
    expected = self.predictor.predict(resnet.resnet8(), "w8a8")(images)
    policy = keras.mixed_precision.global_policy()
    self.addCleanup(keras.mixed_precision.set_global_policy, policy)
    keras.mixed_precision.set_global_policy("mixed_float16")
    network = predictor_lib.load(self.path).predict(resnet.resnet8(), "w8a8")
    self.assertEqual(
      {layer.compute_dtype for layer in network.layers}, {"float32"}
    )
    self.assertAllEqual(network(images), expected)

  def test_float_has_no_integer_file(self):
    child = self.predictor.child(
      resnet.resnet8(), "float", calibration_images=self.images
    )
    with self.assertRaisesRegex(ValueError, "'float' rounds nothing"):
      child.to_tflite()

  def test_predicting_tells_what_lies_outside_of_training(self):
    with self.assertLogs("absl", "WARNING") as logs:
      self.predictor.predict(resnet.resnet8())
    self.assertLen(logs.output, 1)
    self.assertIn(
      "'resnet8' lies outside of those that the hypernetwork was trained on, so"
      " it may be far less accurate: multiply accumulates 12,501,632"
      " (1,000,000 to 2,500,000).",
      logs.output[0],
    )
    (inside,) = self.predictor.split("val", 1)
    self.assertEqual(self.predictor.outside(inside), {})
    with self.assertNoLogs("absl", "WARNING"):
      self.predictor.predict(inside)

  def test_imported_weights_do_not_tell_what_lies_outside(self):
    metadata = {**self.predictor.metadata, "training": {"dataset": "cifar10"}}
    imported = predictor_lib.Predictor(self.predictor.ghn, metadata)
    (architecture,) = self.predictor.split("val", 1)
    self.assertIsNone(imported.outside(architecture))

  def test_held_out_architectures_are_unseen(self):
    for architecture in self.predictor.split("val", 2):
      self.assertTrue(self.predictor.is_unseen(architecture))

  def test_drawn_architectures_are_seen(self):
    metadata = {**self.predictor.metadata, "step": 2}
    trained = predictor_lib.Predictor(self.predictor.ghn, metadata)
    batches = meta_batch.MetaBatches(
      small_run.CONFIG.source((32, 32, 3), 10),
      small_run.CONFIG.seed,
      small_run.CONFIG.meta_batch_size,
      small_run.CONFIG.evaluation_architectures,
    )
    drawn = [batches.batch(step)[0] for step in range(3)]
    with self.assertLogs("absl", "INFO") as logs:
      unseen = [trained.is_unseen(a) for a in drawn]
    self.assertEqual(unseen, [False, False, True])
    self.assertLen(logs.output, 1, "Drawn again more than once.")
    self.assertIn("Draw the 16 training architectures", logs.output[0])

  def test_what_breaks_the_limits_is_unseen_however_long_the_training(self):
    source = small_run.CONFIG.source((32, 32, 3), 10)
    architecture = keras_io.from_keras(mobilenet.mobilenet_v1(alpha=0.5))
    self.assertFalse(source.may_train_on(architecture))
    metadata = {**self.predictor.metadata, "step": 10**9}
    trained = predictor_lib.Predictor(self.predictor.ghn, metadata)
    self.assertTrue(trained.is_unseen(architecture))

  def test_what_an_ancestor_drew_is_seen(self):
    training = {**self.predictor.metadata["training"], "seed": 7}
    old = {**self.predictor.metadata, "step": 2, "training": training}
    drawn = meta_batch.MetaBatches(
      small_run.CONFIG.source((32, 32, 3), 10),
      seed=7,
      size=small_run.CONFIG.meta_batch_size,
      num_held_out=small_run.CONFIG.evaluation_architectures,
    )
    architectures = [drawn.batch(step)[0] for step in range(3)]
    self.assertTrue(all(map(self.predictor.is_unseen, architectures)))
    for ancestors in ([old], [old, self.predictor.metadata]):
      child = predictor_lib.Predictor(
        self.predictor.ghn, {**self.predictor.metadata, "ancestors": ancestors}
      )
      self.assertEqual(
        [child.is_unseen(a) for a in architectures], [False, False, True]
      )

  def test_nothing_is_known_to_be_unseen_by_an_ancestor_that_does_not_tell(
    self,
  ):
    imported = {**self.predictor.metadata, "training": {"dataset": "cifar10"}}
    child = predictor_lib.Predictor(
      self.predictor.ghn, {**self.predictor.metadata, "ancestors": [imported]}
    )
    (architecture,) = child.split("val", 1)
    self.assertFalse(child.is_unseen(architecture))
    self.assertTrue(self.predictor.is_unseen(architecture))

  def test_stored_architectures_that_are_gone_tell_nothing(self):
    directory = small_collection.make()
    training = {
      **self.predictor.metadata["training"],
      "max_macs": None,
      "architectures": directory,
    }
    metadata = {**self.predictor.metadata, "training": training}
    stored = predictor_lib.Predictor(self.predictor.ghn, metadata)
    (architecture,) = stored.split("val", 1)
    self.assertEqual(architecture.name, "small-val-0")
    self.assertTrue(stored.is_unseen(architecture))
    # Their own measures count, and not those of the space of the run.
    resnet8 = keras_io.from_keras(resnet.resnet8())
    outside = stored.outside(resnet8) or {}
    self.assertLess(outside["multiply_accumulates"]["greatest"], 4_000_000)
    empty = self.create_tempdir().full_path
    for folder in ("/nowhere", empty, os.path.relpath(directory)):
      training["architectures"] = folder
      gone = predictor_lib.Predictor(self.predictor.ghn, metadata)
      self.assertFalse(gone.is_unseen(architecture))
      self.assertIsNone(gone.outside(architecture))
      with self.assertRaisesRegex(
        ValueError, f"not in '{folder}' any more, or"
      ):
        gone.split("val", 1)

  def test_more_architectures_than_a_split_has(self):
    with self.assertRaisesRegex(ValueError, "'val' of .*, got 501; ask for"):
      self.predictor.split("val", 501)
    with self.assertRaisesRegex(ValueError, "no evaluation split 'train'"):
      self.predictor.split("train", 1)
    for number in (-1, 1.5, "1", None):
      with self.assertRaisesRegex(
        ValueError, f"integer of 0 architectures or more, got {number!r}"
      ):
        self.predictor.split("val", number)
    with self.assertRaisesRegex(ValueError, "no space 'nosuch'; expected"):
      self.predictor.split("val", 1, "nosuch")

  def test_splits_of_another_space(self):
    (architecture,) = self.predictor.split("wide", 1, "edge")
    self.assertEqual(architecture.name, "edge-wide-0")
    self.assertTrue(self.predictor.is_unseen(architecture))

  def test_a_recipe_has_a_name(self):
    for recipe in (None, ["w8a8"], "w3a3"):
      with self.assertRaises(ValueError) as caught:
        self.predictor.child(resnet.resnet8(), recipe)
      self.assertIn(f"recipe {recipe!r}; expected", str(caught.exception))

  def test_number_of_classes_must_be_the_hypernetworks(self):
    with self.assertRaisesRegex(
      ValueError, "Network 'resnet8' has 7 classes, but .* trained for 10"
    ):
      self.predictor.child(
        resnet.resnet8(num_classes=7), calibration_images=self.images
      )

  def test_default_images_are_resized_to_what_the_network_takes(self):
    network = resnet.resnet8(input_shape=(24, 20, 3))
    images = data.load(data.SAMPLE, image_size=(24, 20)).train.images
    by_default = self.predictor.child(network)
    given = self.predictor.child(network, calibration_images=images[:512])
    for name, statistics in given.params.items():
      self.assertAllEqual(by_default.params[name], statistics)

  def test_imported_weights_tell_their_image_size_by_the_shape(self):
    metadata = {
      "training": {"dataset": "cifar10"},
      "images": {"shape": [24, 24, 3]},
    }
    imported = predictor_lib.Predictor(self.predictor.ghn, metadata)
    dataset = imported.load_data(data.SAMPLE)
    self.assertEqual(dataset.image_shape, (24, 24, 3))

  def test_images_are_those_of_training_where_they_can_be_had(self):
    own = self.predictor.load_data()
    self.assertEqual((own.name, len(own.test)), (data.SAMPLE, 500))
    folder = self.create_tempdir().full_path
    training = {**self.predictor.metadata["training"], "dataset": "cifar10"}
    trained = predictor_lib.Predictor(
      self.predictor.ghn, {**self.predictor.metadata, "training": training}
    )
    self.assertEqual(trained.own_dataset(folder), data.SAMPLE)
    self.assertEqual(trained.own_dataset(folder, download=True), "cifar10")
    with mock.patch.object(data, "is_at_hand", return_value=True):
      self.assertEqual(trained.own_dataset(folder), "cifar10")
    training["dataset"] = "mnist"  # of which there is no sample
    with self.assertRaisesRegex(FileNotFoundError, "'mnist' is not prepared"):
      trained.load_data(data_dir=folder)

  def test_other_data_sets_need_calibration_images(self):
    training = {**self.predictor.metadata["training"], "dataset": "stl10"}
    other = predictor_lib.Predictor(
      self.predictor.ghn, {**self.predictor.metadata, "training": training}
    )
    with self.assertRaisesRegex(ValueError, "'stl10' needs calibration_images"):
      other.predict(resnet.resnet8())


if __name__ == "__main__":
  absltest.main()
