// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Operators that look codes up, and those that move them.

#ifndef MOVE_H_
#define MOVE_H_

#include "operators.h"

static void look_up(const table *t) {
  const int8_t *entries = t->entries + 128;
  for (int32_t i = 0; i < t->size; ++i) t->output[i] = entries[t->input[i]];
}

static void fill(int8_t *output, int8_t value, int32_t size) {
  __builtin_memset(output, value, (uint32_t)size);
}

static void copy(const box *b) {
  for (int32_t i = 0; i < b->size[0]; ++i) {
    for (int32_t j = 0; j < b->size[1]; ++j) {
      for (int32_t k = 0; k < b->size[2]; ++k) {
        const int8_t *from =
            b->input + i * b->from[0] + j * b->from[1] + k * b->from[2];
        int8_t *to = b->output + i * b->to[0] + j * b->to[1] + k * b->to[2];
        if (b->from[3] == 1) {
          __builtin_memcpy(to, from, (uint32_t)b->size[3]);
          continue;
        }
        for (int32_t l = 0; l < b->size[3]; ++l) to[l] = from[l * b->from[3]];
      }
    }
  }
}

#endif  // MOVE_H_
