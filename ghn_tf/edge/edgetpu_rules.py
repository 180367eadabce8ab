# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which operators the Edge TPU executes, after Coral's documentation.

From the requirements and the table of supported operations in "TensorFlow
models on the Edge TPU" (https://coral.ai/docs/edgetpu/models-intro). The
compiler itself, which is not published as source, may refuse more: it has
limits that no document names. Rows of the table that could not be read again
(Rsqrt, Sum, SquaredDifference, Transpose, TransposeConv) count as not
supported.
"""

from collections.abc import Callable
import math

from ghn_tf.edge import geometry
from ghn_tf.edge import model_file
from ghn_tf.edge import tensors

_TYPES = ("INT8", "UINT8")
_MAX_SOFTMAX = 16_000
# Operators whose second and later inputs are parameters, not activations.
_WITH_PARAMETERS = (
  "CONV_2D",
  "DEPTHWISE_CONV_2D",
  "FULLY_CONNECTED",
  "MEAN",
  "PAD",
  "PRELU",
  "REDUCE_MAX",
  "REDUCE_MIN",
  "RESHAPE",
  "EXPAND_DIMS",
  "SLICE",
  "STRIDED_SLICE",
  "RESIZE_BILINEAR",
  "RESIZE_NEAREST_NEIGHBOR",
)


def _inner_size(tensor: tensors.Tensor) -> int:
  """Returns the product of the axes before the three innermost ones."""
  return math.prod(tensor.shape[:-3])


def _is_vector(tensor: tensors.Tensor) -> bool:
  return tensor.size == tensor.shape[-1] if tensor.shape else True


def _no_activation(operands: geometry.Operands) -> str:
  activation = operands.options["activation"]
  return "" if activation == "NONE" else f"has a fused {activation}"


def _concatenation(operands: geometry.Operands) -> str:
  constant = [t for t in operands.inputs if t.data is not None]
  if constant and (
    len(operands.inputs) != 2
    or any((t.data != t.zero_points[0]).any() for t in constant if t.scales)
  ):
    return "has a constant input that is not zeros beside one other"
  return _no_activation(operands)


def _dilation(operands: geometry.Operands) -> str:
  across, down = (operands.options[f"dilation_{axis}"] for axis in "wh")
  if across != down:
    return f"has a dilation of {across} across and {down} down"
  return ""


def _dense(operands: geometry.Operands) -> str:
  if operands.options["weights_format"] != "DEFAULT":
    return f"has kernels in the format {operands.options['weights_format']}"
  if not _is_vector(operands.outputs[0]):
    return "has an output of more than one dimension"
  return ""


def _reduction(operands: geometry.Operands) -> str:
  over = geometry.axes(operands)
  source = operands.inputs[0]
  if 0 in over and len(source.shape) > 1:
    return "reduces over the batch"
  return ""


def _mean(operands: geometry.Operands) -> str:
  source = operands.inputs[0]
  last = len(source.shape) - 1
  if last in geometry.axes(operands) and source.shape[last] % 4:
    return f"reduces {source.shape[last]} channels, not a multiple of 4"
  return _reduction(operands)


def _pad(operands: geometry.Operands) -> str:
  margins = operands.inputs[1].data
  if len(margins) > 1 and margins[0].any():
    return "pads the batch"
  return ""


def _prelu(operands: geometry.Operands) -> str:
  if not _is_vector(operands.inputs[1]):
    return "has slopes of more than one dimension"
  return ""


def _resize(operands: geometry.Operands) -> str:
  rank = len(operands.inputs[0].shape)
  return "" if rank in (3, 4) else f"resizes {rank} dimensions"


def _softmax(operands: geometry.Operands) -> str:
  source = operands.inputs[0]
  if not _is_vector(source):
    return "is of more than one dimension"
  if source.size > _MAX_SOFTMAX:
    return f"is of {source.size:,} elements, more than {_MAX_SOFTMAX:,}"
  return ""


def _squeeze(operands: geometry.Operands) -> str:
  before, after = operands.inputs[0].shape, operands.outputs[0].shape
  gone = len(before) - len(after)
  if before[gone:] != after:
    return "removes dimensions that are not the first"
  return ""


def _strided_slice(operands: geometry.Operands) -> str:
  strides = operands.inputs[3] if len(operands.inputs) > 3 else None
  if strides is None or strides.data is None or (strides.data != 1).any():
    return "has strides that are not 1"
  for mask in ("ellipsis_mask", "new_axis_mask"):
    if operands.options[mask]:
      return f"has an {mask}"
  return ""


def _anything(operands: geometry.Operands) -> str:
  del operands
  return ""


_RULES: dict[str, Callable[[geometry.Operands], str]] = {
  "AVERAGE_POOL_2D": _no_activation,
  "CONCATENATION": _concatenation,
  "CONV_2D": _dilation,
  "DEPTHWISE_CONV_2D": _dilation,
  "FULLY_CONNECTED": _dense,
  "MAX_POOL_2D": _no_activation,
  "MEAN": _mean,
  "PAD": _pad,
  "PRELU": _prelu,
  "REDUCE_MAX": _reduction,
  "REDUCE_MIN": _reduction,
  "RESIZE_BILINEAR": _resize,
  "RESIZE_NEAREST_NEIGHBOR": _resize,
  "SOFTMAX": _softmax,
  "SQUEEZE": _squeeze,
  "STRIDED_SLICE": _strided_slice,
  **dict.fromkeys(
    ("ADD", "EXPAND_DIMS", "L2_NORMALIZATION", "LOGISTIC", "MAXIMUM")
    + ("MINIMUM", "MUL", "PACK", "QUANTIZE", "RELU", "RELU6", "RELU_N1_TO_1")
    + ("RESHAPE", "SLICE", "SPACE_TO_DEPTH", "SPLIT", "SUB", "TANH"),
    _anything,
  ),
}


def _of_tensors(name: str, operands: geometry.Operands) -> str:
  """Returns what is wrong with types, sizes or parameters."""
  first, *others = operands.inputs
  is_parameter = name in _WITH_PARAMETERS
  for tensor in others if is_parameter else ():
    if tensor is not None and tensor.data is None:
      return f"has a parameter, {tensor.name!r:.60}, that is no constant"
  activations = [*operands.outputs, *([first] if is_parameter else [])]
  activations += [] if is_parameter else operands.inputs
  if is_parameter and "CONV" in name or name == "FULLY_CONNECTED":
    activations.append(operands.inputs[1])
  for tensor in activations:
    if tensor is None or tensor.dtype not in _TYPES or not tensor.scales:
      kind = "none" if tensor is None else tensor.dtype
      return f"works on {kind}, not on quantized INT8 or UINT8"
    if _inner_size(tensor) > 1 and tensor.data is None:
      return f"works on {list(tensor.shape)}: more than three dimensions"
  return ""


def reason(name: str, operands: geometry.Operands) -> str:
  """Returns why an operator stays on the CPU, empty if the chip has it.

  Args:
    name: of the operator.
    operands: its tensors.
  """
  if name not in _RULES:
    return "is not among the supported operations"
  if not operands.inputs or not operands.outputs:
    return "has no inputs or outputs"
  return _of_tensors(name, operands) or _RULES[name](operands)


def reasons(model: model_file.ModelFile) -> list[str]:
  """Returns why each operator of a file stays on the CPU, empty for none.

  The compiler makes one piece for the chip: from the first operator that it
  cannot map on, everything is left to the CPU.
  """
  found: list[str] = []
  first: model_file.Operator | None = None
  for operator in model.operators:
    own = reason(operator.name, model.operands(operator))
    if first is not None and not own:
      own = f"comes after operator {first.index} ({first.name:.80})"
    if own and first is None:
      first = operator
    found.append(own)
  return found
