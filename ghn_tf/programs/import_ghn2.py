# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
r"""Turns a public GHN-2 (arXiv 2110.13100) into a checkpoint of ours.

  python tools/import_ghn2.py --input=ghn2_cifar10.pt --output=ghn2.npz

The input is PyTorch's file, for which torch must be installed, or an .npz of
the same arrays by the same names.
"""

import dataclasses
import pathlib
import pickle
from typing import Any
import zipfile

from absl import flags
from absl import logging
import numpy as np

from ghn_tf import files
from ghn_tf.ghn import checkpoint
from ghn_tf.ghn import config as ghn_config
from ghn_tf.programs import program

_INPUT = flags.DEFINE_string(
  "input",
  None,
  "Weights of a GHN-2: a .pt file, or an .npz with the names of its state"
  " dictionary, if need be after 'state/'.",
  required=True,
)
_OUTPUT = flags.DEFINE_string(
  "output", None, "Checkpoint to write; its name ends in .npz.", required=True
)
_OVERWRITE = flags.DEFINE_bool(
  "overwrite", False, "Whether to replace an output that exists."
)
# The images that the public GHN-2 were trained on.
_IMAGES = {
  "cifar10": {
    "shape": [32, 32, 3],
    "mean": [0.4914, 0.4822, 0.4465],
    "std": [0.2470, 0.2435, 0.2616],
  },
  "imagenet2012": {
    "shape": [224, 224, 3],
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
  },
}
_DATASET = flags.DEFINE_enum(
  "dataset", "cifar10", list(_IMAGES), "Images that the GHN-2 was trained on."
)


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Returns the arrays in a file by PyTorch's names.

  Raises:
    OSError: the file cannot be read.
    ValueError: it is damaged or of another kind, or torch is missing.
  """
  readers = {".npz": _read_npz, ".pt": _read_pt}
  if path.suffix not in readers:
    raise ValueError(f"--input must end in .npz or .pt, got {str(path)!r}.")
  if not path.is_file():
    raise FileNotFoundError(f"There is no file {str(path)!r} (--input).")
  try:
    return readers[path.suffix](path)
  except ImportError as error:
    raise ValueError(
      f"Reading {path} needs PyTorch: pip install torch. Or save the arrays of"
      " its state dictionary with numpy.savez and give that .npz."
    ) from error
  except (*files.DAMAGES, pickle.UnpicklingError) as error:
    raise ValueError(
      f"{path} is damaged or of another kind: {error!s:.200}"
    ) from error


def _read_npz(path: pathlib.Path) -> dict[str, np.ndarray]:
  prefix = "state/"
  if not zipfile.is_zipfile(path):
    raise ValueError("it is no ZIP archive of arrays, as numpy.savez writes")
  with np.load(path, allow_pickle=False) as arrays:
    names = [name for name in arrays.files if name.startswith(prefix)]
    state = {
      name.removeprefix(prefix): arrays[name] for name in names or arrays.files
    }
  for name, array in state.items():
    if not isinstance(array, np.ndarray):
      raise ValueError(f"its member {name!r} is no array")
  return state


def _read_pt(path: pathlib.Path) -> dict[str, np.ndarray]:
  import torch

  # weights_only: tensors and plain values, never code.
  content = torch.load(path, map_location="cpu", weights_only=True)
  state = (
    content.get("state_dict", content) if isinstance(content, dict) else {}
  )
  if not all(isinstance(value, torch.Tensor) for value in state.values()):
    raise ValueError("it holds no state dictionary of tensors")
  return {name: tensor.numpy() for name, tensor in state.items()}


def metadata(config: ghn_config.GhnConfig, dataset: str) -> dict[str, Any]:
  """Returns what a checkpoint says of an imported GHN-2."""
  return {
    "format": ghn_config.FORMAT,
    "step": 0,
    "ghn": dataclasses.asdict(config),
    "training": {"dataset": dataset},
    "images": _IMAGES[dataset],
  }


def import_ghn2() -> None:
  """Does what the flags ask for."""
  output = pathlib.Path(_OUTPUT.value)
  if output.suffix != ".npz":
    raise ValueError(f"--output must end in .npz, got {str(output)!r}.")
  source = pathlib.Path(_INPUT.value)
  if output.exists() and source.exists() and output.samefile(source):
    raise ValueError(
      f"{output} is the --input itself; choose another --output."
    )
  files.check_writable(output, overwrite=_OVERWRITE.value)
  state = read(source)

  program.import_silently("tensorflow")
  from ghn_tf.ghn import ghn2_weights

  config, arrays = ghn2_weights.convert(state)
  checkpoint.save(
    output,
    {f"ghn/{name}": array for name, array in arrays.items()},
    metadata(config, _DATASET.value),
  )
  size = sum(array.size for array in arrays.values())
  logging.info("%s: %d parameters, %s", output, size, config)


def main() -> None:
  """Runs the program."""
  program.run(import_ghn2)
