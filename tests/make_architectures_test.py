# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
import re

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.convnets250k import dataset
from ghn_tf.convnets250k import records
from ghn_tf.convnets250k import store
from ghn_tf.spaces import splits
from tests import programs


def _run(*flags: str):
  return programs.run_python("tools/make_architectures.py", *flags)


# Flags, separated by spaces, and the error that they give.
_BAD_INPUT = {
  "--data_dir=/tmp --max_macs=5": "--max_macs would change the published",
  "--draw=train-3 --max_macs=5 --output=/tmp/x.png": "--max_macs would change",
  "--data_dir=/tmp --name=../x": "A-Z, a-z, 0-9 and underscores",
  "--data_dir=/tmp --name=é": "a letter first, got 'é'",
  "--data_dir=/tmp --name=edge": "is that of a published data set",
  "--data_dir=/tmp --space=tiny": "'tiny' is not published; give your",
  "--space=edge": "Give --data_dir, the folder",
  "--name=mine --data_dir=/dev/null/x": "/dev/null/x",
  "--name=m --data_dir=/tmp --min_macs=9 --max_macs=8": (
    "needs 0 <= min_macs <= max_macs, got min_macs=9 and max_macs=8"
  ),
  "--name=m --data_dir=/tmp/m --max_nodes=15 --min_macs=29999999": (
    "max_nodes=15 refused .*min_macs=29999999 refused"
  ),
  "--name=m --data_dir=/tmp --image_shape=3,x": "got 3,x",
  "--name=m --data_dir=/tmp --image_shape=0,8,3": "positive sizes, got 0,8,3",
  "--data_dir=/tmp --runner=NoRunner": "Unexpected pipeline runner: NoRunner",
  "--data_dir=/tmp --runner=no.Runner": "--runner=no.Runner could not run",
  "--data_dir=/tmp --runner=FlinkRunner --workers=2": (
    "--workers=2 is for the DirectRunner; give FlinkRunner"
  ),
  "--draw=val-3": "--draw needs --output",
  "--draw=val-500 --output=/tmp/x.png": "val of edge has 500 architectures",
  "--draw=val-3 --output=/tmp/x.pdf": 'expected ".png" or ".svg"',
}
# Runs the program for each argument, and prints status and error.
_EACH = """
import json, sys
import contextlib, io
from absl import flags
from absl.testing import flagsaver
from ghn_tf.programs import make_architectures, program
flags.FLAGS(sys.argv[:1])
for argument in sys.argv[1:]:
  error = io.StringIO()
  with flagsaver.flagsaver(), contextlib.redirect_stderr(error):
    flags.FLAGS(["program", *json.loads(argument).split()])
    status = program.status(make_architectures.make_architectures, ["p"])
  print(json.dumps([status, error.getvalue()]))
"""


class MakeTest(parameterized.TestCase):
  def test_a_set_of_ones_own(self):
    folder = self.create_tempdir().full_path
    flags = [f"--data_dir={folder}", "--space=tiny", "--name=mine"]
    flags += ["--train=30", "--val=4", "--max_macs=900000", "--seed=5"]
    done = _run(*flags)
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertEmpty(done.stderr)
    self.assertStartsWith(done.stdout, "44 architectures")
    path = f"{folder}/convnets250k/mine/1.1.0"
    train = store.Store(path, "train")
    self.assertLen(train, 30)
    self.assertLessEqual(max(a.macs for a in train), 900_000)
    printed = re.findall(r"^(\w+) +sha256 (\w+)", done.stdout, re.MULTILINE)
    self.assertEqual(dict(printed)["train"], records.checksum(train.records()))
    self.assertEqual(
      {name for name, _ in printed}, {"train", "val", "test", "predefined"}
    )
    # What is published for evaluation stays unseen.
    published = {
      architecture.fingerprint
      for architectures in splits.collection("tiny").evaluation.values()
      for architecture in architectures
    }
    self.assertNoCommonElements({a.fingerprint for a in train}, published)

    again = _run(*flags)
    self.assertEqual(again.returncode, 1)
    self.assertIn(f"{path} exists; choose another --name", again.stderr)

    checked = _run(*flags, "--audit")
    self.assertEqual(checked.returncode, 0, checked.stderr)
    self.assertRegex(checked.stdout, r"\ntrain +30 +\d+( +0){4}\n")
    # Under a limit that it was not made with.
    checked = _run(*flags, "--max_macs=500000", "--audit")
    self.assertEqual(checked.returncode, 1)
    self.assertIn(f"{path} is not clean in ['train'", checked.stderr)

    picture = f"{folder}/mine.png"
    described = _run(*flags, "--describe", f"--output={picture}")
    self.assertEqual(described.returncode, 0, described.stderr)
    self.assertRegex(described.stdout, r"\ntrain +30 ")
    self.assertTrue(pathlib.Path(picture).read_bytes().startswith(b"\x89PNG"))

  @parameterized.parameters(
    ("tiny", "val-3", "tiny-val-3"),
    ("edge", "models.resnet:resnet8", "resnet8"),
  )
  def test_a_network_is_drawn(self, space, target, name):
    picture = self.create_tempdir().full_path + "/network.svg"
    done = _run(f"--space={space}", f"--draw={target}", f"--output={picture}")
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertIn(f"{name}: ", done.stdout)
    self.assertIn("<svg", pathlib.Path(picture).read_text())

  def test_bad_input(self):
    # All in one process: to start one takes longer than all of them.
    done = programs.run_python(
      "-c", _EACH, *(json.dumps(flags) for flags in _BAD_INPUT)
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    for (flags, message), (status, error) in zip(
      _BAD_INPUT.items(), results, strict=True
    ):
      with self.subTest(flags):
        self.assertEqual(status, 1)
        self.assertRegex(error, message)


class ChecksumsTest(absltest.TestCase):
  def test_published_splits_are_still_what_is_drawn(self):
    # Of train, which takes minutes, the first architectures are compared with
    # samples that do not change between versions, in space_test.
    for name in ("edge", "convnets"):
      checksums = dataset.checksums(name)
      collection = splits.collection(name)
      self.assertEqual(set(checksums), set(collection.sizes))
      for split, architectures in collection.evaluation.items():
        drawn = records.checksum(
          records.encode(architecture, index)
          for index, architecture in enumerate(architectures)
        )
        self.assertEqual(drawn, checksums[split])


if __name__ == "__main__":
  absltest.main()
