# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of `ghn-finetune`, and of `ghn-to-tflite --trained`."""

import json
import os

from absl.testing import absltest

from ghn_tf.edge import tflite
from tests import programs

_NETWORK = {
  "name": "small",
  "input_shape": [32, 32, 3],
  "nodes": [
    {"name": "image", "op": "input", "inputs": []},
    {
      "name": "conv",
      "op": "conv",
      "inputs": ["image"],
      "filters": 8,
      "kernel": [3, 3],
      "strides": [4, 4],
    },
    {"name": "relu", "op": "relu", "inputs": ["conv"]},
    {"name": "mean", "op": "global_avg_pool", "inputs": ["relu"]},
    {
      "name": "logits",
      "op": "dense",
      "inputs": ["mean"],
      "filters": 10,
      "use_bias": True,
    },
  ],
}


class FinetuneTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.target = os.path.join(self.folder, "small.json")
    with open(self.target, "w") as file:
      json.dump(_NETWORK, file)
    self.output = os.path.join(self.folder, "model.keras")

  def _run(self, program: str, *flags: str) -> str:
    """Runs a program and returns what it writes on standard error."""
    done = programs.run_python(
      program, "--checkpoint=quickstart", "--dataset=cifar10_sample", *flags
    )
    lines = programs.foreign_lines(done.stderr)
    self.assertEmpty([line for line in lines if ": error: " not in line])
    return done.stderr

  def _finetune(self, *flags: str) -> str:
    return self._run("tools/finetune.py", f"--output={self.output}", *flags)

  def test_a_model_is_trained_and_becomes_a_file(self):
    self._finetune(f"--target={self.target}", "--recipe=w4a4", "--epochs=2")
    with open(os.path.join(self.folder, "model.finetuning.json")) as file:
      told = json.load(file)
    self.assertEqual(told["recipe"], "w4a4")
    self.assertEqual(told["config"]["epochs"], 2)
    self.assertNotIn("model.training", os.listdir(self.folder))
    file_path = os.path.join(self.folder, "model.tflite")
    self._run(
      "tools/to_tflite.py",
      f"--trained={self.output}",
      f"--output={file_path}",
    )
    with open(os.path.join(self.folder, "model.json")) as file:
      description = json.load(file)
    self.assertEqual(description["recipe"]["name"], "w4a4")
    # The file has the accuracy of the model, but for rare roundings: one image
    # of 500 is 0.2 points.
    self.assertAlmostEqual(
      description["accuracy"]["top1"], told["accuracy"]["after"], delta=0.02
    )
    with open(file_path, "rb") as file:
      tflite.Interpreter(file.read())

  def test_wrong_flags_are_named(self):
    for flags, message in (
      ((), "Give either --target"),
      (("--start=warm", f"--target={self.target}"), "got 'warm'"),
      ((f"--target={self.target}", "--recipe=w9a9"), "recipe 'w9a9'"),
      ((f"--start={self.target}.keras",), "No such file"),
    ):
      with self.subTest(flags):
        self.assertIn(message, self._finetune(*flags))
        self.assertFalse(os.path.exists(self.output))


if __name__ == "__main__":
  absltest.main()
