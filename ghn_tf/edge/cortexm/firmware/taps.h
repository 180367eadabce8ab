// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// What depthwise convolutions see.

#ifndef TAPS_H_
#define TAPS_H_

#include "kernels.h"

// Points at the pixels that the output at (row, column) sees, at zeros where
// there are none, and one place behind.
static inline void find_taps(const int8_t *input, const window *w, int row,
                             int column, const int8_t *zeros,
                             const int8_t **taps) {
  const int height = w->height, width = w->width;
  const int dilation = w->dilation_x, step = dilation * w->channels;
  const int left = column * w->stride_x - w->left;
  int y = row * w->stride_y - w->top;
#pragma GCC unroll 1
  for (int i = 0; i < height; ++i, y += w->dilation_y) {
    // Outside of the image no place is one of the row.
    const unsigned end = y >= 0 && y < w->in_height ? w->in_width : 0;
    const int8_t *from = input + (y * w->in_width + left) * w->channels;
    // A row is too short for what unrolling takes beforehand.
#pragma GCC unroll 1
    for (int j = 0, x = left; j < width; ++j, x += dilation, from += step) {
      *taps++ = (unsigned)x < end ? from : zeros;
    }
  }
  *taps = zeros;
}

#endif  // TAPS_H_
