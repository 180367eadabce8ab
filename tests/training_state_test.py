# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from ghn_tf.ghn import checkpoint
from ghn_tf.ghn import config as ghn_config
from ghn_tf.ghn import model
from ghn_tf.training import metadata as training_metadata
from ghn_tf.training import state as training_state
from tests import tiny_run


def open_run(workdir, init_checkpoint=None, **changes):
  return training_state.open_run(
    tiny_run.config(**changes), tiny_run.dataset(), workdir, init_checkpoint
  )


def fill_ghn(ghn: model.GHN, value: float) -> None:
  arrays = ghn.get_arrays()
  ghn.set_arrays({k: np.full_like(a, value) for k, a in arrays.items()})


def fill(state: training_state.TrainState, value: float) -> None:
  """Gives all weights a value, and their averages twice that."""
  fill_ghn(state.ghn, value)
  fill_ghn(state.averaged_ghn, 2 * value)


def value(ghn: model.GHN) -> float | None:
  """The value that all weights have, None if they differ."""
  arrays = ghn.get_arrays().values()
  values = {float(v) for a in arrays for v in (a.min(), a.max())}
  return values.pop() if len(values) == 1 else None


class SaveTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.workdir = self.create_tempdir().full_path
    self.state = open_run(self.workdir, keep_checkpoints=2)

  def test_everything_comes_back(self):
    state = self.state
    state.step, state.num_skipped, state.num_skipped_in_row = 7, 3, 1
    state.count_time(0.7, 1.3)
    state.count_update(loss=0.1, accuracy=1 / 3)
    rng = np.random.default_rng(0)
    for variable in state.optimizer.variables:
      if variable.shape.rank:  # the moments
        variable.assign(rng.standard_normal(variable.shape))
    state.optimizer.iterations.assign(4)
    fill(state, 0.3)
    training_state.save(state, self.workdir)
    again = open_run(self.workdir, keep_checkpoints=2)
    for name in (
      *("step", "num_skipped_in_row", "num_skipped"),
      *("seconds", "processor_seconds"),
    ):
      self.assertEqual(getattr(again, name), getattr(state, name))
    self.assertEqual(again.take_means(), {"loss": 0.1, "accuracy": 1 / 3})
    self.assertEqual(value(again.ghn), np.float32(0.3))
    self.assertEqual(value(again.averaged_ghn), np.float32(0.6))
    for a, b in zip(
      again.optimizer.variables, state.optimizer.variables, strict=True
    ):
      np.testing.assert_array_equal(a.numpy(), b.numpy())

  def test_the_newest_are_kept(self):
    for self.state.step in (8, 9, 10, 100):
      training_state.save(self.state, self.workdir)
    self.assertEqual(
      sorted(os.listdir(self.workdir)),
      ["checkpoint-00000010.npz", "checkpoint-00000100.npz"],
    )

  def test_the_best_is_kept_too(self):
    for self.state.step, accuracy in (
      *((8, 0.2), (9, 0.4), (10, 0.3), (11, 0.4), (12, np.nan)),
    ):
      is_best = self.state.remember_best(accuracy)
      self.assertEqual(is_best, self.state.step in (8, 9))
      training_state.save(self.state, self.workdir)
    self.assertEqual(
      sorted(os.listdir(self.workdir)),
      [f"checkpoint-{step:08d}.npz" for step in (9, 11, 12)],
    )
    again = open_run(self.workdir, keep_checkpoints=2)
    self.assertEqual((again.best_step, again.best_accuracy), (9, 0.4))

  def test_a_checkpoint_says_how_images_are_normalized(self):
    path = training_state.save(self.state, self.workdir)
    _, metadata = checkpoint.load(path)
    self.assertEqual(metadata["images"]["shape"], [8, 8, 3])
    np.testing.assert_array_equal(
      metadata["images"]["mean"], self.state.dataset.mean
    )
    self.assertEqual(metadata["format"], ghn_config.FORMAT)


