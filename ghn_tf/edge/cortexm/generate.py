# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Integer `.tflite` files as C programs."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from typing import Any

import numpy as np

from ghn_tf.edge import geometry
from ghn_tf.edge import model_file
from ghn_tf.edge import tensors
from ghn_tf.edge.cortexm import binary
from ghn_tf.edge.cortexm import blocks
from ghn_tf.edge.cortexm import calls
from ghn_tf.edge.cortexm import convolutions
from ghn_tf.edge.cortexm import cores
from ghn_tf.edge.cortexm import moves
from ghn_tf.edge.cortexm import plan as plan_lib
from ghn_tf.edge.cortexm import unary

LICENCE = (
  "// Copyright 2026 The ghn_tf Authors.\n"
  "// SPDX-License-Identifier: Apache-2.0"
)
# Of a network that is given none.
NAME = "network"
# Kernels read up to as many bytes behind a tensor.
_BEHIND = 15
_Writer = Callable[
  [str, geometry.Operands, convolutions.Layout], list[calls.Call]
]


def _plain(
  writer: Callable[[geometry.Operands], list[calls.Call]],
) -> _Writer:
  return lambda name, operands, lay: writer(operands)


def _named(
  writer: Callable[[str, geometry.Operands], list[calls.Call]],
) -> _Writer:
  return lambda name, operands, lay: writer(name, operands)


def _laid_out(
  writer: Callable[[geometry.Operands, convolutions.Layout], list[calls.Call]],
) -> _Writer:
  return lambda name, operands, lay: writer(operands, lay)


_WRITERS: Mapping[str, _Writer] = {
  "ADD": _plain(binary.add),
  "BATCH_TO_SPACE_ND": _plain(blocks.batch_to_space),
  "CONCATENATION": _plain(moves.concatenate),
  "CONV_2D": _laid_out(convolutions.convolution),
  "DEPTHWISE_CONV_2D": _laid_out(convolutions.depthwise),
  "FULLY_CONNECTED": _laid_out(convolutions.dense),
  "MUL": _plain(binary.multiply),
  "PRELU": _plain(binary.slope),
  "RESHAPE": _plain(moves.reshape),
  "SOFTMAX": _plain(unary.softmax),
  "SPACE_TO_BATCH_ND": _plain(blocks.space_to_batch),
  "STRIDED_SLICE": _plain(moves.strided_slice),
  "SUB": _plain(binary.subtract),
  **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), _named(moves.pool)),
  **dict.fromkeys(("MAXIMUM", "MINIMUM"), _named(binary.choose)),
  **dict.fromkeys(("MEAN", "REDUCE_MAX", "REDUCE_MIN"), _named(moves.reduce)),
  **dict.fromkeys(("PAD", "PADV2"), _plain(moves.pad)),
  **dict.fromkeys(unary.NAMES, _named(unary.look_up)),
}
# Those that take the images of a batch, as blocks are, one by one.
_EACH = ("CONV_2D", "DEPTHWISE_CONV_2D")
_OF_BATCHES = (*_EACH, "BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND")
OPERATORS = tuple(sorted(_WRITERS))


@dataclasses.dataclass(frozen=True, eq=False)
class Program:
  """A network in C.

  Attributes:
    sources: what is generated, by file name.
    arena_bytes: of memory for activations and scratch.
    constant_bytes: of flash for the operators' constants.
    offsets: of tensors in the arena, by their index. It is theirs from the
      operator that makes them to the last that reads them.
    input_size, output_size: in codes.
  """

  sources: Mapping[str, str]
  arena_bytes: int
  constant_bytes: int
  offsets: Mapping[int, int]
  input_size: int
  output_size: int


