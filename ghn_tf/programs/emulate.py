# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
r"""Tells what integer TFLite files cost on devices, ours or somebody else's.

  python tools/emulate.py --model=resnet8.tflite \
    --targets=tflm,ethos_u55_128 --output=report.json

Prints a table and writes all figures as JSON, each with its tool and whether it
is measured, simulated or estimated. Several files are divided among the cores.
"""

from collections.abc import Sequence
import concurrent.futures
import os
import pathlib

from absl import flags

from ghn_tf import files
from ghn_tf.edge import emulation
from ghn_tf.edge import model_file
from ghn_tf.edge import report as report_lib
from ghn_tf.programs import program
from ghn_tf.report import edge_section
from ghn_tf.report import page

_MODEL = flags.DEFINE_multi_string(
  "model", None, "Integer .tflite file; may be repeated.", required=True
)
_TARGETS = flags.DEFINE_list(
  "targets", [*emulation.DEFAULT], f"Targets, by commas: {emulation.HELP}."
)
_OUTPUT = flags.DEFINE_string(
  "output",
  None,
  "JSON file to write; of several models a folder for one of each.",
  required=True,
)
_OVERWRITE = flags.DEFINE_bool(
  "overwrite", False, "Whether to replace an output that exists."
)
_HTML = flags.DEFINE_bool(
  "html", False, "Whether to write a page to look at beside each JSON file."
)
_INPUTS = flags.DEFINE_string(
  "inputs",
  None,
  "Codes to run the files on: a .npy of their type, int8 or int16, [images,"
  " height, width, channels]. By default a few random ones.",
)
_LABELS = flags.DEFINE_string(
  "labels",
  None,
  "Classes of the --inputs, an integer .npy of [images]; with them, accuracy is"
  " measured.",
)


def _outputs(models: Sequence[pathlib.Path]) -> list[pathlib.Path]:
  """Returns the file to write for each model, all of which may be.

  Raises:
    ValueError: two would be the same, or one is not named as JSON.
    OSError: one cannot be written, or exists without --overwrite.
  """
  output = pathlib.Path(_OUTPUT.value)
  outputs = [output]
  if len(models) > 1:
    outputs = [output / f"{path.stem}.json" for path in models]
  elif output.suffix != ".json":
    raise ValueError(f"--output must end in .json, got {str(output)!r}.")
  if len({*outputs}) < len(outputs):
    raise ValueError("Two of --model have the same name; rename one.")
  pages = [path.with_suffix(".html") for path in outputs if _HTML.value]
  for path in (*outputs, *pages):
    files.check_writable(path, overwrite=_OVERWRITE.value)
  return outputs


def emulate() -> None:
  """Writes what the flags ask for.

  Raises:
    ValueError: the flags are wrong or, when all else is written, some files
      cannot be emulated.
  """
  targets = emulation.targets(_TARGETS.value)
  models = [*map(pathlib.Path, _MODEL.value)]
  outputs = _outputs(models)
  if _LABELS.value and not _INPUTS.value:
    raise ValueError("--labels are those of --inputs, which are missing.")
  inputs = emulation.load_codes(_INPUTS.value) if _INPUTS.value else None
  labels = emulation.load_labels(_LABELS.value) if _LABELS.value else None

  def run(path: pathlib.Path) -> emulation.Results:
    return emulation.emulate(path.read_bytes(), targets, inputs, labels)

  failures = []
  with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    jobs = [pool.submit(run, path) for path in models]
    for path, output, job in zip(models, outputs, jobs, strict=True):
      try:
        results = job.result()
      except (ValueError, OSError) as error:
        failures.append(f"{path}: {error}")
        continue
      if results.errors:
        failures.append(f"{path}: {results.failure}")
      if results.reports:
        files.write(output, report_lib.to_json(results.reports))
        if _HTML.value:
          model = model_file.read(path.read_bytes())
          section = edge_section.section(path.name, results.reports, model)
          content = page.render(path.name, [section])
          files.write(output.with_suffix(".html"), content)
        print(f"{path}\n{report_lib.tabulate(results.reports)}")
  if failures:
    raise ValueError("\n".join(failures))


def main() -> None:
  """Runs the program."""
  program.run(emulate)
