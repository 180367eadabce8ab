# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
import os
import pathlib
import tempfile
from typing import Any

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
from PIL import Image

import ghn_tf
from ghn_tf import data
from ghn_tf import predictor as predictor_lib
from ghn_tf.edge import tflite
from tests import programs
from tests import small_run


def _architecture(size: int = 32, **changes: dict[str, Any]) -> str:
  """Returns JSON of a network for images, with changes in its nodes."""
  nodes: dict[str, dict[str, Any]] = {
    "image": {"op": "input", "inputs": []},
    "conv": {"op": "conv", "inputs": ["image"], "filters": 4},
    "relu": {"op": "relu", "inputs": ["conv"]},
    "mean": {"op": "global_avg_pool", "inputs": ["relu"]},
    "logits": {"op": "dense", "inputs": ["mean"], "filters": 10},
  }
  return json.dumps(
    {
      "name": "written",
      "input_shape": [size, size, 3],
      "nodes": [
        {"name": name, **node, **changes.get(name, {})}
        for name, node in nodes.items()
      ],
    }
  )


class ToTfliteTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    cls.folder = pathlib.Path(folder.name)
    cls.checkpoint = small_run.make(str(cls.folder))

  def _run(self, *, target="models.resnet:resnet8", output="net.tflite", **kw):
    flags = {"checkpoint": self.checkpoint, "target": target, **kw}
    return programs.run_python(
      "tools/to_tflite.py",
      f"--output={self.folder / output}",
      *(f"--{name}={value}" for name, value in flags.items()),
    )

  def test_writes_an_integer_file_and_its_description(self):
    done = self._run(
      recipe="w4a8",
      output="w4a8.tflite",
      pack_int4=False,
      emulate="file,edgetpu",
      emulate_images=20,
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertEmpty(programs.foreign_lines(done.stderr))
    content = (self.folder / "w4a8.tflite").read_bytes()
    self.assertEmpty(tflite.float_operators(content))
    described = json.loads((self.folder / "w4a8.json").read_text())
    self.assertEqual(described["sha256"], hashlib.sha256(content).hexdigest())
    self.assertEqual(described["bytes"], len(content))
    self.assertEqual(described["recipe"]["weights"]["num_bits"], 4)
    self.assertEqual(
      described["input"]["scale"], tflite.Interpreter(content).input_scale
    )
    self.assertEqual(described["accuracy"]["num_images"], 500)
    difference = described["difference"]
    self.assertBetween(difference["mean_lsb"], 0, difference["max_lsb"])
    head = described["head"]
    self.assertEqual((head["used"], head["num_images"]), ("predict", 900))
    # Nothing was learnt yet, but a classifier can be fitted to any trunk.
    self.assertGreater(head["top1"]["fit"], head["top1"]["predict"] + 0.05)
    for name in ("fit", "predict"):
      told = f"{100 * head['top1'][name]:.1f} % with --head={name}."
      self.assertIn(told, done.stderr)
    self.assertEmpty(described["errors"])
    sizes, edgetpu = described["reports"]
    self.assertEqual(sizes["flash_bytes"], len(content))
    # Packed kernels are not for that chip, but the same codes in bytes are.
    self.assertEqual(
      {own["placement"] for own in edgetpu["operators"]}, {"edgetpu"}
    )
    (accuracy,) = [
      figure["note"]
      for figure in edgetpu["figures"]
      if figure["name"] == "double_rounding_accuracy"
    ]
    self.assertEqual(accuracy, "top-1, 20 images")
    self.assertEqual(described["input"]["shape"], [1, 32, 32, 3])
    self.assertEqual(
      described["hypernetwork"], {"checkpoint": self.checkpoint, "step": 0}
    )
    self.assertEqual(described["versions"]["ghn_tf"], ghn_tf.__version__)
    self.assertEqual(
      described["recipe"].keys(), {"name", "weights", "activations"}
    )
    with self.subTest("tells where the network lies outside of training"):
      outside = {
        "value": 12_501_632,
        "least": 1_000_000,
        "greatest": small_run.CONFIG.max_macs,
      }
      self.assertEqual(
        described["outside_of_training"], {"multiply_accumulates": outside}
      )
      self.assertIn("accumulates 12,501,632 (1,000,000 to 2,5", done.stderr)
    with self.subTest("its formula gives the codes that the file takes"):
      names = ("mean", "std", "scale", "zero_point")
      values = {name: np.array(described["input"][name]) for name in names}
      images = data.load(data.SAMPLE).test.images[:20]
      codes = eval(
        described["input"]["code"],
        {"clip": np.clip, "floor": np.floor, "pixel": images, **values},
      )
      normalized = predictor_lib.load(self.checkpoint).normalize(images)
      expected = tflite.Interpreter(content).quantize(normalized)
      # Where float32 cannot tell on which side of a half a number is.
      self.assertLess(np.mean(codes != expected), 1e-3)
      # Far out, codes are those of the ends of int8.
      values["mean"] = np.array([-9, 0, 9])
      codes = eval(
        described["input"]["code"],
        {"clip": np.clip, "floor": np.floor, "pixel": 127, **values},
      )
      self.assertEqual((codes[0], codes[2]), (127, -128))
    with self.subTest("does not replace it unasked"):
      again = self._run(recipe="w4a8", output="w4a8.tflite")
      self.assertEqual(again.returncode, 1)
      self.assertIn("--overwrite", again.stderr)

  def test_images_are_of_the_size_of_training(self):
    folder = self.create_tempdir().full_path
    target = self.create_tempfile("network.json", _architecture(16)).full_path
    done = self._run(
      checkpoint=small_run.make(folder, image_size=16),
      target=target,
      output="small.tflite",
      recipe="w8a8+conv=w2a4",
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    described = json.loads((self.folder / "small.json").read_text())
    self.assertEqual(described["input"]["shape"], [1, 16, 16, 3])
    with self.subTest("and its description tells layers with other bits"):
      recipe = described["recipe"]
      self.assertEqual(recipe["name"], "w8a8+conv=w2a4")
      self.assertEqual(recipe["weights"]["num_bits"], 8)
      conv = recipe["layers"]["conv"]
      self.assertEqual(conv["weights"]["num_bits"], 2)
      self.assertEqual(conv["activations"]["num_bits"], 4)

  def test_gray_images_of_a_folder_and_their_classes(self):
    rng = np.random.default_rng(0)
    folder = pathlib.Path(self.create_tempdir().full_path)
    for i in range(120):
      image = rng.integers(0, 100, (20, 20), np.uint8)
      image[:: i % 3 + 1] += 100  # stripes of a width for each class
      path = folder / str(i % 3) / f"{i}.png"
      path.parent.mkdir(exist_ok=True)
      Image.fromarray(image).save(path)
    text = _architecture(logits={"filters": 3}, conv={"kernel": [3, 3]})
    text = text.replace("[32, 32, 3]", "[16, 16, 1]")
    target = self.create_tempfile("stripes.json", text).full_path
    done = self._run(
      target=target, output="stripes.tflite", dataset=folder, image_size=24
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertIn("has 3 classes, the hypernetwork 10: its", done.stderr)
    described = json.loads((self.folder / "stripes.json").read_text())
    self.assertEqual(described["input"]["shape"], [1, 24, 24, 1])
    self.assertLen(described["input"]["mean"], 1)
    self.assertEqual(described["accuracy"]["num_images"], 24)
    # The mean of an image alone tells the classes apart.
    self.assertGreater(described["accuracy"]["top1"], 0.9)
    head = described["head"]
    self.assertEqual((head["used"], head["num_images"]), ("fit", 87))
    self.assertEqual(head["top1"].keys(), {"fit"})

  def test_the_target_is_never_replaced(self):
    target = self.folder / "own.json"
    target.write_text(_architecture())
    os.symlink(target, self.folder / "link.json")
    for output in ("own.tflite", "link.tflite"):
      done = self._run(target=target, output=output, overwrite="true")
      self.assertEqual(done.returncode, 1)
      self.assertIn("itself; choose another --output", done.stderr)
      self.assertFalse((self.folder / output).exists())
    self.assertEqual(target.read_text(), _architecture())

  def test_bad_input_is_one_clear_line_and_writes_nothing(self):
    (self.folder / "file").touch()
    seven = small_run.make(self.create_tempdir().full_path, num_classes=7)
    cases = {
      "no function 'resnet9'": {"target": "models.resnet:resnet9"},
      "No module named": {"target": "no_such:network"},
      "no checkpoint": {"checkpoint": "/nowhere.npz"},
      # Said before anything is read.
      "Cannot write": {"output": "file/bad.tflite", "target": "no_such:one"},
      "has 10 classes, .* for 7;.*--head=fit": {
        "checkpoint": seven,
        "head": "predict",
      },
      r"targets_test:raises': raises\(\) raised KeyError: 'width'": {
        "target": "tests.targets_test:raises"
      },
      "must end in .tflite": {"output": "bad.bin"},
      "Unknown recipe 'w3a3'": {"recipe": "w3a3"},
      "is not prepared": {"dataset": "cifar10", "data_dir": self.folder},
    }
    for message, changes in cases.items():
      with self.subTest(message):
        done = self._run(**{"output": "bad.tflite", **changes})
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr + done.stdout, f"(?i){message}")
        self.assertNotIn("Traceback", done.stderr)
        self.assertEmpty(list(self.folder.glob("*bad*")))


class EvaluateTest(parameterized.TestCase):
  def test_report_has_every_network_and_column(self):
    folder = self.create_tempdir().full_path
    small_run.make(folder)
    output = pathlib.Path(folder) / "report.json"
    network = self.create_tempfile("network.json", _architecture()).full_path
    done = programs.run_python(
      "tools/evaluate.py",
      f"--checkpoint={folder}",
      "--num_architectures=1",
      "--target=models.resnet:resnet8",
      f"--target={network}",
      "--num_images=64",
      f"--output={output}",
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertEmpty(programs.foreign_lines(done.stderr))
    report = json.loads(output.read_text())
    names = [network["name"] for network in report["networks"]]
    self.assertEqual(names[1:], ["resnet8", "written"])
    for network in report["networks"]:
      self.assertTrue(network["unseen"])
      self.assertEqual(
        [row["recipe"] for row in network["accuracy"]],
        ["float", "w8a8", "tflite_w8a8", "w4a4", "w2a2"],
      )
      self.assertIn(network["name"], done.stdout)
    inside, resnet8, _ = (n["outside_of_training"] for n in report["networks"])
    self.assertEqual(inside, {})
    self.assertEqual(resnet8["multiply_accumulates"]["value"], 12_501_632)
    self.assertIn("'resnet8' lies outside of those that", done.stdout)
    self.assertGreaterEqual(report["seconds"], report["evaluation_seconds"])

  def test_says_which_images_and_takes_them_in_the_size_asked_for(self):
    folder = self.create_tempdir().full_path
    small_run.make(folder, trained_on="cifar10")
    target = self.create_tempfile("network.json", _architecture()).full_path
    output = pathlib.Path(folder) / "report.json"
    done = programs.run_python(
      "tools/evaluate.py",
      f"--checkpoint={folder}",
      "--splits=",
      f"--target={target}",
      "--num_images=20",
      "--recipes=float",
      "--image_size=16",
      f"--data_dir={self.create_tempdir().full_path}",
      f"--output={output}",
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertIn("written", done.stdout)
    self.assertIn("on 20 test images of cifar10_sample", done.stdout)
    self.assertIn("trained on cifar10, which is not at hand", done.stdout)
    self.assertRegex(done.stderr, r"Network 1 of 1, written: float [\d.]+ %,")
    self.assertNotIn("NetworkReport", done.stderr)
    (network,) = json.loads(output.read_text())["networks"]
    self.assertEqual(network["macs"], 16 * 16 * 3 * 4 + 4 * 10)

  def test_what_fails_is_named_and_hides_nothing_else(self):
    folder = self.create_tempdir().full_path
    small_run.make(folder, image_size=16)
    output = pathlib.Path(folder) / "report.json"
    text = _architecture().replace("[32, 32, 3]", "[32, 32, 1]")
    text = text.replace("written", "gray")
    gray = self.create_tempfile("gray.json", text).full_path
    command = (
      "tools/evaluate.py",
      f"--checkpoint={folder}",
      "--splits=",
      f"--target={self.create_tempfile('n.json', _architecture(16)).full_path}",
      f"--target={gray}",
      "--recipes=w8a8,w8a8+stem=w4a4",
      "--num_images=20",
      f"--output={output}",
    )
    done = programs.run_python(*command)
    self.assertEqual(done.returncode, 1)
    self.assertRegex(
      done.stderr,
      r"2 of 2 networks could not be measured in all settings:\n"
      r"written, w8a8\+stem=w4a4, predicted: .* 'stem'.*\n"
      "gray: .* images of 3 channels, but the network takes 1",
    )
    self.assertNotIn("Traceback", done.stderr)
    (network,) = json.loads(output.read_text())["networks"]
    self.assertEqual(network["name"], "written")
    recipes = [own["recipe"] for own in network["accuracy"]]
    self.assertEqual(recipes, ["w8a8", "tflite_w8a8"])
    self.assertStartsWith(*network["errors"], "w8a8+stem=w4a4, predicted: ")
    self.assertRegex(done.stdout, r"\n\| written ")
    # What goes on tells the seconds of those before, too.
    (noted,) = pathlib.Path(folder).glob("records-*/seconds/*.json")
    noted.write_text("7000.0")
    programs.run_python(*command, "--overwrite")
    report = json.loads(output.read_text())
    self.assertGreater(report["evaluation_seconds"], 7000)

  @parameterized.parameters(
    (2_000_000, 5, "Network 1 of 1, "),
    (9_000_000, 6, "error: No network of these splits is within --min_macs"),
  )
  def test_networks_that_limits_leave_out_are_counted(self, least, left, told):
    done = programs.run_python(
      *("tools/evaluate.py", "--checkpoint=quickstart", "--splits=test"),
      *("--num_architectures=6", f"--min_macs={least}", "--recipes=float"),
      "--num_images=20",
    )
    self.assertIn(f"{left} of the first 6 networks of test are", done.stderr)
    self.assertIn(told, done.stderr)

  @parameterized.parameters(
    ({"conv": {"inputs": ["relu"]}}, "The nodes form a cycle, among"),
    ({"relu": {"op": "gelu"}}, "'relu' has the unknown operation 'gelu'"),
    ({"conv": {"shape": [32, 32, 3]}}, "'conv' states the shape"),
  )
  def test_wrong_json_is_one_clear_line(self, changes, message):
    path = self.create_tempfile("wrong.json", _architecture(**changes))
    done = programs.run_python(
      "tools/evaluate.py",
      "--checkpoint=quickstart",
      f"--target={path.full_path}",
    )
    self.assertEqual(done.returncode, 1)
    self.assertIn(f"Target '{path.full_path}': ", done.stderr)
    self.assertIn(message, done.stderr)
    self.assertNotIn("Traceback", done.stderr)

  @parameterized.parameters(
    ("/report.json", "Cannot write .*{file}/report.json"),
    ("", "{file} exists; choose another --output or --overwrite"),
  )
  def test_output_that_cannot_be_written_is_told_before_all_else(
    self, output: str, message: str
  ):
    file = self.create_tempfile("file", "report").full_path
    done = programs.run_python(
      "tools/evaluate.py",
      "--checkpoint=/nowhere",
      "--target=no_such:one",
      f"--output={file}{output}",
    )
    self.assertEqual(done.returncode, 1)
    self.assertRegex(done.stderr, message.format(file=file))
    self.assertEqual(pathlib.Path(file).read_text(), "report")

  def test_the_target_is_never_replaced(self):
    target = self.create_tempfile("network.json", _architecture()).full_path
    done = programs.run_python(
      "tools/evaluate.py",
      "--checkpoint=quickstart",
      f"--target={target}",
      f"--output={target}",
    )
    self.assertEqual(done.returncode, 1)
    self.assertIn("itself; choose another --output", done.stderr)
    self.assertEqual(pathlib.Path(target).read_text(), _architecture())

  def test_data_set_of_another_number_of_classes(self):
    folder = self.create_tempdir().full_path
    small_run.make(folder, num_classes=7)
    done = programs.run_python(
      "tools/evaluate.py", f"--checkpoint={folder}", "--num_architectures=1"
    )
    self.assertEqual(done.returncode, 1)
    self.assertRegex(done.stderr, "Data set .* has 10 classes, .* has 7;")


if __name__ == "__main__":
  absltest.main()
