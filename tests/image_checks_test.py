# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import re

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from ghn_tf import image_checks


class PixelsTest(parameterized.TestCase):
  pixels = np.arange(256, dtype=np.uint8).reshape(2, 8, 8, 2)

  @parameterized.named_parameters(
    ("array", lambda x: x),
    ("arrays", lambda x: [*x]),
    ("values", lambda x: [[[[*w] for w in h] for h in image] for image in x]),
  )
  def test_images_of_bytes_are_taken(self, change):
    taken = image_checks.pixels(change(self.pixels))
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
      image_checks.pixels(images)
    (advice,) = re.findall(r" give (.*)\.$", str(caught.exception))
    given = eval(advice, {"np": np, "images": images})
    np.testing.assert_array_equal(image_checks.pixels(given), self.pixels)

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
      image_checks.pixels(change(self.pixels))

  @parameterized.named_parameters(
    ("object", lambda x: None, "got object. Give arrays of pixels"),
    ("bool", lambda x: x > 9, "got bool. Give arrays of pixels"),
    ("empty", lambda x: [], r"no images.*an empty array of shape \[0\]"),
  )
  def test_what_has_no_pixels_is_refused(self, change, message):
    with self.assertRaisesRegex(ValueError, message):
      image_checks.pixels(change(self.pixels))


class NormalizedTest(parameterized.TestCase):
  @parameterized.parameters(np.float16, np.float32, np.float64)
  def test_floats_of_the_shape_are_taken(self, dtype):
    for images in (
      np.zeros((2, 8, 8, 3), dtype),
      tf.zeros((2, 8, 8, 3), dtype),
    ):
      image_checks.check_normalized("It", images, (8, 8, 3))

  @parameterized.parameters(np.uint8, np.int8, np.int32, np.int64, np.bool_)
  def test_pixels_are_refused(self, dtype):
    for images in (
      np.zeros((2, 8, 8, 3), dtype),
      tf.zeros((2, 8, 8, 3), dtype),
    ):
      with self.assertRaisesRegex(
        ValueError,
        rf"^It takes normalized .* got {np.dtype(dtype).name}; .*ghn.normalize",
      ):
        image_checks.check_normalized("It", images, (8, 8, 3))

  @parameterized.parameters(
    ((0, 8, 8, 3),), ((8, 8, 3),), ((2, 8, 8, 1),), ((2, 4, 4, 3),), ((3,),)
  )
  def test_another_shape_is_refused(self, shape):
    for images in (np.zeros(shape, np.float32), tf.zeros(shape)):
      with self.assertRaisesRegex(
        ValueError,
        r"^It takes images of shape \[number, 8, 8, 3\], one or more; got"
        f" {re.escape(str(list(shape)))}",
      ):
        image_checks.check_normalized("It", images, (8, 8, 3))


if __name__ == "__main__":
  absltest.main()
