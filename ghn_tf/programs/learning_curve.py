# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
r"""Tells, and draws, how fast hypernetworks learn, or networks trained on.

  python tools/learning_curve.py --run=runs/a --run=runs/b --output=curve.png
  python tools/learning_curve.py --finetuned=runs/resnet8 --output=resnet8.png

A run may be going on. Hours on the clock depend on what else the machine does;
processor hours, which are drawn, hardly do.
"""

from absl import flags

from ghn_tf import files
from ghn_tf.programs import program
from ghn_tf.report import picture_files

_RUN = flags.DEFINE_multi_string(
  "run",
  [],
  "Workdir of a hypernetwork's training; may be given several times.",
)
_FINETUNED = flags.DEFINE_string(
  "finetuned",
  None,
  "Folder of networks that finetune.py trained on, from different starts and"
  " seeds.",
)
_OUTPUT = flags.DEFINE_string(
  "output", None, "Picture to write, .png or .svg, if any."
)


def show() -> None:
  """Does what the flags ask for."""
  if bool(_RUN.value) == bool(_FINETUNED.value):
    raise ValueError(
      "Give either --run, the workdirs of hypernetworks, or --finetuned, a"
      " folder of networks that were trained on."
    )
  from ghn_tf.report import finetuning
  from ghn_tf.report import learning_curve

  if _OUTPUT.value:
    picture_files.file_format(_OUTPUT.value)
    files.check_writable(_OUTPUT.value)
  if _FINETUNED.value:
    found = finetuning.read_all(_FINETUNED.value)
    print(finetuning.table(found))
    figure = finetuning.figure(found)
  else:
    curves = learning_curve.read_all(_RUN.value)
    print(*map(learning_curve.table, curves), sep="\n\n")
    figure = learning_curve.figure(curves)
  if _OUTPUT.value:
    picture_files.save(figure, _OUTPUT.value)
    print(f"\nDrawn in {_OUTPUT.value}.")


def main() -> None:
  """Runs the program."""
  program.run(show)
