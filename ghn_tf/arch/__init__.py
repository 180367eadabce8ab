# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What networks are: validated architectures.

In: a description, a DARTS genotype, or JSON. Out: `spec.Architecture`.
May import NumPy, and of this project `strict_json` alone.
"""
