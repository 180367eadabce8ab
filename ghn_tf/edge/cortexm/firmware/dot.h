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

// Pairs of filters at three pixels, up to their codes.
//
// Attributes: columns as above; bias, multiplier and shift of the next filters;
// output: of the next filter at the first pixel; step: to the next pixel;
// pair_bytes: of the weights of a pair; twice_zero: 1 + 2 * zero of the output;
// pairs: how many there are, at least one.
typedef struct {
  const int16_t *columns;
  const int32_t *bias, *multiplier;
  const int8_t *shift;
  int8_t *output;
  int32_t step, pair_bytes, twice_zero, pairs;
} block;

#ifdef __ARM_FEATURE_DSP
// Runs a block of small sums (is_small of rescaling) that are clamped to int8.
void run_block(const int8_t *weights, block *b);
#endif

#endif  // DOT_H_
