# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Starts `ghn_tf.programs.report`."""

from ghn_tf.programs import report

if __name__ == "__main__":
  report.main()