def generate(
  file: model_file.ModelFile, core: cores.Core, name: str = NAME
) -> Program:
  """Returns the program of a file.

  Args:
    file: with one int8 image as its input, and one int8 output.
    core: whose kernels are to run it.
    name: an identifier, with which the names that others see begin.

  Raises:
    ValueError: it has an operator without a kernel, or one with what its kernel
      does not support; the message names both.
  """
  (source,), (result,) = _ends(file)
  lay = convolutions.layout(core)
  written = [_write(file, operator, lay) for operator in file.operators]
  places, arena_bytes = _place(file, written)
  constants: dict[bytes, str] = {}
  definitions: list[str] = []
  functions: list[str] = []
  for operator, calls_ in zip(file.operators, written, strict=True):
    scratch = places[_scratch(operator)]

    def resolve(value: Any, scratch: int = scratch) -> str:
      if isinstance(value, calls.Place):
        tensor = file.tensors[value.index]
        if tensor.data is not None:
          codes = _constant(_codes(tensor), constants, definitions)
          return f"{codes} + {value.offset}"
        return f"{name}_arena + {places[value.index] + value.offset}"
      if isinstance(value, calls.Scratch):
        return f"({value.type})({name}_arena + {scratch})"
      return _constant(value.values, constants, definitions)

    if calls_:
      functions.append(_definition(operator, calls_, resolve))
  header = _header(
    name,
    arena_bytes + _BEHIND,
    (places[source.index], source.size),
    (places[result.index], result.size),
  )
  body = "\n".join(
    f"  {function(operator)}();"
    for operator, calls_ in zip(file.operators, written, strict=True)
    if calls_
  )
  network = "\n".join(
    (
      LICENCE,
      f'#include "{name}.h"\n\n#include "kernels.h"\n',
      f"int8_t {name}_arena[{name.upper()}_ARENA_SIZE]"
      " __attribute__((aligned(16)));\n",
      *definitions,
      *functions,
      f"void {name}_run(void) {{\n{body}\n}}\n",
    )
  )
  constant_bytes = sum(len(key) - 1 for key in constants)
  return Program(
    {f"{name}.c": network, f"{name}.h": header},
    arena_bytes + _BEHIND,
    constant_bytes,
    {index: places[index] for index in file.lifetimes},
    source.size,
    result.size,
  )


def _ends(file: model_file.ModelFile) -> tuple[list[Any], list[Any]]:
  """Returns the input and the output, one each."""
  ends = []
  for kind, indices in (("input", file.inputs), ("output", file.outputs)):
    found = [file.tensors[index] for index in indices]
    if len(found) != 1 or found[0].dtype != "INT8":
      raise ValueError(
        f"The file has {[tensor.dtype for tensor in found]} as {kind}s; a"
        " program takes one INT8 tensor and gives one."
      )
    ends.append(found)
  return ends[0], ends[1]


def _write(
  file: model_file.ModelFile,
  operator: model_file.Operator,
  lay: convolutions.Layout,
) -> list[calls.Call]:
  """Returns the calls of an operator; none if its output is its input."""
  what = f"Operator {operator.index} ({operator.name})"
  if operator.name not in _WRITERS:
    raise ValueError(
      f"{what} has no kernel for Cortex-M; there are those for {OPERATORS}."
    )
  operands = file.operands(operator)
  if not operator.inputs or operator.inputs[0] < 0 or not operator.outputs:
    raise ValueError(f"{what} has no input or no output.")
  shape = operands.inputs[0].shape
  if operands.inputs[0].dtype != "INT8":
    raise ValueError(f"{what} reads {operands.inputs[0].dtype}, expected INT8.")
  for tensor in (*operands.inputs, *operands.outputs):
    if tensor is not None and tensor.data is None and tensor.dtype != "INT8":
      raise ValueError(
        f"{what} has the {tensor.dtype} tensor {tensor.name!r:.80}; kernels for"
        " Cortex-M take INT8 activations."
      )
  most = blocks.MOST if operator.name in _OF_BATCHES else 1
  ends = shape, operands.outputs[0].shape
  batch = max((end[0] for end in ends if len(end) == 4), default=1)
  if batch > most:
    raise ValueError(
      f"{what} has a batch of {batch}; {most} is the most for it."
    )
  if _is_alias(file, operator):
    return []
  try:
    written = _WRITERS[operator.name](operator.name, operands, lay)
  except ValueError as error:
    raise ValueError(f"{what} {error}.") from error
  if operator.name in _EACH and shape[0] > 1:
    return [*blocks.each(operands, written)]
  return written


