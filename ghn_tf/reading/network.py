# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads a network: its architecture, and what became of every layer."""

from collections.abc import Mapping, Sequence
import importlib
import math
from typing import NamedTuple

from ghn_tf.arch import spec
from ghn_tf.reading import assembly
from ghn_tf.reading import kinds
from ghn_tf.reading import records
from ghn_tf.reading import steps


class Finding(NamedTuple):
  """What became of a layer.

  Attributes:
    layer: its name.
    kind: the class's name.
    treatment: what became of it.
    text: the operations, or the reason why it is refused.
    remedy: of what is refused.
    notes: what else a user should know.
  """

  layer: str
  kind: str
  treatment: kinds.Treatment
  text: str
  remedy: str = ""
  notes: tuple[str, ...] = ()

  @property
  def is_refused(self) -> bool:
    """Whether the network is not understood because of it."""
    return self.treatment is kinds.Treatment.REFUSED

  @property
  def row(self) -> tuple[str, str, str, str]:
    """Layer, kind, treatment, and all that is told of it."""
    told = "; ".join(filter(None, (self.text, self.remedy, *self.notes)))
    return self.layer, self.kind, self.treatment.value, told

  def __str__(self) -> str:
    return f"Layer {self.layer!r} ({self.kind}): {self.row[-1]}."


class Reading(NamedTuple):
  """A network as it was understood.

  Attributes:
    name: the model's.
    findings: one for each call of a layer, in order.
    found: the architecture; None if something is refused.
    dropouts: by a node's name the layers that each of its inputs passes in
      training; by "" those of the logits.
    sources: by a node's name the layer that it comes from.
  """

  name: str
  findings: tuple[Finding, ...]
  found: spec.Architecture | None
  dropouts: Mapping[str, Sequence[tuple[str, ...]]]
  sources: Mapping[str, assembly.Source]

  def __repr__(self) -> str:
    return f"<Reading of {self.name}: {self._verdict}>"

  def _repr_html_(self) -> str:
    """What a notebook shows."""
    # Pictures stand above what they show; no other use of this loads them.
    shown = importlib.import_module("ghn_tf.report.notebook")
    rows = [finding.row for finding in self.findings]
    return shown.layers(self.name, self._verdict, rows)

  @property
  def _verdict(self) -> str:
    number = f"{len(self.findings)} layers"
    if self.found is not None:
      nodes = len(self.found.nodes)
      return f"{number}, understood as .architecture of {nodes} nodes"
    refused = sum(finding.is_refused for finding in self.findings)
    return f"{refused} of {number} refused. {self.refusal}"

  @property
  def architecture(self) -> spec.Architecture:
    """The architecture.

    Raises:
      ValueError: naming the layer that is refused, why, and what to do.
    """
    if self.found is None:
      raise ValueError(self.refusal)
    return self.found

  @property
  def refusal(self) -> str | None:
    """Which layer is refused, why, and what to do; None if there is none."""
    if self.found is not None:
      return None
    first, *others = [f for f in self.findings if f.is_refused]
    more = f" So are {len(others)} more." if others else ""
    return f"{first}{more} ghn-architectures --check lists all."

  @property
  def changes(self) -> list[str]:
    """What the architecture leaves out of the model, or takes otherwise."""
    changing = (kinds.Treatment.ABSORBED, kinds.Treatment.DROPPED)
    return [
      str(finding)
      for finding in self.findings
      if finding.treatment in changing or finding.notes
    ]


def of_architecture(architecture: spec.Architecture) -> Reading:
  """Returns the reading of what is an architecture already."""
  findings = tuple(
    Finding(node.name, node.op.value, kinds.Treatment.READ, node.op.value)
    for node in architecture.nodes
  )
  return Reading(architecture.name, findings, architecture, {}, {})


def read(network: records.Network) -> Reading:
  """Returns a network as it is understood; nothing of it is run.

  Raises:
    ValueError: every layer is understood, but they make no valid network.
  """
  building = assembly.Assembly()
  values: list[assembly.Value | None] = []
  findings: list[Finding] = []
  image: str | None = None
  for call in network.calls:
    building.begin(call)
    value = None
    try:
      if call.kind == "InputLayer":
        if image is not None:
          raise records.ReadingError(
            f"the network has several inputs, {image!r} and others",
            "give it one image; predict each branch by itself",
          )
        image = call.name
        value = building.image(_shape(call.config))
        finding = Finding(
          call.name,
          call.kind,
          kinds.Treatment.READ,
          "input",
        )
      else:
        finding, value = _call(building, call, values, bool(network.outputs))
    except records.ReadingError as error:
      finding = Finding(
        call.name,
        call.kind,
        kinds.Treatment.REFUSED,
        error.reason,
        error.remedy,
      )
    values.append(value)
    findings.append(finding)
  findings += _outputs(network, values)
  found = None
  if network.outputs and not any(f.is_refused for f in findings):
    logits = values[network.outputs[0].call]
    if logits is None:
      raise AssertionError("a value is missing, and nothing was refused")
    if (sigmoid := building.before_sigmoid(logits)) is not None:
      before, layer = sigmoid
      logits = before._replace(shape=logits.shape)
      findings = [
        f._replace(notes=(*f.notes, steps.NO_PROBABILITIES))
        if f.layer == layer
        else f
        for f in findings
      ]
    found = _finish(building, network.name, logits)
  return Reading(
    network.name,
    tuple(findings),
    found,
    building.dropouts,
    building.sources,
  )


