# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Integer `.tflite` files of random operators, with all that kernels take."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ghn_tf.edge import geometry
from tests import int8_files

# A tensor: its index, and its shape.
Tensor = tuple[int, tuple[int, ...]]


class Operators:
  """Adds random operators, which read the image or what others made of it."""

  def __init__(self, seed: int):
    self._rng = np.random.default_rng(seed)
    self._b = int8_files.Builder()
    size = tuple(self._rng.integers(5, 10, 2).tolist())
    self._image = self._tensor((1, *size, self._integer(1, 9)))
    self._images = [self._image]

  def _integer(self, low: int, high: int) -> int:
    return int(self._rng.integers(low, high + 1))

  def _choice(self, *values: Any) -> Any:
    return values[self._integer(0, len(values) - 1)]

  def _grid(self) -> int8_files.Grid:
    scale = np.float32(np.exp(self._rng.uniform(np.log(0.004), np.log(0.2))))
    return scale, self._choice(-128, 0, self._integer(-128, 127))

  def _tensor(
    self, shape: tuple[int, ...], grid: int8_files.Grid | None = None
  ) -> Tensor:
    return self._b.tensor(shape, grid or self._grid()), shape

  def _grid_of(self, tensor: Tensor) -> int8_files.Grid:
    quantization = self._b.graph.tensors[tensor[0]].quantization
    return np.float32(quantization.scale[0]), quantization.zeroPoint[0]

  def _read(self) -> Tensor:
    return self._images[self._integer(0, len(self._images) - 1)]

  def _make(
    self, name: str, inputs: list[int], output: Tensor, **options: Any
  ) -> Tensor:
    self._b.operator(name, inputs, output[0], **options)
    return output

  def _codes(self, shape: tuple[int, ...], bits: int = 8) -> np.ndarray:
    most = 2 ** (bits - 1) - 1
    return self._rng.integers(-most, most + 1, shape).astype(np.int8)

  def _constant(self, shape: tuple[int, ...], **kwargs: Any) -> int:
    return self._b.tensor(shape, self._grid(), self._codes(shape), **kwargs)

  def _windows(
    self,
    shape: tuple[int, ...],
    kernel: tuple[int, int],
    dilations: tuple[int, int],
  ) -> dict[str, Any]:
    """Returns options of windows that fit."""
    options = {
      "strideH": self._integer(1, 3),
      "strideW": self._integer(1, 3),
      "padding": self._integer(0, 1),
    }
    fits = all(
      (taps - 1) * dilation < size
      for taps, dilation, size in zip(
        kernel, dilations, shape[1:3], strict=True
      )
    )
    return options if fits else {**options, "padding": 0}

  def _window_shape(
    self, shape: tuple[int, ...], kernel: tuple[int, int], options: Any
  ) -> tuple[int, int]:
    names = {f"stride_{a}": options[f"stride{a.upper()}"] for a in "hw"}
    names |= {
      f"dilation_{a}": options.get(f"dilation{a.upper()}Factor", 1)
      for a in "hw"
    }
    names["padding"] = ("SAME", "VALID")[options["padding"]]
    high, wide = geometry.windows(shape, kernel, names)
    return high.out_size, wide.out_size

  def _kernel(
    self,
    shape: tuple[int, ...],
    axis: int,
    taps: int,
    scale: float,
    name: str,
    has_bias: bool | None = None,
  ) -> list[int]:
    """Returns a kernel and its bias, so scaled that outputs are not cut off."""
    filters = shape[axis]
    count = self._choice(1, filters)
    scales = self._rng.uniform(0.5, 2, count) * 0.05 / np.sqrt(taps)
    scales = scales.astype(np.float32)
    zeros = [0] * count
    dtype = self._choice("INT8", "INT8", "INT4")
    if name == "FULLY_CONNECTED" and count > 1:
      dtype = "INT8"  # TFLite Micro has no kernel for the other.
    if dtype == "INT4":
      codes = self._codes(shape, 4)
      flat = np.pad(codes.reshape(-1), (0, codes.size % 2)).view(np.uint8) & 15
      data = flat[::2] | flat[1::2] << 4
      scales *= 16
    else:
      data = self._codes(shape)
    kernel = self._b.tensor(shape, (scales, zeros), data, dtype, axis)
    bias = self._rng.integers(-3000, 3000, filters).astype(np.int32)
    grid = (np.float32(scale) * scales, zeros)
    if has_bias is None:
      # TFLite Micro's depthwise kernels crash without a bias.
      has_bias = name == "DEPTHWISE_CONV_2D" or self._integer(0, 3) > 0
    if not has_bias:
      return [kernel, -1]
    return [kernel, self._b.tensor([filters], grid, bias, "INT32")]

  def conv(self) -> Tensor:
    source, shape = image = self._read()
    kernel = (self._integer(1, 4), self._integer(1, 4))
    dilations = self._choice((1, 1), (1, 1), (2, 2), (1, 2))
    options = self._windows(shape, kernel, dilations)
    options["dilationHFactor"], options["dilationWFactor"] = dilations
    filters = self._integer(1, 9)
    scale, _ = self._grid_of(image)
    taps = kernel[0] * kernel[1] * shape[3]
    output = self._tensor(
      (1, *self._window_shape(shape, kernel, options), filters)
    )
    weights = self._kernel(
      (filters, *kernel, shape[3]), 0, taps, scale, "CONV_2D"
    )
    return self._make(
      "CONV_2D",
      [source, *weights],
      output,
      kind="Conv2DOptions",
      fusedActivationFunction=self._choice(0, 1, 3),
      **options,
    )

  def depthwise(self) -> Tensor:
    source, shape = image = self._read()
    kernel = (self._integer(1, 4), self._integer(1, 4))
    dilations = self._choice((1, 1), (1, 1), (2, 2))
    options = self._windows(shape, kernel, dilations)
    options["dilationHFactor"], options["dilationWFactor"] = dilations
    multiplier = self._choice(1, 1, 2)
    filters = shape[3] * multiplier
    scale, _ = self._grid_of(image)
    output = self._tensor(
      (1, *self._window_shape(shape, kernel, options), filters)
    )
    weights = self._kernel(
      (1, *kernel, filters),
      3,
      kernel[0] * kernel[1],
      scale,
      "DEPTHWISE_CONV_2D",
    )
    return self._make(
      "DEPTHWISE_CONV_2D",
      [source, *weights],
      output,
      kind="DepthwiseConv2DOptions",
      depthMultiplier=multiplier,
      fusedActivationFunction=self._choice(0, 1, 3),
      **options,
    )

  def dense(self) -> Tensor:
    source, shape = image = self._read()
    size = int(np.prod(shape))
    flat = self._make(
      "RESHAPE",
      [
        source,
        self._b.tensor([2], None, np.array([1, size], np.int32), "INT32"),
      ],
      self._tensor((1, size), self._grid_of(image)),
      kind="ReshapeOptions",
      newShape=[1, size],
    )
    units = self._integer(1, 7)
    scale, _ = self._grid_of(image)
    weights = self._kernel((units, size), 0, size, scale, "FULLY_CONNECTED")
    return self._make(
      "FULLY_CONNECTED",
      [flat[0], *weights],
      self._tensor((1, units)),
      kind="FullyConnectedOptions",
      fusedActivationFunction=self._choice(0, 1, 3),
    )

  def pool(self) -> Tensor:
    source, shape = image = self._read()
    kernel = (self._integer(1, 4), self._integer(1, 4))
    options = self._windows(shape, kernel, (1, 1))
    size = self._window_shape(shape, kernel, options)
    return self._make(
      self._choice("AVERAGE_POOL_2D", "MAX_POOL_2D"),
      [source],
      self._tensor((1, *size, shape[3]), self._grid_of(image)),
      kind="Pool2DOptions",
      filterHeight=kernel[0],
      filterWidth=kernel[1],
      fusedActivationFunction=self._choice(0, 1, 3),
      **options,
    )

  def reduce(self) -> Tensor:
    source, shape = image = self._read()
    name = self._choice("MEAN", "MEAN", "REDUCE_MAX", "REDUCE_MIN")
    axes = self._choice((1, 2), (1, 2), (3,), (2, 3), (1, 2, 3))
    keep = bool(self._integer(0, 1))
    kept = tuple(
      1 if a in axes else size
      for a, size in enumerate(shape)
      if keep or a not in axes
    )
    tensor = self._b.tensor(
      [len(axes)], None, np.array(axes, np.int32), "INT32"
    )
    grid = self._grid() if name == "MEAN" else self._grid_of(image)
    return self._make(
      name,
      [source, tensor],
      self._tensor(kept, grid),
      kind="ReducerOptions",
      keepDims=keep,
    )

  def binary(self) -> Tensor:
    first = self._read()
    shape = first[1]
    name = self._choice("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "PRELU")
    same = self._choice(shape, shape, (1, 1, 1, shape[3]))
    grid = self._grid_of(first) if "IMUM" in name else self._grid()
    if name == "PRELU" or self._integer(0, 1):
      second = self._b.tensor(same, grid, self._codes(same))
    elif "IMUM" not in name and same == shape:
      second = self._make("QUANTIZE", [first[0]], self._tensor(shape))[0]
    else:
      second = first[0]
    options = {}
    if name in ("ADD", "SUB", "MUL"):
      options["kind"] = f"{name.capitalize()}Options"
      options["fusedActivationFunction"] = self._choice(0, 1, 3)
    output = self._tensor(shape, grid if "IMUM" in name else None)
    return self._make(name, [first[0], second], output, **options)

  def unary(self) -> Tensor:
    source, shape = image = self._read()
    name = self._choice(
      "RELU", "RELU6", "QUANTIZE", "LEAKY_RELU", "LOGISTIC", "HARD_SWISH"
    )
    options: dict[str, Any] = {}
    grid = self._grid()
    if name == "RELU6":
      grid = self._grid_of(image)
    elif name == "LOGISTIC":
      grid = np.float32(1 / 256), -128
    elif name == "LEAKY_RELU":
      options = {
        "kind": "LeakyReluOptions",
        "alpha": float(np.float32(self._choice(0.01, 0.1, 0.3))),
      }
    return self._make(name, [source], self._tensor(shape, grid), **options)

  def softmax(self) -> Tensor:
    source, shape = self._read()
    return self._make(
      "SOFTMAX",
      [source],
      self._tensor(shape, (np.float32(1 / 256), -128)),
      kind="SoftmaxOptions",
      beta=1.0,
    )

  def pad(self) -> Tensor:
    source, shape = image = self._read()
    margins = np.zeros((4, 2), np.int32)
    margins[1:] = self._rng.integers(0, 3, (3, 2))
    tensor = self._b.tensor([4, 2], None, margins, "INT32")
    padded = tuple((np.array(shape) + margins.sum(axis=1)).tolist())
    return self._make(
      "PAD",
      [source, tensor],
      self._tensor(padded, self._grid_of(image)),
      kind="PadOptions",
    )

  def concatenate(self) -> Tensor:
    first = self._read()
    others = [t for t in self._images if t[1][:3] == first[1][:3]]
    grid = self._grid()
    parts = [
      self._make("QUANTIZE", [t[0]], self._tensor(t[1], grid))
      for t in (first, self._choice(*others))
    ]
    channels = sum(shape[3] for _, shape in parts)
    return self._make(
      "CONCATENATION",
      [index for index, _ in parts],
      self._tensor((*first[1][:3], channels), grid),
      kind="ConcatenationOptions",
      axis=3,
    )

  def crop(self) -> Tensor:
    source, shape = image = self._read()
    begin = [0, *(self._integer(0, size - 1) for size in shape[1:])]
    end = [
      1,
      *(
        self._integer(b + 1, size)
        for b, size in zip(begin[1:], shape[1:], strict=True)
      ),
    ]
    bounds = [
      self._b.tensor([4], None, np.array(values, np.int32), "INT32")
      for values in (begin, end, [1] * 4)
    ]
    size = tuple(e - b for b, e in zip(begin, end, strict=True))
    return self._make(
      "STRIDED_SLICE",
      [source, *bounds],
      self._tensor(size, self._grid_of(image)),
      kind="StridedSliceOptions",
    )

  def build_one(
    self, kind: str, change: Callable[[Any], None] = lambda graph: None
  ) -> bytes:
    """Returns a file with what the method of that name makes.

    Args:
      kind: of operator.
      change: of the graph before it is written.
    """
    output, _ = getattr(self, kind)()
    change(self._b.graph)
    return self._b.build([self._image[0]], [output])

  def build(self, number: int) -> bytes:
    """Returns a file with at least a number of operators, of each kind one."""
    kinds: list[Callable[[], Tensor]] = [
      self.conv, self.depthwise, self.dense, self.pool, self.reduce,
      self.binary, self.unary, self.softmax, self.pad, self.concatenate,
      self.crop,
    ]  # fmt: skip
    self._rng.shuffle(kinds)
    made = self._image
    for count in range(number):
      made = kinds[count % len(kinds)]()
      # Enough to see something of, and not so much that it takes long.
      if (
        len(made[1]) == 4 and min(made[1][1:3]) > 1 and np.prod(made[1]) < 2000
      ):
        self._images.append(made)
    return self._b.build([self._image[0]], [made[0]])
