# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The C project of a program, as a user compiles it."""

from collections.abc import Mapping
import importlib.resources
import pathlib
import re

import numpy as np

from ghn_tf.edge.cortexm import cores
from ghn_tf.edge.cortexm import generate

# What the README says of the instructions that kernels use.
_PLAIN = "All code is portable C."
_DSP = """\
All code is portable C, but for inner loops that use instructions of the DSP
extension, which this core has."""
_MVE = """\
Inner loops use vectors (MVE, also called Helium): compile for this core with
`-mfloat-abi=hard`, as the `Makefile` does. A core starts with them turned off,
and the first one then ends in a fault. Before `@NETWORK@_run` your startup has
to turn them on, in the fields CP10 and CP11 of the register CPACR, as
`startup.c` does:

```c
*(volatile uint32_t *)0xe000ed88 |= 0xfu << 20;
__asm__ volatile("dsb\\n\\tisb");
```

With CMSIS that is `SCB->CPACR |= 0xfu << 20; __DSB(); __ISB();`."""


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


def network_name(folder: pathlib.Path, core: cores.Core) -> str:
  """Returns the name of the network whose project is in a folder.

  It is `network_` and the folder's name without `.<core>`, in which _ stands
  for what identifiers of C do not have.
  """
  own = folder.name.removesuffix(f".{core.name}")
  return f"{generate.NAME}_{re.sub('[^a-zA-Z0-9_]', '_', own)}"


def common_files(
  core: cores.Core, network: str = generate.NAME
) -> dict[str, str]:
  """Returns the files beside what is generated for a network, by name.

  Args:
    core: that the Makefile compiles for.
    network: its name.
  """
  folder = importlib.resources.files(__package__) / "firmware"
  values = {
    "@ABI@": core.abi,
    "@CONSTANTS@": "EXTERNAL" if core.has_external else "FLASH",
    "@CPU@": core.gcc,
    "@FLASH@": str(core.flash_bytes),
    "@FLOAT_ABI@": "hard" if core.has_vectors else "soft",
    "@INSTRUCTIONS@": (
      _MVE if core.has_vectors else _DSP if core.has_dsp else _PLAIN
    ),
    "@MACHINE@": core.machine,
    "@NETWORK@": network,
    "@RAM@": str(core.ram_bytes),
    "@ZIG_CPU@": core.zig,
  }
  files = {f.name: f.read_text(encoding="utf-8") for f in folder.iterdir()}
  for key, value in values.items():
    files = {name: text.replace(key, value) for name, text in files.items()}
  return files


def write(folder: pathlib.Path, sources: Mapping[str, str]) -> None:
  """Writes a project.

  Args:
    folder: that is made.
    sources: all of its files, by name.

  Raises:
    FileExistsError: there is something at that place.
  """
  if folder.exists():
    raise FileExistsError(
      f"{folder} exists; give a folder that does not, to keep the firmware in."
    )
  folder.mkdir(parents=True)
  for name, text in sources.items():
    (folder / name).write_text(text, encoding="utf-8")
