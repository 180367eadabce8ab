// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Operators of two tensors.

#include "fixed_point.h"
#include "kernels.h"

#ifndef __ARM_FEATURE_MVE

void add(const sum *s) {
  const broadcast *b = &s->operands;
  const int32_t inner = b->inner;
  const int32_t step1 = b->first_inner, step2 = b->second_inner;
  const int32_t factor2 = s->multiplier[0], factor = s->multiplier[1];
  const int left2 = s->left + 1, shift2 = -s->shift[0], shift = -s->shift[1];
  const int32_t zeros1 = s->zero[0] * (1 << 19);
  const int32_t zeros2 = s->zero[1] * (1 << left2);
  const int32_t half2 = 1 << (shift2 - 1);
  const int32_t half = 1 << (shift - 1), zero = s->zero[2];
  const int32_t low = s->low, high = s->high;
  int8_t *output = b->output;
  for (int32_t o = 0; o < b->outer; ++o) {
    const int8_t *first = b->first + o * b->first_outer;
    const int8_t *second = b->second + o * b->second_outer;
    for (int8_t *end = output + inner; output < end;) {
      // As rescale_small, with all that is constant before the loop.
      int32_t y = high_word(*second * (1 << left2) - zeros2, factor2);
      y = (y + (y >> 31) + half2) >> shift2;
      y += *first * (1 << 19) - zeros1;
      y = high_word(y * 2, factor);
      y = ((y + (y >> 31) + half) >> shift) + zero;
      *output++ = (int8_t)clamp(y, low, high);
      first += step1;
      second += step2;
    }
  }
}

#endif  // __ARM_FEATURE_MVE

void subtract(const difference *d) {
  const broadcast *b = &d->operands;
  int8_t *output = b->output;
  for (int32_t o = 0; o < b->outer; ++o) {
    const int8_t *first = b->first + o * b->first_outer;
    const int8_t *second = b->second + o * b->second_outer;
    for (int32_t i = 0; i < b->inner; ++i) {
      const int32_t x = rescale_small((*first - d->zero[0]) * (1 << d->left[0]),
                                      d->multiplier[0], d->shift[0], 0);
      const int32_t y =
          rescale_small((*second - d->zero[1]) * (1 << d->left[1]),
                        d->multiplier[1], d->shift[1], 0);
      const int32_t code =
          rescale_small(x - y, d->multiplier[2], d->shift[2], 0) + d->zero[2];
      *output++ = (int8_t)clamp(code, d->low, d->high);
      first += b->first_inner;
      second += b->second_inner;
    }
  }
}

void multiply(const product *p) {
  const broadcast *b = &p->operands;
  const int32_t zero1 = p->zero[0], zero2 = p->zero[1], zero = p->zero[2];
  int8_t *output = b->output;
  for (int32_t o = 0; o < b->outer; ++o) {
    const int8_t *first = b->first + o * b->first_outer;
    const int8_t *second = b->second + o * b->second_outer;
    for (int32_t i = 0; i < b->inner; ++i) {
      const int32_t value = (*first - zero1) * (*second - zero2);
      const int32_t scaled = rescale(value, p->multiplier, p->shift);
      *output++ = (int8_t)clamp(scaled + zero, p->low, p->high);
      first += b->first_inner;
      second += b->second_inner;
    }
  }
}

void take_maximum(const broadcast *b) {
  int8_t *output = b->output;
  for (int32_t o = 0; o < b->outer; ++o) {
    const int8_t *first = b->first + o * b->first_outer;
    const int8_t *second = b->second + o * b->second_outer;
    for (int32_t i = 0; i < b->inner; ++i) {
      *output++ = *first > *second ? *first : *second;
      first += b->first_inner;
      second += b->second_inner;
    }
  }
}

void take_minimum(const broadcast *b) {
  int8_t *output = b->output;
  for (int32_t o = 0; o < b->outer; ++o) {
    const int8_t *first = b->first + o * b->first_outer;
    const int8_t *second = b->second + o * b->second_outer;
    for (int32_t i = 0; i < b->inner; ++i) {
      *output++ = *first < *second ? *first : *second;
      first += b->first_inner;
      second += b->second_inner;
    }
  }
}

void slope(const sloped *s) {
  const broadcast *b = &s->operands;
  const int32_t zero1 = s->zero[0], zero2 = s->zero[1], zero = s->zero[2];
  int8_t *output = b->output;
  for (int32_t o = 0; o < b->outer; ++o) {
    const int8_t *first = b->first + o * b->first_outer;
    const int8_t *second = b->second + o * b->second_outer;
    for (int32_t i = 0; i < b->inner; ++i) {
      const int32_t value = *first - zero1;
      const int32_t scaled =
          value >= 0 ? rescale(value, s->multiplier[0], s->shift[0])
                     : rescale(value * (*second - zero2), s->multiplier[1],
                               s->shift[1]);
      *output++ = (int8_t)clamp(scaled + zero, INT8_MIN, INT8_MAX);
      first += b->first_inner;
      second += b->second_inner;
    }
  }
}
