# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""docs/api.md, which is made of docstrings.

  python -m tests.api_page

prints it. Nothing is imported: griffe reads the files.
"""

import itertools
import re
import textwrap

import griffe

import ghn_tf
from tests import reference_data

_INTRODUCTION = """\
# What may be called

The public names of `ghn_tf`, by modules; others may change at any time.
Dimension letters: A architectures, N nodes, D hidden units, B images, H W C
image height, width and channels. Kernels are in Keras order:
[kh, kw, c_in, c_out], depthwise [kh, kw, c, 1], dense [c_in, c_out].

This page is made of the docstrings by `python -m tests.api_page > docs/api.md`.
"""


def names() -> list[str]:
  """Returns the public names, as the docstring of the package lists them."""
  (listed,) = re.findall(
    r"^Public names.*?:\n((?:  \S+\n)+)", ghn_tf.__doc__, re.M | re.DOTALL
  )
  return listed.split()


def page() -> str:
  """Returns the page in Markdown."""
  package = griffe.load(
    "ghn_tf", search_paths=[reference_data.ROOT], docstring_parser="google"
  )
  parts = [_INTRODUCTION]
  by_module = itertools.groupby(names(), lambda name: name.rpartition(".")[0])
  for module, own in by_module:
    parts.append(f"## ghn_tf.{module}\n\n{_text(package[module])}\n")
    parts += [_member(package[name]) for name in own]
  return "\n".join(parts)


def _member(member: griffe.Object) -> str:
  """Returns a function or class, with what a class has to call."""
  title = f"### {member.name}\n"
  if isinstance(member, griffe.Function):
    return "\n".join([title, _function(member)])
  if not isinstance(member, griffe.Class):
    raise ValueError(f"{member.path} is neither a function nor a class.")
  if any(str(base).endswith("Enum") for base in member.bases):
    values = [f"`{own.value}`" for own in member.attributes.values()]
    listed = textwrap.fill(", ".join(values), 80, break_on_hyphens=False)
    return "\n".join([title, *_documented(member), f"{listed}\n"])
  parts = [title, _signature(member), *_documented(member)]
  for name, own in member.members.items():
    if name.startswith("_") or own.docstring is None:
      continue
    heading = f"#### {member.name}.{name}\n"
    if isinstance(own, griffe.Function):
      parts += [heading, _function(own)]
    elif isinstance(own, griffe.Attribute) and "property" in own.labels:
      parts += [heading, f"`{own.annotation}`\n", *_documented(own)]
  return "\n".join(parts)


def _function(function: griffe.Function) -> str:
  return "\n".join([_signature(function), *_documented(function)])


def _signature(member: griffe.Function | griffe.Class) -> str:
  """Returns how something is called.

  The block is not marked as Python, of which it is no program.
  """
  arguments = []
  is_keyword = False
  for parameter in member.parameters:
    if parameter.name in ("self", "cls"):
      continue
    if parameter.kind is griffe.ParameterKind.keyword_only and not is_keyword:
      arguments.append("*")
      is_keyword = True
    star = {
      griffe.ParameterKind.var_positional: "*",
      griffe.ParameterKind.var_keyword: "**",
    }.get(parameter.kind, "")
    text = star + parameter.name
    if parameter.annotation is not None:
      text += f": {parameter.annotation}"
    if parameter.default is not None and not star:
      text += f" = {parameter.default}"
    arguments.append(text)
  returned = ""
  if isinstance(member, griffe.Function) and member.returns is not None:
    returned = f" -> {member.returns}"
  line = f"{member.name}({', '.join(arguments)}){returned}"
  if len(line) > 80:
    listed = "".join(f"  {argument},\n" for argument in arguments)
    line = f"{member.name}(\n{listed}){returned}"
  return f"```\n{line}\n```\n"


def _text(member: griffe.Object) -> str:
  """Returns what a docstring says before its sections."""
  if member.docstring is None:
    raise ValueError(f"{member.path} has no docstring.")
  first = member.docstring.parsed[0]
  return first.value.strip()


def _documented(member: griffe.Object) -> list[str]:
  """Returns the parts of a docstring, each ended by an empty line."""
  parts = []
  for section in member.docstring.parsed if member.docstring else ():
    if section.kind is griffe.DocstringSectionKind.text:
      parts.append(section.value.strip() + "\n")
      continue
    items = [_item(item, section.kind) for item in section.value]
    heading = section.kind.value.capitalize()
    parts.append(f"{heading}\n\n" + "\n".join(items) + "\n")
  return parts


def _item(item: griffe.DocstringElement, kind: object) -> str:
  """Returns an entry of a section as an item of a list."""
  if kind is griffe.DocstringSectionKind.raises:
    name = str(item.annotation)
  else:
    name = getattr(item, "name", "")
  text = f"`{name}`: {item.description}" if name else str(item.description)
  wrapped = " ".join(text.split())
  return textwrap.fill(
    wrapped,
    80,
    initial_indent="- ",
    subsequent_indent="  ",
    break_long_words=False,
    break_on_hyphens=False,
  )


if __name__ == "__main__":
  print(page(), end="")
