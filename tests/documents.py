# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the project's documents show."""

import re
import shlex

from tests import reference_data


def read(name: str) -> str:
  """Returns the text of a document."""
  return (reference_data.ROOT / name).read_text()


def blocks(name: str, language: str) -> list[str]:
  """Returns the fenced blocks of a language in a document."""
  pattern = rf"^```{language}\n(.*?)^```$"
  return re.findall(pattern, read(name), re.DOTALL | re.MULTILINE)


def commands(name: str) -> list[str]:
  """Returns the commands in the ```sh blocks of a document, one per entry."""
  found, text = [], ""
  for line in "".join(blocks(name, "sh")).splitlines(keepends=True):
    text += line.replace("\\\n", " ")
    try:
      words = shlex.split(text, comments=True)
    except ValueError:  # a quotation goes on in the next line
      continue
    if text.endswith("\n"):
      found += [shlex.join(words)] if words else []
      text = ""
  if text:
    raise ValueError(f"{name} has a command without an end: {text}")
  return found
