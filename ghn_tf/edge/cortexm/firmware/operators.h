// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// The operators of integer networks, with the rounding of TFLite Micro.
//
// Codes are int8, real value = scale * (code - zero). Images are height x width
// x channels. Up to 15 bytes behind a tensor are read, and multiplied by 0.

#ifndef OPERATORS_H_
#define OPERATORS_H_

#include <stdint.h>

// Of a function that stays one, though it is seen from where it is called: all
// operators of a kind share its code. GCC must not take what it sees in one of
// assembly for all that it does, either.
#ifdef __clang__
#define KERNEL __attribute__((noinline, unused)) static
#else
#define KERNEL __attribute__((noipa, unused)) static
#endif

// How a sum of products becomes a code: it is multiplied by multiplier *
// 2^(shift - 31), with two roundings, and clamped to [low, high] after zero was
// added. One multiplier and shift per channel.
typedef struct {
  const int32_t *multiplier;
  const int8_t *shift;
  int8_t zero, low, high;
  // Whether shifts are from -1 to -22 and sums below 2^30, so that the
  // instruction for a rounded high product gives the same.
  uint8_t is_small;
} rescaling;

// A window that moves over an image.
typedef struct {
  int16_t in_height, in_width, channels;
  int16_t out_height, out_width;
  int16_t height, width, stride_y, stride_x, dilation_y, dilation_x;
  int16_t top, left;  // padding before the image
} window;

// weights: per FILTERS of columns.h, per group of LANES taps, those of each
// filter; of each row of the kernel, or of each tap if is_by_tap, whole groups.
// bias: with the share of the input's zero point. columns: groups of PIXELS,
// then one row of the kernel.
typedef struct {
  const int8_t *input;
  int8_t *output;
  const int8_t *weights;
  const int32_t *bias;
  void *columns;
  window window;
  rescaling scale;
  int16_t filters, groups;
  int8_t input_zero;
  uint8_t is_by_tap;
} convolution;

KERNEL void convolve(const convolution *c);

// weights: per 4 channels, per pair of taps, a pair of int16 of each channel in
// the order 0, 2, 1, 3; with MVE, per 8 channels, per tap, int8 of each.
// zeros: the input's zero point, as long as a pixel. taps: scratch.
typedef struct {
  const int8_t *input;
  int8_t *output;
  const void *weights;
  const int32_t *bias;
  const int8_t *zeros;
  const int8_t **taps;
  window window;
  rescaling scale;
} depthwise_convolution;

KERNEL void convolve_depthwise(const depthwise_convolution *c);

// The same with several filters per channel; weights: per filter, per tap.
typedef struct {
  const int8_t *input;
  int8_t *output;
  const int8_t *weights;
  const int32_t *bias;
  const int8_t *zeros;
  const int8_t **taps;
  window window;
  rescaling scale;
  int16_t filters_per_channel;
} multiplied_convolution;

KERNEL void convolve_multiplied(const multiplied_convolution *c);

// Output o * inner + i is of first[o * first_outer + i * first_inner], and of
// the same of second.
typedef struct {
  const int8_t *first, *second;
  int8_t *output;
  int32_t outer, inner;
  int32_t first_outer, first_inner, second_outer, second_inner;
} broadcast;

// In units of 2^-20 of twice the greater step: first, which has it, is so by a
// shift of 19, second by left, multiplier[0] and shift[0]. Their sum becomes a
// code by multiplier[1] and shift[1], which is from -1 to -22.
typedef struct {
  broadcast operands;
  int32_t multiplier[2];
  int8_t left, shift[2], zero[3], low, high;
} sum;

KERNEL void add(const sum *s);

// Any sum, or difference if sign is -1: both are shifted and rescaled.
typedef struct {
  broadcast operands;
  int32_t multiplier[3];
  int8_t left[2], shift[3], zero[3], low, high, sign;
} combination;

KERNEL void combine(const combination *c);

typedef struct {
  broadcast operands;
  int32_t multiplier;
  int8_t shift;
  int8_t zero[3];
  int8_t low, high;
} product;

KERNEL void multiply(const product *p);

// Of codes with one scale.
KERNEL void take_maximum(const broadcast *b);
KERNEL void take_minimum(const broadcast *b);

// Negative inputs are multiplied by second.
typedef struct {
  broadcast operands;
  int32_t multiplier[2];  // of positive inputs, of products
  int8_t shift[2];
  int8_t zero[3];
} sloped;

KERNEL void slope(const sloped *s);

typedef struct {
  const int8_t *input;
  int8_t *output;
  window window;
  int8_t low, high;
} pool;

KERNEL void pool_maximum(const pool *p);
KERNEL void pool_average(const pool *p);

// Over the middle axis of outer x count x inner codes.
typedef struct {
  const int8_t *input;
  int8_t *output;
  int32_t outer, count, inner;
  int32_t multiplier;
  int8_t shift;
  int8_t input_zero, output_zero;
} reduction;

KERNEL void average(const reduction *r);
KERNEL void reduce_maximum(const reduction *r);
KERNEL void reduce_minimum(const reduction *r);

// Each code is replaced; entries are those of -128 to 127.
typedef struct {
  const int8_t *input, *entries;
  int8_t *output;
  int32_t size;
} table;

KERNEL void look_up(const table *t);

// exponentials: of 0 to -255 steps, in units of 2^-31.
typedef struct {
  const int8_t *input;
  int8_t *output;
  const int32_t *exponentials;
  int32_t rows, depth;
} softmax;

KERNEL void normalize(const softmax *s);

// A box of sizes is copied between tensors, whose steps along the axes are in
// bytes, that of the last axis 1.
typedef struct {
  const int8_t *input;
  int8_t *output;
  int32_t size[4], from[4], to[4];
} box;

KERNEL void copy(const box *b);
KERNEL void fill(int8_t *output, int8_t value, int32_t size);

#endif  // OPERATORS_H_
