# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What was measured of a network, and as it stands in a file."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

from ghn_tf.evaluation import settings as settings_lib
from ghn_tf.report import json_files
from ghn_tf.spaces import extent

_FIELDS: dict[str, json_files.Kind] = {
  **{"name": str, "unseen": bool, "outside_of_training": dict | None},
  **{"macs": int, "num_params": int, "accuracy": list, "scores": dict},
  **{"tflite_bytes": int | None, "seconds": json_files.NUMBER},
  "errors": list,
}
_SETTING: dict[str, json_files.Kind] = {
  **{"recipe": str, "method": str, "head": str, "batch_norm": str},
}
# What older versions did not write.
_ADDED: dict[str, Any] = {"scores": {}, "errors": []}
_ACCURACY = {**_SETTING, "top1": json_files.NUMBER}


@dataclasses.dataclass(frozen=True)
class NetworkReport:
  """What was measured of one network.

  Attributes:
    name: of the network.
    unseen: whether training is known not to have drawn it.
    outside_of_training: in which measures it is unlike the networks of
      training; None if these are not known.
    macs: multiply-accumulates for one image.
    num_params: number of parameters.
    accuracy: top-1, by setting.
    scores: by name, those of `settings.SCORES` that were asked for.
    tflite_bytes: size of the w8a8 file; None if none was made.
    seconds: what predicting, calibrating, converting and running took.
    errors: of the recipes and methods whose settings `accuracy` lacks, and of
      what `scores` lacks: which, and why.
  """

  name: str
  unseen: bool
  outside_of_training: extent.Outside | None
  macs: int
  num_params: int
  accuracy: Mapping[settings_lib.Setting, float]
  scores: Mapping[str, float]
  tflite_bytes: int | None
  seconds: float
  errors: Sequence[str] = ()

  def to_json(self) -> dict[str, Any]:
    """Returns the fields for a JSON file."""
    fields = {
      field.name: getattr(self, field.name)
      for field in dataclasses.fields(self)
    }
    fields["accuracy"] = [
      {**dataclasses.asdict(setting), "top1": top1}
      for setting, top1 in self.accuracy.items()
    ]
    fields["errors"] = [*self.errors]
    return fields

  @classmethod
  def from_json(cls, fields: Mapping[str, Any]) -> "NetworkReport":
    """Returns the report that `to_json` gave the fields of.

    Args:
      fields: of an object of a JSON file; it may have others, too, and lack
        those that older versions did not write.

    Raises:
      TypeError: one is of another kind.
      LookupError: one is missing.
    """
    json_files.check(fields, {})
    fields = {**_ADDED, **fields}
    json_files.check(fields, _FIELDS)
    accuracy = {}
    for row in fields["accuracy"]:
      json_files.check(row, _ACCURACY)
      setting = {name: row[name] for name in _SETTING}
      accuracy[settings_lib.Setting(**setting)] = row["top1"]
    json_files.check(
      fields["scores"], dict.fromkeys(fields["scores"], json_files.NUMBER)
    )
    errors = tuple(fields["errors"])
    for error in errors:
      json_files.check({"error": error}, {"error": str})
    own = {name: fields[name] for name in _FIELDS}
    return cls(**{**own, "accuracy": accuracy, "errors": errors})
