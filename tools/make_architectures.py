# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Starts `ghn_tf.programs.make_architectures`."""

from ghn_tf.programs import make_architectures

if __name__ == "__main__":
  make_architectures.main()
