// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// What convolutions see, laid out beside each other for a few pixels.

#ifndef COLUMNS_H_
#define COLUMNS_H_

#include "kernels.h"

// Groups of LANES codes of each of PIXELS. Weights are those of FILTERS at a
// time; the generator knows these numbers, too.
#ifdef __ARM_FEATURE_MVE
enum { PIXELS = 1, LANES = 16, FILTERS = 4 };
typedef int8_t lane;
#else
// With the DSP extension in pairs of even and odd ones.
enum { PIXELS = 3, LANES = 4, FILTERS = 2 };
typedef int16_t lane;
#endif

// Lays out what the output at (row, column) sees, the first group at to.
void spread_pixel(const convolution *c, lane *to, int row, int column);

// Computes all filters at the first pixels of those that are laid out.
void convolve_pixels(const convolution *c, int8_t *output, int pixels);

#endif  // COLUMNS_H_
