# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Programs, each run as a file; what they do is in `ghn_tf.programs`."""
