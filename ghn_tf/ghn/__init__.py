# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How parameters are predicted: the graph hypernetwork.

In: architectures. Out: params, one mapping from `ParamSpec.name` to a tensor
for each. Knows nothing of who runs them. May import `arch`.
"""
