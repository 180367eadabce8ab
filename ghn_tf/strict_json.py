# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""JSON read strictly: nothing in it is said twice, and all of it is JSON."""

import json
import sys
from typing import Any, NoReturn

# Of an integer, which takes time in the square of them. Python reads so many
# whatever limit the user sets it.
_MAX_DIGITS = sys.int_info.str_digits_check_threshold


def loads(text: str | bytes) -> Any:
  """Returns what JSON text says.

  Args:
    text: in UTF-8, if it is bytes; a byte-order mark before it is ignored.

  Raises:
    ValueError: it is not JSON, an object has two fields of one name, of which
      `json.loads` would drop the first, or it is nested too deeply or has an
      integer that is too long.
  """
  content = text.decode() if isinstance(text, bytes) else text
  content = content.removeprefix("\ufeff")  # as RFC 8259, section 8.1, allows

  def integer(number: str) -> int:
    if (length := len(number.lstrip("-"))) > _MAX_DIGITS:
      # Which tells line and column, too.
      raise json.JSONDecodeError(
        f"an integer has {length:,} digits, more than {_MAX_DIGITS}",
        content,
        content.index(number),
      )
    return int(number)

  try:
    return json.loads(
      content,
      object_pairs_hook=_object,
      parse_constant=_no_constant,
      parse_int=integer,
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
