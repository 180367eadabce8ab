# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How large a network may be, whoever describes it.

Each bound lies above what is in use and below what would fill a machine or
overflow TensorFlow's 32 bits. They are checked on sizes alone, before anything
of these sizes is made.
"""

from collections.abc import Sequence
import math

# A ResNet-1202, the deepest of arXiv 1512.03385, has 4,210 nodes, and a
# DenseNet-201 has 700. Keras takes a core 15 ms or more to make the layers of a
# node, and calibration 4 ms beside the arithmetic: `Predictor.predict` takes
# two minutes for 5,000 ReLUs, and five for BatchNorms that stand alone.
MAX_NODES = 5_000
# Inputs of all nodes together: thirteen a node, where dense cells have two.
MAX_INPUTS = 1 << 16
# 1 GiB in float32; VGG-19 for ImageNet has half of them.
MAX_PARAMS = 1 << 28
# Of one tensor of one image. A batch of 64 takes 4 GiB in float32; ImageNet's
# images in 64 channels have a fifth of it.
MAX_VALUES = 1 << 24
# Height, width, strides and dilation of a window, and margins. No image is that
# large.
MAX_WINDOW = 1 << 15


def check_size(num_nodes: int, num_inputs: int) -> None:
  """Raises ValueError for too many nodes, or inputs of all of them."""
  _check_number("nodes", num_nodes, MAX_NODES)
  _check_number("inputs of nodes", num_inputs, MAX_INPUTS)


def check_params(num_params: int) -> None:
  """Raises ValueError for too many parameters."""
  _check_number("parameters", num_params, MAX_PARAMS)


def _check_number(what: str, number: int, greatest: int) -> None:
  if number > greatest:
    raise ValueError(
      f"{number:,} {what} are too many: a network may have {greatest:,}; make"
      " it smaller."
    )


def check_values(does: str, shape: Sequence[int]) -> None:
  """Raises ValueError where a tensor of one image would be too large.

  Args:
    does: what has that effect, for a message that begins with a node's name.
    shape: of the tensor.
  """
  if math.prod(shape) > MAX_VALUES:
    raise ValueError(
      f"would {does} the shape {list(shape)}, which has more than"
      f" {MAX_VALUES:,} values; use smaller images or windows, or fewer filters"
      " or channels."
    )
