# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""ConvNets-250K, the stored set of architectures: made, read and checked.

In: the splits of a space (`dataset`), or a folder (`store`, `audit`).
Out: records on disk, and architectures from them. May import `arch` and
`spaces`.
"""
