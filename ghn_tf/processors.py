# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""The cores of this machine."""

import os


def number() -> int:
  """Returns how many cores this process may use.

  Under taskset or Slurm they are fewer than all; macOS has all alone.
  """
  if hasattr(os, "sched_getaffinity"):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1
