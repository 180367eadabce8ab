# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What networks are: validated architectures and the spaces they come from.

In: a search space, a seed and an index, a DARTS genotype, or JSON.
Out: `spec.Architecture`. May import NumPy, and nothing else of this project.
"""
