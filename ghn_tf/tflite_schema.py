# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the numbers in a `.tflite` file mean.

From schema.fbs (version 3) of LiteRT 2.3: names in the order of their codes,
and the fields of options of the operators in which something here looks.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ghn_tf import flatbuffer

IDENTIFIER = b"TFL3"

OPERATORS = """
  ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE
  DEQUANTIZE EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED HASHTABLE_LOOKUP
  L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC
  LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE
  RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS
  SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN
  GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE
  UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP
  TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU
  MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT
  SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG
  SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK
  LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV
  REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR
  LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2
  ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE
  MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4
  NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
  PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D
  IMAG REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE
  REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE
  BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL
  GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD
  UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN
  BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD
  STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE
  STABLEHLO_CLAMP STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM
  STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE
  STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL
  STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR
  STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT
  STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE
  STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE
  STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW
  STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE
  STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE
  STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE
""".split()
CUSTOM = "CUSTOM"

TENSOR_TYPES = """
  FLOAT32 FLOAT16 INT32 UINT8 INT64 STRING BOOL INT16 COMPLEX64 INT8 FLOAT64
  COMPLEX128 UINT64 RESOURCE VARIANT UINT32 UINT16 INT4 BFLOAT16 INT2 UINT4
  FLOAT8_E4M3FN FLOAT8_E5M2
""".split()

PADDINGS = ("SAME", "VALID")
ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
WEIGHTS_FORMATS = ("DEFAULT", "SHUFFLED4X16INT8")


class Option(NamedTuple):
  """A field of a table of options.

  Attributes:
    name: of the field here; the axes are called h and w.
    slot: of the field, from 0.
    code: its type, as in `struct`.
    default: where a file does not have it.
    names: of its values, if these are names.
  """

  name: str
  slot: int
  code: str = "i"
  default: int | float = 0
  names: tuple[str, ...] = ()


def _padding(slot: int) -> Option:
  return Option("padding", slot, "b", 0, PADDINGS)


def _activation(slot: int) -> Option:
  return Option("activation", slot, "b", 0, ACTIVATIONS)


_POOL = (
  5,
  _padding(0),
  Option("stride_w", 1),
  Option("stride_h", 2),
  Option("filter_w", 3),
  Option("filter_h", 4),
  _activation(5),
)
_REDUCER = (27, Option("keep_dims", 0, "?"))

# Operator -> the code of its table in BuiltinOptions, and the fields. Operators
# that are not here are read without their options.
OPTIONS: dict[str, tuple] = {
  "ADD": (11, _activation(0)),
  "AVERAGE_POOL_2D": _POOL,
  "CONCATENATION": (10, Option("axis", 0), _activation(1)),
  "CONV_2D": (
    1,
    _padding(0),
    Option("stride_w", 1),
    Option("stride_h", 2),
    _activation(3),
    Option("dilation_w", 4, "i", 1),
    Option("dilation_h", 5, "i", 1),
  ),
  "DEPTHWISE_CONV_2D": (
    2,
    _padding(0),
    Option("stride_w", 1),
    Option("stride_h", 2),
    Option("depth_multiplier", 3),
    _activation(4),
    Option("dilation_w", 5, "i", 1),
    Option("dilation_h", 6, "i", 1),
  ),
  "FULLY_CONNECTED": (
    8,
    _activation(0),
    Option("weights_format", 1, "b", 0, WEIGHTS_FORMATS),
    Option("keep_num_dims", 2, "?"),
  ),
  "LEAKY_RELU": (75, Option("alpha", 0, "f", 0.0)),
  "MAX_POOL_2D": _POOL,
  "MEAN": _REDUCER,
  "MUL": (21, _activation(0)),
  "REDUCE_MAX": _REDUCER,
  "REDUCE_MIN": _REDUCER,
  "RESIZE_BILINEAR": (
    15,
    Option("align_corners", 2, "?"),
    Option("half_pixel_centers", 3, "?"),
  ),
  "RESIZE_NEAREST_NEIGHBOR": (
    74,
    Option("align_corners", 0, "?"),
    Option("half_pixel_centers", 1, "?"),
  ),
  "SOFTMAX": (9, Option("beta", 0, "f", 0.0)),
  "STRIDED_SLICE": (
    32,
    Option("begin_mask", 0),
    Option("end_mask", 1),
    Option("ellipsis_mask", 2),
    Option("new_axis_mask", 3),
    Option("shrink_axis_mask", 4),
  ),
  "SUB": (28, _activation(0)),
  "SUM": _REDUCER,
}


def name(names: Sequence[str], code: int, what: str) -> str:
  """Returns the name of a code.

  Args:
    names: in the order of their codes.
    code: from a file.
    what: to call it in errors.

  Raises:
    flatbuffer.DamagedError: there is no such name.
  """
  if not 0 <= code < len(names):
    raise flatbuffer.DamagedError(
      f"{what} is {code}, expected 0 to {len(names) - 1}; a file of a newer"
      " TensorFlow?"
    )
  return names[code]


def operator_name(code: flatbuffer.Table) -> str:
  """Returns an operator's name; of a custom one `CUSTOM:its name`.

  Args:
    code: that describes it, of the model's operator codes.

  Raises:
    flatbuffer.DamagedError: there is none.
  """
  number = max(code.integer(0, "b"), code.integer(3, "i"))
  found = name(OPERATORS, number, code.what)
  if found == CUSTOM:
    return f"{CUSTOM}:{code.text(1, f'the name of {code.what}')}"
  return found


def options(operator: str, table: flatbuffer.Table) -> dict[str, Any]:
  """Returns what `OPTIONS` names: names for padding and activation.

  Args:
    operator: its name; one that is not in `OPTIONS` has none.
    table: of the operator.

  Raises:
    flatbuffer.DamagedError: they are those of another operator, or damaged.
  """
  if operator not in OPTIONS:
    return {}
  expected, *fields = OPTIONS[operator]
  stored = table.table(4, f"the options of {table.what}")
  code = table.integer(3, "B")
  if stored is not None and code != expected:
    raise flatbuffer.DamagedError(
      f"{table.what} has options of code {code}, expected {expected}"
    )
  result: dict[str, Any] = {}
  for field in fields:
    value = field.default
    if stored is not None:
      value = stored.scalar(field.slot, field.code, field.default)
    if field.names:
      what = f"{field.name} of {table.what}"
      result[field.name] = name(field.names, int(value), what)
    else:
      result[field.name] = value
  return result
