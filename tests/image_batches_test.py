# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf import image_batches
from tests import numbered_images


class TrainingBatchTest(parameterized.TestCase):
  def test_is_a_pure_function_of_seed_and_step(self):
    dataset = numbered_images.make(10)
    first = image_batches.training(dataset, 3, 7, 4)
    image_batches.training(dataset, 3, 0, 4)
    again = image_batches.training(numbered_images.make(10), 3, 7, 4)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])

  @parameterized.parameters((4, 7), (3, 8))
  def test_another_seed_or_step_gives_another_batch(self, seed, step):
    dataset = numbered_images.make(10)
    first, _ = image_batches.training(dataset, 3, 7, 4)
    other, _ = image_batches.training(dataset, seed, step, 4)
    self.assertFalse(np.array_equal(first, other))

  def test_each_epoch_has_every_image_once_in_an_order_of_its_own(self):
    # 10 images in batches of 4: the third batch ends one epoch and begins the
    # next, and a batch of 25 spans three.
    steps = [
      image_batches.training(numbered_images.make(10), 0, s, 4)[1]
      for s in range(5)
    ]
    labels = np.concatenate(steps)
    self.assertCountEqual(labels[:10], range(10))
    self.assertCountEqual(labels[10:], range(10))
    self.assertFalse(np.array_equal(labels[:10], labels[10:]))
    long, _ = np.unique(
      image_batches.training(numbered_images.make(10), 0, 0, 25)[1][:20],
      return_counts=True,
    )
    np.testing.assert_array_equal(long, range(10))

  def test_images_are_crops_of_the_padded_image_or_its_mirror(self):
    dataset = numbered_images.make(3, size=5)
    seen = set()
    for step in range(60):
      images, labels = image_batches.training(dataset, 0, step, 3)
      for image, label in zip(images, labels, strict=True):
        seen.add(self._find(dataset, image, label))
    # All 9 offsets down, all 9 across, and both directions occur.
    self.assertLen({top for top, _, _ in seen}, 9)
    self.assertLen({left for _, left, _ in seen}, 9)
    self.assertLen({flip for _, _, flip in seen}, 2)

  def test_images_are_not_flipped_where_that_makes_others(self):
    dataset = numbered_images.make(3, size=5)
    for number in range(10):
      images, labels = image_batches.augmented(
        dataset.train, 0, number, 3, flip=False
      )
      for image, label in zip(dataset.normalize(images), labels, strict=True):
        self.assertFalse(self._find(dataset, image, label)[2])

  def test_images_stay_in_their_place_without_padding(self):
    dataset = numbered_images.make(3, size=5)
    flips = set()
    for number in range(10):
      images, labels = image_batches.training(dataset, 0, number, 3, 0)
      for image, label in zip(images, labels, strict=True):
        *place, flip = self._find(dataset, image, label)
        self.assertEqual(place, [4, 4])
        flips.add(flip)
    self.assertEqual(flips, {True, False})

  def _find(self, dataset, image, label):
    padded = np.pad(dataset.train.images[label], [(4, 4), (4, 4), (0, 0)])
    for top in range(9):
      for left in range(9):
        crop = padded[top : top + 5, left : left + 5]
        for flip in (False, True):
          crops = crop[np.newaxis, :, ::-1] if flip else crop[np.newaxis]
          (expected,) = dataset.normalize(crops)
          if np.array_equal(expected, image):
            return top, left, flip
    self.fail(f"image {label} is no crop of its source")

  def test_has_the_types_that_a_network_takes(self):
    images, labels = image_batches.training(numbered_images.make(10), 0, 0, 4)
    self.assertEqual((images.dtype, images.shape), (np.float32, (4, 6, 6, 3)))
    self.assertEqual((labels.dtype, labels.shape), (np.int32, (4,)))


class EvaluationBatchesTest(parameterized.TestCase):
  @parameterized.parameters((None, [4, 4, 2]), (5, [4, 1]), (100, [4, 4, 2]))
  def test_yields_the_images_once_and_in_order(self, limit, sizes):
    dataset = numbered_images.make(10)
    batches = list(image_batches.evaluation(dataset, "test", 4, limit))
    self.assertEqual([len(labels) for _, labels in batches], sizes)
    labels = np.concatenate([labels for _, labels in batches])
    np.testing.assert_array_equal(labels, range(sum(sizes)))
    np.testing.assert_array_equal(
      np.concatenate([images for images, _ in batches]),
      dataset.normalize(dataset.test.images[: sum(sizes)]),
    )

  def test_refuses_an_unknown_split(self):
    with self.assertRaisesRegex(ValueError, "'dev'.*'train', 'validation'"):
      next(image_batches.evaluation(numbered_images.make(10), "dev", 4))


if __name__ == "__main__":
  absltest.main()
