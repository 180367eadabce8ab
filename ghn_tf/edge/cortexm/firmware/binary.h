// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Operators of two tensors.

#ifndef BINARY_H_
#define BINARY_H_

#include "fixed_point.h"
#include "operators.h"

#ifndef __ARM_FEATURE_MVE

// One row of a sum. As rescale_small, but what is constant before the loop.
INLINE void add_row(const sum *s, const int8_t *first, const int8_t *second,
                    int8_t *output, int step1, int step2, uint8_t is_clamped) {
  const int32_t factor2 = s->multiplier[0], factor = s->multiplier[1];
  const int shift2 = -s->shift[0], shift = -s->shift[1];
  const int32_t unit2 = 1 << (s->left + 1), zeros2 = s->zero[1] * unit2;
  const int32_t zeros1 = s->zero[0] * (1 << 20);
  const int32_t half2 = 1 << (shift2 - 1);
  const int32_t half = (2 * s->zero[2] + 1) * (1 << (shift - 1));
  const int32_t low = s->low, high = s->high;
  for (const int8_t *end = output + s->operands.inner; output < end;) {
    int32_t y = high_word(*second * unit2 - zeros2, factor2);
    y = (y + (y >> 31) + half2) >> shift2;
    y = high_word(y * 2 + (*first * (1 << 20) - zeros1), factor);
    y = (y + (y >> 31) + half) >> shift;
    *output++ = (int8_t)(is_clamped ? clamp(y, low, high) : saturate(y));
    first += step1;
    second += step2;
  }
}

static void add(const sum *s) {
  const broadcast *b = &s->operands;
  const uint8_t is_clamped = s->low > INT8_MIN || s->high < INT8_MAX;
  for (int32_t o = 0; o < b->outer; ++o) {
    const int8_t *first = b->first + o * b->first_outer;
    const int8_t *second = b->second + o * b->second_outer;
    int8_t *output = b->output + o * b->inner;
    if (!is_clamped && b->first_inner == 1 && b->second_inner == 1) {
      add_row(s, first, second, output, 1, 1, 0);
    } else {
      add_row(s, first, second, output, b->first_inner, b->second_inner, 1);
    }
  }
}

#endif  // __ARM_FEATURE_MVE

// Gives what an operator with these parameters makes of two codes.
typedef int32_t pairwise(const void *parameters, int32_t x, int32_t y);

INLINE void for_each_pair(const broadcast *b, pairwise *code_of,
                          const void *parameters) {
  int8_t *output = b->output;
  for (int32_t o = 0; o < b->outer; ++o) {
    const int8_t *first = b->first + o * b->first_outer;
    const int8_t *second = b->second + o * b->second_outer;
    for (int32_t i = 0; i < b->inner; ++i) {
      *output++ = (int8_t)code_of(parameters, *first, *second);
      first += b->first_inner;
      second += b->second_inner;
    }
  }
}

INLINE int32_t combined(const void *parameters, int32_t first, int32_t second) {
  const combination *d = parameters;
  const int32_t x = rescale_small((first - d->zero[0]) * (1 << d->left[0]),
                                  d->multiplier[0], d->shift[0], 0);
  const int32_t y = rescale_small((second - d->zero[1]) * (1 << d->left[1]),
                                  d->multiplier[1], d->shift[1], 0);
  const int32_t code = rescale_small(x + d->sign * y, d->multiplier[2],
                                     d->shift[2], 0) + d->zero[2];
  return clamp(code, d->low, d->high);
}

static void combine(const combination *d) {
  for_each_pair(&d->operands, combined, d);
}

INLINE int32_t multiplied(const void *parameters, int32_t x, int32_t y) {
  const product *p = parameters;
  const int32_t value = (x - p->zero[0]) * (y - p->zero[1]);
  const int32_t scaled = rescale(value, p->multiplier, p->shift);
  return clamp(scaled + p->zero[2], p->low, p->high);
}

static void multiply(const product *p) {
  for_each_pair(&p->operands, multiplied, p);
}

INLINE int32_t greater(const void *parameters, int32_t x, int32_t y) {
  (void)parameters;
  return x > y ? x : y;
}

static void take_maximum(const broadcast *b) { for_each_pair(b, greater, 0); }

INLINE int32_t less(const void *parameters, int32_t x, int32_t y) {
  (void)parameters;
  return x < y ? x : y;
}

static void take_minimum(const broadcast *b) { for_each_pair(b, less, 0); }

INLINE int32_t bent(const void *parameters, int32_t x, int32_t y) {
  const sloped *s = parameters;
  const int32_t value = x - s->zero[0];
  const int32_t scaled =
      value >= 0 ? rescale(value, s->multiplier[0], s->shift[0])
                 : rescale(value * (y - s->zero[1]), s->multiplier[1],
                           s->shift[1]);
  return clamp(scaled + s->zero[2], INT8_MIN, INT8_MAX);
}

static void slope(const sloped *s) { for_each_pair(&s->operands, bent, s); }

#endif  // BINARY_H_