def _is_alias(
  file: model_file.ModelFile, operator: model_file.Operator
) -> bool:
  source = file.tensors[operator.inputs[0]]
  return operator.name == "RESHAPE" and source.data is None


def _scratch(operator: model_file.Operator) -> str:
  return f"scratch {operator.index}"


def _place(
  file: model_file.ModelFile, written: Sequence[Sequence[calls.Call]]
) -> tuple[dict[int | str, int], int]:
  """Returns the offsets of all that is in memory, and its size."""
  roots: dict[int, int] = {}
  for operator in file.operators:
    if _is_alias(file, operator):
      source = operator.inputs[0]
      roots[operator.outputs[0]] = roots.get(source, source)
  needs: dict[int | str, plan_lib.Need] = {}
  for index, (first, last) in file.lifetimes.items():
    root = roots.get(index, index)
    need = needs.get(root, plan_lib.Need(1, first, last))
    needs[root] = plan_lib.Need(
      file.tensors[root].num_bytes,
      min(first, need.first),
      max(last, need.last),
    )
  for operator, calls_ in zip(file.operators, written, strict=True):
    scratch_bytes = max((call.scratch_bytes for call in calls_), default=0)
    needs[_scratch(operator)] = plan_lib.Need(
      max(1, scratch_bytes), operator.index, operator.index
    )
  plan = plan_lib.plan([*needs.values()])
  places = dict(zip(needs, plan.offsets, strict=True))
  for index, root in roots.items():
    places[index] = places[root]
  return places, plan.num_bytes


def _codes(tensor: tensors.Tensor) -> np.ndarray:
  """Returns the codes of a constant that stands for an activation."""
  if tensor.data is None or tensor.dtype != "INT8":
    raise ValueError(
      f"The constant {tensor.name!r:.80} is {tensor.dtype}; kernels for"
      " Cortex-M take INT8."
    )
  return tensor.data


def _constant(
  values: np.ndarray, names: dict[bytes, str], definitions: list[str]
) -> str:
  """Returns the name of a constant; equal ones are kept once."""
  key = values.dtype.char.encode() + values.tobytes()
  if key not in names:
    names[key] = f"constant_{len(names)}"
    definitions.append(calls.definition(names[key], values))
  return names[key]


def function(operator: model_file.Operator) -> str:
  """Returns the name of the C function that runs an operator.

  There is none if it only gives its input another name.
  """
  return f"operator_{operator.index}"


def _definition(
  operator: model_file.Operator,
  written: Sequence[calls.Call],
  resolve: Callable[[Any], str],
) -> str:
  """Returns the C function of an operator."""
  name = function(operator)
  lines = [
    f"// {operator.name}",
    f"KERNEL void {name}(void) {{",
  ]
  for number, call in enumerate(written):
    if call.struct:
      value = calls.initializer(call.fields, resolve)
      argument = f"call_{number}"
      lines.append(f"  static const {call.struct} {argument} = {value};")
      lines.append(f"  {call.kernel}(&{argument});")
    else:
      values = (
        calls.initializer(value, resolve) for value in call.fields.values()
      )
      lines.append(f"  {call.kernel}({', '.join(values)});")
  return "\n".join((*lines, "}\n"))


def _header(
  name: str, arena_size: int, source: tuple[int, int], result: tuple[int, int]
) -> str:
  upper = name.upper()
  return f"""{LICENCE}

// Write an image to {name}_input, call {name}_run, and read {name}_output, all
// in the codes of the file. All memory is shared: write the image anew for each
// run.

#ifndef {upper}_H_
#define {upper}_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

enum {{
  {upper}_ARENA_SIZE = {arena_size},
  {upper}_INPUT_SIZE = {source[1]},
  {upper}_OUTPUT_SIZE = {result[1]},
}};

extern int8_t {name}_arena[{upper}_ARENA_SIZE];
static int8_t *const {name}_input = {name}_arena + {source[0]};
static const int8_t *const {name}_output = {name}_arena + {result[0]};

void {name}_run(void);

#ifdef __cplusplus
}}
#endif

#endif  // {upper}_H_
"""
