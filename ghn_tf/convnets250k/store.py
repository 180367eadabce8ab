# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Stored architectures, read one by one in any order.

`tfds.load` reads a data set of `dataset` from front to back. A `Store`
reads number i of a split without those before it, and names the file and the
place of a record that is damaged. The others stay readable.

ArrayRecord, which `tfds.data_source` reads at random, was tried in place of the
index of places kept here: array_record 0.8.6, one record a chunk. It reads as
fast, and tells one damaged record from the others, though not in which file it
is. But its own index stands at the end of the file: one byte less there, or
some too many in the middle, and none of 600 records can be read. Of a TFRecord
file that is cut, all stay readable up to the cut.
"""

from collections.abc import Callable, Iterator, Sequence
import contextlib
import functools
import mmap
import os
import pathlib
import struct
from typing import TypeVar, overload

from google.protobuf import message
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from ghn_tf.arch import spec
from ghn_tf.convnets250k import records
from ghn_tf.spaces import extent as extent_lib

T = TypeVar("T")

# TFRecord: length (8 bytes), its checksum (4), data, its checksum (4).
_HEADER, _FOOTER = 12, 4
_BLOCK = 1 << 10  # records whose lengths are checked together, at most
_SEARCHED = 1 << 14  # bytes searched at a time, behind a damaged length
# Of a set's architectures, at most so many are read to tell its extent.
_MEASURED = 1000
_POLYNOMIAL = np.uint32(0x82F63B78)  # of CRC-32C, its lowest power first


def split_names(directory: str | os.PathLike[str]) -> tuple[str, ...]:
  """Returns the splits of a data set that are not empty; see `Store`.

  Raises:
    ValueError: the directory holds no such data set.
  """
  return tuple(_info(pathlib.Path(directory).expanduser()).splits)


def _info(directory: pathlib.Path) -> tfds.core.DatasetInfo:
  if not (directory / "dataset_info.json").is_file():
    raise ValueError(
      f"{directory} holds no data set: expected dataset_info.json there. Make"
      " one with tools/make_architectures.py."
    )
  info = tfds.builder_from_directory(directory).info
  if list(info.features) != ["architecture"]:
    raise ValueError(
      f"{directory} holds no architectures, but {sorted(info.features)}."
    )
  return info


class Store(Sequence[spec.Architecture]):
  """The architectures of one split, by index."""

  def __init__(self, directory: str | os.PathLike[str], split: str):
    """Opens a split; nothing but the lengths of its records is read yet.

    Args:
      directory: of one version of a data set of `dataset`, such as
        `~/tensorflow_datasets/convnets250k/edge/1.1.0`.
      split: its name.

    Raises:
      ValueError: the directory holds no such data set or split.
    """
    directory = pathlib.Path(directory).expanduser()
    info = _info(directory)
    if split not in info.splits:
      raise ValueError(
        f"{directory} has no split {split!r}; it has {sorted(info.splits)}."
      )
    self._name = f"{info.config_name}-{split}"
    stored = info.splits[split]
    self._ends = np.cumsum(stored.shard_lengths)
    self._shards = [
      _Shard(directory / name, int(end - length), length)
      for name, length, end in zip(
        stored.filenames, stored.shard_lengths, self._ends, strict=True
      )
    ]

  def __len__(self) -> int:
    return int(self._ends[-1])

  @overload
  def __getitem__(self, index: int) -> spec.Architecture: ...

  @overload
  def __getitem__(self, index: slice) -> Sequence[spec.Architecture]: ...

  def __getitem__(self, index):
    """Returns an architecture, or a list of them for a slice.

    Raises:
      IndexError: there is no such index.
      ValueError: the record is damaged or missing; names its file and place.
    """
    if isinstance(index, slice):
      return [self[i] for i in range(*index.indices(len(self)))]
    if not -len(self) <= index < len(self):
      raise IndexError(
        f"Index {index} is out of range: {len(self)} architectures."
      )
    index %= len(self)
    name = f"{self._name}-{index}"
    return self._read(index, lambda record: records.decode(record, name))

  def records(self) -> Iterator[bytes]:
    """Yields the records as they are stored, in order.

    Raises:
      ValueError: one is damaged or missing; names its file and place.
    """
    for index in range(len(self)):
      yield self._read(index, lambda record: record)

  def damaged_files(self) -> list[pathlib.Path]:
    """Returns the files that TensorFlow does not read to their end.

    It checks every byte, and stops at the first wrong one.
    """
    damaged = []
    for shard in self._shards:
      examples = tf.data.TFRecordDataset(str(shard.path))
      try:
        examples.reduce(np.int64(0), lambda count, _: count + 1)
      except (tf.errors.DataLossError, tf.errors.NotFoundError):
        damaged.append(shard.path)
    return damaged

  def _read(self, index: int, use: Callable[[bytes], T]) -> T:
    """Returns what `use` makes of the record of an architecture."""
    number = int(np.searchsorted(self._ends, index, side="right"))
    shard = self._shards[number]
    place = index - int(self._ends[number - 1] if number else 0)
    try:
      return use(shard.read(place))
    except ValueError as error:
      raise ValueError(
        f"Architecture {index} cannot be read, record {place} of {shard.path}:"
        f" {error} Make the data set anew to have it."
      ) from error


class StoredCollection:
  """A stored data set as a source of training and validation architectures.

  Training goes through all of `train` in a random order, then in another one.
  """

  def __init__(self, directory: str | os.PathLike[str]):
    """Opens the split `train` of a directory; see `Store`."""
    self._directory = directory
    self._train = Store(directory, "train")
    self._order = (-1, -1, np.empty(0, np.int64))  # seed, epoch, order

  def train(self, index: int, seed: int = 0) -> spec.Architecture:
    """Returns architecture number `index` of an endless, shuffled sequence."""
    epoch, place = divmod(index, len(self._train))
    if self._order[:2] != (seed, epoch):
      rng = np.random.Generator(np.random.PCG64([seed, epoch]))
      self._order = (seed, epoch, rng.permutation(len(self._train)))
    return self._train[int(self._order[2][place])]

  def first(self, split: str, number: int) -> tuple[spec.Architecture, ...]:
    """Returns the first architectures of an evaluation split.

    Raises:
      ValueError: there are fewer, or there is no such split.
    """
    stored = Store(self._directory, split)
    if number > len(stored) and split != "predefined":
      raise ValueError(
        f"Split {split!r} of {self._directory} has {len(stored)} architectures,"
        f" got {number}; ask for fewer (--evaluation_architectures in training,"
        " --num_architectures in evaluation)."
      )
    return tuple(stored[:number])

  def may_train_on(self, architecture: spec.Architecture) -> bool:
    """Whether `train` may have one isomorphic to it: no evaluation split has.

    `train` is not searched, which would take minutes.
    """
    return architecture.fingerprint not in self._held_out

  @functools.cached_property
  def extent(self) -> extent_lib.Extent:
    """How far the architectures of `train` reach, every n-th is measured."""
    step = -(-len(self._train) // _MEASURED)
    return extent_lib.of(self._train[::step])

  @functools.cached_property
  def _held_out(self) -> frozenset[str]:
    return frozenset(
      architecture.fingerprint
      for split in split_names(self._directory)
      if split != "train"
      for architecture in Store(self._directory, split)
    )


class _Shard:
  """A TFRecord file with the places of its records.

  Args:
    path: of the file.
    first: index of its first record.
    num_records: how many it should have.
  """

  def __init__(self, path: pathlib.Path, first: int, num_records: int):
    self.path = path
    self._first = first
    self._content: mmap.mmap | bytes = b""
    # An empty file cannot be mapped, and a missing one is reported when one of
    # its records is asked for.
    if path.is_file() and path.stat().st_size:
      with open(path, "rb") as file:
        self._content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    runs = list(_runs(self._content))
    starts, ends = (
      np.concatenate([run[part] for run in runs])
      for part in (slice(None, -1), slice(1, None))
    )
    is_whole = len(runs) == 1 and ends[-1:].sum() == len(self._content)
    if is_whole and len(starts) == num_records:
      self._places = np.arange(num_records)
      self._starts, self._ends = starts, ends
      return
    # Something is missing, so every record that is there says which it is.
    spans: dict[int, tuple[int, int]] = {}
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
      with contextlib.suppress(ValueError):
        place = records.index(self._record(start, end)) - first
        if 0 <= place < num_records:
          spans[place] = start, end
    self._places = np.array(sorted(spans), np.int64)
    self._starts, self._ends = (
      np.array([spans[place] for place in self._places.tolist()], np.int64)
      .reshape(-1, 2)
      .T
    )

  def read(self, place: int) -> bytes:
    """Returns the record of an architecture.

    Raises:
      ValueError: it is damaged or missing.
    """
    if not self.path.is_file():
      raise ValueError("the file is missing.")
    which = int(np.searchsorted(self._places, place))
    if which == len(self._places) or self._places[which] != place:
      raise ValueError("it is missing or damaged.")
    record = self._record(int(self._starts[which]), int(self._ends[which]))
    if (index := records.index(record)) != self._first + place:
      raise ValueError(f"architecture {index} is in its place.")
    return record

  def _record(self, start: int, end: int) -> bytes:
    """Returns what a record between two places of the file holds.

    Raises:
      ValueError: it is damaged.
    """
    try:
      example = tf.train.Example.FromString(
        self._content[start + _HEADER : end - _FOOTER]
      )
    except message.DecodeError as error:
      raise ValueError(f"it is no tf.train.Example ({error}).") from error
    values = example.features.feature["architecture"].bytes_list.value
    if len(values) != 1:
      raise ValueError(f"it has {len(values)} values 'architecture', not 1.")
    return values[0]


def _runs(content: mmap.mmap | bytes) -> Iterator[np.ndarray]:
  """Yields where good records one after the other start, and the last ends.

  A record whose length is damaged hides where the next one starts, which is
  found by the checksum of its own length.
  """
  headers = _Headers(content)
  start: int | None = 0
  while start is not None:
    run = _run(content, start)
    yield run
    start = headers.next(int(run[-1]) + 1)


def _run(content: mmap.mmap | bytes, start: int) -> np.ndarray:
  """Returns where good records one after the other start, and the end."""
  starts = [start]
  size = len(content)
  block_size = 1
  while True:
    # Behind a wrong length nothing is where it seems to be, so they are checked
    # before going as far again as they were good.
    headers = bytearray()
    block = [starts[-1]]
    while len(block) <= block_size and block[-1] + _HEADER <= size:
      header = content[block[-1] : block[-1] + _HEADER]
      end = block[-1] + _length(header)
      if end > size:
        break
      headers += header
      block.append(end)
    good = _is_header(np.frombuffer(headers, np.uint8).reshape(-1, _HEADER))
    num_good = len(good) if good.all() else int(good.argmin())
    starts += block[1 : num_good + 1]
    if num_good < block_size:
      return np.array(starts)
    block_size = min(2 * block_size, _BLOCK)


class _Headers:
  """Where in a file bytes are a length and its checksum, found as asked for."""

  def __init__(self, content: mmap.mmap | bytes):
    self._content = content
    self._begin = -1  # of the bytes that were searched last
    self._places = np.empty(0, np.int64)

  def next(self, start: int) -> int | None:
    """Returns the first place from a start on where a record fits."""
    size = len(self._content)
    first = start - start % _SEARCHED
    for begin in range(first, size - _HEADER + 1, _SEARCHED):
      if begin != self._begin:
        self._search(begin)
      for place in map(int, self._places[self._places >= start]):
        end = place + _length(self._content[place : place + _HEADER])
        if end <= size:
          return place
    return None

  def _search(self, begin: int) -> None:
    window = self._content[begin : begin + _SEARCHED + _HEADER - 1]
    rows = np.lib.stride_tricks.sliding_window_view(
      np.frombuffer(window, np.uint8), _HEADER
    )
    self._begin = begin
    self._places = begin + np.flatnonzero(_is_header(rows))


def _length(header: bytes) -> int:
  """Returns the bytes that a record takes, by its header."""
  return _HEADER + struct.unpack("<Q", header[:8])[0] + _FOOTER


def _is_header(rows: np.ndarray) -> np.ndarray:
  """Whether rows of 12 bytes are a length and its checksum."""
  checksums = rows[:, 8:].copy().view("<u4")[:, 0]
  return _masked_crc(rows[:, :8]) == checksums


def _masked_crc(rows: np.ndarray) -> np.ndarray:
  """Returns TFRecord's checksums of rows of bytes: CRC-32C, rotated."""
  table = _crc_table()
  crc = np.full(len(rows), 0xFFFFFFFF, np.uint32)
  for column in rows.T:
    crc = table[(crc ^ column) & 0xFF] ^ (crc >> 8)
  crc = ~crc
  return ((crc >> 15) | (crc << 17)) + np.uint32(0xA282EAD8)


@functools.cache
def _crc_table() -> np.ndarray:
  table = np.arange(256, dtype=np.uint32)
  for _ in range(8):
    table = np.where(table & 1, table >> 1 ^ _POLYNOMIAL, table >> 1)
  return table
