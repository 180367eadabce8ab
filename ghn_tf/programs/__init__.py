# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a user starts: flags, and the call of what does the work.

Flags are read and checked before TensorFlow is imported, which takes seconds: a
program imports what needs it in the function that does the work.
"""
