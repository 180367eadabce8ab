# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Whether a network can be predicted: all of its layers, and its figures."""

from collections.abc import Callable, Sequence
import dataclasses
import importlib

from ghn_tf.arch import classifiers
from ghn_tf.arch import measures
from ghn_tf.arch import spec
from ghn_tf.arch import variants
from ghn_tf.reading import network
from ghn_tf.spaces import extent as extent_lib


@dataclasses.dataclass(frozen=True, repr=False)
class Check:
  """What is said of a network; as text it is a table.

  Attributes:
    name: of the network.
    findings: what becomes of each of its layers.
    figures: its measures, with the least and the greatest of training; these
      are None where they are not known. Empty if layers are refused.
    problems: why it cannot be predicted though all layers are understood.
    notes: what else it needs to be predicted.
  """

  name: str
  findings: Sequence[network.Finding]
  figures: Sequence[tuple[str, float, tuple[float, float] | None]]
  problems: Sequence[str] = ()
  notes: Sequence[str] = ()

  @property
  def is_ok(self) -> bool:
    """Whether the network can be predicted."""
    return not self.problems and not any(f.is_refused for f in self.findings)

  def __repr__(self) -> str:
    return f"<Check of {len(self.findings)} layers: {' '.join(self._told())}>"

  def __str__(self) -> str:
    rows = [("layer", "kind", "verdict", ""), *(f.row for f in self.findings)]
    lines = _aligned(rows)
    if self.figures:
      head = ("measure", "network", "training", "")
      lines += ["", *_aligned([head, *(_figure(*row) for row in self.figures)])]
    lines += ["", *self._told()]
    return "\n".join(lines)

  def _repr_html_(self) -> str:
    """What a notebook shows."""
    # Pictures stand above what they show; no other use of this loads them.
    shown = importlib.import_module("ghn_tf.report.notebook")
    return shown.layers(
      self.name,
      " ".join(self._told()),
      [finding.row for finding in self.findings],
      [_figure(*row) for row in self.figures],
    )

  def _told(self) -> list[str]:
    """Returns sentences, the verdict at the end."""
    return [*self.problems, *self.notes, self._verdict()]

  def _verdict(self) -> str:
    refused = sum(finding.is_refused for finding in self.findings)
    if refused:
      number = len(self.findings)
      return f"{self.name}: {refused} of {number} layers are refused."
    if self.problems:
      return f"{self.name} cannot be predicted."
    return f"{self.name} can be predicted."


def _figure(
  name: str, value: float, ends: tuple[float, float] | None
) -> tuple[str, str, str, str]:
  """Returns the row of a measure."""
  told, verdict = "", ""
  if ends is not None:
    told = f"{ends[0]:,} to {ends[1]:,}"
    verdict = "" if ends[0] <= value <= ends[1] else "outside"
  return name.replace("_", " "), f"{value:,}", told, verdict


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
  """Returns rows as lines whose columns begin at the same places."""
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  return [
    "  ".join(
      cell.ljust(width) for cell, width in zip(row, widths, strict=True)
    ).rstrip()
    for row in rows
  ]


def check_channels(architecture: spec.Architecture, channels: int) -> None:
  """Raises ValueError for images of others than these channels, if not gray.

  Of gray ones it does where kernels of these channels cannot be summed.
  """
  own = architecture.input_shape[2]
  if own not in (1, channels):
    raise ValueError(
      f"Network {architecture.name!r} has images of {own} channels, but"
      f" training has images of {channels}; build it for images of {channels}"
      " or 1, or train a hypernetwork on such as it has (ghn-train)."
    )
  variants.check_gray(architecture, channels)


def check_classes(architecture: spec.Architecture) -> None:
  """Raises ValueError for a single logit, which tells no classes apart."""
  if architecture.num_classes < 2:
    raise ValueError(
      f"Network {architecture.name!r} ends in one value, which tells no classes"
      " apart; end it in two values, one for each class."
    )


def check(
  reading: network.Reading,
  extent: extent_lib.Extent,
  image_channels: int,
  num_classes: int,
  *tests: Callable[[spec.Architecture], None],
) -> Check:
  """Returns what is said of a network.

  Args:
    reading: of the network.
    extent: of those of training.
    image_channels: of the images of training.
    num_classes: of training.
    *tests: raise ValueError of an architecture that cannot be predicted.
  """
  architecture = reading.found
  if architecture is None:
    return Check(reading.name, reading.findings, ())
  is_fitted = architecture.num_classes != num_classes
  problems = []
  for test in (
    check_classes,
    lambda own: check_channels(own, image_channels),
    *((classifiers.check,) if is_fitted else ()),
    *tests,
  ):
    try:
      test(architecture)
    except ValueError as error:
      problems.append(str(error))
  notes = []
  if is_fitted and not problems:
    notes.append(
      f"It has {architecture.num_classes} classes, training {num_classes}: have"
      ' its head fitted to labelled images, head="fit" (--head=fit).'
    )
  measured = measures.measure(architecture)
  figures = [
    (name, value, extent.get(name)) for name, value in measured.items()
  ]
  return Check(reading.name, reading.findings, figures, problems, notes)
