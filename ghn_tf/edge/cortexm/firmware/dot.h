// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Products of laid out inputs with two filters.

#ifndef DOT_H_
#define DOT_H_

#include <stdint.h>

// weights: per group 4 of the first filter and 4 of the second. columns: per
// group 4 of each of three pixels, even ones first. sums: of the first filter
// with the three pixels, then of the second, each from its bias on.
void dot_3(const int8_t *weights, const int16_t *columns, int groups,
           const int32_t *bias, int32_t *sums);

// The same with the first pixel only.
void dot_1(const int8_t *weights, const int16_t *columns, int groups,
           const int32_t *bias, int32_t *sums);

#endif  // DOT_H_
