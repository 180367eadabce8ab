# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""Ready-made Keras targets: the networks for which parameters are predicted.

Each module is plain functional tf_keras, imports nothing of ghn_tf and can be
copied as the template of a network of your own. A builder takes input_shape
and num_classes and returns a model that ends at logits, without softmax. Layer
names are fixed: they join predicted parameters to layers.
"""
