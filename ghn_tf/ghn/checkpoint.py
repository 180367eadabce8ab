# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The one file format for what is trained, and which file a user means.

A checkpoint has named arrays and JSON metadata. It is an .npz file,
uncompressed, with one more member, "index.json": an object of the names of the
"arrays" and the "metadata". NumPy and unzip read it without us, and nothing in
it is pickled. Damage shows: the zip container has a checksum of each member,
and the index the names of all. Nothing in it can claim more than the file has.

The metadata hold options, as fields of dataclasses. A version of this package
may add one that has a value for what was done before: its default, unless the
field's metadata say another, "before". A checkpoint without the option is read
with that value; one with an option that a version does not know was written by
a later version, and is refused. Whatever else changes in arrays or metadata
gets another format (`config.FORMAT`), and a checkpoint of another format is
refused.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import io
import json
import math
import os
import pathlib
import re
from typing import Any, TypeVar
import zipfile

from absl import logging
import numpy as np

from ghn_tf import files
from ghn_tf import strict_json

T = TypeVar("T")
Metadata = dict[str, Any]
PRETRAINED_DIR = pathlib.Path(__file__).parent / "pretrained"
_FILE = re.compile(r"checkpoint-(\d+)\.npz")
_INDEX = "index.json"
# Booleans, integers and floats; not objects, which would have to be pickled.
_KINDS = "biuf"
# Of a file, which is read as a whole. A run of "ghn2" takes 26 MB, and one of a
# hypernetwork with fifty times as many weights fits.
MAX_BYTES = 1 << 31
# Of the index: in memory JSON can take 50 times its length.
MAX_INDEX_BYTES = 1 << 24
# How an array begins (version 1.0 of NumPy's format). NumPy evaluates it as
# Python, which takes more than it should and raises what it likes.
_SIZE = rb"(?:0|[1-9]\d{0,18})"
_HEADER = re.compile(
  rb"\x93NUMPY\x01\x00(..)\{'descr': '([<>|][biuf]\d\d?)', 'fortran_order':"
  rb" (?:True|False), 'shape': \((|%b,|(?:%b, ){1,31}%b)\), \} *\n"
  % (_SIZE, _SIZE, _SIZE),
  re.DOTALL,
)


class CheckpointError(ValueError):
  """A file is missing, damaged, or not a checkpoint."""


def save(
  path: str | os.PathLike[str],
  arrays: Mapping[str, np.ndarray],
  metadata: Mapping[str, Any],
) -> None:
  """Writes a checkpoint as a whole or, where that fails, not at all.

  Args:
    path: of the file; what was there is replaced.
    arrays: booleans, integers or floats by name.
    metadata: what JSON can express.

  Raises:
    OSError: the file cannot be written; what was there before still is.
    ValueError: an array or metadata that a checkpoint cannot hold.
  """
  content = _pack(arrays, metadata)
  if len(content) > MAX_BYTES:
    raise ValueError(
      f"The arrays take {len(content):,} bytes; a checkpoint holds"
      f" {MAX_BYTES:,}."
    )
  files.write(path, content)


def load(
  path: str | os.PathLike[str],
) -> tuple[dict[str, np.ndarray], Metadata]:
  """Returns the arrays and the metadata of a checkpoint.

  Raises:
    CheckpointError: the file is missing, damaged, or not a checkpoint.
  """
  path = os.fspath(path)
  try:
    files.check_regular(path)
    if (num_bytes := os.path.getsize(path)) > MAX_BYTES:
      raise ValueError(
        f"it has {num_bytes:,} bytes, more than the {MAX_BYTES:,} that a"
        " checkpoint may have"
      )
    with zipfile.ZipFile(path) as archive:
      members = _members(archive, num_bytes)
    return _unpack(members)
  except FileNotFoundError as error:
    raise CheckpointError(f"There is no checkpoint {path}.") from error
  except KeyError as error:
    raise CheckpointError(
      f"{path} is not a checkpoint or damaged: it lacks {error!s:.200}."
    ) from error
  except (*files.DAMAGES, OSError) as error:
    raise CheckpointError(
      f"{path} is not a checkpoint or damaged: {error!s:.200}."
    ) from error


