// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Convolutions of each channel by itself.

#include "fixed_point.h"
#include "kernels.h"
#include "lanes.h"
#include "taps.h"

enum { LANES = 4 };

static inline int8_t to_code(const rescaling *s, int32_t sum, int channel) {
  const int32_t multiplier = s->multiplier[channel], zero = s->zero;
  const int shift = s->shift[channel];
  const int32_t code = s->is_small
                           ? rescale_small(sum, multiplier, shift, zero)
                           : rescale(sum, multiplier, shift) + zero;
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

void convolve_depthwise(const depthwise_convolution *c) {
  const window *w = &c->window;
  const rescaling *s = &c->scale;
  const int channels = w->channels;
  int8_t *output = c->output;
  for (int pixel = 0; pixel < w->out_height * w->out_width; ++pixel) {
    find_taps(c->input, w, pixel / w->out_width, pixel % w->out_width, c->zeros,
              c->taps);
    for (int channel = 0; channel < channels; channel += LANES) {
      int32_t sums[LANES];
      sum_taps(c, channel, sums);
      for (int i = 0; i < LANES && channel + i < channels; ++i) {
        *output++ = to_code(s, sums[i], channel + i);
      }
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
      *output++ = to_code(&c->scale, sum, filter);
    }
  }
}
