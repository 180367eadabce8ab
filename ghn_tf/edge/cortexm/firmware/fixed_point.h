// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// TFLite's fixed-point arithmetic.

#ifndef FIXED_POINT_H_
#define FIXED_POINT_H_

#include <stdint.h>

// Where a flag is known, so that there is code for each of its values.
#define INLINE static inline __attribute__((always_inline))

// a * b / 2^31, rounded to nearest, halves up.
static inline int32_t high_product(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

// value / 2^exponent, rounded to nearest, halves away from 0.
static inline int32_t divide_by_power(int32_t value, int exponent) {
  const int32_t mask = (int32_t)((1u << exponent) - 1);
  const int32_t threshold = (mask >> 1) + (value < 0);
  return (value >> exponent) + ((value & mask) > threshold);
}

// value * multiplier * 2^(shift - 31), rounded at 2^-shift steps, too.
static inline int32_t rescale(int32_t value, int32_t multiplier, int shift) {
  if (shift > 0) {
    return high_product((int32_t)((uint32_t)value << shift), multiplier);
  }
  return divide_by_power(high_product(value, multiplier), -shift);
}

// The rounded high half of a product.
static inline int32_t high_word(int32_t a, int32_t b) {
#ifdef __ARM_FEATURE_DSP
  int32_t high;
  __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
  return high;
#else
  return (int32_t)(((int64_t)a * b + (1ll << 31)) >> 32);
#endif
}

// The same with zero added, of a value below 2^30 and a shift from -1 to -22;
// without zero to -31. One below a negative half goes the way of the half.
static inline int32_t rescale_small(int32_t value, int32_t multiplier,
                                    int shift, int32_t zero) {
  const int32_t high = high_word(value * 2, multiplier);
  const int32_t half = (2 * zero + 1) * (1 << (-shift - 1));
  return (high + (high >> 31) + half) >> -shift;
}

static inline int32_t clamp(int32_t value, int32_t low, int32_t high) {
  value = value < low ? low : value;
  return value > high ? high : value;
}

// To int8, which is one instruction where the core has it.
static inline int32_t saturate(int32_t value) {
  return clamp(value, INT8_MIN, INT8_MAX);
}

#endif  // FIXED_POINT_H_