def _pack(
  arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]
) -> bytes:
  """Returns the content of a checkpoint; equal for equal arguments."""
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, "w") as archive:
    # A ZipInfo of our own, as others hold the time of day.
    index = json.dumps(
      {"arrays": list(arrays), "metadata": metadata}, allow_nan=False
    )
    if len(index) > MAX_INDEX_BYTES:
      raise ValueError(
        f"The metadata take {len(index):,} bytes in JSON; a checkpoint holds"
        f" {MAX_INDEX_BYTES:,}."
      )
    archive.writestr(zipfile.ZipInfo(_INDEX), index)
    for name, array in arrays.items():
      if array.dtype.kind not in _KINDS:
        raise ValueError(
          f"Array {name!r} is of type {array.dtype}; a checkpoint holds"
          " booleans, integers and floats."
        )
      data = io.BytesIO()
      np.lib.format.write_array(data, array, allow_pickle=False)
      archive.writestr(zipfile.ZipInfo(f"{name}.npy"), data.getvalue())
  return buffer.getvalue()


def _members(archive: zipfile.ZipFile, num_bytes: int) -> dict[str, bytes]:
  """Returns what a file of so many bytes holds, by name.

  Checks all claims before it reads, and checksums before anybody parses.
  """
  infos = archive.infolist()
  names = {info.filename for info in infos}
  if len(names) < len(infos):
    raise ValueError(f"it has {len(infos)} members of {len(names)} names")
  for info in infos:
    # Both sizes are claims, and compressed members could keep very large ones.
    if info.compress_type or info.compress_size != info.file_size:
      raise ValueError(f"{info.filename} is compressed")
  if (claimed := sum(info.file_size for info in infos)) > num_bytes:
    raise ValueError(f"its members claim {claimed:,} bytes of {num_bytes:,}")
  return {info.filename: archive.read(info) for info in infos}


def _unpack(
  members: Mapping[str, bytes],
) -> tuple[dict[str, np.ndarray], Metadata]:
  """Returns the arrays and the metadata in the members of a file.

  Raises:
    KeyError: a member or a part of the index is missing.
    ValueError: something is not as `save` writes it.
  """
  if len(members[_INDEX]) > MAX_INDEX_BYTES:
    raise ValueError(
      f"{_INDEX} has {len(members[_INDEX]):,} bytes, more than"
      f" {MAX_INDEX_BYTES:,}"
    )
  index = strict_json.loads(members[_INDEX])
  if not isinstance(index, dict):
    raise ValueError(f"{_INDEX} is no object")
  names, metadata = index["arrays"], index["metadata"]
  if not isinstance(metadata, dict):
    raise ValueError(f"the metadata in {_INDEX} are no object")
  if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
    raise ValueError(f"the arrays in {_INDEX} are no list of names")
  arrays = {name: _read_array(name, members[f"{name}.npy"]) for name in names}
  if len(members) != len(names) + 1 or len(arrays) != len(names):
    raise ValueError(f"{_INDEX} does not name each of its arrays once")
  return arrays, metadata


def _read_array(name: str, content: bytes) -> np.ndarray:
  """Returns an array in NumPy's format that is what its header claims."""
  header = _HEADER.match(content)
  if not header or int.from_bytes(header[1], "little") != header.end() - 10:
    raise ValueError(f"{name} is not an array of numbers as NumPy writes it")
  num_bytes = len(content) - header.end()
  dtype = header[2].decode()
  shape = [int(size) for size in re.findall(_SIZE, header[3])]
  if math.prod(shape) * np.dtype(dtype).itemsize != num_bytes:
    raise ValueError(
      f"{name} claims the shape {shape} of {dtype} in {num_bytes:,} bytes"
    )
  return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)


