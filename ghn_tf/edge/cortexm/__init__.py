# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Networks on Cortex-M microcontrollers: C programs, and what they cost.

In: the bytes of an integer `.tflite` file. A program of constants and calls of
the kernels in `firmware` is generated, compiled, and run in an emulator.
"""
