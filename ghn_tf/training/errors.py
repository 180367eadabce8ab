# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Why training ends before its last step; known without TensorFlow."""


class TrainingError(RuntimeError):
  """Training cannot go on; the message says why."""


class LostWorkerError(TrainingError):
  """Another worker is gone, or cannot be reached."""
