# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
import io
import os
import subprocess
import sys
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized

from ghn_tf.programs import program
from tests import programs

# Starts a program, and says at its end which slow libraries it imported.
_PROBE = """
import atexit, runpy, sys
def tell():
  slow = ("tensorflow", "apache_beam", "matplotlib")
  print("Imported:", *(name for name in slow if name in sys.modules))
atexit.register(tell)
del sys.argv[0]
if sys.argv[0] == "-m":
  del sys.argv[0]
  runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
else:
  runpy.run_path(sys.argv[0], run_name="__main__")
"""
# A program that writes past Python, through Python and to logs.
_SPEAKS = """
import logging as std_logging
import os
import sys
from absl import logging
from ghn_tf.programs import program

def write(text):
  os.write(2, f"{text}\\n".encode())
  print(f"{text}, printed", file=sys.stderr)
  logging.info("%s, logged", text)

def work():
  write("Before")
  with program.hidden():
    write("Within")
    os.system("echo Another process >&2")
  write("After")
  program.import_silently("noisy")
  import tensorflow_datasets
  # As where there is no folder for its fonts, or nothing in it yet.
  std_logging.getLogger("matplotlib.font_manager").info("Fonts, found")
  std_logging.warning("Still warns")
  raise ValueError("bad input")

program.run(work)
"""
_NOISY = """
import logging, os
os.write(2, b"Noise, written\\n")
logging.warning("Noise, logged")
"""
# A stand-in for the library, by absl's logger as that does.
_TFDS = """
from absl import logging
logging.info("Data, found")
logging.warning("Data, skipped")
logging.error("Data, damaged")
"""


class StatusTest(absltest.TestCase):
  def test_a_stop_from_the_keyboard_is_a_line(self):
    work = mock.Mock(side_effect=KeyboardInterrupt)
    with mock.patch.object(sys, "stderr", io.StringIO()) as told:
      self.assertEqual(program.status(work, ["tools/search.py"]), 130)
    self.assertEqual(told.getvalue(), "search: stopped\n")

  def test_a_pipe_that_breaks_elsewhere_is_an_error(self):
    work = mock.Mock(side_effect=BrokenPipeError("a worker's"))
    with (
      mock.patch.object(sys, "stderr", io.StringIO()) as told,
      open(os.devnull, "w") as nobody,
      mock.patch.object(sys, "stdout", nobody),
    ):
      self.assertEqual(program.status(work, ["tools/search.py"]), 1)
    self.assertEqual(told.getvalue(), "search: error: a worker's\n")

  def test_what_goes_on_after_a_stop_is_told_there(self):
    work = mock.Mock(side_effect=KeyboardInterrupt("the same goes on"))
    with mock.patch.object(sys, "stderr", io.StringIO()) as told:
      self.assertEqual(program.status(work, ["tools/search.py"]), 130)
    self.assertEqual(told.getvalue(), "search: stopped; the same goes on\n")


