# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What `predictor.load` takes, and what it says of the rest."""

import pathlib

from absl.testing import absltest

from ghn_tf import predictor as predictor_lib
from ghn_tf.ghn import checkpoint
from tests import small_run


class LoadTest(absltest.TestCase):
  def test_missing_checkpoint(self):
    with self.assertRaisesRegex(
      checkpoint.CheckpointError, "no checkpoint 'nowhere'"
    ):
      predictor_lib.load("nowhere")

  def test_folder_without_checkpoints(self):
    with self.assertRaisesRegex(
      checkpoint.CheckpointError, "has no checkpoints"
    ):
      predictor_lib.load(self.create_tempdir().full_path)

  def test_no_name_is_no_checkpoint(self):
    with self.assertRaisesRegex(
      checkpoint.CheckpointError, "no checkpoint ''.*'quickstart'"
    ):
      predictor_lib.load("")

  def test_what_is_no_string_is_no_checkpoint(self):
    for source in (None, 3, b"quickstart", ["quickstart"]):
      with self.assertRaises(checkpoint.CheckpointError) as caught:
        predictor_lib.load(source)
      self.assertStartsWith(
        str(caught.exception), f"There is no checkpoint {source!r}: expected"
      )

  def test_a_path_is_taken_as_a_string(self):
    folder = self.create_tempdir().full_path
    small_run.make(folder)
    for source in (folder, "quickstart"):
      self.assertEqual(
        predictor_lib.load(pathlib.Path(source)).metadata,
        predictor_lib.load(source).metadata,
      )

  def test_what_a_checkpoint_must_tell_is_named(self):
    path = small_run.make(self.create_tempdir().full_path)
    arrays, told = checkpoint.load(path)
    training = told["training"]
    for changes, message in (
      ({"images": None}, "lack images.mean, images.shape, images.std"),
      ({"training": {"space": "edge"}}, "lack training.dataset"),
      ({"format": "ghn_tf/99"}, "format 'ghn_tf/99', expected 'ghn_tf/1'"),
      ({"training": training | {"width": 3}}, r"later version.*\['width'\]"),
      ({"training": training | {"space": "wide"}}, "later version.*'wide'"),
    ):
      checkpoint.save(path, arrays, told | changes)
      with self.assertRaisesRegex(
        checkpoint.CheckpointError, message
      ) as caught:
        predictor_lib.load(path)
      self.assertIn(path, str(caught.exception))

  def test_an_option_that_a_checkpoint_lacks_has_its_default(self):
    path = small_run.make(self.create_tempdir().full_path)
    arrays, told = checkpoint.load(path)
    del told["training"]["quantization_mode"]
    checkpoint.save(path, arrays, told)
    predictor = predictor_lib.load(path)
    (architecture,) = predictor.split("val", 1)
    self.assertTrue(predictor.is_unseen(architecture))

  def test_truncated_checkpoint(self):
    path = pathlib.Path(small_run.make(self.create_tempdir().full_path))
    path.write_bytes(path.read_bytes()[:5000])
    with self.assertRaisesRegex(checkpoint.CheckpointError, path.name):
      predictor_lib.load(str(path))


if __name__ == "__main__":
  absltest.main()
