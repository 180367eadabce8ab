# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Images that are taken apart into batches and put together again.

So TFLite's converter writes a dilated convolution where it does not know the
size of images: each image of the batch has every second pixel, for a dilation
of 2, and the kernel between is not dilated.
"""

from collections.abc import Iterator, Sequence
import dataclasses
from typing import Any

import numpy as np

from ghn_tf.edge import geometry
from ghn_tf.edge.cortexm import calls
from ghn_tf.edge.cortexm import moves

# Images of a batch; each has a call of its own for every operator.
MOST = 64


def space_to_batch(operands: geometry.Operands) -> list[calls.Call]:
  """Returns the calls for SPACE_TO_BATCH_ND: what is not there is filled."""
  image, output = operands.inputs[0], operands.outputs[0]
  moves.check_same_grid(operands)
  return [
    moves.fill(output, output.grid[1]),
    *_copies(operands, whole=image, parts=output),
  ]


def batch_to_space(operands: geometry.Operands) -> list[calls.Call]:
  """Returns the calls for BATCH_TO_SPACE_ND."""
  moves.check_same_grid(operands)
  image, output = operands.inputs[0], operands.outputs[0]
  return _copies(operands, whole=output, parts=image)


def _copies(
  operands: geometry.Operands, *, whole: Any, parts: Any
) -> list[calls.Call]:
  """Returns the copies between an image and those of which it consists."""
  blocks, margins = geometry.blocks(operands)
  before = [first for first, _ in margins]
  strides, of_part = moves.strides(whole.shape), moves.strides(parts.shape)
  result = []
  for index, position in enumerate(np.ndindex(*blocks)):
    size, first, first_of_part = [1], 0, index * of_part[0]
    for axis, (block, start, margin) in enumerate(
      zip(blocks, position, before, strict=True), 1
    ):
      # Of the part, index i is start - margin + i * block of the whole.
      begin = max(0, -(-(margin - start) // block))
      end = -(-(whole.shape[axis] + margin - start) // block)
      end = max(begin, min(end, parts.shape[axis]))
      size.append(end - begin)
      first += (start - margin + begin * block) * strides[axis]
      first_of_part += begin * of_part[axis]
    if 0 in size:
      continue
    size.append(whole.shape[3])
    of_whole = [0, *(b * s for b, s in zip(blocks, strides[1:3], strict=True))]
    places = {
      whole.index: (calls.Place(whole.index, first), [*of_whole, 1]),
      parts.index: (calls.Place(parts.index, first_of_part), of_part),
    }
    source, source_strides = places[operands.inputs[0].index]
    target, target_strides = places[operands.outputs[0].index]
    result.append(
      moves.copy(source, target, size, source_strides, target_strides)
    )
  return result


def each(
  operands: geometry.Operands, written: Sequence[calls.Call]
) -> Iterator[calls.Call]:
  """Yields calls for every image of a batch, given those for one."""
  image, output = operands.inputs[0], operands.outputs[0]
  for number in range(image.shape[0]):
    at = {
      calls.Place(tensor.index): calls.Place(
        tensor.index, number * moves.strides(tensor.shape)[0]
      )
      for tensor in (image, output)
    }
    for call in written:
      fields = {
        name: at.get(value, value) if isinstance(value, calls.Place) else value
        for name, value in call.fields.items()
      }
      yield dataclasses.replace(call, fields=fields)
