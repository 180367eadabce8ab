# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Starts `ghn_tf.programs.learning_curve`."""

from ghn_tf.programs import learning_curve

if __name__ == "__main__":
  learning_curve.main()
