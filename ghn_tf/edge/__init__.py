# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a network costs on a device.

In: a quantize-aware Keras model; after `tflite.convert` only the bytes of a
`.tflite` file. Knows nothing of hypernetworks. May import `quant.recipe`.
"""
