# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Starts `ghn_tf.programs.import_ghn2`."""

from ghn_tf.programs import import_ghn2

if __name__ == "__main__":
  import_ghn2.main()
