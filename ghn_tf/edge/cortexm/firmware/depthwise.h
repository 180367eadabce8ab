// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Convolutions of each channel by itself.

#ifndef DEPTHWISE_H_
#define DEPTHWISE_H_

#include "fixed_point.h"
#include "operators.h"
#include "lanes.h"
#include "taps.h"

static int8_t to_code(const rescaling *s, int32_t sum, int channel) {
  const int32_t scaled =
      rescale(sum, s->multiplier[channel], s->shift[channel]);
  return (int8_t)clamp(scaled + s->zero, s->low, s->high);
}

#ifndef __ARM_FEATURE_MVE

// The sums of four channels over pairs of taps.
INLINE void sum_taps(const int8_t **tap, int pairs, int channel,
                     const int16_t *weights, const int32_t *bias,
                     int32_t *sums) {
  int32_t sum0 = bias[0], sum1 = bias[1], sum2 = bias[2], sum3 = bias[3];
  const int8_t **end = tap + 2 * pairs;
#pragma GCC unroll 1
  do {
    const uint32_t first = load_word(tap[0] + channel);
    const uint32_t second = load_word(tap[1] + channel);
    const uint32_t even = even_bytes(first), odd = odd_bytes(first);
    const uint32_t even2 = even_bytes(second), odd2 = odd_bytes(second);
    sum0 = multiply_pairs(low_halves(even, even2), load_word(weights), sum0);
    sum2 = multiply_pairs(high_halves(even, even2), load_word(weights + 2),
                          sum2);
    sum1 = multiply_pairs(low_halves(odd, odd2), load_word(weights + 4), sum1);
    sum3 = multiply_pairs(high_halves(odd, odd2), load_word(weights + 6), sum3);
    weights += 2 * WORD_CODES;
    tap += 2;
  } while (tap < end);
  sums[0] = sum0, sums[1] = sum1, sums[2] = sum2, sums[3] = sum3;
}

// All channels at the pixel whose taps are found. is_plain: whether sums are
// small, and clamped to int8 only.
INLINE void convolve_channels(const depthwise_convolution *c, int8_t *output,
                              uint8_t is_plain) {
  const rescaling *s = &c->scale;
  const int channels = c->window.channels;
  const int pairs = (unsigned)(c->window.height * c->window.width + 1) / 2;
  const int16_t *weights = c->weights;
  const int32_t *bias = c->bias, *multiplier = s->multiplier;
  const int8_t *shift = s->shift;
  const int32_t zero = s->zero;
  for (int channel = 0; channel < channels; channel += WORD_CODES) {
    int32_t sums[WORD_CODES];
    sum_taps(c->taps, pairs, channel, weights, bias, sums);
    if (is_plain && channel + WORD_CODES <= channels) {
#pragma GCC unroll 4
      for (int i = 0; i < WORD_CODES; ++i) {
        *output++ = (int8_t)saturate(
            rescale_small(sums[i], multiplier[i], shift[i], zero));
      }
    } else {
      for (int i = 0; i < WORD_CODES && channel + i < channels; ++i) {
        *output++ = to_code(s, sums[i], channel + i);
      }
    }
    weights += 2 * WORD_CODES * pairs;
    bias += WORD_CODES, multiplier += WORD_CODES, shift += WORD_CODES;
  }
}

static void convolve_depthwise(const depthwise_convolution *c) {
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

static void convolve_multiplied(const multiplied_convolution *c) {
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

#endif  // DEPTHWISE_H_
