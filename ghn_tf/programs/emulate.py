# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
r"""Tells what integer TFLite files cost on devices, ours or somebody else's.

  python tools/emulate.py --model=resnet8.tflite \
    --targets=tflm,ethos_u55_128 --output=report.json

Prints a table and writes all figures as JSON, each with its tool and whether it
is measured, simulated or estimated. Several files are divided among the cores;
started again, the same command goes on with what it has not done, or could not.
"""

from collections.abc import Sequence
import concurrent.futures
import dataclasses
import pathlib
import sys

from absl import flags

from ghn_tf import files
from ghn_tf import processors
from ghn_tf import signals
from ghn_tf.edge import emulation
from ghn_tf.edge import isolated
from ghn_tf.edge import model_file
from ghn_tf.edge import report as report_lib
from ghn_tf.edge.cortexm import cores
from ghn_tf.programs import program
from ghn_tf.report import edge_section
from ghn_tf.report import json_files
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
  "Whether to do all anew and replace outputs that exist. Otherwise targets"
  " keep their reports there, even if the model or --inputs have changed.",
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
  " height, width, channels]. By default a few random ones. A target may take"
  " ten minutes and ten seconds per input.",
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
    for file in found:
      if file.exists():
        files.check_regular(file)
    models += found
  return models, len(paths) > 1 or paths[0].is_dir()


@dataclasses.dataclass(frozen=True)
class _Job:
  """What is left to do of a model.

  Attributes:
    output: JSON file to write.
    targets: to run.
    before: what the file has of others, or of an earlier try.
  """

  output: pathlib.Path
  targets: Sequence[str]
  before: emulation.Results

  @property
  def page(self) -> pathlib.Path:
    """Returns where --html writes."""
    return self.output.with_suffix(".html")

  def merge(self, results: emulation.Results) -> emulation.Results:
    """Returns what there is with what was run now."""
    before = self.before
    reports = {
      own.target: own
      for own in (*before.reports, *results.reports)
      if own.target not in results.errors
    }
    errors = {
      target: text
      for target, text in before.errors.items()
      if target not in self.targets
    }
    return emulation.Results([*reports.values()], {**errors, **results.errors})


def _read(path: pathlib.Path) -> emulation.Results:
  """Returns what there is of a model.

  Raises:
    ValueError: the file is none of ours.
  """
  try:
    with json_files.opened(path, "ghn-emulate") as content:
      # A description that ghn-to-tflite writes has reports and more.
      if others := content.keys() - {"reports", "errors"}:
        raise LookupError(f"it has {min(others)!r}, too")
      return emulation.Results(*edge_section.parse(content))
  except ValueError as error:
    raise ValueError(
      f"{error} Choose another --output or --overwrite."
    ) from error


def _job(output: pathlib.Path, targets: Sequence[str], is_one: bool) -> _Job:
  """Returns what is left to do of a model.

  Args:
    output: JSON file to write.
    targets: that are asked for.
    is_one: whether it is the only model.

  Raises:
    ValueError: there is a file that is none of ours.
    OSError: outputs cannot be written, or there is something else where a page
      or firmware would be.
  """
  files.check_writable(output)
  is_there = output.exists() and not _OVERWRITE.value
  before = _read(output) if is_there else emulation.Results([], {})
  job = _Job(output, targets, before)
  if _HTML.value:
    may_replace = _OVERWRITE.value or is_there or not is_one
    files.check_writable(job.page, overwrite=may_replace)
    if not job.page.exists():
      return job
  done = {report.target for report in before.reports}
  for target in cores.CORES if _KEEP_FIRMWARE.value else ():
    if target in targets:
      folder = emulation.firmware_folder(output.with_suffix(""), target)
      emulation.check_firmware(folder)
      if not folder.exists():
        done.discard(target)
  left = [target for target in targets if target not in done]
  return dataclasses.replace(job, targets=left)


