# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What is looked at: pictures of networks, their statistics, learning curves.

In: architectures, or the records of a run. Out: a picture or a table.
The only package that may import matplotlib.
"""
