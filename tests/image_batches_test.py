# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import re

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

  def _find(self, dataset, image, label):
    padded = np.pad(dataset.train.images[label], [(4, 4), (4, 4), (0, 0)])
    for top in range(9):
      for left in range(9):
        crop = padded[top : top + 5, left : left + 5]
        for flip in (False, True):
          expected = dataset.normalize(crop[:, ::-1] if flip else crop)
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


class PixelsTest(parameterized.TestCase):
  pixels = np.arange(256, dtype=np.uint8).reshape(2, 8, 8, 2)

  @parameterized.named_parameters(
    ("array", lambda x: x),
    ("arrays", lambda x: [*x]),
    ("values", lambda x: [[[[*w] for w in h] for h in image] for image in x]),
  )
  def test_images_of_bytes_are_taken(self, change):
    taken = image_batches.pixels(change(self.pixels))
    self.assertEqual(taken.dtype, np.uint8)
    np.testing.assert_array_equal(taken, self.pixels)

  @parameterized.named_parameters(
    ("scaled", lambda x: x / 255, "float64 of 0 to 1"),
    ("float", lambda x: x.astype(np.float32), "float32 of 0 to 255"),
    ("int64", lambda x: x.astype(np.int64), "int64 of 0 to 255"),
    ("lists", lambda x: x.tolist(), "int64 of 0 to 255"),
    ("uint16", lambda x: x.astype(np.uint16), "uint16 of 0 to 255"),
    ("deep", lambda x: x.astype(np.uint16) * 257, "uint16 of 0 to 65535"),
    ("int32", lambda x: x.astype(np.int32) * 257, "int32 of 0 to 65535"),
  )
  def test_what_an_error_advises_gives_the_pixels(self, change, message):
    images = change(self.pixels)
    with self.assertRaisesRegex(ValueError, f"{message}. If ") as caught:
      image_batches.pixels(images)
    (advice,) = re.findall(r" give (.*)\.$", str(caught.exception))
    given = eval(advice, {"np": np, "images": images})
    np.testing.assert_array_equal(image_batches.pixels(given), self.pixels)

  @parameterized.named_parameters(
    ("int8", lambda x: (x - 128).astype(np.int8), "int8 of -128 to 127"),
    ("normalized", lambda x: x / 64 - 2, "float64 of -2 to 1.9"),
    ("larger", lambda x: x.astype(np.int64) * 258, "int64 of 0 to 65790"),
    (
      "nan",
      lambda x: np.where(x > 253, np.nan, x),
      "float64, of 256 values 2 NaN or infinite",
    ),
    (
      "infinite",
      lambda x: np.where(x > 254, np.inf, x),
      "float64, of 256 values 1 NaN or infinite",
    ),
  )
  def test_what_nothing_brings_back_is_refused(self, change, message):
    with self.assertRaisesRegex(ValueError, f"{message}.* as they were before"):
      image_batches.pixels(change(self.pixels))

  @parameterized.named_parameters(
    ("object", lambda x: None, "got object. Give arrays of pixels"),
    ("bool", lambda x: x > 9, "got bool. Give arrays of pixels"),
    ("empty", lambda x: [], "got float64. Give arrays of pixels"),
  )
  def test_what_has_no_pixels_is_refused(self, change, message):
    with self.assertRaisesRegex(ValueError, message):
      image_batches.pixels(change(self.pixels))


if __name__ == "__main__":
  absltest.main()
