# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Architectures as short byte strings, both ways, for data sets of many.

A record is a zlib stream, whose checksum tells damage, of unsigned LEB128
numbers: the version, the index in the split, the image's H W C, a table of the
layers that occur, for each node after the image the place of its layer in the
table, and for each node's inputs the distance back to them, a concat's after
their number.

Names are not kept, neither the architecture's nor its nodes', which a reader
names `<op>_<index>` as `spec.Builder` does.
"""

from collections.abc import Iterable, Iterator, Sequence
import hashlib
import struct
from typing import Any
import zlib

from ghn_tf.arch import bounds
from ghn_tf.arch import ops
from ghn_tf.arch import spec

_VERSION = 1
# The numbers of operations and paddings in records; only append to them.
_OPS = (
  ops.Op.INPUT,
  ops.Op.CONV,
  ops.Op.DEPTHWISE_CONV,
  ops.Op.DENSE,
  ops.Op.BATCH_NORM,
  ops.Op.RELU,
  ops.Op.RELU6,
  ops.Op.MAX_POOL,
  ops.Op.AVG_POOL,
  ops.Op.GLOBAL_AVG_POOL,
  ops.Op.ADD,
  ops.Op.CONCAT,
  ops.Op.FLATTEN,
  ops.Op.ZERO_PAD,
  ops.Op.CROP,
  ops.Op.LEAKY_RELU,
  ops.Op.SIGMOID,
  ops.Op.HARD_SIGMOID,
  ops.Op.GLOBAL_MAX_POOL,
  ops.Op.MULTIPLY,
  ops.Op.GROUPED_CONV,
  ops.Op.PRELU,
  ops.Op.SUBTRACT,
)
_CODES = {op: code for code, op in enumerate(_OPS)}
_FLOATS = ("epsilon", "slope")
_PADDINGS = ("same", "valid")
# Of a number: LEB128 has 7 bits in each, and half a float has 32.
_MAX_NUMBER_BYTES = 5
# Of a record uncompressed, which can be a thousand times as long as compressed:
# 128 for each node, where a convolution of its own with 13 inputs takes 50.
_MAX_BYTES = 128 * bounds.MAX_NODES


def encode(architecture: spec.Architecture, index: int = 0) -> bytes:
  """Returns the record of an architecture, with its index in a split."""
  table: dict[ops.Layer, int] = {}
  places: list[int] = []
  sources: list[int] = []
  for node, (_, layer, inputs) in enumerate(architecture.nodes[1:], 1):
    places.append(table.setdefault(layer, len(table)))
    if layer.op is ops.Op.CONCAT:
      sources.append(len(inputs))
    for source in inputs:
      sources.append(node - source)
  numbers = [*architecture.input_shape, len(table)]
  for layer in table:
    numbers.append(_CODES[layer.op])
    for name in ops.ATTRIBUTES[layer.op]:
      numbers.extend(_to_numbers(name, getattr(layer, name)))
  numbers.append(len(places))
  head = _to_bytes([_VERSION, index])
  return zlib.compress(head + _to_bytes([*numbers, *places, *sources]))


def index(record: bytes) -> int:
  """Returns the index that a record holds.

  Raises:
    ValueError: the record is damaged, or its version is not known.
  """
  return _read_index(_from_bytes(content(record)))


def content(record: bytes) -> bytes:
  """Returns a record uncompressed, which is the same for every zlib.

  Raises:
    ValueError: the record is damaged.
  """
  stream = zlib.decompressobj()
  try:
    uncompressed = stream.decompress(record, _MAX_BYTES)
  except zlib.error as error:
    raise ValueError(f"The record is damaged: {error}.") from error
  if len(uncompressed) == _MAX_BYTES:
    raise ValueError(
      f"The record is damaged: it holds {_MAX_BYTES:,} bytes or more, and"
      f" {bounds.MAX_NODES:,} nodes take less."
    )
  if not stream.eof:
    raise ValueError("The record is damaged: it ends too early.")
  if stream.unused_data:
    raise ValueError("The record is damaged: it goes on after its end.")
  return uncompressed


def checksum(records: Iterable[bytes]) -> str:
  """Returns the SHA-256 of what records hold, in their order.

  Raises:
    ValueError: a record is damaged.
  """
  digest = hashlib.sha256()
  for record in records:
    digest.update(content(record))
  return digest.hexdigest()


def decode(record: bytes, name: str) -> spec.Architecture:
  """Returns the architecture of a record, under a name.

  Raises:
    ValueError: the record is damaged, or its version is not known.
  """
  numbers = _from_bytes(content(record))
  try:
    _read_index(numbers)
    architecture = _decode(numbers, name)
    if next(numbers, None) is not None:
      raise ValueError("it goes on after its end.")
    return architecture
  except (StopIteration, IndexError, struct.error, ValueError) as error:
    reason = error if isinstance(error, ValueError) else "it is damaged."
    raise ValueError(
      f"The record of architecture {name!r} cannot be read: {reason}"
    ) from error


def _read_index(numbers: Iterator[int]) -> int:
  try:
    version, place = next(numbers), next(numbers)
  except StopIteration:
    raise ValueError("it is damaged.") from None
  if version != _VERSION:
    raise ValueError(f"it has version {version}, known is {_VERSION}.")
  return place


def _decode(numbers: Iterator[int], name: str) -> spec.Architecture:
  builder = spec.Builder((next(numbers), next(numbers), next(numbers)))
  table = [_read_layer(numbers) for _ in range(_read_count(numbers))]
  layers = [table[next(numbers)] for _ in range(_read_count(numbers))]
  for index, layer in enumerate(layers, 1):
    arity = 2 if layer.op in ops.PAIRS else 1
    if layer.op is ops.Op.CONCAT:
      arity = next(numbers)
    builder.place(layer, *[index - next(numbers) for _ in range(arity)])
  return builder.build(name)


def _read_count(numbers: Iterator[int]) -> int:
  count = next(numbers)
  bounds.check_size(count, 0)
  return count


def _read_layer(numbers: Iterator[int]) -> ops.Layer:
  op = _OPS[next(numbers)]
  attributes = {
    name: _from_numbers(name, numbers) for name in ops.ATTRIBUTES[op]
  }
  return ops.Layer(op, **attributes)


def _to_numbers(name: str, value: Any) -> Sequence[int]:
  """Returns the value of an attribute as unsigned integers."""
  if name == "padding":
    return (_PADDINGS.index(value),)
  if name in _FLOATS:
    return struct.unpack("<II", struct.pack("<d", value))
  return value if isinstance(value, tuple) else (int(value),)


def _from_numbers(name: str, numbers: Iterator[int]) -> Any:
  if name == "padding":
    return _PADDINGS[next(numbers)]
  if name in _FLOATS:
    pair = struct.pack("<II", next(numbers), next(numbers))
    return struct.unpack("<d", pair)[0]
  default = ops.DEFAULTS[name]
  if isinstance(default, tuple):
    return tuple([next(numbers) for _ in default])
  return type(default)(next(numbers))


def _to_bytes(numbers: Sequence[int]) -> bytes:
  """Returns unsigned integers in LEB128, most of them one byte each."""
  if max(numbers) < 128:
    return bytes(numbers)
  result = bytearray()
  for number in numbers:
    while number > 127:
      result.append(number & 127 | 128)
      number >>= 7
    result.append(number)
  return bytes(result)


def _from_bytes(payload: bytes) -> Iterator[int]:
  number = shift = 0
  for byte in payload:
    number |= (byte & 127) << shift
    if byte > 127:
      shift += 7
      if shift == 7 * _MAX_NUMBER_BYTES:
        raise ValueError(
          f"it has a number of more than {_MAX_NUMBER_BYTES} bytes."
        )
    else:
      yield number
      number = shift = 0
  if shift:
    raise ValueError("its last number is cut off.")