def _jobs(targets: Sequence[str]) -> dict[pathlib.Path, _Job]:
  """Returns what is left to do of each model of which something is.

  Raises:
    ValueError: two outputs would be the same, or one is not named as JSON; or
      as `_job`.
    OSError: the only output exists and has all; or as `_job`.
  """
  models, are_several = _models()
  output = pathlib.Path(_OUTPUT.value)
  outputs = {path: output for path in models}
  if are_several:
    if output.suffix == ".json":
      raise ValueError(
        "--output of several models or a folder is a folder, which does not end"
        f" in .json; got {str(output)!r}."
      )
    outputs = {path: output / f"{path.stem}.json" for path in models}
  elif output.suffix != ".json":
    raise ValueError(f"--output must end in .json, got {str(output)!r}.")
  if len({*outputs.values()}) < len(models):
    raise ValueError("Two of --model have the same name; rename one.")
  jobs = {
    model: _job(path, targets, not are_several)
    for model, path in outputs.items()
  }
  jobs = {model: job for model, job in jobs.items() if job.targets}
  if not jobs and not are_several:
    files.check_writable(output, overwrite=False)
  if left := len(models) - len(jobs):
    print(
      f"{left} of {len(models)} are in {output} already; --overwrite redoes"
    )
  return jobs


def _write(path: pathlib.Path, job: _Job, results: emulation.Results) -> None:
  """Writes what there is of a model, the page first; see `_job`."""
  if _HTML.value:
    model = model_file.read(path.read_bytes())
    section = edge_section.section(
      path.name, results.reports, model, results.errors
    )
    files.write(job.page, page.render(section.title, [section]))
  files.write(job.output, report_lib.to_json(results.reports, results.errors))


def emulate() -> int:
  """Writes what the flags ask for.

  Returns:
    The exit status of the process: none, or that of a signal, after which what
    is done is written.

  Raises:
    ValueError: the flags are wrong or, when all else is written, some files
      cannot be emulated.
  """
  targets = emulation.targets(_TARGETS.value)
  work = _jobs(targets)
  if _LABELS.value and not _INPUTS.value:
    raise ValueError("--labels are those of --inputs, which are missing.")
  inputs = emulation.load_codes(_INPUTS.value) if _INPUTS.value else None
  labels = emulation.load_labels(_LABELS.value) if _LABELS.value else None
  stop = isolated.Stop()
  # A core for each file, or all for the only one.
  num_processes = None if len(work) == 1 else 1

  def run(path: pathlib.Path) -> emulation.Results:
    if stop.is_set:
      return emulation.Results([], {})
    job = work[path]
    firmware = job.output.with_suffix("") if _KEEP_FIRMWARE.value else None
    return emulation.emulate(
      path.read_bytes(),
      job.targets,
      inputs,
      labels,
      firmware,
      num_processes,
      stop,
    )

  failures = []
  with (
    signals.stopping(lambda _: stop.set()) as received,
    concurrent.futures.ThreadPoolExecutor(processors.number()) as pool,
  ):
    jobs = {pool.submit(run, path): path for path in work}
    bar = metrics.progress_bar(len(jobs), 0, " files")
    try:
      for done in concurrent.futures.as_completed(jobs):
        bar.update()
        path = jobs[done]
        try:
          results = done.result()
        except (ValueError, OSError) as error:
          failures.append(f"{path}: {error}")
          continue
        if results.errors:
          failures.append(f"{path}: {results.failure}")
        if results.reports or results.errors:
          results = work[path].merge(results)
          _write(path, work[path], results)
        if results.reports:
          table = report_lib.tabulate(results.reports)
          bar.write(f"{path}\n{table}", file=sys.stdout)
    except BaseException:
      stop.set()  # or leaving the pool would wait for what is left
      raise
    finally:
      bar.close()
  if received:
    remedy = "starts anew" if _OVERWRITE.value else "goes on"
    print(f"Stopped; the same command {remedy}.", file=sys.stderr)
    return 128 + received[0]
  if failures:
    raise ValueError("\n".join(sorted(failures)))
  return 0


def main() -> None:
  """Runs the program."""
  program.run(emulate)
