# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which network is a user's model?

A model comes as an object of Keras 2 or 3, or as a file. Each becomes the same
neutral `records.Network` first, of names, configurations and calls, without
TensorFlow and without running anything of it; `kinds` says what every kind of
layer is, and `assembly` puts the architecture together.
"""
