# Copyright 2026 The ghn_tf Authors.
# SPDX-License-Identifier: Apache-2.0
"""What is looked at: pictures of networks, their statistics, curves, pages.

In: architectures, params, the records of a run, what programs have written.
Out: a picture, a table or a page.
The only package that may import matplotlib and plotly.
"""
