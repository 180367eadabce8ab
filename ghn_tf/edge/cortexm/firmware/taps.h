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
  const int step = w->dilation_x * w->channels;
  int y = row * w->stride_y - w->top;
  for (int i = 0; i < w->height; ++i, y += w->dilation_y) {
    int x = column * w->stride_x - w->left;
    // Outside of the image no place is one of the row.
    const unsigned width = y >= 0 && y < w->in_height ? w->in_width : 0;
    const int8_t *from = input + (y * w->in_width + x) * w->channels;
    for (int j = 0; j < w->width; ++j, x += w->dilation_x, from += step) {
      *taps++ = (unsigned)x < width ? from : zeros;
    }
  }
  *taps = zeros;
}

#endif  // TAPS_H_
