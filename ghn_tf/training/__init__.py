# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""How a hypernetwork learns.

In: a configuration, images, and architectures from `spaces` or the stored set.
Out: checkpoints and records in the run's folder. May import all that predicts
params and runs children. Flags are defined in `ghn_tf.train`.
"""
