# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Checks of images that users give: pixels, and what is made of them.

Pixels, uint8, are what is normalized; a network takes normalized images, which
are floats. Taken for the other, either gives wrong results without an error.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np


def pixels(images: Any) -> np.ndarray:
  """Returns images as one array, [n, H, W, C], uint8.

  Other types are refused, even with values that are all from 0 to 255: what
  they mean is not to be seen in one batch.

  Args:
    images: uint8 [n, H, W, C], or a list of n images of one shape.

  Raises:
    ValueError: none of any type, another type, such as what was scaled or
      normalized, or another shape, such as that of a single image.
  """
  try:
    array = np.asarray(images)
  except ValueError as error:
    raise ValueError(
      f"Images must all have one shape, [height, width, channels]: {error}"
    ) from error
  if not array.size and array.dtype != np.uint8:  # as np.asarray([]) is
    raise ValueError(
      "There are no images: expected uint8 [number, height, width, channels],"
      f" got an empty array of shape {list(array.shape)}."
    )
  if array.dtype != np.uint8:
    raise ValueError(
      "Images must be uint8 of 0 to 255, neither scaled nor normalized; got"
      f" {array.dtype}{_explain(array)}"
    )
  if array.ndim != 4:
    raise ValueError(
      "Images must have the shape [number, height, width, channels], got"
      f" {list(array.shape)}; of a single one, images[np.newaxis] has it."
    )
  return array


def check_normalized(who: str, images: Any, shape: Sequence[int]) -> None:
  """Raises ValueError for images that a network cannot have been meant to get.

  Args:
    who: takes the images.
    images: an array or a tensor.
    shape: of each image, [H, W, C].

  Raises:
    ValueError: there are none, they have another shape, or they are no floats,
      but pixels.
  """
  found = list(images.shape)
  if found[1:] != list(shape) or found[0] == 0:
    expected = ", ".join(map(str, ("number", *shape)))
    raise ValueError(
      f"{who} takes images of shape [{expected}], one or more; got {found}."
    )
  if "float" not in images.dtype.name:
    raise ValueError(
      f"{who} takes normalized images, floats, got {images.dtype.name}; give"
      " it ghn.normalize(images), where ghn is the Predictor."
    )


def _explain(array: np.ndarray) -> str:
  """Returns which values images of a wrong type have, and what to do."""
  kind = array.dtype.kind
  if kind not in "iuf":
    return ". Give arrays of pixels."
  if wrong := np.count_nonzero(~np.isfinite(array)):
    return (
      f", of {array.size:,} values {wrong:,} NaN or infinite. Find where these"
      " come from, and give the pixels as they were before."
    )
  low, high = array.min(), array.max()
  images = "np.asarray(images)"
  advice = "Give the pixels as they were before."
  if kind == "f" and 0 <= low and high <= 1:
    advice = (
      "If these are pixels divided by 255, give"
      f" np.round(255 * {images}).astype(np.uint8)."
    )
  elif 0 <= low and high <= 255:
    rounded = f"np.round({images})" if kind == "f" else images
    advice = (
      f"If these are pixels of 0 to 255, give {rounded}.astype(np.uint8)."
    )
  elif kind != "f" and 0 <= low and high < 1 << 16:
    advice = f"If these fill 16 bits, give ({images} // 257).astype(np.uint8)."
  return f" of {low:.5g} to {high:.5g}. {advice}"