class FlagsTest(parameterized.TestCase):
  @parameterized.parameters(
    ("-m ghn_tf.train --workdir=w --recipe=w3a3", "should be one of <float|"),
    ("-m ghn_tf.train --workdir=w --strategy=two", "should be one of <none|"),
    ("-m ghn_tf.train --recipe=w4a4", "--workdir must have a value"),
    # Flags that are right each and wrong together.
    (
      "-m ghn_tf.train --workdir=w --architectures=a --max_macs=5",
      "train: error: ['max_macs'] limit what is drawn",
    ),
    ("tools/benchmark.py --rounds=0", "--rounds=0: 0 is not a positive"),
    ("tools/evaluate.py --checkpoint=c --workers=no", "workers=no: "),
    (
      "tools/evaluate.py --checkpoint=c --recipes=w4a4+stem",
      "'w4a4+stem' goes on with 'stem', expected <layer>=<recipe>",
    ),
    ("tools/import_ghn2.py --input=a.pt", "--output must have a value"),
    ("tools/learning_curve.py --run=a --colour=red", "flag 'colour'"),
    ("tools/make_architectures.py --space=vast", "should be one of <edge|"),
    (
      "tools/make_architectures.py --max_macs=5",
      "--max_macs would change the published data set",
    ),
    (
      "tools/to_tflite.py --checkpoint=c --target=t --output=o --recipe=float",
      "--recipe=float rounds nothing",
    ),
    (
      "tools/to_tflite.py --checkpoint=c --target=t --output=o.tflite"
      " --calibration_images=63",
      "calibration_images=63",
    ),
    (
      "tools/evaluate.py --checkpoint=c --splits=val,train",
      "--splits must be of val, test, wide, deep, dense, bnfree, gated,"
      " predefined; got 'train'.",
    ),
    (
      "tools/evaluate.py --checkpoint=c --splits=val,test,val",
      "--splits must name none twice; got 'val,test,val'.",
    ),
    (
      "tools/evaluate.py --checkpoint=c --target=t:a --target=t:a",
      "--target must name none twice; got 't:a,t:a'.",
    ),
    ("tools/to_tflite.py --checkpoint=c --target=t --output=o", "in .tflite"),
    (
      "tools/to_tflite.py --checkpoint=c --target=t --output=o"
      " --emulate=abacus",
      "No target 'abacus'; there are file, tflm",
    ),
    (
      "tools/emulate.py --model=a --output=b.json --targets=tflm,abacus",
      "No target 'abacus'; there are file, tflm",
    ),
    ("tools/emulate.py --model=a --output=b", "--output must end in .json"),
    # As of a shell's variable that is not set.
    ("-m ghn_tf.train --workdir=", "train: error: --workdir is empty; give a"),
    ("tools/evaluate.py --checkpoint=c --target=t --target=", "--target is em"),
    (
      "tools/finetune.py --target=t --output=o.keras --recipe=",
      "--recipe is e",
    ),
    (
      "tools/search.py --checkpoint=c --space=edge --output=o"
      " --max_latency_ms=nan",
      "search: error: --max_latency_ms must be finite, got nan.",
    ),
    (
      "tools/search.py --checkpoint=c --space=edge --output=o"
      " --max_latency_ms=0",
      "A limit must be above 0, as every network costs something; got 0.0",
    ),
    (
      "tools/search.py --checkpoint=c --architectures=/nowhere --output=o",
      "--architectures=/nowhere is no folder",
    ),
    (
      "tools/search.py --checkpoint=c --space=edge --output=o --target=tflm",
      "--target=tflm tells no latency_ms; give --objectives and limits of macs,"
      " arena_bytes, flash_bytes, or another target.",
    ),
    (
      "tools/emulate.py --model=a --model=b --output=c.json",
      "is a folder, which does not end in .json; got 'c.json'",
    ),
  )
  def test_wrong_ones_are_told_before_slow_imports(self, command, message):
    done = programs.run_python("-c", _PROBE, *command.split())
    self.assertEqual(done.returncode, 1)
    self.assertIn(message, done.stdout + done.stderr)
    self.assertNotIn("Traceback", done.stderr)
    self.assertEndsWith(done.stdout, "Imported:\n")

  def test_a_tilde_is_the_home_folder_that_shells_leave_in_place(self):
    home = os.path.expanduser("~")
    done = programs.run_python(
      "tools/search.py",
      *"--checkpoint=c --architectures=~/no --output=o".split(),
    )
    self.assertIn(f"--architectures={home}/no is no folder", done.stderr)
    done = programs.run_python(
      "tools/report.py", "--run=~/no", "--output=o.html"
    )
    self.assertIn(f"{home}/no", done.stderr)

  # {folder} has nothing but a file, {folder}/file.
  @parameterized.parameters(
    (
      "-m ghn_tf.train --workdir={folder} --init_checkpoint={folder}/no.npz",
      "There is no checkpoint '{folder}/no.npz'",
    ),
    ("-m ghn_tf.train --workdir={folder}/file", "choose another --workdir"),
    (
      "tools/evaluate.py --checkpoint=quickstart --target=models/resnet.py:f",
      "Target 'models/resnet.py:f': .*; give models.resnet:f.",
    ),
    ("tools/evaluate.py --checkpoint={folder}", "no checkpoints"),
    ("tools/evaluate.py --checkpoint=quickstart --splits=", "or --target"),
    ("tools/evaluate.py --checkpoint=quickstart --runner=No", "runner: No"),
    (
      "tools/import_ghn2.py --input={folder}/a.pt --output={folder}/a.npz",
      "There is no file '{folder}/a.pt'",
    ),
    (
      "tools/emulate.py --model={folder}/file --output={folder}/a.json",
      "{folder}/file: Not an integer .tflite file that can be emulated: bytes",
    ),
    (
      "tools/emulate.py --model={folder}/no --output={folder}/a.json",
      "No such file",
    ),
    (
      "tools/emulate.py --model=a --output={folder}/a.json"
      " --inputs={folder}/file",
      "{folder}/file is no .npy file",
    ),
    ("tools/learning_curve.py --run={folder}", "{folder} has no config.json"),
    ("tools/make_architectures.py --space=edge", "Give --data_dir"),
    (
      "tools/make_architectures.py --draw=x.h5 --output={folder}/x.png",
      "Target 'x.h5': .* No such file or directory",
    ),
    (
      "tools/to_tflite.py --checkpoint={folder}/file --output={folder}/a.tflite"
      " --target=models.resnet:resnet8",
      "{folder}/file is not a checkpoint",
    ),
    (
      "tools/to_tflite.py --checkpoint=quickstart --output={folder}/a.tflite"
      " --target=models.resmet:resnet8",
      "no module named 'models.resmet'",
    ),
    (
      "tools/finetune.py --target=models.resnet:resnet8 --dataset=cifar11"
      " --output={folder}/a.keras",
      "Unknown data set 'cifar11'",
    ),
    (
      "tools/evaluate.py --checkpoint=quickstart --dataset={folder}/no/",
      "Unknown data set '{folder}/no/'",
    ),
    (
      "-m ghn_tf.train --workdir={folder}/run --dataset=cifar10"
      " --data_dir={folder}/no",
      "Data set 'cifar10' is not prepared in {folder}/no",
    ),
    (
      "tools/to_tflite.py --checkpoint=quickstart --output={folder}/a.tflite"
      " --target={folder}/no.json --dataset=no.npz",
      "No such file or directory: 'no.npz'",
    ),
    (
      "tools/to_tflite.py --checkpoint=quickstart --output={folder}/a.tflite"
      " --target={folder}/no.json",
      "Target '{folder}/no.json': .*No such file",
    ),
  )
  def test_wrong_input_is_told_before_tensorflow_is_imported(
    self, command, message
  ):
    folder = self.create_tempdir()
    folder.create_file("file")
    done = programs.run_python(
      "-c", _PROBE, *command.format(folder=folder.full_path).split()
    )
    self.assertEqual(done.returncode, 1)
    self.assertRegex(done.stderr, message.format(folder=folder.full_path))
    self.assertNotIn("Traceback", done.stderr)
    imported = done.stdout.splitlines()[-1]
    self.assertStartsWith(imported, "Imported:")
    self.assertNotIn("tensorflow", imported)
    self.assertEqual(os.listdir(folder.full_path), ["file"])

  @parameterized.parameters(
    ("search --space=edge", "--head_images=64", "--head=fit"),
    ("search --space=edge", "--split=test", "--architectures"),
    ("search --strategy=random", "--population=128", "--strategy=evolution"),
    ("search --score=macs", "--num_images=64", "--score=hypernetwork"),
    ("search --num_refined=0", "--refined_images=64", "--num_refined"),
    ("search --objectives=macs", "--num_probes=3", "a limit or .*latency_ms"),
    ("evaluate --splits= --target=a:b", "--min_macs=0", "--splits"),
    ("evaluate", "--crop_padding=0", "--methods with epochs"),
    ("to_tflite --trained=a.keras", "--head_images=64", "--target"),
    ("to_tflite --target=a:b", "--emulate_images=1", "--emulate"),
    ("finetune --start=a.keras", "--calibration_images=64", "--target"),
    ("report --table=a.json", "--head_images=64", "--network"),
  )
  def test_a_flag_without_effect_is_told(self, command, given, needed):
    name, *others = command.split()
    suffix = {"to_tflite": ".tflite", "finetune": ".keras", "report": ".html"}
    output = os.path.join(self.create_tempdir().full_path, "output")
    others.append(f"--output={output}{suffix.get(name, '')}")
    if name != "report":
      others.append("--checkpoint=quickstart")
    done = programs.run_python("-c", _PROBE, f"tools/{name}.py", *others, given)
    self.assertEqual(done.returncode, 1)
    told = f"error: {given} has no effect without {needed}.*; leave it out"
    self.assertRegex(done.stderr, told)
    self.assertEndsWith(done.stdout, "Imported:\n")

  @parameterized.parameters(
    ("-m ghn_tf.train", "Trains a hypernetwork.", "--workdir: Folder"),
    ("tools/to_tflite.py", "Writes a network with", "--target: Network"),
    # Where matplotlib would tell, too soon to be hidden, of its folders.
    ("tools/report.py", "Makes one HTML page", "--run: Workdir"),
    ("tools/emulate.py", "Tells what integer TFLite", "--targets: Targets"),
    # Also flags that it shares with others.
    ("tools/evaluate.py", "Measures networks with", "--workers: Processes"),
  )
  def test_help_is_of_the_program_and_comes_at_once(self, command, *texts):
    done = programs.run_python("-c", _PROBE, *command.split(), "--help")
    for text in texts:
      self.assertIn(text, done.stdout)
    self.assertNotIn("%s", done.stdout)
    self.assertEndsWith(done.stdout, "Imported:\n")


class SpeakTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    folder = self.create_tempdir()
    folder.create_file("speaks.py", _SPEAKS)
    folder.create_file("noisy.py", _NOISY)
    folder.create_file("tensorflow_datasets/__init__.py", _TFDS)
    self.path = os.path.join(folder.full_path, "speaks.py")

  def _run(self, *flags: str) -> subprocess.CompletedProcess[str]:
    done = programs.run_python(self.path, *flags)
    self.assertEqual(done.returncode, 1)
    self.assertIn("speaks: error: bad input\n", done.stderr)
    return done

  def test_only_python_speaks_while_others_are_hidden(self):
    errors = self._run().stderr
    for text in ("Before", "Within", "After"):
      self.assertIn(f"{text}, printed\n", errors)
      self.assertIn(f"{text}, logged\n", errors)
    self.assertIn("Before\n", errors)
    self.assertIn("After\n", errors)
    self.assertNotIn("Within\n", errors)
    self.assertNotIn("Another process", errors)
    self.assertNotIn("Noise", errors)
    self.assertNotIn("Data, found", errors)
    self.assertNotIn("Data, skipped", errors)
    self.assertNotIn("Fonts, found", errors)
    self.assertIn("Data, damaged", errors)
    self.assertIn("Still warns", errors)
    self.assertNotIn("Traceback", errors)

  def test_who_debugs_sees_all(self):
    errors = self._run("--verbosity=1").stderr
    for text in ("Within\n", "Another process\n", "Noise, written\n"):
      self.assertIn(text, errors)
    self.assertIn("Noise, logged", errors)
    self.assertIn("Data, found", errors)
    self.assertIn("Fonts, found", errors)
    self.assertIn("Data, skipped", errors)
    self.assertIn("Traceback", errors)


if __name__ == "__main__":
  absltest.main()
