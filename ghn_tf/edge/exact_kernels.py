# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Operators on int8 codes in NumPy that leave nothing to round.

They move codes, choose among them, or look others up in a table. Tables are
those of TFLite Micro; how the Edge TPU computes a sigmoid is not known.
"""

from collections.abc import Callable, Mapping, Sequence
import functools
from typing import Any

import numpy as np

from ghn_tf.edge import geometry
from ghn_tf.edge.cortexm import unary


def constant(tensor: Any) -> np.ndarray:
  """Returns the values of a constant.

  Raises:
    ValueError: it is none.
  """
  if tensor.data is None:
    raise ValueError(f"{tensor.name!r:.80} is no constant; not emulated.")
  return tensor.data


def _pad(
  codes: Sequence[np.ndarray], operands: geometry.Operands
) -> np.ndarray:
  margins = constant(operands.inputs[1]).tolist()
  if any(margins[0]) or len(operands.inputs) > 2:
    raise ValueError("Padding the batch or with a value is not emulated.")
  fill = operands.outputs[0].grid[1]
  return np.pad(codes[0], margins, constant_values=fill)


def _concatenate(
  codes: Sequence[np.ndarray], operands: geometry.Operands
) -> np.ndarray:
  axis = operands.options["axis"] % len(operands.outputs[0].shape)
  if not axis:
    raise ValueError("Concatenation of batches is not emulated.")
  number = max(map(len, codes))  # of images, or the one of constants
  parts = [np.broadcast_to(own, (number, *own.shape[1:])) for own in codes]
  return np.concatenate(parts, axis=axis)


def _reshape(
  codes: Sequence[np.ndarray], operands: geometry.Operands
) -> np.ndarray:
  return codes[0].reshape(-1, *operands.outputs[0].shape[1:])


def _extreme(
  codes: Sequence[np.ndarray],
  operands: geometry.Operands,
  choose: Callable[..., np.ndarray],
) -> np.ndarray:
  over = geometry.axes(operands)
  if 0 in over:
    raise ValueError("A maximum over the batch is not emulated.")
  return _reshape([choose(codes[0], axis=over)], operands)


def _look_up(
  codes: Sequence[np.ndarray], operands: geometry.Operands, name: str
) -> np.ndarray:
  return unary.table(name, operands)[codes[0].astype(np.int64) + 128]


# Each of what an operator reads, [B, ...] or constants, and its tensors.
KERNELS: Mapping[str, Callable[..., np.ndarray]] = {
  "CONCATENATION": _concatenate,
  "PAD": _pad,
  "REDUCE_MAX": functools.partial(_extreme, choose=np.max),
  "REDUCE_MIN": functools.partial(_extreme, choose=np.min),
  "RESHAPE": _reshape,
  **{
    name: functools.partial(_look_up, name=name)
    for name in ("HARD_SWISH", "LEAKY_RELU", "LOGISTIC")
  },
}
