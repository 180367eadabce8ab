# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What an integer file computes on the way to its logits."""

from typing import Any, NamedTuple

from ai_edge_litert import interpreter as litert
import numpy as np


class Stored(NamedTuple):
  """An int8 or int16 tensor that a file computes.

  Attributes:
    scale: of its codes.
    codes: [B, size].
    bound: by how much rounding alone may move a code: by one, and by half a
      step of the accumulator for the bias; an int16 code by another half, as
      it is brought to its scale by a factor of 16 bits.
  """

  scale: float
  codes: np.ndarray
  bound: int


def read(
  content: bytes, images: np.ndarray, interpreter_class: Any = None
) -> list[Stored]:
  """Returns every tensor of codes that a file computes.

  Args:
    content: of a `.tflite` file.
    images: [B, H, W, C], codes.
    interpreter_class: what runs it, with all tensors preserved; TFLite's own
      kernels by default.
  """
  interpreter = litert.Interpreter(
    model_content=content,
    # XNNPACK would not show what is within the network.
    experimental_op_resolver_type=(
      litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    ),
    experimental_preserve_all_tensors=True,
  )
  interpreter.allocate_tensors()
  details = {d["index"]: d for d in interpreter.get_tensor_details()}
  bounds = {}
  for operator in interpreter._get_ops_details():
    (output,) = operator["outputs"]
    step = 0.0
    for index in operator["inputs"]:
      if index >= 0 and details[index]["dtype"] in (np.int32, np.int64):
        scales = details[index]["quantization_parameters"]["scales"]
        step = max(scales, default=0.0) / details[output]["quantization"][0]
    # A quarter is what rounding twice may add; the integers between two
    # numbers may be one more than the distance.
    factor = 0.5 if details[output]["dtype"] == np.int16 else 0
    bounds[output] = int(1 + 0.25 + factor + step / 2)
  (image,) = interpreter.get_input_details()
  # float32 tells halves of an int16 code apart no more.
  bounds[image["index"]] = int(image["dtype"] == np.int16)
  codes = (np.int8, np.int16)
  bounds = {i: b for i, b in bounds.items() if details[i]["dtype"] in codes}
  found: dict[int, list[np.ndarray]] = {index: [] for index in bounds}
  if interpreter_class:
    interpreter = interpreter_class(model_content=content)
  for one in images:
    interpreter.set_tensor(image["index"], one[np.newaxis])
    interpreter.invoke()
    for index, values in found.items():
      values.append(interpreter.get_tensor(index).ravel())
  return [
    Stored(
      details[index]["quantization"][0],
      np.stack(values).astype(int),
      bounds[index],
    )
    for index, values in found.items()
  ]
