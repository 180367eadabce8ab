# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import tempfile
import traceback

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow_datasets as tfds

from ghn_tf import data
from tests import numbered_images
from tests import reference_data


class TinyImages(tfds.core.GeneratorBasedBuilder):
  """Forty training and six test images, each filled with its own number."""

  VERSION = tfds.core.Version("1.0.0")
  SHAPE: tuple[int | None, int | None, int] = (6, 6, 3)
  DTYPE: type = np.uint8
  SCALE = 1
  LABEL = tfds.features.ClassLabel(num_classes=5)
  LABELS = {
    "train": [i % 5 for i in range(40)],
    "test": [i % 5 for i in range(6)],
  }

  def _info(self):
    features = {
      "image": tfds.features.Image(shape=self.SHAPE, dtype=self.DTYPE),
      "label": self.LABEL,
    }
    return tfds.core.DatasetInfo(
      builder=self, features=tfds.features.FeaturesDict(features)
    )

  def _split_generators(self, dl_manager):
    return {
      split: self._generate_examples(labels)
      for split, labels in self.LABELS.items()
    }

  def _generate_examples(self, labels):
    height, width, channels = (size or 4 for size in self.SHAPE)
    for i, label in enumerate(labels):
      size = (height + i % 2, width, channels)
      image: np.ndarray = np.full(size, self.SCALE * i, self.DTYPE)
      if self.SHAPE[0] is not None:
        image = image[:height]
      yield i, {"image": image, "label": label}


class TinyImagesOfManySizes(TinyImages):
  SHAPE = (None, None, 3)


class TinyDeepImages(TinyImages):
  DTYPE = np.uint16
  SCALE = 257


class TinyImagesWithAlpha(TinyImages):
  SHAPE = (6, 6, 4)


class TinyContest(TinyImages):
  """The labels of the test split are kept back."""

  LABELS = {**TinyImages.LABELS, "test": [-1] * 6, "validation": [3, 1, 4]}


class TinyUnlabelled(TinyImages):
  LABELS = {**TinyImages.LABELS, "test": [-1] * 6}


class TinyHalfLabelled(TinyImages):
  LABELS = {**TinyImages.LABELS, "train": [2, -1, 0, -1]}


class TinyPairs(TinyImages):
  LABEL = tfds.features.Scalar(np.int64)