def options(path: str | os.PathLike[str], kind: type[T], told: Any) -> T:
  """Returns the options that a checkpoint tells; see the module.

  Args:
    path: of the checkpoint, for the message.
    kind: a dataclass whose fields have defaults.
    told: an object of its fields, as the metadata hold them.

  Raises:
    CheckpointError: among them is one that this version does not know, or a
      value that it does not take.
  """
  fields = dataclasses.fields(kind)  # type: ignore[arg-type]
  known = {field.name for field in fields}
  before = {
    field.name: field.metadata["before"]
    for field in fields
    if field.metadata.get("before") is not None
  }
  try:
    if not isinstance(told, dict):
      raise ValueError(f"expected an object of options, got {told!r}")
    if unknown := sorted(told.keys() - known):
      raise ValueError(f"the options {unknown} are unknown here")
    return kind(**{**before, **told})
  except (TypeError, ValueError) as error:
    raise CheckpointError(
      f"{path} is damaged or of a later version of ghn_tf, which you need to"
      f" read it: {str(error).rstrip('.')}."
    ) from error


def run_path(workdir: str, step: int) -> str:
  """Returns where a run's checkpoint of a step is."""
  return os.path.join(workdir, f"checkpoint-{step:08d}.npz")


def run_paths(workdir: str) -> list[str]:
  """Returns the checkpoints of a run, the newest first.

  Args:
    workdir: of the run, which need not exist yet.

  Raises:
    ValueError: it is a file.
  """
  if not os.path.exists(workdir):
    return []
  if not os.path.isdir(workdir):
    raise ValueError(
      f"The workdir {workdir!r} is a file; choose another --workdir."
    )
  steps = {}
  for name in os.listdir(workdir):
    if match := _FILE.fullmatch(name):
      steps[name] = int(match[1])
  names = sorted(steps, key=steps.__getitem__, reverse=True)
  return [os.path.join(workdir, name) for name in names]


def pretrained_names() -> Sequence[str]:
  """Returns the names of the hypernetworks that come with this package."""
  return sorted(path.stem for path in PRETRAINED_DIR.glob("*.npz"))


def find(
  source: str | os.PathLike[str],
) -> tuple[str, dict[str, np.ndarray], Metadata]:
  """Returns the checkpoint that a user names, with its path.

  Args:
    source: a checkpoint file, the workdir of a run (its newest readable
      checkpoint), or the name of a pretrained hypernetwork.

  Raises:
    CheckpointError: there is none, or it is damaged.
  """
  is_path = isinstance(source, str | os.PathLike)
  path = os.fspath(source) if is_path else ""
  if not os.path.exists(path) and path in pretrained_names():
    path = str(PRETRAINED_DIR / f"{path}.npz")
  if os.path.isdir(path):
    if paths := run_paths(path):
      return load_newest(paths)
    raise CheckpointError(
      f"The folder {path} has no checkpoints; is it the --workdir of a training"
      " run?"
    )
  if os.path.exists(path):
    return path, *load(path)
  raise CheckpointError(
    f"There is no checkpoint {source!r:.200}: expected a file, the workdir of a"
    f" training run, or one of the names {pretrained_names()}."
  )


def load_newest(
  paths: Sequence[str],
) -> tuple[str, dict[str, np.ndarray], Metadata]:
  """Returns the first checkpoint that can be read, with its path.

  Args:
    paths: checkpoints of a run, the newest first, at least one.

  Raises:
    CheckpointError: none can be read.
  """
  for path in paths:
    try:
      arrays, metadata = load(path)
    except CheckpointError as error:
      logging.warning("Ignore a damaged checkpoint: %s", error)
      continue
    return path, arrays, metadata
  raise CheckpointError(
    f"None of the checkpoints {', '.join(paths)} can be read. Remove them to"
    " begin anew, or use another --workdir."
  )
