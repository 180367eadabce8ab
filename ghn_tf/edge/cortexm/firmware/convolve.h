// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef CONVOLVE_H_
#define CONVOLVE_H_

#include "columns.h"
#include "convolve_pixels.h"
#include "vectors.h"

static void convolve(const convolution *c) {
  int8_t *output = c->output;
  int pixels = 0;
  for (int row = 0; row < c->window.out_height; ++row) {
    for (int column = 0; column < c->window.out_width; ++column) {
      spread_pixel(c, (lane *)c->columns + pixels * LANES, row, column);
      if (++pixels == PIXELS) {
        convolve_pixels(c, output, pixels);
        output += pixels * c->filters;
        pixels = 0;
      }
    }
  }
  if (pixels) convolve_pixels(c, output, pixels);
}

#endif  // CONVOLVE_H_
