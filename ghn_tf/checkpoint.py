# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The one file format for what is trained: named arrays and JSON metadata.

A checkpoint is an .npz file, uncompressed, with one more member of the name
"metadata.json". NumPy and unzip read it without us, nothing in it is pickled,
and the checksums of the zip container reveal damage.
"""

from collections.abc import Mapping
import io
import json
import os
import struct
from typing import Any
import zipfile

import numpy as np

Metadata = dict[str, Any]
_METADATA = "metadata.json"
# Booleans, integers and floats; not objects, which would have to be pickled.
_KINDS = "biuf"


class CheckpointError(ValueError):
  """A file is missing, damaged, or not a checkpoint."""


def save(
  path: str | os.PathLike[str],
  arrays: Mapping[str, np.ndarray],
  metadata: Mapping[str, Any],
) -> None:
  """Writes a checkpoint as a whole or, where that fails, not at all.

  Args:
    path: of the file, in a folder that exists; what was there is replaced.
    arrays: booleans, integers or floats by name.
    metadata: what JSON can express.

  Raises:
    OSError: the file cannot be written; what was there before still is.
    ValueError: an array or metadata that a checkpoint cannot hold.
  """
  path = os.fspath(path)
  data = _pack(arrays, metadata)
  temporary = f"{path}.tmp"
  try:
    with open(temporary, "wb") as file:
      file.write(data)
      file.flush()
      os.fsync(file.fileno())
    os.replace(temporary, path)
  except OSError as error:
    if os.path.isfile(temporary):
      os.remove(temporary)
    raise OSError(
      error.errno, f"Cannot write the checkpoint ({error.strerror})", path
    ) from error


def load(
  path: str | os.PathLike[str],
) -> tuple[dict[str, np.ndarray], Metadata]:
  """Returns the arrays and the metadata of a checkpoint.

  Raises:
    CheckpointError: the file is missing, damaged, or not a checkpoint.
  """
  path = os.fspath(path)
  try:
    with zipfile.ZipFile(path) as file:
      members = {info.filename: _read(file, info) for info in file.infolist()}
      metadata = json.loads(members.pop(_METADATA))
      arrays = {
        name.removesuffix(".npy"): np.lib.format.read_array(
          io.BytesIO(data), allow_pickle=False
        )
        for name, data in members.items()
      }
  except FileNotFoundError as error:
    raise CheckpointError(f"There is no checkpoint {path}.") from error
  except KeyError as error:
    raise CheckpointError(
      f"{path} is not a checkpoint: it lacks {_METADATA}."
    ) from error
  # What zipfile and NumPy raise for damaged files.
  except (
    zipfile.BadZipFile,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
  ) as error:
    raise CheckpointError(
      f"{path} is damaged or not a checkpoint: {error}. Use another one."
    ) from error
  return arrays, metadata


def _pack(
  arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]
) -> bytes:
  """Returns the content of a checkpoint; equal for equal arguments."""
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, "w") as file:
    # A ZipInfo of our own, as others hold the time of day.
    file.writestr(
      zipfile.ZipInfo(_METADATA), json.dumps(metadata, allow_nan=False)
    )
    for name, array in arrays.items():
      if array.dtype.kind not in _KINDS:
        raise ValueError(
          f"Array {name!r} is of type {array.dtype}; a checkpoint holds"
          " booleans, integers and floats."
        )
      data = io.BytesIO()
      np.lib.format.write_array(data, array, allow_pickle=False)
      file.writestr(zipfile.ZipInfo(f"{name}.npy"), data.getvalue())
  return buffer.getvalue()


def _read(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
  """Returns a member; checks its checksum before anybody parses it."""
  if info.compress_type != zipfile.ZIP_STORED:
    raise ValueError(f"{info.filename} is compressed")
  return file.read(info)
