# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Readers of stored models, on input that nobody has thought of."""

from collections.abc import Sequence
import contextlib
import functools
import importlib
import io
import json
import pathlib
import struct
import tempfile
from typing import Any
import zipfile

from absl.testing import absltest
import flatbuffers
from hypothesis import strategies as st
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from ghn_tf.arch import spec
from ghn_tf.reading import network
from ghn_tf.reading import stored
from tests import fuzzing
from tests import user_models

_NAMES = ("nested", "functions", "mobilenet_head", "one_dimension")
_METADATA = "keras_metadata.pb"


@functools.cache
def _models() -> dict[str, tuple[bytes, ...]]:
  """Small models as files, by suffix."""
  found: dict[str, list[bytes]] = {
    "keras": [],
    "h5": [],
    "tflite": [],
    "pb": [],
  }
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    for module in (keras, importlib.import_module("keras")):
      for builder in _NAMES:
        model = user_models.UNDERSTOOD[builder](module)
        for suffix in ("keras", "h5"):
          model.save(folder / f"model.{suffix}")
          content = (folder / f"model.{suffix}").read_bytes()
          found[suffix].append(content)
        if module is keras and builder == "nested":
          model.save(folder / "saved", save_format="tf")
          found["pb"].append((folder / "saved" / _METADATA).read_bytes())
          converter = tf.lite.TFLiteConverter.from_keras_model(model)
          found["tflite"].append(converter.convert())
  return {suffix: tuple(contents) for suffix, contents in found.items()}


def _read(content: bytes, path: pathlib.Path) -> None:
  path.write_bytes(content)
  is_metadata = path.name == _METADATA
  with contextlib.suppress(ValueError):
    reading = network.read(stored.network(path.parent if is_metadata else path))
    for finding in reading.findings:
      assert len(str(finding)) < 2_000
    if reading.found is not None:
      architecture = reading.found
      again = spec.Architecture(
        architecture.name, architecture.input_shape, architecture.nodes
      )
      assert again == architecture


def _configs() -> list[str]:
  found = []
  for content in _models()["keras"]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
      found.append(archive.read("config.json").decode())
  return found


def _zipped(config: str) -> bytes:
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("config.json", config)
  return buffer.getvalue()


@st.composite
def _replaced(draw, originals: Sequence[str]) -> str:
  """A configuration, some of whose values are others."""
  record = json.loads(draw(st.sampled_from(originals)))
  for _ in range(draw(st.integers(1, 3))):
    place: Any = record["config"]["layers"]
    while place:
      key = draw(st.sampled_from(range(len(place))))
      key = list(place)[key] if isinstance(place, dict) else key
      if isinstance(place[key], dict | list) and draw(st.integers(0, 3)):
        place = place[key]
      else:
        place[key] = draw(fuzzing.VALUES)
        break
  return json.dumps(record)


