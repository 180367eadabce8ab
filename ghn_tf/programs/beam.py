# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The flags of programs that run an Apache Beam pipeline."""

from collections.abc import Iterator
import contextlib
import io
import json
import logging as std_logging
import os
from typing import Any

from absl import flags
from absl import logging

from ghn_tf import processors
from ghn_tf.programs import program

_RUNNER = flags.DEFINE_string(
  "runner",
  "DirectRunner",
  "Apache Beam runner: DirectRunner, FlinkRunner, SparkRunner, DataflowRunner.",
)
_OPTIONS = flags.DEFINE_multi_string(
  "runner_option",
  [],
  "Option of the runner without its dashes, such as flink_master=HOST:PORT; may"
  " be given several times.",
)
_WORKERS = flags.DEFINE_integer(
  "workers",
  None,
  "Processes of Beam's direct runner; if None, one where there is little to do,"
  " else as many as there are cores.",
  lower_bound=1,
)
# Beam's modules that show where an error came from, and raise it.
_RAISING = ("apache_beam.runners.common", "apache_beam.runners.worker")


def options(*, much_to_do: bool = False) -> Any:
  """Returns what the flags ask for, the runner itself among it.

  Args:
    much_to_do: whether it is worth to start a process for each core.

  Returns:
    Beam's PipelineOptions.

  Raises:
    ValueError: there is no such runner, or it lacks options or does not know
      one.
  """
  # Progress; where it is shown is up to the runner.
  levels = {"ghn_tf": "INFO"}
  if not logging.level_debug():
    levels |= dict.fromkeys(_RAISING, "CRITICAL")
  chosen = [
    f"runner={_RUNNER.value}",
    "default_sdk_harness_log_level=ERROR",
    f"sdk_harness_log_level_overrides={json.dumps(levels)}",
  ]
  if _is_direct():
    usual = processors.number() if much_to_do else 1
    chosen += _of_direct_runner(_WORKERS.value or usual)
  elif (_WORKERS.value or 1) > 1:
    raise ValueError(
      f"--workers={_WORKERS.value} is for the DirectRunner; give"
      f" {_RUNNER.value} the number of its workers with --runner_option."
    )
  chosen += _OPTIONS.value
  # It tells every step it takes.
  std_logging.getLogger("apache_beam").setLevel(std_logging.WARNING)
  for name, level in levels.items():
    std_logging.getLogger(name).setLevel(level)
  program.import_silently("apache_beam")
  import apache_beam as beam
  from apache_beam.options import pipeline_options

  result = pipeline_options.PipelineOptions([f"--{o}" for o in chosen])
  _check_understood(result)
  with telling():
    # Makes the runner, and checks its options; and a folder, which is empty.
    pipeline = beam.Pipeline(options=result)
    os.rmdir(pipeline.local_tempdir)
  return result


def _is_direct() -> bool:
  return _RUNNER.value.lower() in ("direct", "directrunner")  # as Beam takes it


def _check_understood(options: Any) -> None:
  """Raises ValueError for options that Beam would end at, or leave out."""
  told = io.StringIO()
  try:
    with contextlib.redirect_stderr(told):
      given = options.get_all_options(retain_unknown_options=True)
  except SystemExit as error:  # of argparse, behind all options that there are
    *_, last = told.getvalue().splitlines()
    reason = last.partition("error: ")[2]
    raise ValueError(f"--runner_option is wrong: {reason}.") from error
  known = type(options)([]).get_all_options()
  # Other runners may know options that Beam does not.
  if _is_direct() and (unknown := sorted(given.keys() - known.keys())):
    raise ValueError(
      f"--runner_option={unknown[0]}: {_RUNNER.value} has no such option."
    )


def _of_direct_runner(workers: int) -> list[str]:
  # Otherwise this runner downloads another one, Prism, from GitHub, and leaves
  # the pipeline to it and its threads; a pipeline with such triggers it keeps.
  # There are no triggers in these.
  chosen = ["allow_unsafe_triggers"]
  if workers == 1:
    return [*chosen, "direct_running_mode=in_memory"]
  return [
    *chosen,
    "direct_running_mode=multi_processing",
    f"direct_num_workers={workers}",
  ]


def temp_location(chosen: Any) -> str | None:
  """Returns the folder for temporary files in a user's runner options, if any.

  Args:
    chosen: see `options`.
  """
  from apache_beam.options import pipeline_options

  return chosen.view_as(pipeline_options.GoogleCloudOptions).temp_location


@contextlib.contextmanager
def telling() -> Iterator[None]:
  """Within it, what Beam raises is an error that says what could not run.

  Raises:
    ValueError: naming the runner and what happened.
    KeyboardInterrupt: it was stopped from the keyboard, of which Beam makes an
      error of its own.
  """
  try:
    with program.hidden():
      yield
  except (ImportError, RuntimeError) as error:
    # Of another process the text is that of a traceback.
    *_, reason = str(error).strip().splitlines()
    if reason.startswith("KeyboardInterrupt"):
      raise KeyboardInterrupt from error
    raise ValueError(
      f"--runner={_RUNNER.value} could not run the pipeline: {reason} (With"
      " --verbosity=1 its workers tell more.)"
    ) from error
