# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""JSON read strictly: nothing in it is said twice, and all of it is JSON."""

import json
from typing import Any, NoReturn


def loads(text: str | bytes) -> Any:
  """Returns what JSON text says.

  Raises:
    ValueError: it is not JSON, an object has two fields of one name, of which
      `json.loads` would drop the first, or it is nested too deeply.
  """
  try:
    return json.loads(
      text, object_pairs_hook=_object, parse_constant=_no_constant
    )
  except RecursionError as error:
    raise ValueError("it is nested too deeply") from error


def _object(fields: list[tuple[str, Any]]) -> dict[str, Any]:
  result = {}
  for name, value in fields:
    if name in result:
      raise ValueError(f"two fields have the name {name!r:.100}")
    result[name] = value
  return result


def _no_constant(name: str) -> NoReturn:
  raise ValueError(f"JSON has no number {name}")
