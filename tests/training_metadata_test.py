# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import copy
import dataclasses
import re
from typing import Any

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.ghn import checkpoint
from ghn_tf.ghn import config as ghn_config
from ghn_tf.training import config as training_config
from ghn_tf.training import metadata as training_metadata

_RUN = {
  "step": 7,
  "training": dataclasses.asdict(training_config.TrainConfig()),
  "images": {"shape": [32, 24, 3], "mean": [0.5, 0, 1], "std": [0.2, 1, 1e-6]},
}
_METADATA: dict[str, Any] = {
  **_RUN,
  "format": ghn_config.FORMAT,
  "ghn": dataclasses.asdict(ghn_config.GhnConfig()),
  "seconds": 1.5,
  "processor_seconds": 2,
  "ancestors": [copy.deepcopy(_RUN)],
  "counters": {
    "step": 7,
    "num_skipped": 1,
    "num_skipped_in_row": 0,
    "num_oversized": 0,
    "best_step": None,
    "best_accuracy": 0.25,
    "sums": {"loss": -1.5},
    "num_summed": 2,
  },
}

_WRONG: tuple[Any, ...] = (
  *(None, True, -1, 10**600, 1e999, "x"),
  *([], [[]], {}, {"": 1}),
)


def changed(name: str, value: Any) -> checkpoint.Metadata:
  """The metadata with another value of an entry; "0" is for the ancestor."""
  metadata = copy.deepcopy(_METADATA)
  *parts, last = name.split(".")
  place: Any = metadata
  for part in parts:
    place = place[int(part) if part.isdecimal() else part]
  place[last] = value
  return metadata


class CheckTest(parameterized.TestCase):
  def test_what_training_writes_is_taken(self):
    training_metadata.check("a.npz", _METADATA)
    training_metadata.check("a.npz", changed("counters.best_step", 4))

  def test_what_imported_weights_tell_is_taken(self):
    metadata = changed("training", {"dataset": "cifar10"})
    for name in ("ancestors", "counters", "seconds", "processor_seconds"):
      del metadata[name]
    training_metadata.check("a.npz", metadata)
    self.assertFalse(training_metadata.is_told(metadata))

  @parameterized.parameters(
    ("ancestors", None),
    ("ancestors", [3]),
    ("ancestors", "abc"),
    ("ancestors", {}),
    *(("step", value) for value in ("x", -5, None, 10**15, 1.5, True)),
    ("ancestors.0.step", None),
    *(
      ("images.shape", value)
      for value in ([32], [32, 32, "3"], "abc", None, [0, 1, 1], [1 << 20] * 3)
    ),
    *(("images.mean", value) for value in (["a", 1, 1], [1, 1], [0, 0, 1.5])),
    *(("images.std", value) for value in (None, [0, 0, 0], [1, 1, 1e999])),
    ("ancestors.0.images.std", [1, 1, -1]),
    ("training.dataset", 7),
    *(("seconds", value) for value in ("1", -1, 1e999, True)),
    ("counters", None),
    ("counters.best_step", "x"),
    ("counters.best_accuracy", None),
    ("counters.sums", {"loss": "x"}),
    ("counters.sums", {"loss": -1e999}),
    ("counters.num_summed", 0.5),
  )
  def test_a_value_that_is_none_is_told_with_what_is_expected(
    self, name, value
  ):
    with self.assertRaises(checkpoint.CheckpointError) as caught:
      training_metadata.check("a.npz", changed(name, value))
    told = name.replace(".0.", "[0].")
    self.assertRegex(
      str(caught.exception),
      rf"^a\.npz is damaged: in its metadata {re.escape(told)} is"
      rf" {re.escape(repr(value))}, expected .+\.$",
    )

  @parameterized.parameters(
    *(("architectures", 5), ("seed", 10**30), ("seed", "0"), ("bits", 1)),
    *(("learning_rate", True), ("meta_batch_size", 0), ("recipe", ["w8a8"])),
  )
  def test_an_option_of_another_type_is_named(self, name, value):
    for run in ("training", "ancestors.0.training"):
      with self.assertRaisesRegex(
        checkpoint.CheckpointError, rf"^a\.npz is damaged .* {name} must be"
      ):
        training_metadata.check("a.npz", changed(f"{run}.{name}", value))

  @parameterized.parameters(
    ("images", None, "lack images.mean, images.shape, images.std;"),
    ("ancestors.0.training", [], r"lack ancestors\[0\]\.training\.dataset;"),
  )
  def test_what_is_lacking_is_named(self, name, value, message):
    with self.assertRaisesRegex(checkpoint.CheckpointError, message):
      training_metadata.check("a.npz", changed(name, value))

  def test_whatever_an_entry_is_only_this_error_is_raised(self):
    names = [*_METADATA]
    for part in ("training", "images", "counters", "ghn"):
      names += [f"{part}.{name}" for name in _METADATA[part]]
    for name in names:
      for value in _WRONG:
        try:
          training_metadata.check("a.npz", changed(name, value))
        except checkpoint.CheckpointError:
          continue


if __name__ == "__main__":
  absltest.main()
