# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import io
import os
import pathlib
import struct
from typing import Any
import zlib

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from PIL import Image

from ghn_tf import data
from ghn_tf import image_files


def _digit(number: int, size: int = 12) -> np.ndarray:
  """Returns a bar for each of a number, on a ground of its own, uint8."""
  image = np.full((size, size, 3), 10 * number, np.uint8)
  for bar in range(number):
    image[:, 3 * bar + 1] = 200
  return image


def _png(array: np.ndarray, mode: str | None = None) -> bytes:
  content = io.BytesIO()
  image = Image.fromarray(array)
  (image.convert(mode) if mode else image).save(content, "PNG")
  return content.getvalue()


class WrongFilesTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def test_pipes_are_no_images(self):
    for name, image in (("0", "a.png"), ("1", "b.png")):
      (self.folder / name).mkdir()
      os.mkfifo(self.folder / name / image)
    with self.assertRaisesRegex(ValueError, "a.png' is a pipe or a device"):
      image_files.read_folder(str(self.folder), None, 1 << 20)

  def test_a_class_without_images_is_named(self):
    for name in "01":
      (self.folder / name).mkdir()
    with self.assertRaisesRegex(
      ValueError, "/0' .* no images; put some in, or"
    ):
      image_files.read_folder(str(self.folder), None, 1 << 20)

  def test_pipes_are_no_arrays(self):
    os.mkfifo(path := self.folder / "images.npz")
    with self.assertRaisesRegex(ValueError, "images.npz' is a pipe or a"):
      image_files.read_arrays(str(path), None, 1 << 20)


class FolderTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)

  def _write(self, name: str, content: bytes) -> None:
    path = self.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)

  def _write_digits(self, prefix: str = "", number: int = 20) -> None:
    for label, name in enumerate(("one", "three", "two")):
      for i in range(number):
        image = _digit([1, 3, 2][label])
        image[0, 0] = i  # which tells it from the others
        self._write(f"{prefix}{name}/{i:02d}.png", _png(image))

  def _load(self, **arguments: Any) -> data.Dataset:
    return data.load(str(self.folder), **arguments)

  def test_sub_folders_are_classes_and_parts_are_drawn_of_each(self):
    self._write_digits()
    dataset = self._load()
    self.assertEqual(
      (dataset.num_classes, dataset.image_shape), (3, (12, 12, 3))
    )
    for part, number in (("test", 4), ("validation", 2), ("train", 14)):
      own = getattr(dataset, part)
      np.testing.assert_array_equal(np.bincount(own.labels), [number] * 3)
      grounds = np.array([10, 30, 20])[own.labels]
      np.testing.assert_array_equal(own.images[:, -1, 0, 0], grounds)
    every = [*dataset.train.images, *dataset.validation.images]
    every = [image.tobytes() for image in [*every, *dataset.test.images]]
    self.assertLen(set(every), 60)
    again = self._load()
    np.testing.assert_array_equal(again.test.images, dataset.test.images)
    self.assertTrue(data.is_at_hand(str(self.folder)))

  def test_folders_of_train_and_test_are_the_parts(self):
    self._write_digits("train/")
    self._write_digits("test/", 3)
    dataset = self._load(image_size=6)
    self.assertEqual((len(dataset.train), len(dataset.test)), (54, 9))
    self.assertEqual(dataset.image_shape, (6, 6, 3))

  def test_pngs_of_the_sample_are_the_sample(self):
    sample = data.load(data.SAMPLE)
    for part in ("train", "test"):
      split = getattr(sample, part)
      for i in range(60):
        name = f"{part}/{split.labels[i]}/{i:03d}.png"
        self._write(name, _png(split.images[i]))
    dataset = self._load()
    expected = {image.tobytes() for image in sample.test.images[:60]}
    self.assertEqual({i.tobytes() for i in dataset.test.images}, expected)

  @parameterized.named_parameters(
    ("gray", "L", np.uint8, 1),
    ("gray_alpha", "LA", np.uint8, 1),
    ("deep", None, np.uint16, 1),
    ("alpha", "RGBA", np.uint8, 3),
    ("palette", "P", np.uint8, 3),
    ("bits", "1", np.uint8, 1),
  )
  def test_all_kinds_of_pixels_are_read(self, mode, dtype, channels):
    pixels = np.zeros((4, 4), dtype)
    pixels[:, 2:] = np.iinfo(dtype).max
    for i in range(40):
      self._write(f"{'ab'[i % 2]}/{i}.png", _png(pixels, mode))
    dataset = self._load()
    self.assertEqual(dataset.image_shape, (4, 4, channels))
    expected = np.array([0, 0, 255, 255])[np.newaxis, :, np.newaxis]
    np.testing.assert_array_equal(
      dataset.train.images,
      np.broadcast_to(expected, dataset.train.images.shape),
    )

  def test_gray_among_colors_gets_their_channels(self):
    self._write_digits()
    self._write("one/gray.png", _png(_digit(1), "L"))
    self.assertEqual(self._load().image_shape, (12, 12, 3))

  def test_other_sizes_need_an_image_size(self):
    self._write_digits()
    self._write("one/large.png", _png(_digit(1, 24)))
    with self.assertRaisesRegex(ValueError, "differ in size; .*--image_size"):
      self._load()
    self.assertEqual(self._load(image_size=(12, 8)).image_shape, (12, 8, 3))

  @parameterized.named_parameters(
    ("text", "one/a.png", b"no image", "a.png' is damaged, or no image"),
    ("cut", "one/a.png", _png(_digit(1))[:-40], "a.png' is damaged"),
    ("kind", "one/notes.txt", b"", "notes.txt' is none of .bmp"),
    ("empty", "four/.hidden", b"", "four' of a class has no images"),
  )
  def test_what_is_wrong_is_named(self, name, content, message):
    self._write_digits()
    self._write(name, content)
    with self.assertRaisesRegex(ValueError, message):
      self._load()

  def test_images_that_claim_to_be_huge_are_not_decoded(self):
    self._write_digits()
    for side in (8193, 1 << 30):
      head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
      chunk = b"IHDR" + head
      sized = (
        struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
      )
      body = b"\x89PNG\r\n\x1a\n" + sized + _png(_digit(1))[33:]
      self._write("one/bomb.png", body)
      with self.assertRaisesRegex(ValueError, "bomb.png' (has|is damaged)"):
        self._load(image_size=4)

  def test_memory_is_bounded_before_anything_is_decoded(self):
    self._write_digits()
    self._load(max_bytes=60 * 12 * 12 * 3)
    with self.assertRaisesRegex(ValueError, "60 images .* smaller image_size"):
      self._load(max_bytes=60 * 12 * 12 * 3 - 1)

  def test_parts_are_train_and_test_alone(self):
    for part in ("train/", "val/"):
      self._write_digits(part, 3)
    with self.assertRaisesRegex(
      ValueError, r"\['train', 'val'\], expected .*; name one 'test' and move"
    ):
      self._load()

  def test_classes_of_test_are_those_of_train(self):
    self._write_digits("train/")
    self._write("test/one/a.png", _png(_digit(1)))
    with self.assertRaisesRegex(ValueError, "test' has the sub-folders .'one'"):
      self._load()

  def test_mutated_images_are_read_or_refused(self):
    self._write_digits(number=10)
    rng = np.random.default_rng(0)
    jpeg = io.BytesIO()
    Image.fromarray(_digit(2)).save(jpeg, "JPEG")
    for content in (_png(_digit(1)), jpeg.getvalue()):
      for _ in range(60):
        changed = bytearray(content)
        for place in rng.integers(len(changed), size=3):
          changed[place] = rng.integers(256)
        self._write("one/mutated.png", bytes(changed))
        try:
          self._load(image_size=4)
        except ValueError as error:
          self.assertIn("mutated.png", str(error))


class ArraysTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.path = pathlib.Path(self.create_tempdir().full_path, "digits.npz")
    labels = np.arange(60) % 3
    self.arrays = {
      "images": np.stack([_digit(label + 1) for label in labels]),
      "labels": labels,
    }

  def _load(self, **arguments: Any) -> data.Dataset:
    np.savez_compressed(self.path, **self.arrays)
    return data.load(str(self.path), **arguments)

  def test_images_and_labels(self):
    dataset = self._load(image_size=6)
    self.assertEqual((dataset.num_classes, dataset.image_shape), (3, (6, 6, 3)))
    self.assertEqual((len(dataset.train), len(dataset.test)), (42, 12))

  def test_keras_names_tell_the_parts(self):
    images, labels = self.arrays["images"], self.arrays["labels"][:, np.newaxis]
    self.arrays = {
      "x_train": images[..., 0],
      "y_train": labels.astype(np.uint8),
      "x_test": images[:9, ..., 0],
      "y_test": labels[:9].astype(np.uint8),
    }
    dataset = self._load()
    self.assertEqual(dataset.image_shape, (12, 12, 1))
    np.testing.assert_array_equal(
      dataset.test.images, images[:9, ..., :1], "their order is kept"
    )

  def test_16_bits_are_scaled(self):
    images = self.arrays["images"].astype(np.uint16) * 257
    expected = self._load()
    self.arrays["images"] = images
    np.testing.assert_array_equal(
      self._load().train.images, expected.train.images
    )

  @parameterized.named_parameters(
    ("names", {"images": None}, r"has the arrays \['labels'\], expected"),
    (
      "floats",
      {"images": np.zeros((60, 4, 4))},
      r"float64 .*; scale .*astype\('uint8'\)\.",
    ),
    (
      "channels_first",
      {"images": np.zeros((60, 3, 8, 8), np.uint8)},
      r"\[60, 3, 8, 8\]; give images.transpose\(0, 2, 3, 1\)",
    ),
    (
      "too_few",
      {"images": np.zeros((2, 4, 4), np.uint8), "labels": np.arange(2)},
      "expected some of each; give more",
    ),
    ("few", {"labels": np.zeros(3, int)}, r"each of 60 images; got int64 of"),
    ("gap", {"labels": np.arange(60) % 2 * 2}, r"of the classes \[1\] of 3"),
    ("objects", {"labels": np.array([None] * 60)}, "of object, expected num"),
    (
      "negative",
      {"labels": np.arange(60) - 1},
      r"from 0 on, .* shape \[60\], -1 to 58",
    ),
  )
  def test_what_is_wrong_is_named(self, changes, message):
    arrays = {**self.arrays, **changes}
    self.arrays = {k: v for k, v in arrays.items() if v is not None}
    with self.assertRaisesRegex(ValueError, message):
      self._load()

  def test_what_is_damaged_is_refused(self):
    self._load()
    content = self.path.read_bytes()
    for size in (0, 10, len(content) // 2):
      self.path.write_bytes(content[:size])
      with self.assertRaisesRegex(ValueError, "digits.npz' is damaged"):
        data.load(str(self.path))
    np.savez_compressed(self.path, **self.arrays)
    damaged = bytearray(self.path.read_bytes())
    damaged[60:64] = b"\xff\xff\xff\xff"  # within the first stream
    self.path.write_bytes(damaged)
    with self.assertRaisesRegex(ValueError, "digits.npz' is damaged"):
      data.load(str(self.path))

  def test_memory_is_bounded(self):
    with self.assertRaisesRegex(ValueError, "at most 8 are read|bound of"):
      self._load(max_bytes=4)


class HoldOutTest(absltest.TestCase):
  def test_is_of_each_class_and_always_the_same(self):
    labels = np.repeat([0, 1], [50, 10])
    rest, held_out = image_files.hold_out(labels, 0.1)
    np.testing.assert_array_equal(np.bincount(labels[held_out]), [5, 1])
    self.assertCountEqual([*rest, *held_out], range(60))
    np.testing.assert_array_equal(image_files.hold_out(labels, 0.1)[0], rest)


if __name__ == "__main__":
  absltest.main()
