# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Kernels of 4 bits, packed two to a byte in a file or with a byte each."""

from ai_edge_litert import schema_py_generated as schema
import flatbuffers
import numpy as np

from ghn_tf.edge import model_file

_PACKED = ("INT4", "INT2")


def is_packed(model: model_file.ModelFile) -> bool:
  """Returns whether a file has constants of fewer than 8 bits."""
  return any(t.dtype in _PACKED and t.data is not None for t in model.tensors)


def unpacked(content: bytes) -> bytes:
  """Returns the same network with a byte for each code of its kernels.

  Codes and scales stay as they are, so every output does. Tools that know no
  packed kernels take such a file.

  Args:
    content: of a file.

  Raises:
    ValueError: it is no integer file.
  """
  read = model_file.read(content)
  if not is_packed(read):
    return content
  model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
  (graph,) = model.subgraphs
  for own, tensor in zip(read.tensors, graph.tensors, strict=True):
    if own.dtype in _PACKED and own.data is not None:
      tensor.type = schema.TensorType.INT8
      # Of its own: packed ones may share theirs.
      tensor.buffer = len(model.buffers)
      buffer = schema.BufferT()
      buffer.data = own.data.reshape(-1).view(np.uint8)
      model.buffers.append(buffer)
  used = {tensor.buffer for tensor in graph.tensors}
  for index, buffer in enumerate(model.buffers):
    if index not in used and _is_free(model, index):
      buffer.data = None
  builder = flatbuffers.Builder(len(content))
  builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
  return bytes(builder.Output())


def _is_free(model: schema.ModelT, index: int) -> bool:
  """Returns whether no metadata is in a buffer that no tensor has."""
  return all(own.buffer != index for own in model.metadata or ())
