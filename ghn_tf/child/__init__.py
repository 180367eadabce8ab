# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Running an architecture with given params.

In: an `Architecture`, params by name, images and a recipe.
Out: logits (`network`), or a Keras model (`keras_io`). Does not know who made
the params. May import `arch` and `quant`.
"""
