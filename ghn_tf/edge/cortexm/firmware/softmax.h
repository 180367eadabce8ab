// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Softmax in fixed point, as gemmlowp's functions compute it. Qn has n bits
// before the point, and 31 - n behind it.

#ifndef SOFTMAX_H_
#define SOFTMAX_H_

#include "fixed_point.h"
#include "operators.h"

enum { SUM_BITS = 12 };  // before the point of a sum of exponentials

static int32_t shift_left(int32_t value, int bits) {
  const int64_t wide = (int64_t)value * (1 << bits);
  return wide > INT32_MAX   ? INT32_MAX
         : wide < INT32_MIN ? INT32_MIN
                            : (int32_t)wide;
}

// 1 / (1 + value) of a Q0 from 0 to 1, as a Q0, by Newton's method.
static int32_t invert(int32_t value) {
  const int32_t half = (int32_t)(((int64_t)value + INT32_MAX + 1) / 2);
  const int32_t one = 1 << 29;  // all of these Q2
  int32_t x = 1515870810 + high_product(half, -1010580540);  // 48/17, -32/17
  for (int i = 0; i < 3; ++i) {
    const int32_t rest = one - high_product(half, x);
    x += shift_left(high_product(x, rest), 2);
  }
  return shift_left(x, 1);
}

static void normalize(const softmax *s) {
  const int8_t *input = s->input;
  int8_t *output = s->output;
  for (int32_t row = 0; row < s->rows; ++row) {
    int32_t greatest = INT8_MIN, sum = 0;
    for (int32_t i = 0; i < s->depth; ++i) {
      greatest = input[i] > greatest ? input[i] : greatest;
    }
    for (int32_t i = 0; i < s->depth; ++i) {
      sum += divide_by_power(s->exponentials[greatest - input[i]], SUM_BITS);
    }
    const int zeros = __builtin_clz((uint32_t)sum);
    const int32_t fraction = (int32_t)(((uint32_t)sum << zeros) - (1u << 31));
    const int32_t scale = invert(fraction);
    const int exponent = SUM_BITS - zeros + 31 - 8;
    for (int32_t i = 0; i < s->depth; ++i) {
      const int32_t value =
          high_product(scale, s->exponentials[greatest - *input++]);
      const int32_t code = divide_by_power(value, exponent) - 128;
      *output++ = (int8_t)clamp(code, INT8_MIN, INT8_MAX);
    }
  }
}

#endif  // SOFTMAX_H_
