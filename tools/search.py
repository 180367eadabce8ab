# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Starts `ghn_tf.programs.search`."""

from ghn_tf.programs import search

if __name__ == "__main__":
  search.main()
