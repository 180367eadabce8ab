# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Starts `ghn_tf.programs.rank`."""

from ghn_tf.programs import rank

if __name__ == "__main__":
  rank.main()
