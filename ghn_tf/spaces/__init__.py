# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which networks are drawn: spaces, families, and splits that share nothing.

In: the name of a space, a seed and an index. Out: `arch.spec.Architecture`,
the same on every machine. May import `arch`, and NumPy.
"""
