# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Folders that TensorFlow writes by itself."""

from collections.abc import Iterator
import contextlib
import re

import tensorflow as tf

# The place in a graph before, and the operation after what happened to a file.
_NOISE = re.compile(r"^\{\{.*?\}\} |\s*\[Op:.*")


@contextlib.contextmanager
def telling(folder: str) -> Iterator[None]:
  """Turns TensorFlow's errors about files into OSErrors of one line."""
  try:
    yield
  except tf.errors.OpError as error:
    reason = _NOISE.sub("", error.message.splitlines()[0])
    advice = "choose another folder"
    if isinstance(error, tf.errors.ResourceExhaustedError):
      advice = f"free space or {advice}"
    raise OSError(f"Cannot write {folder!r}: {reason}; {advice}") from error
