# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
r"""Tells, and draws, how fast training runs learn.

  python tools/learning_curve.py --run=runs/a --run=runs/b --output=curve.png

A run may be going on. Hours on the clock depend on what else the machine does;
processor hours, which are drawn, hardly do.
"""

from absl import flags

from ghn_tf import files
from ghn_tf.programs import program
from ghn_tf.report import picture_files

_RUN = flags.DEFINE_multi_string(
  "run",
  None,
  "Workdir of a training run; may be given several times.",
  required=True,
)
_OUTPUT = flags.DEFINE_string(
  "output", None, "Picture to write, .png or .svg, if any."
)


def show() -> None:
  """Does what the flags ask for."""
  from ghn_tf.report import learning_curve

  if _OUTPUT.value:
    picture_files.file_format(_OUTPUT.value)
    files.check_writable(_OUTPUT.value)
  curves = learning_curve.read_all(_RUN.value)
  print(*map(learning_curve.table, curves), sep="\n\n")
  if _OUTPUT.value:
    picture_files.save(learning_curve.figure(curves), _OUTPUT.value)
    print(f"\nDrawn in {_OUTPUT.value}.")


def main() -> None:
  """Runs the program."""
  program.run(show)
