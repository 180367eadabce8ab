# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Starts `ghn_tf.programs.finetune`."""

from ghn_tf.programs import finetune

if __name__ == "__main__":
  finetune.main()
