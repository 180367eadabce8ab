# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
r"""Tells which score ranks networks best before they are trained.

  python tools/evaluate.py --checkpoint=edge_cifar10 --splits=test \
    --methods=predicted,random+5 --heads=own,fitted --recipes=float,w4a4 \
    --scores=synflow,naswot --output=ranking.json
  python tools/rank.py --table=ranking.json

Of each setting in which networks were trained, Kendall's tau of their accuracy
with each accuracy before training, with MACs, parameters, SynFlow, NASWOT and
random numbers, with 95 % bootstrap intervals over networks. Several tables, as
of networks that were trained in one recipe and only predicted in another, are
joined network by network.
"""

import json

from absl import flags

from ghn_tf import files
from ghn_tf.evaluation import ranking
from ghn_tf.programs import program
from ghn_tf.report import json_files

_TABLE = flags.DEFINE_multi_string(
  "table",
  None,
  "JSON file that ghn-evaluate wrote; may be given several times.",
  required=True,
)
_REFERENCE = flags.DEFINE_string(
  "reference",
  "macs",
  "Score that the others are compared with, by its name in the output.",
)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file to write, if any.")
_OVERWRITE = flags.DEFINE_bool(
  "overwrite", False, "Whether to replace an output that exists."
)


def rank() -> None:
  """Does what the flags ask for."""
  if _OUTPUT.value:
    files.check_writable(_OUTPUT.value, overwrite=_OVERWRITE.value)
  tables = []
  for path in _TABLE.value:
    with json_files.opened(path, "ghn-evaluate") as content:
      tables.append(ranking.reports(content))
  measured = ranking.joined(tables)
  rows = ranking.rank(measured, _REFERENCE.value)
  if _OUTPUT.value:
    fields = [
      {**vars(row), "tau": row.tau._asdict(), "gain": row.gain._asdict()}
      for row in rows
    ]
    files.write(_OUTPUT.value, json.dumps({"rows": fields}, indent=2) + "\n")
  print(
    f"Kendall's tau of {len(measured)} networks.\n\n"
    f"{ranking.markdown(rows, _REFERENCE.value)}\n\n{ranking.LABELS}"
  )
  if _OUTPUT.value:
    print(f"\nWritten to {_OUTPUT.value}.")


def main() -> None:
  """Runs the program."""
  program.run(rank)