class DatasetTest(absltest.TestCase):
  def test_mean_and_std_are_those_of_the_training_pixels(self):
    dataset = numbered_images.make(20)
    pixels = dataset.train.images / 255
    # float64 sums over 720 pixels in two orders.
    np.testing.assert_allclose(dataset.mean, pixels.mean((0, 1, 2)), 1e-12)
    np.testing.assert_allclose(dataset.std, pixels.std((0, 1, 2)), 1e-12)

  def test_normalized_training_pixels_have_mean_0_and_std_1(self):
    dataset = numbered_images.make(50)
    pixels = dataset.normalize(dataset.train.images).astype(np.float64)
    # Scale and offset are rounded to the 7 digits of float32.
    np.testing.assert_allclose(pixels.mean((0, 1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(pixels.std((0, 1, 2)), 1, atol=1e-6)

  def test_a_constant_channel_normalizes_to_zero(self):
    images = np.full((4, 2, 2, 1), 51, np.uint8)  # 51 / 255 = 0.2
    split = data.Split(images, np.zeros(4, np.int32))
    dataset = data.Dataset("constant", split, split, split, 1)
    np.testing.assert_allclose(dataset.normalize(images), 0, atol=1e-7)

  def test_only_pixels_are_normalized(self):
    dataset = numbered_images.make(4)
    with self.assertRaisesRegex(ValueError, "must be uint8 .* got float64"):
      dataset.normalize(dataset.train.images / 255)


class SampleTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.dataset = data.load(data.SAMPLE)

  def test_splits_are_balanced_and_disjoint(self):
    for split, per_class in (("train", 90), ("validation", 10), ("test", 50)):
      labels = getattr(self.dataset, split).labels
      np.testing.assert_array_equal(np.bincount(labels), [per_class] * 10)
    images = [
      image.tobytes()
      for split in data.SPLITS
      for image in getattr(self.dataset, split).images
    ]
    self.assertLen(set(images), 1500)

  def test_is_the_same_each_time(self):
    again = data.load(data.SAMPLE)
    for split in data.SPLITS:
      np.testing.assert_array_equal(
        getattr(again, split).images, getattr(self.dataset, split).images
      )

  def test_classes_are_mixed_from_begin_to_end(self):
    for labels in np.split(self.dataset.train.labels, 9):
      self.assertLen(np.unique(labels), 10)

  def test_can_be_resized(self):
    small = data.load(data.SAMPLE, image_size=16)
    self.assertEqual(small.image_shape, (16, 16, 3))
    # Resizing keeps the mean colour: within half a level of rounding.
    np.testing.assert_allclose(small.mean, self.dataset.mean, atol=0.5 / 255)

  def test_images_are_cifar10s(self):
    data_dir = reference_data.path("tfds")
    builder = tfds.builder("cifar10", data_dir=data_dir)
    source = {
      hash(e["image"].tobytes()): e["label"]
      for e in tfds.as_numpy(builder.as_dataset(split="test"))
    }
    test = self.dataset.test
    for image, label in zip(test.images, test.labels, strict=True):
      self.assertEqual(source[hash(image.tobytes())], label)


class TfdsTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    cls.data_dir = folder.name
    for builder in (
      TinyImages,
      TinyImagesOfManySizes,
      TinyDeepImages,
      TinyImagesWithAlpha,
      TinyContest,
      TinyUnlabelled,
      TinyHalfLabelled,
      TinyPairs,
    ):
      builder(data_dir=cls.data_dir).download_and_prepare()

  def test_the_last_tenth_of_the_training_images_is_held_out(self):
    dataset = data.load("tiny_images", self.data_dir)
    builder = tfds.builder("tiny_images", data_dir=self.data_dir)
    source = [
      e["image"] for e in tfds.as_numpy(builder.as_dataset(split="train"))
    ]
    np.testing.assert_array_equal(dataset.train.images, source[:36])
    np.testing.assert_array_equal(dataset.validation.images, source[36:])
    self.assertLen(dataset.test, 6)
    self.assertEqual(dataset.num_classes, 5)
    np.testing.assert_array_equal(
      dataset.train.labels, dataset.train.images[:, 0, 0, 0] % 5
    )

  def test_images_of_many_sizes_are_resized_to_one(self):
    dataset = data.load(
      "tiny_images_of_many_sizes", self.data_dir, image_size=8
    )
    self.assertEqual(dataset.image_shape, (8, 8, 3))
    # A constant image stays the same constant at every size.
    np.testing.assert_array_equal(
      dataset.train.images[:, 0, 0, 0] % 5, dataset.train.labels
    )
    self.assertEqual(np.ptp(dataset.train.images, axis=(1, 2, 3)).max(), 0)

  def test_images_of_many_sizes_need_an_image_size(self):
    with self.assertRaisesRegex(ValueError, "--image_size"):
      data.load("tiny_images_of_many_sizes", self.data_dir)

  def test_a_missing_set_says_what_to_do_and_downloads_nothing(self):
    folder = self.create_tempdir().full_path
    with self.assertRaisesRegex(
      FileNotFoundError,
      r"'cifar10' .* as data_dir \(--data_dir\), .* with download=True"
      r" \(--download\), or take 'cifar10_sample' \(--dataset=cifar10_sample\)",
    ):
      data.load("cifar10", folder)
    self.assertEmpty(os.listdir(folder))

  def test_an_unknown_set_is_refused(self):
    names = ("cifar11", "cifar-10", "tiny_images:9.9.9", "tiny_images/no", None)
    for name in names:
      with self.assertRaisesRegex(
        ValueError, f"Unknown data set {name!r}"
      ) as caught:
        data.load(name, self.data_dir)
      shown = "".join(traceback.format_exception(caught.exception))
      self.assertNotIn("DatasetNotFoundError", shown, "TFDS lists all sets.")
      self.assertNotIn("direct cause", shown)

  def test_a_folder_of_sets_is_not_one_of_images(self):
    with self.assertRaisesRegex(ValueError, r"given as data_dir \(--data_dir"):
      data.load(self.data_dir)
    with self.assertRaises(ValueError) as caught:
      data.load("tests")  # run in the root of the repository
    self.assertRegex(str(caught.exception), "with a slash, './tests', and one")
    self.assertNotIn("\n", str(caught.exception), "TFDS shows its grammar.")

  def test_what_can_be_loaded_is_at_hand(self):
    self.assertTrue(data.is_at_hand(data.SAMPLE, "/nowhere"))
    self.assertTrue(data.is_at_hand("tiny_images", self.data_dir))
    folder = self.create_tempdir().full_path
    self.assertFalse(data.is_at_hand("tiny_images", folder))

  def test_what_cannot_be_found_is_told_without_loading(self):
    folder = self.create_tempdir().full_path
    for name in (data.SAMPLE, os.path.dirname(__file__) + "/"):
      data.check(name, folder)
    data.check("tiny_images", self.data_dir)
    data.check("cifar10", folder, download=True)
    with self.assertRaisesRegex(FileNotFoundError, "'cifar10' is not prepared"):
      data.check("cifar10", folder)
    with self.assertRaisesRegex(FileNotFoundError, "no.npz"):
      data.check(f"{folder}/no.npz")
    with self.assertRaisesRegex(ValueError, "Unknown data set 'cifar11'"):
      data.check("cifar11", folder, download=True)

  def test_a_set_without_classes_is_refused(self):
    with self.assertRaisesRegex(ValueError, "not image classification"):
      data.load("tiny_pairs", self.data_dir)

  @parameterized.parameters(None, 4)
  def test_images_of_16_bits_are_scaled(self, image_size):
    dataset = data.load(
      "tiny_deep_images", self.data_dir, image_size=image_size
    )
    # 257 levels of 65,535 are one of 255.
    np.testing.assert_array_equal(
      dataset.train.images[:, 0, 0, 0] % 5, dataset.train.labels
    )

  def test_alpha_is_left_out(self):
    with self.assertLogs(level="WARNING") as caught:
      dataset = data.load("tiny_images_with_alpha", self.data_dir)
    self.assertIn("alpha channel", caught.output[0])
    self.assertEqual(dataset.image_shape, (6, 6, 3))

  def test_without_test_labels_the_validation_split_is_the_test(self):
    dataset = data.load("tiny_contest", self.data_dir)
    self.assertCountEqual(dataset.test.labels, [3, 1, 4])
    self.assertLen(dataset.train, 36)

  def test_a_set_without_labels_to_measure_by_is_refused(self):
    with self.assertRaisesRegex(
      ValueError, r"with labels, .* it has \['test', 'train'\]"
    ):
      data.load("tiny_unlabelled", self.data_dir)

  def test_images_without_a_label_are_refused(self):
    with self.assertRaisesRegex(
      ValueError,
      "'train' in .* has 2 images of 4 whose label is not from 0 to 4",
    ):
      data.load("tiny_half_labelled", self.data_dir)

  def test_a_set_larger_than_the_bound_is_refused(self):
    # 46 images of 6 * 6 * 3 bytes are 4,968 bytes.
    data.load("tiny_images", self.data_dir, max_bytes=4968)
    with self.assertRaisesRegex(ValueError, "46 images .* smaller image_size"):
      data.load("tiny_images", self.data_dir, max_bytes=4967)

  def test_a_damaged_set_is_refused(self):
    folder = self.create_tempdir().full_path
    TinyImages(data_dir=folder).download_and_prepare()
    (path,) = pathlib.Path(folder).glob("**/*train*")
    path.write_bytes(path.read_bytes()[:-10])
    with self.assertRaisesRegex(ValueError, "'train' in .* is damaged"):
      data.load("tiny_images", folder)


if __name__ == "__main__":
  absltest.main()
