// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Pools and reductions.

#ifndef POOL_H_
#define POOL_H_

#include "fixed_point.h"
#include "operators.h"
#include "lanes.h"

// The part of a window that is inside of the image.
typedef struct {
  const int8_t *first;
  int32_t rows, columns;
} view;

static view look(const pool *p, int row, int column) {
  const window *w = &p->window;
  const int y = row * w->stride_y - w->top, x = column * w->stride_x - w->left;
  const int top = y < 0 ? 0 : y, left = x < 0 ? 0 : x;
  const int bottom =
      y + w->height < w->in_height ? y + w->height : w->in_height;
  const int right = x + w->width < w->in_width ? x + w->width : w->in_width;
  const int8_t *first = p->input + (top * w->in_width + left) * w->channels;
  return (view){first, bottom - top, right - left};
}

// num / count, rounded to nearest, halves away from 0.
static inline int32_t divide(int32_t num, int32_t count) {
  return num > 0 ? (num + count / 2) / count : (num - count / 2) / count;
}

static void pool_maximum(const pool *p) {
  const window *w = &p->window;
  const int channels = w->channels, stride = w->in_width * channels;
  int8_t *output = p->output;
  for (int pixel = 0; pixel < w->out_height * w->out_width; ++pixel) {
    const view v = look(p, pixel / w->out_width, pixel % w->out_width);
    for (int channel = 0; channel < channels; channel += WORD_CODES) {
      uint32_t greatest = 0x80808080u;
      for (int i = 0; i < v.rows; ++i) {
        const int8_t *from = v.first + i * stride + channel;
        for (int j = 0; j < v.columns; ++j, from += channels) {
          greatest = greater_bytes(greatest, load_word(from));
        }
      }
      for (int i = 0; i < WORD_CODES && channel + i < channels; ++i) {
        *output++ = (int8_t)clamp((int8_t)(greatest >> 8 * i), p->low, p->high);
      }
    }
  }
}

static void pool_average(const pool *p) {
  const window *w = &p->window;
  const int channels = w->channels, stride = w->in_width * channels;
  int8_t *output = p->output;
  for (int pixel = 0; pixel < w->out_height * w->out_width; ++pixel) {
    const view v = look(p, pixel / w->out_width, pixel % w->out_width);
    const int32_t count = v.rows * v.columns;
    for (int channel = 0; channel < channels; ++channel) {
      int32_t total = 0;
      for (int i = 0; i < v.rows; ++i) {
        const int8_t *from = v.first + i * stride + channel;
        for (int j = 0; j < v.columns; ++j, from += channels) total += *from;
      }
      *output++ = (int8_t)clamp(divide(total, count), p->low, p->high);
    }
  }
}

static void average(const reduction *r) {
  int8_t *output = r->output;
  for (int32_t o = 0; o < r->outer; ++o) {
    const int8_t *block = r->input + o * r->count * r->inner;
    for (int32_t i = 0; i < r->inner; ++i) {
      const int8_t *from = block + i;
      int32_t total = -r->count * r->input_zero;
      for (int32_t k = 0; k < r->count; ++k, from += r->inner) total += *from;
      const int32_t scaled = rescale(total, r->multiplier, r->shift);
      *output++ = (int8_t)clamp(scaled + r->output_zero, INT8_MIN, INT8_MAX);
    }
  }
}

static void reduce_maximum(const reduction *r) {
  int8_t *output = r->output;
  for (int32_t o = 0; o < r->outer; ++o) {
    const int8_t *block = r->input + o * r->count * r->inner;
    for (int32_t i = 0; i < r->inner; ++i) {
      const int8_t *from = block + i;
      int8_t best = INT8_MIN;
      for (int32_t k = 0; k < r->count; ++k, from += r->inner) {
        best = *from > best ? *from : best;
      }
      *output++ = best;
    }
  }
}

static void reduce_minimum(const reduction *r) {
  int8_t *output = r->output;
  for (int32_t o = 0; o < r->outer; ++o) {
    const int8_t *block = r->input + o * r->count * r->inner;
    for (int32_t i = 0; i < r->inner; ++i) {
      const int8_t *from = block + i;
      int8_t best = INT8_MAX;
      for (int32_t k = 0; k < r->count; ++k, from += r->inner) {
        best = *from < best ? *from : best;
      }
      *output++ = best;
    }
  }
}

#endif  // POOL_H_
