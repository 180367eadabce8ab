// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Convolutions: three pixels' inputs are laid side by side as int16, and
// multiplied with two filters at a time.

#include "dot.h"
#include "fixed_point.h"
#include "kernels.h"
#include "lanes.h"

// Where a flag is known, so that there is code for each of its values.
#define INLINE static inline __attribute__((always_inline))

enum { PIXELS = 3, LANES = 4, STEP = PIXELS * LANES };

// Lays a group of 4 codes out, in pairs of even and odd ones.
INLINE void spread_group(int16_t **to, const int8_t **from) {
#ifdef __ARM_FEATURE_DSP
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

static int16_t *spread(int16_t *to, const int8_t *from, int groups) {
  for (; groups >= 4; groups -= 4) {
    spread_group(&to, &from);
    spread_group(&to, &from);
    spread_group(&to, &from);
    spread_group(&to, &from);
  }
  for (; groups; --groups) spread_group(&to, &from);
  return to;
}

static int16_t *spread_value(int16_t *to, int8_t value, int groups) {
  const uint32_t pair = 0x10001u * (uint16_t)value;
  for (; groups; --groups, to += STEP) {
    store_word(to, pair);
    store_word(to + 2, pair);
  }
  return to;
}

// Lays out one row of the kernel of which a part is outside of the image.
static int16_t *spread_edge(const convolution *c, int16_t *to,
                            const int8_t *row, int x) {
  const window *w = &c->window;
  const int channels = w->channels;
  int8_t *part = (int8_t *)(c->columns + c->groups * STEP), *next = part;
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

// Lays out what the output at (row, column) sees.
static void spread_pixel(const convolution *c, int16_t *to, int row,
                         int column) {
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

// The codes of one filter at three pixels, for small sums.
INLINE void store_three(const rescaling *s, int filter,
                               const int32_t *sums, int8_t *output, int step,
                               uint8_t is_clamped) {
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
  int32_t sums[2 * PIXELS];
  for (int filter = 0; filter < filters; filter += 2) {
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
static void convolve_some(const convolution *c, int8_t *output, int pixels) {
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

static void convolve_pixels(const convolution *c, int8_t *output, int pixels) {
  const rescaling *s = &c->scale;
  if (pixels < PIXELS || !s->is_small) {
    convolve_some(c, output, pixels);
  } else if (s->low > INT8_MIN || s->high < INT8_MAX) {
    convolve_three(c, output, 1);
  } else {
    convolve_three(c, output, 0);
  }
}

void convolve(const convolution *c) {
  int8_t *output = c->output;
  int pixels = 0;
  for (int row = 0; row < c->window.out_height; ++row) {
    for (int column = 0; column < c->window.out_width; ++column) {
      spread_pixel(c, c->columns + pixels * LANES, row, column);
      if (++pixels == PIXELS) {
        convolve_pixels(c, output, pixels);
        output += pixels * c->filters;
        pixels = 0;
      }
    }
  }
  if (pixels) convolve_pixels(c, output, pixels);
}
