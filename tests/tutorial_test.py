# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/tutorial.md one after the other, on fewer images."""

import json
import pathlib
import shlex

from absl.testing import absltest
import pytest

from tests import documents
from tests import programs
from tests import reference_data

_PAGE = "docs/tutorial.md"
# Settings with which a command is done in seconds.
_SMALL = {
  "draw_images.py": "",
  "ghn_tf.train": (
    "--ghn=edge --hidden_dim=8 --steps=1 --meta_batch_size=1"
    " --image_batch_size=4 --evaluation_architectures=1 --evaluation_images=8"
  ),
  "tools/emulate.py": "--targets=file",
  "tools/finetune.py": "--checkpoint=quickstart --epochs=2",
  "tools/make_architectures.py": "",
  "tools/search.py": (
    "--max_latency_ms=1000 --num_candidates=6 --num_probes=3 --num_refined=0"
    " --num_confirmed=2 --workers=1"
  ),
  "tools/to_tflite.py": "",
}


@pytest.mark.large
class TutorialTest(absltest.TestCase):
  def test_images_become_a_file_with_what_it_costs(self):
    folder = pathlib.Path(self.create_tempdir().full_path)
    (folder / "tools").symlink_to(reference_data.ROOT / "tools")
    draw, network = documents.blocks(_PAGE, "python")
    (folder / "draw_images.py").write_text(draw)
    (folder / "my_network.py").write_text(network)
    for command in documents.commands(_PAGE):
      python, *arguments = shlex.split(command)
      self.assertEqual(python, "python")
      program = arguments[arguments[0] == "-m"]
      if program == "draw_images.py":
        self.assertEqual(arguments[1:], ["my_images", "200"])
        arguments[2] = "24"
      done = programs.run_python(
        *arguments, *_SMALL[program].split(), folder=folder
      )
      self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
    fitted, trained, file, report, predicted = (
      json.loads((folder / name).read_text())
      for name in (
        *("fitted.json", "shapes.finetuning.json"),
        *("shapes.json", "shapes.report.json", "predicted.json"),
      )
    )
    for description in (fitted, file):
      self.assertEqual(description["input"]["shape"], [1, 28, 28, 1])
      self.assertEqual(description["output"]["shape"], [1, 8])
      self.assertEqual(description["recipe"]["name"], "w4a8")
    # Of eight classes, on 40 images.
    self.assertEqual(fitted["head"]["used"], "fit")
    self.assertGreater(fitted["accuracy"]["top1"], 0.3)
    self.assertFalse(trained["config"]["flip"])
    self.assertAlmostEqual(
      file["accuracy"]["top1"], trained["accuracy"]["after"], delta=0.05
    )
    self.assertTrue(report)
    found = json.loads((folder / "found" / "search.json").read_text())
    networks = found["networks"]
    self.assertNotEmpty([row for row in networks if "varied" in row])
    # Which may be better than all that was varied.
    written = [
      row["name"] for row in networks if row["is_in_front"] or "is_own" in row
    ]
    self.assertIn("shapes", written)
    files = [path.stem for path in folder.glob("found/*.tflite")]
    self.assertCountEqual(files, written)
    self.assertEqual(predicted["head"]["used"], "predict")
    self.assertEqual(predicted["head"]["top1"].keys(), {"fit", "predict"})


if __name__ == "__main__":
  absltest.main()
