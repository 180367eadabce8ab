# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Labelled images in files: a folder of each class, or arrays in an .npz.

What a file claims is checked before anything is made of it: sizes of images and
arrays against what they may take in memory, and that no array holds objects.
"""

from collections.abc import Iterable, Sequence
import math
import pathlib
import struct
from typing import Any, NamedTuple
import warnings
import zipfile

from absl import logging
import numpy as np
from PIL import Image

from ghn_tf import files as files_lib

# By part, "train" and "test" or "train" alone: images, uint8 [n, H, W, C], and
# labels, int32 [n].
Parts = dict[str, tuple[np.ndarray, np.ndarray]]
Size = tuple[int, int]

# Of one image: 8,192 x 8,192.
MAX_PIXELS = 1 << 26
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")

_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
# Pillow's modes of gray images, of those with alpha, and the others read.
_GRAY = ("1", "L", "LA", "I;16", "I;16B", "I;16L")
_ALPHA = ("LA", "PA", "RGBA")
_MODES = (*_GRAY, *_ALPHA, "CMYK", "P", "RGB", "YCbCr")
_TRAIN, _TEST = "train", "test"
_NAMES = (
  ("images", "labels"),
  ("x_train", "y_train", "x_test", "y_test"),
)
_OF_SETS = (
  "A folder that holds sets of TensorFlow Datasets is given as data_dir"
  " (--data_dir)."
)


class _File(NamedTuple):
  path: pathlib.Path
  label: int
  size: Size  # height, width
  mode: str


def resize(images: Any, size: Size) -> Any:
  """Returns a uint8 tensor [..., H, W, C] of an array or a tensor."""
  import tensorflow as tf

  resized = tf.image.resize(images, size, antialias=True)
  return tf.saturate_cast(tf.round(resized), tf.uint8)


def to_pixels(images: np.ndarray) -> np.ndarray:
  """Returns images of 16 bits as uint8, without alpha.

  Args:
    images: uint8 or uint16, [..., C].
  """
  if images.shape[-1] in (2, 4):
    images = images[..., :-1]
  if images.dtype == np.uint16:  # 65,535 is 255 * 257
    images = ((images.astype(np.uint32) + 128) // 257).astype(np.uint8)
  return images


def read_folder(path: str, image_size: Size | None, max_bytes: int) -> Parts:
  """Returns the images in a folder with one sub-folder for each class.

  Classes are numbered in the order of their names. Of sub-folders `train` and
  `test`, each has those of the classes.

  Args:
    path: of the folder.
    image_size: height and width to resize to; the images' own if None.
    max_bytes: upper bound on the memory that the images take.

  Raises:
    ValueError: naming the folder or file that is not as it should be.
    OSError: one cannot be read.
  """
  root = pathlib.Path(path)
  found = _folders(root)
  parts = {_TRAIN: root}
  names = [folder.name for folder in found]
  if {*names} == {_TRAIN, _TEST}:
    parts = {folder.name: folder for folder in found}
  elif _TRAIN in names and _folders(root / _TRAIN):
    raise ValueError(
      f"Folder {path!r} has the sub-folders {names[:9]}, expected {_TRAIN!r}"
      f" and {_TEST!r} alone; name one {_TEST!r} and move others away: images"
      f" for validation are drawn from {_TRAIN!r}."
    )
  classes = [folder.name for folder in _folders(parts[_TRAIN])]
  files: dict[str, list[_File]] = {}
  for part, folder in parts.items():
    own = _folders(folder)
    if [o.name for o in own] != classes or len(classes) < 2:
      raise ValueError(
        f"Folder {str(folder)!r} has the sub-folders"
        f" {[o.name for o in own][:9]}, expected one for each class, two or"
        f" more, and the same in train and test. {_OF_SETS}"
      )
    files[part] = [
      _header(file, label)
      for label, folder in enumerate(own)
      for file in _image_files(folder)
    ]
  every = [file for part in files.values() for file in part]
  shape = (*_common_size(path, every, image_size), _channels(every))
  _check_memory(path, len(every), shape, max_bytes)
  if alphas := [file for file in every if file.mode in _ALPHA]:
    _warn_of_alpha(path, len(alphas))
  return {part: _decode(own, shape) for part, own in files.items()}


def _folders(folder: pathlib.Path) -> list[pathlib.Path]:
  """Returns the sub-folders by name, but for hidden ones."""
  return sorted(
    entry
    for entry in folder.iterdir()
    if entry.is_dir() and not entry.name.startswith(".")
  )


def _image_files(folder: pathlib.Path) -> list[pathlib.Path]:
  found = sorted(e for e in folder.iterdir() if not e.name.startswith("."))
  if wrong := [e for e in found if e.suffix.lower() not in SUFFIXES]:
    raise ValueError(
      f"{str(wrong[0])!r} is none of {', '.join(SUFFIXES)}; a folder of a class"
      f" holds its images alone. {_OF_SETS}"
    )
  if not found:
    raise ValueError(
      f"Folder {str(folder)!r} of a class has no images; put some in, or remove"
      " it."
    )
  return found


def _header(path: pathlib.Path, label: int) -> _File:
  """Returns what the head of an image says, which is not decoded yet."""
  with _opened(path) as image:
    width, height = image.size
    if width * height > MAX_PIXELS:
      raise ValueError(
        f"Image {str(path)!r} has {height:,} x {width:,} pixels, more than"
        f" {MAX_PIXELS:,}; make it smaller."
      )
    if image.mode not in _MODES:
      raise ValueError(
        f"Image {str(path)!r} has pixels of the kind {image.mode!r}, expected"
        f" one of {', '.join(_MODES)}."
      )
    return _File(path, label, (height, width), image.mode)


def _opened(path: pathlib.Path) -> Image.Image:
  try:
    files_lib.check_regular(path)
    with warnings.catch_warnings():  # MAX_PIXELS decides, not Pillow's bound
      warnings.simplefilter("ignore", Image.DecompressionBombWarning)
      return Image.open(path, formats=_FORMATS)
  except (Image.DecompressionBombError, SyntaxError, ValueError) as error:
    raise _damaged(path, error) from error
  except OSError as error:
    if error.errno is not None:  # of the file system
      raise
    raise _damaged(path, error) from error


def _damaged(path: pathlib.Path, error: Exception) -> ValueError:
  return ValueError(
    f"Image {str(path)!r} is damaged, or no image: {error}. Take it out."
  )


def _common_size(
  path: str, files: Sequence[_File], image_size: Size | None
) -> Size:
  sizes = {file.size for file in files}
  if image_size is None and len(sizes) > 1:
    raise ValueError(
      f"The images of {path!r} differ in size; give one as image_size"
      " (--image_size)."
    )
  return image_size or sizes.pop()


def _channels(files: Iterable[_File]) -> int:
  return 1 if all(file.mode in _GRAY for file in files) else 3


def _check_memory(
  path: str, number: int, shape: Sequence[int], max_bytes: int
) -> None:
  if (num_bytes := number * math.prod(shape)) > max_bytes:
    raise ValueError(
      f"Data set {path!r} would take {num_bytes / 2**30:.1f} GiB of memory as"
      f" {number:,} images of shape {list(shape)}, more than the bound of"
      f" {max_bytes / 2**30:.1f} GiB; give a smaller image_size (--image_size)."
    )


def _warn_of_alpha(path: str, number: int) -> None:
  logging.warning(
    "%s: %d images have an alpha channel, which is left out.", path, number
  )


def _decode(
  files: Sequence[_File], shape: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
  images = np.empty((len(files), *shape), np.uint8)
  for place, file in enumerate(files):
    with _opened(file.path) as image:
      try:
        pixels = _pixels(image, shape[2])
      # What Pillow raises for damaged files.
      except (
        *(EOFError, IndexError, OSError, SyntaxError, TypeError, ValueError),
        struct.error,
      ) as error:
        raise _damaged(file.path, error) from error
    if pixels.shape != shape:
      pixels = resize(pixels, shape[:2]).numpy()
    images[place] = pixels
  return images, np.array([file.label for file in files], np.int32)


def _pixels(image: Image.Image, channels: int) -> np.ndarray:
  """Returns an image that was opened as uint8 [H, W, channels]."""
  if image.mode.startswith("I;16"):
    deep = np.asarray(image).astype(np.uint16)[..., np.newaxis]
    return to_pixels(deep).repeat(channels, axis=-1)
  if image.mode in _ALPHA:
    image = image.convert("LA" if image.mode == "LA" else "RGBA")
    image = image.convert("L" if image.mode == "LA" else "RGB")
  array = np.asarray(image.convert("L" if channels == 1 else "RGB"))
  return array.reshape(*array.shape[:2], channels)


def read_arrays(path: str, image_size: Size | None, max_bytes: int) -> Parts:
  """Returns the images in an .npz file.

  It has the arrays `images` and `labels`, or `x_train`, `y_train`, `x_test` and
  `y_test`; images are uint8 or uint16, [n, H, W] or [n, H, W, C].

  Args:
    path: of the file.
    image_size: height and width to resize to; the images' own if None.
    max_bytes: upper bound on the memory that the images take.

  Raises:
    ValueError: it is damaged, or an array is missing or of another kind.
    OSError: it cannot be read.
  """
  try:
    files_lib.check_regular(path)
    with zipfile.ZipFile(path) as archive:
      names = {n[:-4] for n in archive.namelist() if n.endswith(".npy")}
      chosen = next((n for n in _NAMES if names >= set(n)), None)
      if chosen is None:
        raise ValueError(
          f"it has the arrays {sorted(names)[:9]}, expected"
          f" {' or '.join(str(list(names)) for names in _NAMES)}"
        )
      # Of 16 bits before they are scaled.
      arrays = {n: _read_array(archive, n, 2 * max_bytes) for n in chosen}
  except (RuntimeError, ValueError) as error:  # encrypted, or as said above
    raise ValueError(f"Data set {path!r}: {error}.") from error
  except files_lib.DAMAGES as error:
    raise ValueError(f"Data set {path!r} is damaged: {error}.") from error
  parts = {}
  for part, (image_name, label_name) in zip(
    (_TRAIN, _TEST), zip(chosen[::2], chosen[1::2], strict=True), strict=False
  ):
    images = _checked_images(path, image_name, arrays.pop(image_name))
    labels = _checked_labels(path, label_name, arrays.pop(label_name), images)
    if image_size is not None and images.shape[1:3] != image_size:
      shape = (*image_size, images.shape[-1])
      _check_memory(path, len(images), shape, max_bytes)
      resized = np.empty((len(images), *shape), np.uint8)
      for start in range(0, len(images), 256):
        some = slice(start, start + 256)
        resized[some] = resize(images[some], image_size)
      images = resized
    parts[part] = images, labels
  total = sum(len(images) for images, _ in parts.values())
  _check_memory(path, total, images.shape[1:], max_bytes)
  if len({images.shape[1:] for images, _ in parts.values()}) > 1:
    raise ValueError(
      f"Data set {path!r} has training and test images of different shapes;"
      " give one size as image_size (--image_size)."
    )
  return parts


def _read_array(
  archive: zipfile.ZipFile, name: str, max_bytes: int
) -> np.ndarray:
  """Returns an array of numbers that is as large as its header claims."""
  info = archive.getinfo(f"{name}.npy")
  with archive.open(info) as file:
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
      raise ValueError(f"{name} is an array of the format {version}")
    read = {
      (1, 0): np.lib.format.read_array_header_1_0,
      (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, is_fortran, dtype = read(file)
    num_bytes = math.prod(shape) * dtype.itemsize
    if dtype.kind not in "biuf" or is_fortran:
      raise ValueError(
        f"{name} is an array of {dtype}, expected numbers in C order"
      )
    if num_bytes != info.file_size - file.tell() or num_bytes > max_bytes:
      raise ValueError(
        f"{name} claims the shape {list(shape)} of {dtype} in"
        f" {info.file_size:,} bytes; at most {max_bytes:,} are read"
      )
    content = file.read()
  if len(content) != num_bytes:
    raise EOFError(f"{name} ends early")
  return np.frombuffer(content, dtype).reshape(shape)


def _checked_images(path: str, name: str, images: np.ndarray) -> np.ndarray:
  if images.ndim == 3:
    images = images[..., np.newaxis]
  if (
    images.dtype.newbyteorder("=") not in (np.uint8, np.uint16)
    or images.ndim != 4
    or images.shape[-1] > 4
    or not images.size
  ):
    remedy = ""
    if images.dtype.kind == "f":
      remedy = f"; scale them to 0 to 255, and give {name}.astype('uint8')"
    if images.ndim == 4 and images.shape[1] <= 4 < images.shape[3]:
      remedy += f"; give {name}.transpose(0, 2, 3, 1), with channels last"
    raise ValueError(
      f"Data set {path!r}: expected {name} of uint8 or uint16, [n, H, W] or"
      f" [n, H, W, C] with up to 4 channels; got {images.dtype} of shape"
      f" {list(images.shape)}{remedy}."
    )
  if images.shape[-1] in (2, 4):
    _warn_of_alpha(path, len(images))
  return to_pixels(images.astype(images.dtype.newbyteorder("="), copy=False))


def _checked_labels(
  path: str, name: str, labels: np.ndarray, images: np.ndarray
) -> np.ndarray:
  if labels.shape == (len(images), 1):  # as Keras's CIFAR-10 has them
    labels = labels[:, 0]
  if (
    labels.shape != (len(images),)
    or labels.dtype.kind not in "iu"
    or labels.min() < 0
    or labels.max() >= 1 << 16
  ):
    ends = f", {labels.min()} to {labels.max()}" if labels.size else ""
    raise ValueError(
      f"Data set {path!r}: expected {name} of integers from 0 on, one for each"
      f" of {len(images)} images; got {labels.dtype} of shape"
      f" {list(labels.shape)}{ends}."
    )
  return labels.astype(np.int32)


def hold_out(
  labels: np.ndarray, fraction: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
  """Returns a drawn order of the rest, and of a part held out of each class.

  Args:
    labels: [n].
    fraction: of each class that is held out.
    seed: of the order.
  """
  order = np.random.default_rng(seed).permutation(len(labels))
  held_out = np.zeros(len(labels), bool)
  for label in np.unique(labels):
    members = np.flatnonzero(labels[order] == label)
    held_out[members[len(members) - round(len(members) * fraction) :]] = True
  return order[~held_out], order[held_out]
