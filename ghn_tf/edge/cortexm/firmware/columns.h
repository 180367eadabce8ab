// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// What convolutions see, laid out beside each other for a few pixels.

#ifndef COLUMNS_H_
#define COLUMNS_H_

#include "lanes.h"
#include "operators.h"

#ifdef __ARM_FEATURE_MVE
#include <arm_mve.h>
#endif

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

enum { STEP = PIXELS * LANES };  // from one group of a pixel to the next

// Lays one group out.
static inline void spread_group(lane **to, const int8_t **from) {
#ifdef __ARM_FEATURE_MVE
  vstrbq_s8(*to, vldrbq_s8(*from));
  *to += STEP;
  *from += LANES;
#elif defined(__ARM_FEATURE_DSP)
  // Four instructions; compilers make six.
  uint32_t even, odd;
  __asm__ volatile(
      "ldr %2, [%1], #4\n"
      "sxtb16 %3, %2, ror #8\n"
      "sxtb16 %2, %2\n"
      "strd %2, %3, [%0], #24\n"
      : "+r"(*to), "+r"(*from), "=&r"(even), "=&r"(odd)
      :
      : "memory");
#else
  const uint32_t word = load_word(*from);
  store_word(*to, even_bytes(word));
  store_word(*to + 2, odd_bytes(word));
  *to += STEP;
  *from += LANES;
#endif
}

static lane *spread(lane *to, const int8_t *from, int groups) {
  for (; groups >= 4; groups -= 4) {
    spread_group(&to, &from);
    spread_group(&to, &from);
    spread_group(&to, &from);
    spread_group(&to, &from);
  }
  for (; groups; --groups) spread_group(&to, &from);
  return to;
}

static lane *spread_value(lane *to, int8_t value, int groups) {
  for (; groups; --groups, to += STEP) {
    for (int i = 0; i < LANES; ++i) to[i] = value;
  }
  return to;
}

// Lays out one row of the kernel of which a part is outside of the image.
static lane *spread_edge(const convolution *c, lane *to, const int8_t *row,
                         int x) {
  const window *w = &c->window;
  const int channels = w->channels;
  int8_t *const part = (int8_t *)((lane *)c->columns + c->groups * STEP);
  int8_t *next = part;
  for (int i = 0; i < w->width; ++i, x += w->dilation_x) {
    const uint8_t is_inside = x >= 0 && x < w->in_width;
    const int8_t *from = row + x * channels;
    if (c->is_by_tap) {
      const int groups = (channels + LANES - 1) / LANES;
      to = is_inside ? spread(to, from, groups)
                     : spread_value(to, c->input_zero, groups);
    } else {
      for (int k = 0; k < channels; ++k) {
        *next++ = is_inside ? from[k] : c->input_zero;
      }
    }
  }
  if (!c->is_by_tap) {
    to = spread(to, part, (w->width * channels + LANES - 1) / LANES);
  }
  return to;
}

// Lays out what the output at (row, column) sees, the first group at to.
KERNEL void spread_pixel(const convolution *c, lane *to, int row, int column) {
  const window *w = &c->window;
  const int stride = w->in_width * w->channels;
  const int x = column * w->stride_x - w->left;
  const uint8_t is_one_run =
      x >= 0 && x + w->width <= w->in_width && w->dilation_x == 1;
  const int row_groups = c->groups / w->height;
  int y = row * w->stride_y - w->top;
  for (int i = 0; i < w->height; ++i, y += w->dilation_y) {
    const int8_t *from = c->input + y * stride;
    if (y < 0 || y >= w->in_height) {
      to = spread_value(to, c->input_zero, row_groups);
    } else if (is_one_run) {
      to = spread(to, from + x * w->channels, row_groups);
    } else {
      to = spread_edge(c, to, from, x);
    }
  }
}

#endif  // COLUMNS_H_
