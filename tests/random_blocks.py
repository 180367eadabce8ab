# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Integer `.tflite` files of random convolutions that are taken apart."""

import numpy as np

from tests import random_operators


class Operators(random_operators.Operators):
  """Has blocks, too, whose margins TFLite Micro fills with what it holds."""

  def blocks(self) -> random_operators.Tensor:
    """A dilated convolution as TFLite's converter writes it."""
    source, shape = image = self._read()
    grid = self._grid_of(image)
    sizes = np.array([self._integer(1, 3), self._integer(1, 3)], np.int32)
    before, more, kernel = (
      self._rng.integers(low, 3 + low, 2) for low in (0, 0, 1)
    )
    # Of a kernel that fits, and so many more that blocks are full.
    padded = np.maximum(shape[1:3] + before, kernel * sizes) + more
    padded += -padded % sizes
    margins = np.stack([before, padded - shape[1:3] - before], axis=1)
    number, parts = int(sizes.prod()), padded // sizes
    taken = self._make(
      "SPACE_TO_BATCH_ND",
      [source, *self._integers(sizes), *self._integers(margins)],
      self._tensor((number, *parts.tolist(), shape[3]), grid),
    )
    options = {"strideH": 1, "strideW": 1, "padding": 1}
    options |= {"dilationHFactor": 1, "dilationWFactor": 1}
    made_size = (parts - kernel + 1).tolist()
    if self._integer(0, 1):
      filters, axis = self._integer(1, 9), 0
      name, kind = "CONV_2D", "Conv2DOptions"
      kernel_shape = (filters, *kernel.tolist(), shape[3])
    else:
      filters, axis = shape[3], 3
      name, kind = "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions"
      kernel_shape = (1, *kernel.tolist(), filters)
      options["depthMultiplier"] = 1
    taps = int(kernel.prod()) * shape[3]
    # TFLite has no convolution without a bias.
    weights = self._kernel(kernel_shape, axis, taps, grid[0], name, True)
    made = self._make(
      name,
      [taken[0], *weights],
      self._tensor((number, *made_size, filters)),
      kind=kind,
      fusedActivationFunction=self._choice(0, 1, 3),
      **options,
    )
    whole = made_size * sizes
    crops = np.stack(
      [self._rng.integers(0, np.minimum(whole, 3)), np.zeros(2, int)], axis=1
    )
    left = whole - crops.sum(axis=1)
    return self._make(
      "BATCH_TO_SPACE_ND",
      [made[0], *self._integers(sizes), *self._integers(crops)],
      self._tensor((1, *left.tolist(), filters), self._grid_of(made)),
    )

  def _integers(self, values: np.ndarray) -> list[int]:
    data = values.astype(np.int32)
    return [self._b.tensor(values.shape, None, data, "INT32")]
