# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests of `ghn-finetune`, and of `ghn-to-tflite --trained`."""

import json
import os
import pathlib
from typing import Any

from absl.testing import absltest
from PIL import Image

from ghn_tf import data
from ghn_tf.edge import tflite
from tests import programs

_NETWORK: dict[str, Any] = {
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
    self._write_target(_NETWORK)
    self.output = os.path.join(self.folder, "model.keras")

  def _write_target(self, network: dict[str, Any]) -> None:
    with open(self.target, "w") as file:
      json.dump(network, file)

  def _run(self, program: str, *flags: str, dataset: str = data.SAMPLE) -> str:
    """Runs a program and returns what it writes on standard error."""
    done = programs.run_python(
      program, "--checkpoint=quickstart", f"--dataset={dataset}", *flags
    )
    lines = programs.foreign_lines(done.stderr)
    self.assertEmpty([line for line in lines if ": error: " not in line])
    return done.stderr

  def _finetune(self, *flags: str, **kwargs: str) -> str:
    return self._run(
      "tools/finetune.py", f"--output={self.output}", *flags, **kwargs
    )

  def _describe(self, name: str) -> dict[str, Any]:
    with open(os.path.join(self.folder, name)) as file:
      return json.load(file)

  def test_a_model_is_trained_and_becomes_a_file(self):
    self._finetune(f"--target={self.target}", "--recipe=w4a4", "--epochs=2")
    told = self._describe("model.finetuning.json")
    self.assertEqual(told["recipe"], "w4a4")
    self.assertEqual(told["config"]["epochs"], 2)
    self.assertEqual(told["start"], "predicted")
    self.assertLen(told["checkpoint_sha256"], 64)
    self.assertEqual(
      told["seconds"], sum(row["seconds"] for row in told["history"])
    )
    self.assertNotIn("model.training", os.listdir(self.folder))
    self.assertContainsSubset(
      {"train"}, os.listdir(os.path.join(self.folder, "model.tensorboard"))
    )
    file_path = os.path.join(self.folder, "model.tflite")
    self._run(
      "tools/to_tflite.py",
      f"--trained={self.output}",
      f"--output={file_path}",
    )
    description = self._describe("model.json")
    self.assertEqual(description["recipe"]["name"], "w4a4")
    # The file has the accuracy of the model, but for rare roundings: one image
    # of 500 is 0.2 points.
    self.assertAlmostEqual(
      description["accuracy"]["top1"], told["accuracy"]["after"], delta=0.02
    )
    with open(file_path, "rb") as file:
      tflite.Interpreter(file.read())
    error = self._run(
      "tools/to_tflite.py",
      f"--trained={self.output}",
      "--calibration_images=64",
      f"--output={self.folder}/other.tflite",
    )
    self.assertIn("--calibration_images=64 has no effect without", error)

  def test_pngs_in_folders_of_classes_of_another_size_and_number(self):
    sample = data.load(data.SAMPLE)
    images = os.path.join(self.folder, "images")
    for part in ("train", "test"):
      split = getattr(sample, part)
      for label in range(4):
        folder = pathlib.Path(images, part, f"class {label}")
        folder.mkdir(parents=True)
        chosen = split.images[split.labels == label][:50]
        for i, image in enumerate(chosen):
          Image.fromarray(image).save(folder / f"{i}.png")
    *nodes, last = _NETWORK["nodes"]
    nodes = [*nodes, {**last, "filters": 4}]
    self._write_target({**_NETWORK, "nodes": nodes})
    told = self._finetune(
      f"--target={self.target}",
      "--recipe=float",
      "--image_size=24",
      "--epochs=1",
      dataset=images,
    )
    self.assertIn("has 4 classes, the hypernetwork 10: its", told)
    trained = self._describe("model.finetuning.json")
    self.assertEqual(trained["accuracy"]["num_images"], 200)
    self.assertEqual([row["epoch"] for row in trained["history"]], [0, 1])
    # Of four classes; the fitted head is better than chance before training.
    self.assertGreater(trained["accuracy"]["before"], 0.3)
    self._run(
      "tools/to_tflite.py",
      f"--trained={self.output}",
      f"--output={self.folder}/model.tflite",
      dataset=images,
    )
    file = self._describe("model.json")
    self.assertEqual(file["recipe"]["name"], "w8a8")
    self.assertEqual(file["input"]["shape"], [1, 24, 24, 3])
    self.assertEqual(file["output"]["shape"], [1, 4])
    # One image of 200 is half a point; eight bits move few.
    self.assertAlmostEqual(
      file["accuracy"]["top1"], trained["accuracy"]["after"], delta=0.03
    )

  def test_wrong_flags_are_named(self):
    for flags, message in (
      ((), "Give either --target"),
      (("--start=warm", f"--target={self.target}"), "got 'warm'"),
      ((f"--target={self.target}", "--recipe=w9a9"), "recipe 'w9a9'"),
      ((f"--start={self.target}.keras",), "No such file"),
      # Before the target is looked for, and TensorFlow imported.
      (
        ("--target=nothing.json", "--learning_rate=0"),
        "--learning_rate must be positive and finite, got 0.0",
      ),
      (
        ("--start=model.keras", "--image_size=24"),
        "--image_size=24 has no effect without --target",
      ),
      (
        (f"--target={self.target}", "--head_images=64"),
        "--head_images=64 has no effect without --head=fit",
      ),
    ):
      with self.subTest(flags):
        self.assertIn(message, self._finetune(*flags))
        self.assertFalse(os.path.exists(self.output))


if __name__ == "__main__":
  absltest.main()
