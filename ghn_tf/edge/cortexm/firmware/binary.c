// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Operators of two tensors.

#include "fixed_point.h"
#include "kernels.h"

void add(const sum *s) {
  const broadcast *b = &s->operands;
  const int32_t factor1 = s->multiplier[0], factor2 = s->multiplier[1];
  const int32_t factor = s->multiplier[2];
  const int shift1 = s->shift[0], shift2 = s->shift[1], shift = s->shift[2];
  const int left1 = s->left[0], left2 = s->left[1];
  const int32_t zero1 = s->zero[0], zero2 = s->zero[1], zero = s->zero[2];
  const int32_t low = s->low, high = s->high, inner = b->inner;
  const int32_t step1 = b->first_inner, step2 = b->second_inner;
  int8_t *output = b->output;
  for (int32_t o = 0; o < b->outer; ++o) {
    const int8_t *first = b->first + o * b->first_outer;
    const int8_t *second = b->second + o * b->second_outer;
    for (int32_t i = 0; i < inner; ++i) {
      const int32_t x = rescale_small((*first - zero1) * (1 << left1), factor1,
                                      shift1, 0);
      const int32_t y = rescale_small((*second - zero2) * (1 << left2), factor2,
                                      shift2, 0);
      const int32_t both = x + s->sign * y;
      const int32_t code = rescale_small(both, factor, shift, 0) + zero;
      *output++ = (int8_t)clamp(code, low, high);
      first += step1;
      second += step2;
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
