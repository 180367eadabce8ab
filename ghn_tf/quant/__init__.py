# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How numbers are rounded: recipes as data, and the two ways to apply them.

In: a recipe, and a tensor (`fake_quant`) or a Keras layer (`tfmot`).
Out: the fake-quantized tensor, or the layer in a TFMOT wrapper.
`recipe` imports nothing; `range_rules`, how far grids reach, imports it, and
the other two import both.
"""
