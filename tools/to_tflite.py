# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Starts `ghn_tf.programs.to_tflite`."""

from ghn_tf.programs import to_tflite

if __name__ == "__main__":
  to_tflite.main()
