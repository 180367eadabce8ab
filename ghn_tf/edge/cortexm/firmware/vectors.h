// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Kernels for cores with vectors (MVE, that is Helium).

#ifndef VECTORS_H_
#define VECTORS_H_

#ifdef __ARM_FEATURE_MVE

#include <arm_mve.h>

#include "columns.h"
#include "operators.h"
#include "taps.h"

// rescale of fixed_point.h, four times.
static inline int32x4_t rescale_four(int32x4_t value, int32x4_t multiplier,
                                     int32x4_t shift) {
  const int32x4_t none = vdupq_n_s32(0);
  const int32x4_t left = vmaxq_s32(shift, none), right = vminq_s32(shift, none);
  value = vqrdmulhq_s32(vshlq_s32(value, left), multiplier);
  // Halves go up; one below a negative half goes the way of the half.
  const int32x4_t below = vshrq_n_s32(vandq_s32(value, right), 31);
  return vrshlq_s32(vqaddq_s32(value, below), right);
}

static inline int32x4_t clamp_four(int32x4_t value, int32_t zero, int32_t low,
                                   int32_t high) {
  value = vmaxq_s32(vaddq_n_s32(value, zero), vdupq_n_s32(low));
  return vminq_s32(value, vdupq_n_s32(high));
}

// Computes all filters at the first pixels of those that are laid out.
KERNEL void convolve_pixels(const convolution *c, int8_t *output, int pixels) {
  const rescaling *s = &c->scale;
  const int8_t *weights = c->weights;
  (void)pixels;  // There is one.
  for (int filter = 0; filter < c->filters; filter += FILTERS) {
    const int32_t *bias = c->bias + filter;
    int32_t sum0 = bias[0], sum1 = bias[1], sum2 = bias[2], sum3 = bias[3];
    const int8_t *column = c->columns;
    for (int i = 0; i < c->groups; ++i) {
      const int8x16_t values = vldrbq_s8(column);
      sum0 = vmladavaq_s8(sum0, values, vldrbq_s8(weights));
      sum1 = vmladavaq_s8(sum1, values, vldrbq_s8(weights + LANES));
      sum2 = vmladavaq_s8(sum2, values, vldrbq_s8(weights + 2 * LANES));
      sum3 = vmladavaq_s8(sum3, values, vldrbq_s8(weights + 3 * LANES));
      column += LANES;
      weights += FILTERS * LANES;
    }
    int32x4_t sums = vdupq_n_s32(sum0);
    sums = vsetq_lane_s32(sum1, sums, 1);
    sums = vsetq_lane_s32(sum2, sums, 2);
    sums = vsetq_lane_s32(sum3, sums, 3);
    sums = rescale_four(sums, vldrwq_s32(s->multiplier + filter),
                        vldrbq_s32(s->shift + filter));
    vstrbq_p_s32(output + filter, clamp_four(sums, s->zero, s->low, s->high),
                 vctp32q((uint32_t)(c->filters - filter)));
  }
}

// Eight channels at one pixel: even ones and odd ones.
static inline void convolve_eight(const depthwise_convolution *c, int channel,
                                  int8_t *output) {
  const rescaling *s = &c->scale;
  const int taps = c->window.height * c->window.width;
  const int8_t *weights = (const int8_t *)c->weights + channel * taps;
  int32x4x2_t sums = vld2q_s32(c->bias + channel);
  const int32x4x2_t multipliers = vld2q_s32(s->multiplier + channel);
  const int16x8_t shifts = vldrbq_s16(s->shift + channel);
  for (int tap = 0; tap < taps; ++tap, weights += 8) {
    const int16x8_t values = vldrbq_s16(c->taps[tap] + channel);
    const int16x8_t factors = vldrbq_s16(weights);
    sums.val[0] = vaddq_s32(sums.val[0], vmullbq_int_s16(values, factors));
    sums.val[1] = vaddq_s32(sums.val[1], vmulltq_int_s16(values, factors));
  }
  const int32x4_t even =
      rescale_four(sums.val[0], multipliers.val[0], vmovlbq_s16(shifts));
  const int32x4_t odd =
      rescale_four(sums.val[1], multipliers.val[1], vmovltq_s16(shifts));
  int16x8_t codes = vmovnbq_s32(
      vdupq_n_s16(0), clamp_four(even, s->zero, s->low, s->high));
  codes = vmovntq_s32(codes, clamp_four(odd, s->zero, s->low, s->high));
  vstrbq_p_s16(output, codes,
               vctp16q((uint32_t)(c->window.channels - channel)));
}

static void convolve_depthwise(const depthwise_convolution *c) {
  const window *w = &c->window;
  int8_t *output = c->output;
  for (int row = 0; row < w->out_height; ++row) {
    for (int column = 0; column < w->out_width; ++column) {
      find_taps(c->input, w, row, column, c->zeros, c->taps);
      for (int channel = 0; channel < w->channels; channel += 8) {
        convolve_eight(c, channel, output + channel);
      }
      output += w->channels;
    }
  }
}

static void add(const sum *s) {
  const broadcast *b = &s->operands;
  const int32x4_t factor2 = vdupq_n_s32(s->multiplier[0]);
  const int32x4_t factor = vdupq_n_s32(s->multiplier[1]);
  const int32x4_t shift2 = vdupq_n_s32(s->shift[0]);
  const int32x4_t shift = vdupq_n_s32(s->shift[1]);
  const uint32x4_t places = vidupq_n_u32(0, 1);
  const uint32x4_t places1 = vmulq_n_u32(places, (uint32_t)b->first_inner);
  const uint32x4_t places2 = vmulq_n_u32(places, (uint32_t)b->second_inner);
  for (int32_t o = 0; o < b->outer; ++o) {
    const int8_t *first = b->first + o * b->first_outer;
    const int8_t *second = b->second + o * b->second_outer;
    int8_t *output = b->output + o * b->inner;
    for (int32_t i = 0; i < b->inner; i += 4) {
      const mve_pred16_t rest = vctp32q((uint32_t)(b->inner - i));
      int32x4_t x = vldrbq_gather_offset_z_s32(first, places1, rest);
      int32x4_t y = vldrbq_gather_offset_z_s32(second, places2, rest);
      x = vshlq_r_s32(vsubq_n_s32(x, s->zero[0]), 19);
      y = vshlq_r_s32(vsubq_n_s32(y, s->zero[1]), s->left);
      x = vaddq_s32(x, rescale_four(y, factor2, shift2));
      x = clamp_four(rescale_four(x, factor, shift), s->zero[2], s->low,
                     s->high);
      vstrbq_p_s32(output + i, x, rest);
      first += 4 * b->first_inner;
      second += 4 * b->second_inner;
    }
  }
}

#endif  // __ARM_FEATURE_MVE

#endif  // VECTORS_H_