def _call(
  building: assembly.Assembly,
  call: records.Call,
  values: Sequence[assembly.Value | None],
  connected: bool,
) -> tuple[Finding, assembly.Value | None]:
  """Returns what became of a call, and its value where that is known."""
  kind = kinds.of(call.kind)
  if connected and not any(call.inputs()):
    raise records.ReadingError("it reads nothing", "connect it to the image")
  if kind.read is None:
    raise records.ReadingError(kind.meaning, kind.remedy)
  layout = call.config.get("data_format")
  if layout not in (None, "channels_last"):
    raise records.ReadingError(
      f"data_format={records.show(layout)} is not supported, only"
      " 'channels_last'",
      "build the network with that",
    )
  if call.number and kind.has_weights:
    raise records.ReadingError(
      f"it is called {call.number + 1} times or more, and its calls would share"
      " weights",
      "give each call a layer of its own",
    )
  todo = kind.read(call)
  if call.config.get("activity_regularizer") is not None:
    building.note("without its activity_regularizer")
  inputs = [values[output.call] for output in call.inputs()]
  known = [value for value in inputs if value is not None]
  value = None
  if inputs and len(known) == len(inputs):
    value = _place(building, todo, known)
  treatment, text = kind.treatment, kind.meaning
  if value is not None and treatment is kinds.Treatment.READ:
    text = ", ".join(building.operations) or "nothing to compute"
    if not building.operations and value.pending:
      text = value.pending.what
      if text == steps.PROBABILITIES and value.pending.layer == call.name:
        treatment, text = kinds.Treatment.DROPPED, "behind the logits"
    if call.name in value.absorbed[-1:]:
      treatment = kinds.Treatment.ABSORBED
      text = kinds.of("Rescaling").meaning
  notes = tuple(building.notes)
  return Finding(call.name, call.kind, treatment, text, notes=notes), value


def _place(
  building: assembly.Assembly,
  todo: Sequence[steps.Step],
  values: Sequence[assembly.Value],
) -> assembly.Value:
  """Returns what the steps of a call make of what it reads."""
  for step in todo:
    for value in values:
      if value.pending and value.pending.what not in step.takes:
        raise records.ReadingError(
          f"it reads what {value.pending.layer!r} has made {value.pending.what}"
          " of",
          f"remove {value.pending.layer!r}, or put it where that belongs",
        )
    try:
      values = [step.place(building, values)]
    except ValueError as error:
      if isinstance(error, records.ReadingError):
        raise
      raise records.ReadingError(str(error).rstrip(".")) from error
  return steps.only(values)


def _shape(config: records.Config) -> tuple[int | None, ...]:
  """Returns the shape of an input without the batch."""
  shape = config.get("batch_shape", config.get("batch_input_shape"))
  if (
    not isinstance(shape, list | tuple)
    or len(shape) < 2
    or not all(size is None or type(size) is int for size in shape[1:])
  ):
    raise records.ReadingError(
      f"it has the shape {records.show(shape)}",
      "give the input a shape, as in keras.Input((32, 32, 3))",
    )
  return tuple(shape[1:])


def _outputs(
  network: records.Network, values: Sequence[assembly.Value | None]
) -> list[Finding]:
  """Returns what is wrong with the outputs."""
  calls = [network.calls[output.call] for output in network.outputs]
  if len(calls) > 1:
    return [
      Finding(
        call.name,
        call.kind,
        kinds.Treatment.REFUSED,
        f"the network has {len(calls)} outputs, expected its logits alone",
        "give it one, keras.Model(inputs, logits)",
      )
      for call in calls[1:]
    ]
  value = values[network.outputs[0].call] if network.outputs else None
  if value and math.prod(s or 0 for s in value.shape) != value.shape[-1]:
    return [
      Finding(
        calls[0].name,
        calls[0].kind,
        kinds.Treatment.REFUSED,
        f"the network ends in the shape {list(value.shape)}, expected one value"
        " for each class",
        "add GlobalAveragePooling2D or Flatten, and Dense",
      )
    ]
  if value and value.pending and value.pending.what != steps.PROBABILITIES:
    return [
      Finding(
        value.pending.layer,
        "",
        kinds.Treatment.REFUSED,
        f"the network ends in {value.pending.what}",
        "end it in logits",
      )
    ]
  return []


def _finish(
  building: assembly.Assembly, name: str, logits: assembly.Value
) -> spec.Architecture:
  """Returns the architecture of a network of which all is understood."""
  size = logits.shape[-1]
  shape = building.node_shape(logits)
  if len(shape) > 1 and shape == (*[1] * (len(shape) - 1), size):
    logits = building.flat(logits)
  return building.build(name, logits)
