# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Files of models as neutral records, without running anything in them.

Of a model there is only its configuration read, never a weight; what it claims
is checked against bounds first.
"""

from collections.abc import Iterator
import os
import pathlib
from typing import Any, BinaryIO
import zipfile

from ghn_tf import files
from ghn_tf import strict_json
from ghn_tf import tflite_schema
from ghn_tf.reading import hdf5
from ghn_tf.reading import keras_config
from ghn_tf.reading import records
from ghn_tf.reading import tflite_graph

SUFFIXES = (".keras", ".h5", ".hdf5", ".tflite")
_METADATA = "keras_metadata.pb"
_SAVED_MODEL = "saved_model.pb"
# Of a configuration: in memory JSON can take 50 times its length. Of the
# networks of keras.applications the longest has a tenth of it.
_MAX_CONFIG_BYTES = 1 << 24


def is_stored(path: str | os.PathLike[str]) -> bool:
  """Whether a path is, by its name or content, that of a stored model."""
  return pathlib.Path(path).suffix in SUFFIXES or any(
    os.path.isfile(os.path.join(path, name))
    for name in (_METADATA, _SAVED_MODEL)
  )


def network(path: str | os.PathLike[str]) -> records.Network:
  """Returns the network in a file or a folder.

  Args:
    path: of a `.keras`, `.h5` or `.tflite` file or a SavedModel, whatever it is
      named.

  Raises:
    OSError: it cannot be read.
    records.ReadingError: it is damaged, something else, or tells no layers.
  """
  if os.path.isdir(path):
    return _model(_saved_model(pathlib.Path(path)))
  with _opened(path) as file:
    start = file.read(8)
    if start == hdf5.SIGNATURE:
      return _model(_of_hdf5(file))
    if start[:4] == b"PK\x03\x04":
      return _model(_of_zip(file))
    if start[4:] == tflite_schema.IDENTIFIER:
      return tflite_graph.network(file, pathlib.Path(path).stem)
  raise records.ReadingError(
    f"it begins with {start!r}, as no .keras, .h5 or .tflite file does",
    "save the model again",
  )


def modules(path: str | os.PathLike[str]) -> set[str]:
  """Returns of which modules a `.keras` file has classes and functions.

  Keras imports them when it loads the file.

  Raises:
    OSError: it cannot be read.
    records.ReadingError: it is damaged or something else.
  """
  with _opened(path) as file:
    record = _parsed(_of_zip(file))
  found, left = set(), [record]
  while left:
    value = left.pop()
    if isinstance(value, dict):
      if (module := value.get("module")) is not None:
        found.add(str(module))
      left += value.values()
    elif isinstance(value, list):
      left += value
  return found


def _opened(path: str | os.PathLike[str]) -> BinaryIO:
  files.check_regular(path)
  return open(path, "rb")


def _parsed(config: bytes) -> Any:
  try:
    return strict_json.loads(config)
  except ValueError as error:
    raise records.ReadingError(
      f"its configuration is no JSON: {str(error).rstrip('.'):.200}",
      "save the model again",
    ) from error


def _model(config: bytes) -> records.Network:
  record = _parsed(config)
  try:
    return keras_config.network(_plain(record))
  except RecursionError:
    raise records.ReadingError(
      "its configuration is nested too deeply", "save the model again"
    ) from None


def _plain(value: Any) -> Any:
  """Returns JSON with lists in place of what a SavedModel calls tuples."""
  if isinstance(value, list):
    return [_plain(inner) for inner in value]
  if isinstance(value, dict):
    if value.get("class_name") in ("__tuple__", "TensorShape"):
      return _plain(value.get("items"))
    return {name: _plain(inner) for name, inner in value.items()}
  return value


def _check_size(size: int) -> None:
  if size > _MAX_CONFIG_BYTES:
    raise records.ReadingError(
      f"its configuration has {size:,} bytes, more than {_MAX_CONFIG_BYTES:,}",
      "give a smaller model",
    )


def _of_zip(file: BinaryIO) -> bytes:
  try:
    with zipfile.ZipFile(file) as archive:
      info = archive.getinfo("config.json")
      _check_size(info.file_size)
      with archive.open(info) as member:
        # What it claims, and what it has, are two things.
        config = member.read(_MAX_CONFIG_BYTES + 1)
        _check_size(len(config))
        return config
  except records.ReadingError:
    raise
  except KeyError as error:
    raise records.ReadingError(
      "it has no config.json, as .keras files do", "save the model again"
    ) from error
  except (*files.DAMAGES, OSError) as error:
    raise records.ReadingError(
      f"it is damaged: {error!s:.200}", "save the model again"
    ) from error


def _of_hdf5(file: BinaryIO) -> bytes:
  config = hdf5.attribute(file, "model_config", _MAX_CONFIG_BYTES)
  if config is None:
    raise records.ReadingError(
      "it holds weights alone",
      "save the whole model, by model.save and not model.save_weights",
    )
  return config


def _saved_model(folder: pathlib.Path) -> bytes:
  """Returns the configuration of the root in a SavedModel's metadata."""
  path = folder / _METADATA
  if not path.is_file():
    raise records.ReadingError(
      f"the folder {os.fspath(folder)!r} has no {_METADATA}, so it is no"
      " SavedModel that tells its layers, as model.export writes none",
      "save the model as a .keras file",
    )
  with _opened(path) as file:
    content = file.read(4 * _MAX_CONFIG_BYTES + 1)
  if len(content) > 4 * _MAX_CONFIG_BYTES:
    raise records.ReadingError(
      f"its {_METADATA} has more than {4 * _MAX_CONFIG_BYTES:,} bytes",
      "give a smaller model",
    )
  for number, node in _fields(content):
    if number != 1 or not isinstance(node, bytes):
      continue
    fields = dict(_fields(node))
    if fields.get(3) == b"root":  # node_path
      metadata = fields.get(5)
      if isinstance(metadata, bytes):
        _check_size(len(metadata))
        return metadata
  raise records.ReadingError(
    f"its {_METADATA} tells no model", "save the model as a .keras file"
  )


def _fields(content: bytes) -> Iterator[tuple[int, Any]]:
  """Returns number and value of each field of a Protocol Buffer message."""
  place = 0
  while place < len(content):
    key, place = _varint(content, place)
    kind = key & 7
    size = {1: 8, 5: 4}.get(kind, 0)
    value: Any = None
    if kind == 0:
      value, place = _varint(content, place)
    elif kind == 2:
      size, place = _varint(content, place)
      value = content[place : place + size]
    elif not size:
      raise _damaged()
    if size > len(content) - place:
      raise _damaged()
    place += size
    yield key >> 3, value


def _varint(content: bytes, place: int) -> tuple[int, int]:
  """Returns an integer and the place behind it."""
  value = 0
  for shift in range(0, 70, 7):
    if place >= len(content):
      raise _damaged()
    byte = content[place]
    place += 1
    value |= (byte & 127) << shift
    if byte < 128:
      return value, place
  raise _damaged()


def _damaged() -> records.ReadingError:
  return records.ReadingError(
    f"its {_METADATA} is damaged", "save the model again"
  )
