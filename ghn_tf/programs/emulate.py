# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
r"""Tells what integer TFLite files cost on devices, ours or somebody else's.

  python tools/emulate.py --model=resnet8.tflite \
    --targets=tflm,ethos_u55_128 --output=report.json

Prints a table and writes all figures as JSON, each with its tool and whether it
is measured, simulated or estimated. Several files are divided among the cores;
started again, the same command goes on with those that it has not done.
"""

from collections.abc import Sequence
import concurrent.futures
import os
import pathlib
import sys

from absl import flags

from ghn_tf import files
from ghn_tf.edge import emulation
from ghn_tf.edge import model_file
from ghn_tf.edge import report as report_lib
from ghn_tf.edge.cortexm import cores
from ghn_tf.programs import program
from ghn_tf.report import edge_section
from ghn_tf.report import page
from ghn_tf.training import metrics

_MODEL = flags.DEFINE_multi_string(
  "model",
  None,
  "Integer .tflite file, or a folder of them; may be repeated.",
  required=True,
)
_TARGETS = flags.DEFINE_list(
  "targets", [*emulation.DEFAULT], f"Targets, by commas: {emulation.HELP}."
)
_OUTPUT = flags.DEFINE_string(
  "output",
  None,
  "JSON file to write; of several models, or a folder, a folder for one each.",
  required=True,
)
_OVERWRITE = flags.DEFINE_bool(
  "overwrite",
  False,
  "Whether to replace an output that exists. Of several models, those that have"
  " one are left out otherwise.",
)
_HTML = flags.DEFINE_bool(
  "html", False, "Whether to write a page to look at beside each JSON file."
)
_KEEP_FIRMWARE = flags.DEFINE_bool(
  "keep_firmware",
  False,
  "Whether to keep the C project of every Cortex-M target beside the JSON file,"
  " in a folder <name>.<target>, which is replaced with that file.",
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


def _models() -> tuple[list[pathlib.Path], bool]:
  """Returns the files of --model, and whether they are several, or may be.

  Raises:
    ValueError: a folder has none.
  """
  models: list[pathlib.Path] = []
  paths = [*map(pathlib.Path, _MODEL.value)]
  for path in paths:
    found = sorted(path.glob("*.tflite")) if path.is_dir() else [path]
    if not found:
      raise ValueError(f"The folder {path} of --model has no .tflite file.")
    models += found
  return models, len(paths) > 1 or paths[0].is_dir()


def _outputs(targets: Sequence[str]) -> dict[pathlib.Path, pathlib.Path]:
  """Returns the file to write for each model that is to be done.

  Raises:
    ValueError: two would be the same, or one is not named as JSON.
    OSError: one cannot be written, the only one exists without --overwrite, or
      there is something else where firmware would be kept.
  """
  models, are_several = _models()
  output = pathlib.Path(_OUTPUT.value)
  outputs = {path: output for path in models}
  if are_several:
    outputs = {path: output / f"{path.stem}.json" for path in models}
  elif output.suffix != ".json":
    raise ValueError(f"--output must end in .json, got {str(output)!r}.")
  if len({*outputs.values()}) < len(models):
    raise ValueError("Two of --model have the same name; rename one.")
  if are_several and not _OVERWRITE.value:
    # The page is written before, so what has JSON has all.
    outputs = {m: path for m, path in outputs.items() if not path.exists()}
  for path in outputs.values():
    files.check_writable(path, overwrite=_OVERWRITE.value)
    if _HTML.value:
      page = path.with_suffix(".html")
      files.check_writable(page, overwrite=are_several or _OVERWRITE.value)
    for target in targets:
      if _KEEP_FIRMWARE.value and target in cores.CORES:
        folder = emulation.firmware_folder(path.with_suffix(""), target)
        emulation.check_firmware(folder)
  if left := len(models) - len(outputs):
    print(
      f"{left} of {len(models)} are in {output} already; --overwrite redoes"
    )
  return outputs


def _write(
  path: pathlib.Path, output: pathlib.Path, results: emulation.Results
) -> None:
  """Writes what came of a model, the page first; see `_outputs`."""
  if _HTML.value:
    model = model_file.read(path.read_bytes())
    section = edge_section.section(path.name, results.reports, model)
    content = page.render(path.name, [section])
    files.write(output.with_suffix(".html"), content)
  files.write(output, report_lib.to_json(results.reports))


def emulate() -> None:
  """Writes what the flags ask for.

  Raises:
    ValueError: the flags are wrong or, when all else is written, some files
      cannot be emulated.
  """
  targets = emulation.targets(_TARGETS.value)
  outputs = _outputs(targets)
  if _LABELS.value and not _INPUTS.value:
    raise ValueError("--labels are those of --inputs, which are missing.")
  inputs = emulation.load_codes(_INPUTS.value) if _INPUTS.value else None
  labels = emulation.load_labels(_LABELS.value) if _LABELS.value else None

  def run(path: pathlib.Path) -> emulation.Results:
    name = outputs[path].with_suffix("")
    firmware = name if _KEEP_FIRMWARE.value else None
    content = path.read_bytes()
    return emulation.emulate(
      content, targets, inputs, labels, firmware, num_processes
    )

  failures = []
  num_cores = os.cpu_count() or 1
  # A core for each file, or all for the only one.
  num_processes = num_cores if len(outputs) == 1 else 1
  with concurrent.futures.ThreadPoolExecutor(num_cores) as pool:
    jobs = {pool.submit(run, path): path for path in outputs}
    done = concurrent.futures.as_completed(jobs)
    bar = metrics.progress_bar(len(jobs), 0, " files")
    try:
      for job in done:
        bar.update()
        path = jobs[job]
        try:
          results = job.result()
        except (ValueError, OSError) as error:
          failures.append(f"{path}: {error}")
          continue
        if results.errors:
          failures.append(f"{path}: {results.failure}")
        if results.reports:
          _write(path, outputs[path], results)
          table = report_lib.tabulate(results.reports)
          bar.write(f"{path}\n{table}", file=sys.stdout)
    finally:  # What has not begun does not, if this ends early.
      bar.close()
      pool.shutdown(wait=False, cancel_futures=True)
  if failures:
    raise ValueError("\n".join(sorted(failures)))


def main() -> None:
  """Runs the program."""
  program.run(emulate)
