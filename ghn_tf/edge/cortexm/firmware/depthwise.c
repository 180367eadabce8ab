// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Convolutions of each channel by itself.

#include "fixed_point.h"
#include "kernels.h"
#include "lanes.h"
#include "taps.h"

enum { LANES = 4 };

// is_plain: whether sums are small, and clamped to int8 only.
INLINE int8_t to_code(const rescaling *s, int32_t sum, int channel,
                      uint8_t is_plain) {
  const int32_t multiplier = s->multiplier[channel];
  const int shift = s->shift[channel];
  if (is_plain) {
    return (int8_t)saturate(rescale_small(sum, multiplier, shift, s->zero));
  }
  const int32_t code = rescale(sum, multiplier, shift) + s->zero;
  return (int8_t)clamp(code, s->low, s->high);
}

#ifndef __ARM_FEATURE_MVE

// The sums of four channels over the taps that are found.
static inline void sum_taps(const depthwise_convolution *c, int channel,
                            int32_t *sums) {
  const int taps = c->window.height * c->window.width;
  const int pairs = (taps + 1) / 2;
  const int16_t *weights = (const int16_t *)c->weights + channel * pairs * 2;
  const int32_t *bias = c->bias + channel;
  int32_t sum0 = bias[0], sum1 = bias[1], sum2 = bias[2], sum3 = bias[3];
  for (const int8_t **tap = c->taps, **end = tap + 2 * pairs; tap < end;
       tap += 2) {
    const uint32_t first = load_word(tap[0] + channel);
    const uint32_t second = load_word(tap[1] + channel);
    const uint32_t even = even_bytes(first), odd = odd_bytes(first);
    const uint32_t even2 = even_bytes(second), odd2 = odd_bytes(second);
    sum0 = multiply_pairs(low_halves(even, even2), load_word(weights), sum0);
    sum2 = multiply_pairs(high_halves(even, even2), load_word(weights + 2),
                          sum2);
    sum1 = multiply_pairs(low_halves(odd, odd2), load_word(weights + 4), sum1);
    sum3 = multiply_pairs(high_halves(odd, odd2), load_word(weights + 6), sum3);
    weights += 2 * LANES;
  }
  sums[0] = sum0, sums[1] = sum1, sums[2] = sum2, sums[3] = sum3;
}

// All channels at the pixel whose taps are found.
INLINE void convolve_channels(const depthwise_convolution *c, int8_t *output,
                              uint8_t is_plain) {
  const rescaling *s = &c->scale;
  const int channels = c->window.channels;
  int32_t sums[LANES];
  int channel = 0;
  for (; channel + LANES <= channels; channel += LANES) {
    sum_taps(c, channel, sums);
#pragma GCC unroll 4
    for (int i = 0; i < LANES; ++i) {
      *output++ = to_code(s, sums[i], channel + i, is_plain);
    }
  }
  if (channel < channels) {
    sum_taps(c, channel, sums);
    for (int i = 0; channel + i < channels; ++i) {
      *output++ = to_code(s, sums[i], channel + i, is_plain);
    }
  }
}

void convolve_depthwise(const depthwise_convolution *c) {
  const window *w = &c->window;
  const rescaling *s = &c->scale;
  const uint8_t is_plain =
      s->is_small && s->low == INT8_MIN && s->high == INT8_MAX;
  int8_t *output = c->output;
  for (int row = 0; row < w->out_height; ++row) {
    for (int column = 0; column < w->out_width; ++column) {
      find_taps(c->input, w, row, column, c->zeros, c->taps);
      if (is_plain) {
        convolve_channels(c, output, 1);
      } else {
        convolve_channels(c, output, 0);
      }
      output += w->channels;
    }
  }
}

#endif  // __ARM_FEATURE_MVE

void convolve_multiplied(const multiplied_convolution *c) {
  const window *w = &c->window;
  const int taps = w->height * w->width;
  int8_t *output = c->output;
  for (int pixel = 0; pixel < w->out_height * w->out_width; ++pixel) {
    find_taps(c->input, w, pixel / w->out_width, pixel % w->out_width, c->zeros,
              c->taps);
    const int8_t *weights = c->weights;
    for (int filter = 0; filter < w->channels * c->filters_per_channel;
         ++filter) {
      const int channel = filter / c->filters_per_channel;
      int32_t sum = c->bias[filter];
      for (int tap = 0; tap < taps; ++tap) {
        sum += c->taps[tap][channel] * *weights++;
      }
      *output++ = to_code(&c->scale, sum, filter, 0);
    }
  }
}