class OpenRunTest(parameterized.TestCase):
  """Own checkpoint first, then --init_checkpoint, then a new hypernetwork."""

  def setUp(self):
    super().setUp()
    self.workdir = self.create_tempdir().full_path

  def _save(self, step: int, weights: float, workdir=None, **changes) -> str:
    workdir = workdir or self.workdir
    state = training_state.create(
      tiny_run.config(**changes), tiny_run.dataset()
    )
    state.step = step
    fill(state, weights)
    return training_state.save(state, workdir)

  def test_a_new_run_is_drawn_from_the_seed(self):
    states = [
      open_run(self.create_tempdir().full_path, seed=seed) for seed in (0, 0, 1)
    ]
    first, same, other = (list(s.ghn.get_arrays().values()) for s in states)
    self.assertTrue(all(map(np.array_equal, first, same)))
    self.assertFalse(all(map(np.array_equal, first, other)))
    self.assertEqual(states[0].step, 0)

  def test_init_checkpoint_gives_the_hypernetwork_alone(self):
    path = self._save(
      9, 0.5, self.create_tempdir().full_path, recipe="w8a8", seed=3
    )
    state = open_run(self.workdir, path)
    # It is the averages that are used.
    self.assertEqual(value(state.ghn), 1.0)
    self.assertEqual(value(state.averaged_ghn), 1.0)
    self.assertEqual(state.step, 0)

  def test_a_checkpoint_tells_its_ancestors(self):
    path = self._save(9, 0.5, self.create_tempdir().full_path, seed=3)
    _, first = checkpoint.load(path)
    self.assertEqual(first["ancestors"], [])
    workdirs = [self.create_tempdir().full_path for _ in range(2)]
    for workdir, step in zip(workdirs, (4, 6), strict=True):
      state = open_run(workdir, path)
      state.step = step
      path = training_state.save(state, workdir)
    state = open_run(workdirs[-1])  # goes on
    _, last = checkpoint.load(training_state.save(state, workdirs[-1]))
    self.assertEqual(
      [(run["training"]["seed"], run["step"]) for run in last["ancestors"]],
      [(3, 9), (0, 4)],
    )
    self.assertEqual(last["ancestors"][0]["images"], first["images"])
    self.assertEqual(
      training_metadata.lineage(last)[-1],
      {key: last[key] for key in ("training", "images", "step")},
    )

  def test_the_own_checkpoint_comes_before_init_checkpoint(self):
    path = self._save(9, 0.5, self.create_tempdir().full_path)
    self._save(2, 0.25)
    state = open_run(self.workdir, path)
    self.assertEqual(value(state.ghn), 0.25)
    self.assertEqual(state.step, 2)

  def test_init_checkpoint_may_be_a_workdir(self):
    other = self.create_tempdir().full_path
    for step, weights in ((2, 0.25), (4, 0.5)):
      self._save(step, weights, other)
    self.assertEqual(value(open_run(self.workdir, other).ghn), 1.0)

  def test_init_checkpoint_may_be_a_pretrained_one(self):
    path = pathlib.Path(self._save(2, 0.25, self.create_tempdir().full_path))
    path.rename(path.with_name("small.npz"))
    with mock.patch.object(checkpoint, "PRETRAINED_DIR", path.parent):
      self.assertEqual(checkpoint.pretrained_names(), ["small"])
      self.assertEqual(value(open_run(self.workdir, "small").ghn), 0.5)

  def test_a_checkpoint_that_is_not_of_a_run_is_refused(self):
    path = self._save(2, 0.25)
    arrays, metadata = checkpoint.load(path)
    del metadata["counters"]
    weights = {n: a for n, a in arrays.items() if n.startswith("ghn/")}
    checkpoint.save(path, weights, metadata)
    with self.assertRaisesRegex(
      checkpoint.CheckpointError,
      f"{path} holds .* another --workdir, and --init_checkpoint={path}",
    ):
      open_run(self.workdir)
    other = os.path.join(self.workdir, "other")
    self.assertEqual(value(open_run(other, path).ghn), 0.5)

  def _change(self, path: str, arrays=(), **metadata) -> None:
    """Writes a checkpoint again, without arrays and with other metadata."""
    kept, told = checkpoint.load(path)
    for prefix in arrays:
      kept = {n: a for n, a in kept.items() if not n.startswith(prefix)}
    checkpoint.save(path, kept, told | metadata)

  def _training(self, path: str, **changes):
    """The options of a checkpoint with changes; None is for none."""
    training = checkpoint.load(path)[1]["training"] | changes
    return {n: v for n, v in training.items() if n not in changes or v}

  @parameterized.parameters(
    # A run of a version without averages had no other weights than these.
    ("updated_ghn/", "lacks updated_ghn.* another --workdir"),
    ("optimizer/", "lacks optimizer.* another --workdir"),
    ("optimizer/003", "optimizer/003 is missing.* the checkpoint before"),
    ("ghn/encoder/gru/bias", "encoder/gru/bias is missing"),
  )
  def test_a_run_does_not_go_on_without_an_array(self, prefix, message):
    path = self._save(2, 0.25)
    self._change(path, [prefix])
    with self.assertRaisesRegex(
      checkpoint.CheckpointError, f"{path}.*{message}"
    ):
      open_run(self.workdir)

  def test_a_run_does_not_go_on_with_an_array_of_another_shape(self):
    path = self._save(2, 0.25)
    arrays, metadata = checkpoint.load(path)
    arrays["optimizer/001"] = np.zeros((2, 3), np.float32)
    checkpoint.save(path, arrays, metadata)
    with self.assertRaisesRegex(
      checkpoint.CheckpointError, r"optimizer/001 has shape \[2, 3\] instead of"
    ):
      open_run(self.workdir)

  def test_another_format_is_refused(self):
    path = self._save(2, 0.25)
    self._change(path, format="ghn_tf/99")
    for arguments in ([self.workdir], [f"{self.workdir}/new", path]):
      with self.assertRaisesRegex(
        checkpoint.CheckpointError, "format 'ghn_tf/99', expected 'ghn_tf/1'"
      ):
        open_run(*arguments)

  def test_an_option_that_a_checkpoint_lacks_has_its_default(self):
    path = self._save(2, 0.25)
    self._change(path, training=self._training(path, recipe=None))
    self.assertEqual(open_run(self.workdir).step, 2)
    with self.assertRaisesRegex(ValueError, "recipe is 'float' there and"):
      open_run(self.workdir, recipe="w4a4")

  def test_a_run_goes_on_as_before_there_was_an_option(self):
    path = self._save(2, 0.25, clip_network_norm=1e30)
    self._change(path, training=self._training(path, clip_network_norm=None))
    self.assertEqual(open_run(self.workdir, clip_network_norm=1e30).step, 2)
    with self.assertRaisesRegex(
      ValueError,
      r"clip_network_norm is 1e\+30 there and 1.0 here. Use the same",
    ):
      open_run(self.workdir)

  def test_an_option_of_a_later_version_is_refused_by_name(self):
    path = self._save(2, 0.25)
    training = self._training(path, width=3)
    run = training_metadata.lineage(checkpoint.load(path)[1])[0]
    for metadata in (
      {"training": training},
      {"ancestors": [run | {"training": training}]},
      {"ghn": checkpoint.load(path)[1]["ghn"] | {"width": 3}},
    ):
      later = self._save(2, 0.25, self.create_tempdir().full_path)
      self._change(later, **metadata)
      for arguments in ([os.path.dirname(later)], [self.workdir + "/a", later]):
        with self.assertRaisesRegex(
          checkpoint.CheckpointError, r"later version .*\['width'\] are unknown"
        ):
          open_run(*arguments)

  def test_opening_makes_no_folder(self):
    workdir = os.path.join(self.workdir, "run")
    open_run(workdir)
    with self.assertRaises(checkpoint.CheckpointError):
      open_run(workdir, "no_such.npz")
    self.assertEmpty(os.listdir(self.workdir))

  def test_a_file_is_no_workdir(self):
    path = self._save(2, 0.25)
    with self.assertRaisesRegex(ValueError, f"workdir '{path}' is a file"):
      open_run(path)

  def test_init_checkpoint_of_another_size_is_refused(self):
    path = self._save(9, 0.5, self.create_tempdir().full_path, hidden_dim=12)
    with self.assertRaisesRegex(
      ValueError, "hidden_dim is 12 .*and 8 here.*--init_c"
    ):
      open_run(self.workdir, path)

  def test_widths_may_grow(self):
    path = self._save(9, 0.5, self.create_tempdir().full_path)
    state = open_run(self.workdir, path, hidden_dim=16, kernel_features=256)
    _, arrays, _ = checkpoint.find(path)
    kernel = arrays["ghn/decoder/kernel/output_kernel"]
    for ghn in (state.ghn, state.averaged_ghn):
      larger = ghn.get_arrays()
      self.assertEqual(larger["encoder/gru/bias"].shape, (48,))
      grown = larger["decoder/kernel/output_kernel"]
      # A unit of 128 is two, between which what it gives is divided.
      np.testing.assert_allclose(grown[::2] + grown[1::2], kernel, rtol=1e-6)
    with self.assertRaisesRegex(ValueError, "kernel_features is 128 .* 200"):
      open_run(self.workdir, path, kernel_features=200)

  @parameterized.parameters(
    ({"recipe": "any"}, "encoder/bits_embedding"),
    ({"bits": True}, "encoder/bits_embedding"),
    ({"traits": True}, "encoder/trait_embedding"),
  )
  def test_what_begins_at_zero_may_be_added(self, changes, table):
    path = self._save(9, 0.5, self.create_tempdir().full_path)
    state = open_run(self.workdir, path, **changes)
    for ghn in (state.ghn, state.averaged_ghn):
      for name, array in ghn.get_arrays().items():
        expected = np.full_like(array, 0 if name == table else 1)
        np.testing.assert_array_equal(array, expected, name)
    # Its own checkpoint has the table, and is not to be begun with without.
    path = training_state.save(state, self.workdir)
    self.assertEqual(open_run(self.workdir, **changes).step, 0)
    with self.assertRaisesRegex(ValueError, "is True there and False here"):
      open_run(os.path.join(self.workdir, "other"), path)

  def test_a_missing_init_checkpoint_is_refused(self):
    with self.assertRaisesRegex(checkpoint.CheckpointError, "no checkpoint"):
      open_run(self.workdir, os.path.join(self.workdir, "none.npz"))

  def test_of_a_damaged_newest_the_one_before_is_used(self):
    self._save(2, 0.25)
    newest = pathlib.Path(self._save(4, 0.5))
    newest.write_bytes(newest.read_bytes()[:-100])
    with self.assertLogs("absl", "WARNING") as logs:
      state = open_run(self.workdir)
    self.assertIn(newest.name, logs.output[0])
    self.assertEqual(state.step, 2)
    self.assertEqual(value(state.ghn), 0.25)

  def test_only_damaged_ones_are_an_error(self):
    for step in (2, 4):
      pathlib.Path(self._save(step, 0.5)).write_bytes(b"PK")
    with self.assertRaisesRegex(
      checkpoint.CheckpointError, "None of .*0004.*0002.*can be read"
    ):
      open_run(self.workdir)

  def test_what_a_killed_save_left_is_no_checkpoint_and_removed(self):
    path = self._save(2, 0.25)
    with (  # ends before the file gets its name, and cannot clean up
      mock.patch.object(os, "replace", side_effect=KeyboardInterrupt),
      mock.patch.object(os, "unlink"),
      self.assertRaises(KeyboardInterrupt),
    ):
      self._save(3, 0.5)
    self.assertLen(os.listdir(self.workdir), 2)
    self.assertEqual(checkpoint.run_paths(self.workdir), [path])
    open_run(self.workdir)
    self.assertEqual(os.listdir(self.workdir), [os.path.basename(path)])

  @parameterized.parameters(
    ({"seed": 5}, "seed is 0 there and 5 here"),
    ({"recipe": "w4a4"}, "recipe is 'float' there and 'w4a4' here"),
    ({"hidden_dim": 12}, "hidden_dim is 8 there and 12 here"),
    ({"max_macs": 10}, "max_macs is None there and 10 here"),
    ({"schedule": "cosine"}, "schedule is 'constant' there and 'cosine' here"),
    (
      {"seed": 5, "meta_batch_size": 3},
      "seed is 0 .*, meta_batch_size is 2 there and 3 here.*--workdir",
    ),
  )
  def test_another_configuration_is_refused_by_name(self, changes, message):
    self._save(2, 0.25)
    with self.assertRaisesRegex(ValueError, message):
      open_run(self.workdir, **changes)

  def test_another_rhythm_of_logs_is_no_other_configuration(self):
    self._save(2, 0.25)
    state = open_run(self.workdir, log_every_steps=9, steps=100)
    self.assertEqual(state.step, 2)


if __name__ == "__main__":
  absltest.main()