@st.composite
def _moved(draw, originals: Sequence[bytes]) -> bytes:
  """A file some of whose numbers, of four bytes each, are others."""
  content = bytearray(draw(st.sampled_from(originals)))
  for _ in range(draw(st.integers(1, 4))):
    place = 4 * draw(st.integers(0, len(content) // 4 - 1))
    number = draw(st.integers(-(2**31), 2**31 - 1) | st.integers(-9, 99))
    struct.pack_into("<i", content, place, number)
  return bytes(content)


class _Fuzz(fuzzing.Fuzz):
  """The kinds of files; the classes below choose how many inputs."""

  def _fuzz_files(self, suffix: str, *inputs: Any) -> None:
    name = _METADATA if suffix == "pb" else f"model.{suffix}"
    path = self.folder() / name
    self.fuzz(lambda content: _read(content, path), *inputs)

  def test_configurations(self):
    configs = _configs()
    self._fuzz_files(
      "keras",
      _replaced(configs).map(_zipped),
      st.one_of(st.text(), fuzzing.VALUES.map(json.dumps)).map(_zipped),
      fuzzing.mutated([config.encode() for config in configs]).map(
        lambda config: _zipped(config.decode(errors="replace"))
      ),
      fuzzing.mutated(_models()["keras"]),
    )

  def test_hdf5(self):
    files = _models()["h5"]
    ends = [content[:4096] for content in files]
    self._fuzz_files(
      "h5",
      *(fuzzing.mutated(files), _moved(files)),
      *(fuzzing.mutated(ends), _moved(ends)),
    )

  def test_tflite(self):
    files = _models()["tflite"]
    self._fuzz_files("tflite", fuzzing.mutated(files), _moved(files))

  def test_metadata_of_saved_models(self):
    files = _models()["pb"]
    self._fuzz_files("pb", fuzzing.mutated(files), _moved(files))

  def test_every_truncated_file_is_an_error(self):
    for suffix in ("keras", "h5", "tflite"):
      content = _models()[suffix][0]
      path = self.folder() / f"model.{suffix}"
      for size in (
        0,
        3,
        8,
        9,
        100,
        1_000,
        len(content) // 2,
        len(content) - 40,
      ):
        path.write_bytes(content[:size])
        if suffix == "keras" or size < 3_000:
          with self.assertRaises(ValueError):
            network.read(stored.network(path))


def _shared_operator(times: int, num_inputs: int) -> bytes:
  """Returns a .tflite file with one operator at many places."""
  builder = flatbuffers.Builder()

  def table(**slots: int) -> int:
    builder.StartObject(5)
    for slot, offset in slots.items():
      builder.PrependUOffsetTRelativeSlot(int(slot[1:]), offset, 0)
    return builder.EndObject()

  def tables(offset: int, number: int = 1) -> int:
    builder.StartVector(4, number, 4)
    for _ in range(number):
      builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()

  inputs = builder.CreateNumpyVector(np.zeros(num_inputs, np.int32))
  graph = table(_3=tables(table(_1=inputs), times))
  model = table(_1=tables(table()), _2=tables(graph))
  builder.Finish(model, file_identifier=b"TFL3")
  return bytes(builder.Output())


class BombTest(absltest.TestCase):
  """Small files of which something large could be made."""

  def _assert_refused(self, content: bytes, message: str) -> None:
    path = pathlib.Path(self.create_tempdir().full_path, "model.keras")
    path.write_bytes(content)
    self.assertLess(len(content), 200_000)
    with self.assertRaisesRegex(ValueError, message):
      network.read(stored.network(path))

  def test_a_long_configuration(self):
    content = _zipped(" " * 50_000_000)
    self._assert_refused(content, "has 50,000,000 bytes, more than 16,777,216")

  def test_a_configuration_that_claims_less_than_it_has(self):
    content = _zipped(" " * 50_000_000)
    size = struct.pack("<I", 50_000_000)
    self.assertEqual(content.count(size), 2)
    self._assert_refused(content.replace(size, struct.pack("<I", 9)), "damaged")

  def test_an_operator_at_many_places(self):
    # 200 million inputs in all.
    content = _shared_operator(times=10_000, num_inputs=20_000)
    self._assert_refused(content, "damaged: .*offsets point at the same places")

  def test_models_in_models_each_called_twice(self):
    def model(depth: int) -> dict[str, Any]:
      shape = {"name": "x", "batch_shape": [None, 4, 4, 3]}
      image = {"class_name": "InputLayer", "name": "x", "config": shape}
      layers: list[Any] = [image]
      if depth:
        calls = [[["x", 0, 0, {}]], [["inner", 0, 0, {}]]]
        inner = {**model(depth - 1), "name": "inner", "inbound_nodes": calls}
        layers.append(inner)
      last = ["inner", 1, 0] if depth else ["x", 0, 0]
      ends = {"input_layers": [["x", 0, 0]], "output_layers": [last]}
      config = {"name": "m", "layers": layers, **ends}
      return {"class_name": "Functional", "config": config}

    self._assert_refused(_zipped(json.dumps(model(25))), "nodes are too many")


class FuzzModelsTest(_Fuzz):
  num_examples = fuzzing.DEFAULT


@pytest.mark.large
class LongFuzzModelsTest(_Fuzz):
  num_examples = fuzzing.ALL


del _Fuzz  # has no number of its own


if __name__ == "__main__":
  absltest.main()
