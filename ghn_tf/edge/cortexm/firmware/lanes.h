// Copyright 2026 The ghn_tf Authors.
// SPDX-License-Identifier: Apache-2.0

// Four codes at once.

#ifndef LANES_H_
#define LANES_H_

#include <stdint.h>

enum { WORD_CODES = 4 };

// Memory may be anywhere: these cores load words from any address.
static inline uint32_t load_word(const void *from) {
  uint32_t word;
  __builtin_memcpy(&word, from, 4);
  return word;
}

static inline void store_word(void *to, uint32_t word) {
  __builtin_memcpy(to, &word, 4);
}

#ifdef __ARM_FEATURE_DSP

#include <arm_acle.h>

// Bytes 0 and 2 of a word as a pair of int16.
static inline uint32_t even_bytes(uint32_t word) {
  return (uint32_t)__sxtb16(word);
}

static inline uint32_t odd_bytes(uint32_t word) {
  uint32_t pair;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
  return pair;
}

// sum + the products of both halves.
static inline int32_t multiply_pairs(uint32_t a, uint32_t b, int32_t sum) {
  return __smlad((int16x2_t)a, (int16x2_t)b, sum);
}

// The greater of each byte.
static inline uint32_t greater_bytes(uint32_t a, uint32_t b) {
  uint32_t result;
  __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2"
          : "=&r"(result)
          : "r"(a), "r"(b)
          : "cc");
  return result;
}

#else

static inline uint32_t pair(int16_t low, int16_t high) {
  return (uint16_t)low | (uint32_t)(uint16_t)high << 16;
}

static inline uint32_t even_bytes(uint32_t word) {
  return pair((int8_t)word, (int8_t)(word >> 16));
}

static inline uint32_t odd_bytes(uint32_t word) {
  return pair((int8_t)(word >> 8), (int8_t)(word >> 24));
}

static inline int32_t multiply_pairs(uint32_t a, uint32_t b, int32_t sum) {
  sum += (int16_t)a * (int16_t)b;
  return sum + (int16_t)(a >> 16) * (int16_t)(b >> 16);
}

static inline uint32_t greater_bytes(uint32_t a, uint32_t b) {
  uint32_t result = 0;
  for (int i = 0; i < 32; i += 8) {
    const int8_t x = (int8_t)(a >> i), y = (int8_t)(b >> i);
    result |= (uint32_t)(uint8_t)(x > y ? x : y) << i;
  }
  return result;
}

#endif  // __ARM_FEATURE_DSP

// The low halves of two words, and the high ones.
static inline uint32_t low_halves(uint32_t a, uint32_t b) {
  return (a & 0xffff) | (b << 16);
}

static inline uint32_t high_halves(uint32_t a, uint32_t b) {
  return (b & 0xffff0000) | (a >> 16);
}

#endif  // LANES_H_
