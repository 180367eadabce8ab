# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How networks that were trained on learned, from one start and another."""

from collections.abc import Sequence
import dataclasses
import itertools
import os
import pathlib

from matplotlib import figure as figure_lib
from matplotlib import ticker
import numpy as np

from ghn_tf.report import axes
from ghn_tf.report import json_files
from ghn_tf.report import markdown

SUFFIX = ".finetuning.json"
_COLORS = axes.COLORS[:6]  # without black


@dataclasses.dataclass(frozen=True)
class Finetuning:
  """What the description of a network that was trained on tells.

  Attributes:
    network: its name.
    recipe: how it was rounded.
    start: where its params came from.
    before: top-1 on test images before training.
    after: the same, after it.
    validation: top-1 on images that were held out, of the start and after each
      epoch.
  """

  network: str
  recipe: str
  start: str
  before: float
  after: float
  validation: tuple[float, ...]

  @property
  def kind(self) -> tuple[str, str, str]:
    """What those have in common that differ by their seed alone."""
    return self.network, self.recipe, self.start


def read_all(folder: str | os.PathLike[str]) -> list[Finetuning]:
  """Returns what was trained on in a folder, those of a kind side by side.

  Raises:
    ValueError: there is nothing, or a file is damaged.
    OSError: one cannot be read.
  """
  paths = sorted(pathlib.Path(folder).glob(f"*{SUFFIX}"))
  if not paths:
    raise ValueError(
      f"{os.fspath(folder)!r} has no *{SUFFIX}; expected the folder of what"
      " finetune.py wrote."
    )
  found = map(_read, paths)
  return sorted(
    found,
    key=lambda one: (one.kind[:2], one.start != "predicted", one.start),
  )


def _read(path: pathlib.Path) -> Finetuning:
  with json_files.opened(path, "finetune.py") as content:
    kinds = dict.fromkeys(("network", "recipe", "start"), str)
    json_files.check(content, {**kinds, "accuracy": dict, "history": list})
    for row in content["history"]:
      json_files.check(row, {"validation": json_files.NUMBER})
    top1 = content["accuracy"]
    json_files.check(
      top1, dict.fromkeys(("before", "after"), json_files.NUMBER)
    )
    return Finetuning(
      content["network"],
      content["recipe"],
      content["start"],
      top1["before"],
      top1["after"],
      tuple(row["validation"] for row in content["history"]),
    )


def table(found: Sequence[Finetuning]) -> str:
  """Returns accuracies in % as a Markdown table, a kind a line.

  Of several seeds they are means, with the standard deviation of one.
  """
  number = max(len(one.validation) for one in found)
  rows = [
    ["network", "recipe", "start", "seeds", "test, start", "validation, start"]
    + [f"epoch {epoch}" for epoch in range(1, number)]
    + ["test, end"]
  ]
  for kind, group in itertools.groupby(found, key=lambda one: one.kind):
    own = [*group]
    cells = [_cell([one.before for one in own])]
    for epoch in range(number):
      reached = [o.validation[epoch] for o in own if epoch < len(o.validation)]
      cells.append(_cell(reached))
    cells.append(_cell([one.after for one in own]))
    rows.append([*kind, str(len(own)), *cells])
  return markdown.table(rows)


def _cell(values: Sequence[float]) -> str:
  """Returns the mean of fractions and their standard deviation, in %."""
  if not values:
    return "-"
  text = f"{100 * np.mean(values):.1f}"
  if len(values) > 1:
    text += f" ± {100 * np.std(values, ddof=1):.1f}"
  return text


def figure(found: Sequence[Finetuning]) -> figure_lib.Figure:
  """Returns accuracies on held-out images by epoch: a line for each seed.

  What differs by its seed alone has one colour.
  """
  result = figure_lib.Figure(figsize=(7, 4.5), layout="constrained")
  panel = result.subplots()
  kinds = [*dict.fromkeys(one.kind for one in found)]
  named = [len({*names}) > 1 for names in zip(*kinds, strict=True)]
  named[2] |= not any(named)
  for one in found:
    index = kinds.index(one.kind)
    label = ", ".join(itertools.compress(one.kind, named))
    is_first = label not in {line.get_label() for line in panel.lines}
    panel.plot(
      range(len(one.validation)),
      [100 * value for value in one.validation],
      label=label if is_first else "_nolegend_",
      color=_COLORS[index % len(_COLORS)],
      marker="o",
      ls="solid" if index < len(_COLORS) else "dashed",
      lw=1.2,
      ms=4,
    )
  panel.set_xlabel("epochs")
  panel.set_ylabel("accuracy on held-out images [%]")
  panel.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
  panel.set_xlim(left=0)
  axes.tidy(panel)
  panel.legend(loc="lower right", frameon=False)
  return result
