# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The C project of a program, as a user compiles it."""

from collections.abc import Mapping
import importlib.resources
import pathlib

import numpy as np

from ghn_tf.edge.cortexm import cores
from ghn_tf.edge.cortexm import generate


def test_images(
  codes: np.ndarray,
  program: generate.Program,
  logits: np.ndarray | None = None,
) -> dict[str, str]:
  """Returns the header with which `main.c` tests the program, by its name.

  Args:
    codes: [B, input] images.
    program: the program.
    logits: [B, output] expected; zeros if there are none.
  """
  if logits is None:
    logits = np.zeros((len(codes), program.output_size), np.int8)
  text = "\n".join(
    (
      f"{generate.LICENCE}\n\n#ifndef TEST_IMAGES_H_\n#define TEST_IMAGES_H_\n",
      f"#include <stdint.h>\n\nenum {{ TEST_IMAGES = {len(codes)} }};\n",
      _rows("test_images", codes),
      _rows("test_outputs", logits),
      "#endif  // TEST_IMAGES_H_\n",
    )
  )
  return {"test_images.h": text}


def _rows(name: str, codes: np.ndarray) -> str:
  rows = ",\n".join(
    "{" + ", ".join(map(str, row)) + "}" for row in codes.tolist()
  )
  shape = "".join(f"[{size}]" for size in codes.shape)
  return f"static const int8_t {name}{shape} = {{\n{rows}}};\n"


def common_files(core: cores.Core) -> dict[str, str]:
  """Returns the files that all programs for a core have, by name."""
  folder = importlib.resources.files(__package__) / "firmware"
  values = {
    "@ABI@": core.abi,
    "@CONSTANTS@": "EXTERNAL" if core.has_external else "FLASH",
    "@CPU@": core.gcc,
    "@FLASH@": str(core.flash_bytes),
    "@FLOAT_ABI@": "hard" if core.has_vectors else "soft",
    "@MACHINE@": core.machine,
    "@RAM@": str(core.ram_bytes),
    "@ZIG_CPU@": core.zig,
  }
  files = {f.name: f.read_text(encoding="utf-8") for f in folder.iterdir()}
  for name in ("Makefile", "link.ld"):
    for key, value in values.items():
      files[name] = files[name].replace(key, value)
  return files


def write(
  folder: pathlib.Path, sources: Mapping[str, str], core: cores.Core
) -> None:
  """Writes a project.

  Args:
    folder: that is made.
    sources: what was generated.
    core: that its Makefile compiles for.

  Raises:
    FileExistsError: there is something at that place.
  """
  if folder.exists():
    raise FileExistsError(
      f"{folder} exists; give a folder that does not, to keep the firmware in."
    )
  files = common_files(core)
  folder.mkdir(parents=True)
  for name, text in {**files, **sources}.items():
    (folder / name).write_text(text, encoding="utf-8")
