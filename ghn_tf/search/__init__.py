# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which networks are best for a device, before any is trained.

In: a source of candidates, a hypernetwork, a target and limits. Out: the Pareto
front of accuracy and cost, as files.
"""
