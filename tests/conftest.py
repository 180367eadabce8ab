# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What every test process needs before TensorFlow is imported."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from absl import flags  # noqa: E402

# Sets TF_USE_LEGACY_KERAS, also for tests that import TensorFlow first.
import ghn_tf  # noqa: E402, F401

# pytest parses the command line; without this, reading a flag raises.
flags.FLAGS.mark_as_parsed()
