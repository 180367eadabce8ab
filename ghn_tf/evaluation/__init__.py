# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How good predicted networks are.

In: a predictor, architectures and a data set. Out: a report of each network,
from this process (`networks`) or from many (`pipeline`).
"""
