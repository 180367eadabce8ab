// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Three pixels with two filters at a time, for cores without vectors.

#ifndef CONVOLVE_PIXELS_H_
#define CONVOLVE_PIXELS_H_

#include "columns.h"

#ifndef __ARM_FEATURE_MVE

#include "dot.h"
#include "fixed_point.h"

// The codes of one filter at three pixels, for small sums.
INLINE void store_three(const rescaling *s, int filter, const int32_t *sums,
                        int8_t *output, int step, uint8_t is_clamped) {
  const int32_t multiplier = s->multiplier[filter], zero = s->zero;
  const int32_t low = s->low, high = s->high;
  const int shift = s->shift[filter];
#pragma GCC unroll 3
  for (int i = 0; i < PIXELS; ++i) {
    const int32_t code = rescale_small(sums[i], multiplier, shift, zero);
    output[i * step] =
        (int8_t)(is_clamped ? clamp(code, low, high) : saturate(code));
  }
}

// The same at the first pixels, for any sums.
static void store_some(const convolution *c, int filter, const int32_t *sums,
                       int8_t *output, int pixels) {
  const rescaling *s = &c->scale;
  for (int i = 0; i < pixels; ++i) {
    const int32_t code =
        rescale(sums[i], s->multiplier[filter], s->shift[filter]) + s->zero;
    output[i * c->filters] = (int8_t)clamp(code, s->low, s->high);
  }
}

// All filters at three pixels, for small sums.
INLINE void convolve_three(const convolution *c, int8_t *output,
                           uint8_t is_clamped) {
  const int8_t *weights = c->weights;
  const int32_t *bias = c->bias;
  const int filters = c->filters, groups = c->groups;
  int filter = 0;
#ifdef __ARM_FEATURE_DSP
  if (!is_clamped && filters > 1) {
    const rescaling *s = &c->scale;
    block b = {
        .columns = c->columns,
        .bias = bias,
        .multiplier = s->multiplier,
        .shift = s->shift,
        .output = output,
        .step = filters,
        .pair_bytes = 2 * LANES * groups,
        .twice_zero = 2 * s->zero + 1,
        .pairs = filters / 2,
    };
    run_block(weights, &b);
    filter = filters / 2 * 2;
    weights += filter * LANES * groups;
  }
#endif
  int32_t sums[2 * PIXELS];
  for (; filter < filters; filter += 2) {
    dot_3(weights, c->columns, groups, bias + filter, sums);
    store_three(&c->scale, filter, sums, output + filter, filters, is_clamped);
    if (filter + 1 < filters) {
      store_three(&c->scale, filter + 1, sums + PIXELS, output + filter + 1,
                  filters, is_clamped);
    }
    weights += 2 * LANES * groups;
  }
}

// All filters at the first pixels, for any sums.
static void convolve_some(const convolution *c, int8_t *output,
                          int pixels) {
  const int8_t *weights = c->weights;
  int32_t sums[2 * PIXELS];
  for (int filter = 0; filter < c->filters; filter += 2) {
    if (pixels > 1) {
      dot_3(weights, c->columns, c->groups, c->bias + filter, sums);
    } else {
      dot_1(weights, c->columns, c->groups, c->bias + filter, sums);
    }
    store_some(c, filter, sums, output + filter, pixels);
    if (filter + 1 < c->filters) {
      store_some(c, filter + 1, sums + PIXELS, output + filter + 1, pixels);
    }
    weights += 2 * LANES * c->groups;
  }
}

// Computes all filters at the first pixels of those that are laid out.
KERNEL void convolve_pixels(const convolution *c, int8_t *output, int pixels) {
  const rescaling *s = &c->scale;
  if (pixels < PIXELS || !s->is_small) {
    convolve_some(c, output, pixels);
  } else if (s->low > INT8_MIN || s->high < INT8_MAX) {
    convolve_three(c, output, 1);
  } else {
    convolve_three(c, output, 0);
  }
}

#endif  // __ARM_FEATURE_MVE

#endif  // CONVOLVE_PIXELS_H_
