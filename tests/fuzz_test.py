# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Readers of files that others wrote, on input that nobody has thought of.

Whatever it is, a reader returns something valid or raises the error that it
documents, in little time and memory. Examples are the same in every run, but
for the long form.
"""

from collections.abc import Sequence
import contextlib
import functools
import io
import json
import math
import pathlib
import shutil
from typing import Any
import zipfile
import zlib

from absl.testing import absltest
from hypothesis import strategies as st
import numpy as np
import pytest

from ghn_tf.arch import bounds
from ghn_tf.arch import ops
from ghn_tf.arch import serialization
from ghn_tf.arch import spec
from ghn_tf.convnets250k import records
from ghn_tf.convnets250k import store
from ghn_tf.ghn import checkpoint
from ghn_tf.spaces import space
from tests import fuzzing
from tests import small_collection


@functools.cache
def _architectures() -> tuple[spec.Architecture, ...]:
  """Networks with every operation between them."""
  builder = spec.Builder((9, 9, 2))
  x = builder.add(ops.Op.ZERO_PAD, 0, margins=(1, 0, 2, 0))
  x = builder.add(ops.Op.CROP, x, margins=(0, 1, 0, 1))
  x = builder.add(ops.Op.DEPTHWISE_CONV, x, kernel=(3, 3), dilation=2)
  x = builder.add(ops.Op.RELU6, x)
  x = builder.add(ops.Op.CONCAT, x, x, x)
  builder.add(ops.Op.FLATTEN, x)
  return (
    builder.build("few"),
    space.sample(space.SPACES["edge"], 0, 1),
    space.sample(space.SPACES["tiny"], 0, 1),
  )


def _check_architecture(architecture: spec.Architecture) -> None:
  """Checks all that holds for every architecture."""
  again = spec.Architecture(
    architecture.name, architecture.input_shape, architecture.nodes
  )
  assert again == architecture
  assert len(again.nodes) <= bounds.MAX_NODES
  assert again.num_params <= bounds.MAX_PARAMS
  assert max(map(math.prod, again.shapes)) <= bounds.MAX_VALUES
  assert len(again.fingerprint) == 32
  text = serialization.to_json(architecture)
  assert serialization.from_json(text) == architecture


def _read_json(text: str) -> None:
  with contextlib.suppress(ValueError):
    _check_architecture(serialization.from_json(text))


def _read_record(record: bytes) -> None:
  with contextlib.suppress(ValueError):
    assert records.index(record) >= 0
  with contextlib.suppress(ValueError):
    _check_architecture(records.decode(record, "fuzzed"))


def _read_checkpoint(content: bytes, folder: pathlib.Path) -> None:
  path = folder / "checkpoint.npz"
  path.write_bytes(content)
  with contextlib.suppress(checkpoint.CheckpointError):
    arrays, metadata = checkpoint.load(path)
    assert sum(array.nbytes for array in arrays.values()) <= len(content)
    checkpoint.save(path, arrays, metadata)
    assert list(checkpoint.load(path)[0]) == list(arrays)


def _read_store(content: bytes, folder: pathlib.Path) -> None:
  directory = folder / "stored"
  if not directory.exists():
    shutil.copytree(small_collection.make(), directory)
  (file,) = directory.glob("*-val.tfrecord*")
  file.write_bytes(content)
  stored = store.Store(directory, "val")
  for index in range(len(stored)):
    with contextlib.suppress(ValueError):
      _check_architecture(stored[index])


def _stored() -> bytes:
  (file,) = pathlib.Path(small_collection.make()).glob("*-val.tfrecord*")
  return file.read_bytes()


@st.composite
def _replaced(draw, originals: Sequence[str]) -> str:
  """JSON, some of whose values are others."""
  record = json.loads(draw(st.sampled_from(originals)))
  places = [record, *record["nodes"]]
  for _ in range(draw(st.integers(1, 3))):
    place = draw(st.sampled_from(places))
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
def _networks(draw) -> str:
  """JSON that is nearly an architecture."""
  names = ["image"]
  nodes: list[dict[str, Any]] = [{"name": "image", "op": "input", "inputs": []}]
  inner = [op for op in ops.Op if op is not ops.Op.INPUT]
  for place in range(1, draw(st.integers(2, 8))):
    op = draw(st.sampled_from(inner))
    arity = 2 if op in (*ops.PAIRS, ops.Op.CONCAT) else 1
    inputs = [names[-1], *draw(st.permutations(names))][:arity]
    names.append(f"node{place}")
    if draw(fuzzing.SELDOM):
      inputs = draw(st.lists(st.sampled_from(["node1", "node9", *names])))
    node = {"name": names[-1], "op": op.value, "inputs": inputs}
    for name in ops.ATTRIBUTES[op]:
      default = ops.DEFAULTS[name]
      sizes = fuzzing.SIZES if draw(fuzzing.SELDOM) else st.integers(1, 3)
      if isinstance(default, tuple):
        node[name] = [draw(sizes) for _ in default]
      elif name == "filters":
        node[name] = draw(sizes)
      elif name == "slope":
        node[name] = draw(st.floats() if draw(fuzzing.SELDOM) else st.just(0.5))
    nodes.append(node)
  op = draw(st.sampled_from(["flatten", "global_avg_pool"]))
  nodes.append({"name": "last", "op": op, "inputs": [names[-1]]})
  if draw(fuzzing.SELDOM):
    nodes = draw(st.permutations(nodes))
  return json.dumps({"name": "a", "input_shape": [8, 8, 2], "nodes": nodes})


@st.composite
def _renumbered(draw, originals: Sequence[bytes]) -> bytes:
  """A record, some of whose numbers are others."""
  numbers = [0]
  shift = 0
  for byte in draw(st.sampled_from(originals)):
    numbers[-1] |= (byte & 127) << shift
    shift += 7
    if byte < 128:
      numbers.append(0)
      shift = 0
  for _ in range(draw(st.integers(1, 3))):
    place = draw(st.integers(0, len(numbers) - 1))
    numbers[place] = draw(fuzzing.SIZES.filter(lambda size: size >= 0))
  content = bytearray()
  for number in numbers[:-1]:
    while number > 127:
      content.append(number & 127 | 128)
      number >>= 7
    content.append(number)
  return zlib.compress(content)


@st.composite
def _members(draw) -> bytes:
  """A zip file that is nearly a checkpoint."""
  names = draw(st.lists(st.sampled_from("abc"), unique=True, max_size=3))
  index = {"arrays": names, "metadata": {"step": 1}}
  if draw(fuzzing.SELDOM):
    index[draw(st.sampled_from(["arrays", "metadata"]))] = draw(fuzzing.VALUES)
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, "w") as archive:
    archive.writestr(zipfile.ZipInfo("index.json"), json.dumps(index))
    for name in names:
      dtype = draw(st.sampled_from(["<f4", "|b1", "<i8", "<f16"]))
      shape = tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
      data = bytes(math.prod(shape) * np.dtype(dtype).itemsize)
      version = b"\1\0"
      if draw(fuzzing.SELDOM):
        dtype = draw(st.sampled_from(["|O", "<U9", "V8", "<f3", "f4,f4"]))
      if draw(fuzzing.SELDOM):
        shape = tuple(draw(st.lists(fuzzing.SIZES, max_size=4)))
      if draw(fuzzing.SELDOM):
        version = b"\2\0"
      header = (
        f"{{'descr': {dtype!r}, 'fortran_order': {draw(st.booleans())},"
        f" 'shape': {shape!r}, }}\n"
      ).encode()
      if draw(fuzzing.SELDOM):
        header = draw(fuzzing.mutated([header]))
      size = len(header).to_bytes(2, "little")
      content = b"\x93NUMPY" + version + size + header + data
      archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content)
  return buffer.getvalue()


@functools.cache
def _checkpoint(folder: pathlib.Path) -> bytes:
  path = folder / "valid.npz"
  arrays = {
    "ghn/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "step": np.array(7),
  }
  checkpoint.save(path, arrays, {"format": "test", "names": ["é", None, 0.1]})
  return path.read_bytes()


class _Fuzz(fuzzing.Fuzz):
  """The readers; the classes below choose how many inputs."""

  def test_architectures_in_json(self):
    valid = [*map(serialization.to_json, _architectures())]
    self.fuzz(
      _read_json,
      st.one_of(
        st.text(),
        fuzzing.VALUES,
        fuzzing.VALUES.map(lambda value: [value] * 2_000),
      ).map(json.dumps),
      _networks(),
      _replaced(valid),
      fuzzing.mutated([text.encode() for text in valid]).map(
        lambda text: text.decode(errors="replace")
      ),
    )

  def test_records(self):
    valid = [records.encode(a, 300) for a in _architectures()]
    contents = [*map(records.content, valid)]
    self.fuzz(
      _read_record,
      st.one_of(st.binary(), fuzzing.mutated(valid)),
      _renumbered(contents),
      fuzzing.mutated(contents).map(zlib.compress),
    )

  def test_checkpoints(self):
    folder = self.folder()
    valid = _checkpoint(folder)
    self.fuzz(
      lambda content: _read_checkpoint(content, folder),
      st.one_of(st.binary(), fuzzing.mutated([valid])),
      _members(),
      _members().flatmap(lambda content: fuzzing.mutated([content])),
    )

  def test_stored_files(self):
    folder = self.folder()
    self.fuzz(
      lambda content: _read_store(content, folder),
      fuzzing.mutated([_stored()]),
      share=0.2,  # TensorFlow Datasets takes its time to open one
    )


class FuzzTest(_Fuzz):
  num_examples = fuzzing.DEFAULT


@pytest.mark.large
class LongFuzzTest(_Fuzz):
  num_examples = fuzzing.ALL


del _Fuzz  # has no number of its own


if __name__ == "__main__":
  absltest.main()
